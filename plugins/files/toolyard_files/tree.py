"""Files under one root, opened from one directory to the next so that no link, device or race leads out of it.

Every name is opened relative to the directory before it, with O_NOFOLLOW: a path is never handed to the kernel as a
whole, so swapping a directory for a link at any moment makes the call fail and never makes it escape. What is opened
must be a regular file with one name (a second hard link may lie outside), and is opened without waiting for anybody.
Works on Linux and macOS.
"""

import difflib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Literal

from msgspec import Struct
from toolyard_sdk import ToolError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
MOST_NAMES = 20_000
CHUNK = 1 << 20

_WORDS = {
    errno.EACCES: "is not readable or writable for the server.",
    errno.EPERM: "may not be changed by the server.",
    errno.EISDIR: "is a folder.",
    errno.ENAMETOOLONG: "has too long a name.",
    errno.ENOSPC: "cannot be written: the disk is full.",
    errno.EDQUOT: "cannot be written: the quota is used up.",
    errno.EROFS: "cannot be written: the file system is read-only.",
    errno.ENXIO: "is no regular file.",
}

NewName = Callable[[], str]
"""Makes a token that nobody else has, for the temporary name of a file not yet in place."""

TEMPORARY = ".toolyard-"

Written = Literal["wrote", "replaced", "kept"]
"""`kept`: the file held these bytes already."""


class Entry(Struct, frozen=True):
    """A file or folder: its names from the root, its size in bytes, and when it changed, in seconds since 1970."""

    names: tuple[str, ...]
    folder: bool
    size: int
    changed: float


class Tree:
    """The files under `root`, a path the operator chose and that is trusted; everything below it is not."""

    def __init__(self, root: str, new_name: NewName) -> None:
        self.root = root
        self.new_name = new_name

    def exists(self) -> bool:
        """Whether there is a root yet; the first write makes it."""
        return os.path.isdir(self.root)  # noqa: PTH112 - this file speaks to the kernel throughout

    @contextmanager
    def folder(self, names: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
        """Open a folder and yield its descriptor; with `make`, folders that are missing are made on the way."""
        if make:
            os.makedirs(self.root, mode=0o700, exist_ok=True)  # noqa: PTH103 - as above
        try:
            at = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise ToolError("there are no files yet.") from error
        except OSError as error:
            raise ToolError(f"the root cannot be opened ({error.strerror}): ask the operator.") from error
        try:
            for depth in range(1, len(names) + 1):
                below = self._enter(at, names[:depth], make=make)
                os.close(at)
                at = below
            yield at
        finally:
            os.close(at)

    def _enter(self, at: int, names: tuple[str, ...], *, make: bool) -> int:
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(names[-1], dir_fd=at)
            return os.open(names[-1], _DIRECTORY, dir_fd=at)
        except OSError as error:
            raise _said(error, at, names) from error

    @contextmanager
    def file(self, names: tuple[str, ...]) -> Iterator[tuple[int, os.stat_result]]:
        """Open a regular file for reading and yield its descriptor and state; raises ToolError for anything else."""
        if not names:
            raise ToolError("the root is a folder: name a file in it (list_files shows them).")
        with self.folder(names[:-1]) as at:
            descriptor = self._open(at, names)
            try:
                state = os.fstat(descriptor)  # what was looked at may have been swapped since: this is what is open
                _must_be_plain(state, names)
                _must_have_one_name(at, descriptor, names)
            except BaseException:
                os.close(descriptor)
                raise
        try:
            yield descriptor, state
        finally:
            os.close(descriptor)

    def _open(self, at: int, names: tuple[str, ...]) -> int:
        try:
            # A device may act on being opened, so look first.
            _must_be_plain(os.stat(names[-1], dir_fd=at, follow_symlinks=False), names)
            return os.open(names[-1], _FILE, dir_fd=at)
        except OSError as error:
            raise _said(error, at, names) from error

    def read(self, names: tuple[str, ...], most: int) -> bytes:
        """Return a file's bytes; raises ToolError when there are more than `most`."""
        with self.file(names) as (descriptor, state):
            if state.st_size > most:
                raise ToolError(f"{shown(names)} has {state.st_size} bytes; at most {most} are read.")
            chunks: list[bytes] = []
            while chunk := os.read(descriptor, min(CHUNK, most + 1 - sum(map(len, chunks)))):
                chunks.append(chunk)
            data = b"".join(chunks)
            if len(data) > most:
                raise ToolError(f"{shown(names)} grows while it is read, beyond {most} bytes.")
            return data

    def entries(self, names: tuple[str, ...], most: int) -> tuple[list[Entry], int]:
        """Return a folder's files and folders, sorted by name, and how many names (at most `most`) were looked at.

        Links, devices, sockets and pipes are left out: they cannot be opened.
        """
        found: list[Entry] = []
        looked = 0
        with self.folder(names) as at, os.scandir(at) as scan:
            for entry in islice(scan, most):
                looked += 1
                if entry.name.startswith(TEMPORARY):
                    continue
                with suppress(FileNotFoundError):  # gone since the folder was read
                    state = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(state.st_mode) or stat.S_ISREG(state.st_mode):
                        folder = stat.S_ISDIR(state.st_mode)
                        found.append(Entry((*names, entry.name), folder, state.st_size, state.st_mtime))
        return sorted(found, key=_by_name), looked

    def write(self, names: tuple[str, ...], data: bytes, *, overwrite: bool) -> Written:
        """Put a file in place, whole or not at all, durable on return.

        Raises ToolError when it exists and `overwrite` is false, unless it already holds exactly these bytes: a call
        that is made again after a crash finds its own work.
        """
        if not names:
            raise ToolError("the root is a folder: name a file in it.")
        with self.folder(names[:-1], make=True) as at:
            before = self._state(at, names)
            if before is not None and not overwrite:
                if before.st_size == len(data) and self.read(names, len(data)) == data:
                    return "kept"
                raise _taken(names, before.st_size)
            try:
                self._replace(at, names, data, before)
            except OSError as error:
                raise _said(error, at, names) from error
        return "wrote" if before is None else "replaced"

    def _state(self, at: int, names: tuple[str, ...]) -> os.stat_result | None:
        try:
            state = os.stat(names[-1], dir_fd=at, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _said(error, at, names) from error
        _must_be_plain(state, names)
        return state

    def _replace(self, at: int, names: tuple[str, ...], data: bytes, before: os.stat_result | None) -> None:
        temporary = f"{TEMPORARY}{self.new_name()}.tmp"
        descriptor = os.open(temporary, _NEW, 0o644, dir_fd=at)
        try:
            try:
                if before is not None:
                    os.fchmod(descriptor, stat.S_IMODE(before.st_mode) & 0o777)
                left = memoryview(data)
                while left:
                    left = left[os.write(descriptor, left) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if before is None:
                _place(at, temporary, names)
            else:
                os.rename(temporary, names[-1], src_dir_fd=at, dst_dir_fd=at)
            os.fsync(at)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=at)


def _place(at: int, temporary: str, names: tuple[str, ...]) -> None:
    """Give a new file its name, which nobody may have taken meanwhile: a link, unlike a rename, never overwrites."""
    try:
        os.link(temporary, names[-1], src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)
    except FileExistsError as error:
        raise _taken(names, None) from error
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        os.rename(temporary, names[-1], src_dir_fd=at, dst_dir_fd=at)  # a file system without hard links


def _by_name(entry: Entry) -> tuple[str, ...]:
    return entry.names


def shown(names: tuple[str, ...]) -> str:
    """Return a path for a message, names that are not UTF-8 with their bytes escaped."""
    return "/".join(names).encode("utf-8", "backslashreplace").decode() or "the root"


def _taken(names: tuple[str, ...], size: int | None) -> ToolError:
    known = "" if size is None else f" ({size} bytes)"
    return ToolError(f"{shown(names)} exists already{known}: read it first, and pass overwrite = true to replace it.")


def _must_be_plain(state: os.stat_result, names: tuple[str, ...]) -> None:
    """Raise ToolError unless this is a regular file with a single name."""
    if stat.S_ISDIR(state.st_mode):
        raise ToolError(f"{shown(names)} is a folder: name a file in it (list_files shows them).")
    if stat.S_ISLNK(state.st_mode):
        raise ToolError(f"{shown(names)} is a link, and links are not followed.")
    if not stat.S_ISREG(state.st_mode):
        raise ToolError(f"{shown(names)} is no regular file but a device, pipe or socket.")


def _must_have_one_name(at: int, descriptor: int, names: tuple[str, ...]) -> None:
    """Raise ToolError when an open file has a name beyond its own and the temporary one under which it is written."""
    state = os.fstat(descriptor)
    if state.st_nlink == 1:
        return
    with os.scandir(at) as scan:
        entries = islice(scan, MOST_NAMES)
        ours = sum(entry.name.startswith(TEMPORARY) and entry.inode() == state.st_ino for entry in entries)
    if os.fstat(descriptor).st_nlink > 1 + ours:  # asked again: the temporary name may have gone meanwhile
        raise ToolError(f"{shown(names)} has several names (hard links) and may lie outside: not opened.")


def _said(error: OSError, at: int, names: tuple[str, ...]) -> ToolError:
    """Say in words what the kernel refused, looking at the last name once more where that explains it."""
    path = shown(names)
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
        with suppress(OSError):
            if stat.S_ISLNK(os.stat(names[-1], dir_fd=at, follow_symlinks=False).st_mode):
                return ToolError(f"{path} is a link, and links are not followed.")
        return ToolError(f"{path} is no folder.")
    if error.errno == errno.ENOENT:
        return ToolError(f"{path} does not exist{_near(at, names[-1])}")
    return ToolError(
        f"{path} {_WORDS.get(error.errno or 0, 'cannot be opened: ' + (error.strerror or 'unknown reason'))}"
    )


def _near(at: int, name: str) -> str:
    """Return the nearest visible names of the folder, as the end of a sentence."""
    with suppress(OSError), os.scandir(at) as scan:
        names = [entry.name for entry in islice(scan, MOST_NAMES) if not entry.name.startswith(".")]
        near = difflib.get_close_matches(name, names, n=3)
        if near:
            return f": did you mean {', '.join(map(_one, near))}?"
    return ": list_files shows what there is."


def _one(name: str) -> str:
    return shown((name,))
