"""The doctor's check of the database: whether it can be read, how its schema stands and who holds it."""

import fcntl
import os
import sqlite3
from pathlib import Path

from toolyard_runtime.cli.findings import Finding
from toolyard_runtime.config import Config
from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.store.opening import is_postgres, located, sqlite_path, without_driver
from toolyard_runtime.store.schema import HISTORY
from toolyard_runtime.store.sqlite_schema import version_of

_PROBE_SECONDS = 5.0
_CORRECT = "Correct url under [store] in toolyard.toml."


def database(config: Config, repository: Path, state_dir: Path) -> Finding:
    """Look whether the database can be read and who holds it; changes nothing."""
    try:
        url = located(config.store.url, repository, state_dir)
        if is_postgres(url):
            return _postgres(url)
        path = sqlite_path(url)
    except StorageError as error:
        return Finding("broken", "Database", str(error), _CORRECT)
    if path is None:
        return Finding(
            "warn", "Database", "in memory", "Everything is lost when the server ends: set url under [store]."
        )
    return _file(path)


def _postgres(url: str) -> Finding:
    """Look at a PostgreSQL database; raises StorageError when it cannot be reached."""
    try:
        from toolyard_runtime.store.postgres_visit import visit  # noqa: PLC0415 - whoever uses SQLite needs no driver
    except ImportError as error:
        raise without_driver(error) from error
    seen = visit(url)
    holder = f", in use by {seen.owner}" if seen.owner else ""
    return _schema(f"{seen.shown} on PostgreSQL {seen.version}, {seen.size / 1e6:.1f} MB{holder}", seen.revision, "")


def _file(path: Path) -> Finding:
    if not path.exists():
        nearest = next(folder for folder in path.parents if folder.exists())
        if not os.access(nearest, os.W_OK | os.X_OK):
            return Finding("broken", "Database", f"{path} cannot be made", f"Make {nearest} writable for this user.")
        return Finding("ok", "Database", f"{path} (made when the server first starts)")
    if not os.access(path, os.R_OK | os.W_OK):
        return Finding("broken", "Database", f"{path} may not be written", "Correct its owner or mode.")
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_PROBE_SECONDS)
        try:
            revision = version_of(connection)
        finally:
            connection.close()
    except (sqlite3.Error, StorageError) as error:
        return Finding("broken", "Database", f"{path}: {error}", "Restore it from a backup.")
    return _schema(f"{path}, {path.stat().st_size / 1e6:.1f} MB{_held(path)}", revision, "copies it aside and ")


def _schema(told: str, revision: str | None, before: str) -> Finding:
    """Judge the schema of a database that can be read; `before` is what is done before it is migrated."""
    if revision is not None and revision not in HISTORY:
        newer = f"{told}, schema {revision}, which this version does not know"
        return Finding("broken", "Database", newer, "Install the version of Toolyard that wrote it, or a newer one.")
    if revision not in (None, HISTORY[-1]):
        return Finding("ok", "Database", f"{told}, schema {revision}: the next start {before}migrates it")
    return Finding("ok", "Database", told)


def _held(path: Path) -> str:
    """Say who owns the database: the lock beside it is tried, and let go again at once."""
    try:
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(lock, 32, 0).strip().decode("ascii", "replace")
        return f", in use by process {holder}"
    finally:
        os.close(lock)
    return ""
