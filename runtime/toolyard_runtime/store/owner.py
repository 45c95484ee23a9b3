"""The lock beside a SQLite database that gives it one owner; knows nothing of SQL.

The operating system holds the lock (`flock`), so it ends with the process however that dies; the file only names
the holder for whoever is refused.
"""

import fcntl
import os
from pathlib import Path

from toolyard_runtime.store.errors import OwnerError, StorageError


class OwnerLock:
    """An exclusive claim on one database file, held until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(f"cannot make the lock file {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = self._holder()
            os.close(self._file)
            who = f"process {pid}" if pid else "another process"
            database = path.with_suffix("")
            raise OwnerError(
                f"{database} is in use by {who}: a SQLite database has one owner. Stop it, or talk to it over HTTP.",
                pid,
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def _holder(self) -> int:
        text = os.pread(self._file, 32, 0).strip()
        return int(text) if text.isdigit() else 0

    def release(self) -> None:
        """Give the database up; the file stays, so that nobody locks a file that has just been removed."""
        os.close(self._file)
