"""Where an embedded Chroma lies: a directory for each shelf under one for each tenant, and one process for all of them.

A second process on the same directory would silently miss rows, so the folder is locked; a shelf that is removed is a
directory that is removed, with every byte.
"""

import contextlib
import ctypes
import fcntl
import importlib
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from toolyard_memory.vectors.index import HNSW, IndexDown, Shelf, ShelfLost

OPEN = 16
"""Shelves that stay open: each has four threads and some megabytes; opening one again takes 40 ms."""

COLLECTION = "vectors"

_PERTURB = -6
"""M_PERTURB of malloc.h: memory is filled with a byte when it is freed, and with its complement when handed out."""

_FILLING = 0xFF
"""So that what is handed out holds zeros."""


class _Opened:
    """A shelf's client and collection; `users` are the threads that are at it."""

    __slots__ = ("client", "collection", "users")

    def __init__(self, client: Any, collection: Any) -> None:
        self.client = client
        self.collection = collection
        self.users = 0


class ChromaFolder:
    """The shelves in `folder/TENANT/SHELF-GENERATION`, by names that tell nothing; used in several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: OrderedDict[Shelf, _Opened] = OrderedDict()
        self._guard = threading.Condition()
        self._lock: int | None = None

    def make(self, shelf: Shelf) -> None:
        """Make the shelf's directory anew; raises IndexDown."""
        with self._guard:
            try:
                self._take()
                self._shut(shelf)
                path = self._path(shelf)
                shutil.rmtree(path, ignore_errors=True)
                path.mkdir(parents=True, mode=0o700)
                client = _client(path)
                collection = client.create_collection(COLLECTION, embedding_function=None, configuration={"hnsw": HNSW})
            except IndexDown:
                raise
            except Exception as error:  # what Chroma raises has no common type
                raise IndexDown(f"{self._folder}: no vectors can be put here: {error}") from error
            self._opened[shelf] = _Opened(client, collection)

    @contextlib.contextmanager
    def using(self, shelf: Shelf) -> Iterator[Any]:
        """Hand out the shelf's collection; raises ShelfLost, IndexDown."""
        with self._guard:
            opened = self._open(shelf)
            opened.users += 1
        try:
            yield opened.collection
        except Exception as error:  # what Chroma raises has no common type
            raise ShelfLost(f"{self._path(shelf)}: the vectors here cannot be read: {error}") from error
        finally:
            with self._guard:
                opened.users -= 1
                self._guard.notify_all()

    def names(self) -> list[tuple[str, str]]:
        """Return the names of all that lies in tenants' directories, with that of the directory; raises IndexDown."""
        try:
            homes = [path for path in self._folder.iterdir() if path.is_dir()] if self._folder.is_dir() else []
            return [(home.name, path.name) for home in homes for path in home.iterdir()]
        except OSError as error:
            raise IndexDown(f"{self._folder}: what lies here cannot be listed: {error}") from error

    def keep_only(self, tenant: str, shelves: Collection[Shelf]) -> None:
        """Remove the tenant's other directories; raises IndexDown."""
        home = self._folder / Shelf(tenant, "", "", 0).home
        kept = {shelf.name for shelf in shelves}
        with self._guard:
            for shelf in tuple(self._opened):
                if shelf.tenant == tenant and shelf.name not in kept:
                    self._shut(shelf)
            if not home.is_dir():
                return
            self._take()
            try:
                for path in home.iterdir():
                    if path.name not in kept:
                        shutil.rmtree(path)
                if not kept:
                    home.rmdir()
            except OSError as error:
                raise IndexDown(f"{home}: old vectors cannot be removed: {error}") from error

    def close(self) -> None:
        """Close all shelves, and let another process have the folder."""
        with self._guard:
            for shelf in tuple(self._opened):
                self._shut(shelf)
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def _path(self, shelf: Shelf) -> Path:
        return self._folder / shelf.home / shelf.name

    def _take(self) -> None:
        """Lock the folder for this process; raises IndexDown."""
        if self._lock is not None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise IndexDown(f"{self._folder}: no vectors can be put here: {error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise IndexDown(
                f"{self._folder}: another process has this folder, and an embedded index belongs to one; "
                f"several share a Chroma server"
            ) from error
        self._lock = lock

    def _open(self, shelf: Shelf) -> _Opened:
        opened = self._opened.get(shelf)
        if opened is not None:
            self._opened.move_to_end(shelf)
            return opened
        self._take()
        path = self._path(shelf)
        if not path.is_dir():
            raise ShelfLost(f"{path}: the vectors that were here are gone")
        client: Any = None
        try:
            client = _client(path)
            collection = client.get_collection(COLLECTION, embedding_function=None)
        except Exception as error:  # what Chroma raises has no common type
            if client is not None:
                client.close()
            raise ShelfLost(f"{path}: the vectors here cannot be read: {error}") from error
        opened = self._opened[shelf] = _Opened(client, collection)
        for other in tuple(self._opened):
            if len(self._opened) <= OPEN:
                break
            if not self._opened[other].users and other != shelf:
                self._opened.pop(other).client.close()
        return opened

    def _shut(self, shelf: Shelf) -> None:
        """Close a shelf when nobody is at it any more."""
        opened = self._opened.get(shelf)
        if opened is not None:
            self._guard.wait_for(lambda: not opened.users)
            if self._opened.pop(shelf, None) is not None:
                opened.client.close()


def _client(path: Path) -> Any:
    _overwrite_what_is_freed()
    chroma = importlib.import_module("chromadb")
    settings = importlib.import_module("chromadb.config").Settings(_env_file=None, anonymized_telemetry=False)
    return chroma.PersistentClient(str(path), settings=settings)


def _overwrite_what_is_freed() -> None:
    """Have freed memory overwritten, where the C library can: on glibc.

    Chroma writes memory to `length.bin` that it has not filled, and what lay there before, of anybody, came along.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_PERTURB, _FILLING)
