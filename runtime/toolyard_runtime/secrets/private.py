"""Reads files that nobody but their owner can read, and refuses all others; knows nothing of what is in them."""

import os
import stat
from pathlib import Path

_OTHERS = 0o077
_ROOT = 0


class Exposed(Exception):
    """A file or folder that somebody else could read or has written; the message says what to do."""


def check_private(status: os.stat_result, shown: Path) -> None:
    """Raise Exposed unless only this process's user (or root) has had, and has, access."""
    if status.st_uid not in (os.geteuid(), _ROOT):
        raise Exposed(f"{shown} belongs to another user ({status.st_uid}): chown it to the server's user")
    if status.st_mode & _OTHERS:
        mode = "700" if stat.S_ISDIR(status.st_mode) else "600"
        raise Exposed(
            f"{shown} can be read by others (mode {stat.S_IMODE(status.st_mode):03o}): chmod {mode} it, and replace "
            "what was in it"
        )


def read_private(name: Path | str, shown: Path, most: int, *, folder: int | None = None) -> bytes | None:
    """Return at most `most` bytes of a file (in an open folder, where one is given), None where there is none.

    What is judged is the file that is read, wherever a link has led. Raises Exposed; ValueError for a pipe or a device;
    OSError.
    """
    try:
        # A pipe would keep the reader waiting: opening never waits, and only a file is read.
        handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            return None
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{shown} is no file")
        check_private(status, shown)
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(handle)
