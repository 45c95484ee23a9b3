"""Connections to one SQLite file as this server wants them, and its errors in words; knows no transaction."""

import os
import sqlite3
from pathlib import Path

from toolyard_sdk.errors import Conflict

from toolyard_runtime.store.errors import StorageError

PATIENCE_MS = 5000
"""How long a thread that may wait (never the event loop) waits for a lock another program holds on the file."""

TAKEN = frozenset({sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE})

WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space; what was acknowledged is safe",
    sqlite3.SQLITE_READONLY: "the file is read-only: check its owner and mode, and those of its directory",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_BUSY: "another program holds a lock on the file",
    sqlite3.SQLITE_LOCKED: "another connection holds a lock",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore it from a backup",
    sqlite3.SQLITE_NOTADB: "the file is not a SQLite database",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened: check that its directory exists and is writable",
    sqlite3.SQLITE_PERM: "access is denied: check the file's owner and mode",
}


def primary_code(error: Exception) -> int:
    """Return SQLite's primary result code of an error, 0 when it has none."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else 0


def in_words(error: Exception, path: Path | None) -> Exception:
    """Return what a store's caller is to see for a driver's error: Conflict for a taken key, else StorageError."""
    if not isinstance(error, sqlite3.Error):
        return error
    if isinstance(error, sqlite3.IntegrityError) and error.sqlite_errorcode in TAKEN:
        return Conflict(str(error))
    words = WORDS.get(primary_code(error))
    where = str(path) if path is not None else "the database in memory"
    return StorageError(f"{where}: {words} ({error})" if words else f"{where}: {error}")


def only_its_own_fault(error: Exception) -> bool:
    """Tell whether a failed write says something about its own transaction only, and nothing about the database."""
    if isinstance(error, sqlite3.OperationalError):
        return primary_code(error) == sqlite3.SQLITE_ERROR
    return type(error) is not sqlite3.DatabaseError


def open_file(path: Path) -> None:
    """Create the database file for its owner's eyes only, unless it is there; raises StorageError."""
    try:
        fresh = not path.exists()
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if fresh:  # SQLite, finding the file there, would not make its name survive the loss of power
            folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
            os.fsync(folder)
            os.close(folder)
    except OSError as error:
        raise StorageError(f"cannot open the database {path}: {error.strerror}") from error


def connect(path: Path | None, *, writes: bool, patience_ms: int) -> sqlite3.Connection:
    """Open one connection (None: a database of its own in memory); raises StorageError.

    The cache is small: a server's pages are also in the operating system's cache, and idle memory counts. Deleted
    content is overwritten with zeros (no measurable cost here). Checkpoints are not done by whoever commits.
    """
    try:
        connection = sqlite3.connect(
            path or ":memory:", isolation_level=None, check_same_thread=False, timeout=patience_ms / 1000
        )
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "wal_autocheckpoint=0",
            "foreign_keys=OFF",
            "secure_delete=ON",
            "mmap_size=0",
            "temp_store=MEMORY",
            f"cache_size=-{1024 if writes else 512}",
            f"query_only={'OFF' if writes else 'ON'}",
        ):
            connection.execute("PRAGMA " + pragma).fetchall()
    except sqlite3.Error as error:
        raise in_words(error, path) from error
    return connection
