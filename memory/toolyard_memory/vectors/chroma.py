"""Chroma embedded, as the index of vectors: ids and numbers go in, no text and no name.

Chroma is synchronous: it works in threads of its own. It is imported when the first shelf is needed, not before.
"""

import asyncio
import importlib
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from toolyard_memory.vectors.chroma_folder import ChromaFolder
from toolyard_memory.vectors.exact import Row
from toolyard_memory.vectors.index import IndexDown, Shelf

THREADS = 4
AT_ONCE = 1_000
"""Ids in one request: below what Chroma takes, and as many as it writes to disk at a time."""

T = TypeVar("T")


class ChromaIndex:
    """The VectorIndex of one process, in a folder of its own; raises IndexDown where another process has it."""

    def __init__(self, folder: Path) -> None:
        self._place = ChromaFolder(folder)
        self._pool = ThreadPoolExecutor(THREADS, "chroma")
        self._closed = False

    async def make(self, shelf: Shelf) -> None:
        """Make the shelf anew; raises IndexDown."""
        await self._run(self._place.make, shelf)

    async def put(self, shelf: Shelf, rows: Sequence[Row]) -> None:
        """Add vectors; raises ShelfLost, IndexDown."""
        for start in range(0, len(rows), AT_ONCE):
            await self._run(self._put, shelf, rows[start : start + AT_ONCE])

    async def held(self, shelf: Shelf, ids: Sequence[bytes]) -> int:
        """Return how many of these lie there; raises ShelfLost, IndexDown."""
        held = 0
        for start in range(0, len(ids), AT_ONCE):
            held += await self._run(self._held, shelf, ids[start : start + AT_ONCE])
        return held

    async def drop(self, shelf: Shelf, ids: Sequence[bytes]) -> None:
        """Take vectors away; raises ShelfLost, IndexDown."""
        for start in range(0, len(ids), AT_ONCE):
            await self._run(self._drop, shelf, ids[start : start + AT_ONCE])

    async def nearest(self, shelf: Shelf, vector: bytes, limit: int) -> list[tuple[bytes, float]]:
        """Return the most similar ids; raises ShelfLost, IndexDown."""
        return await self._run(self._nearest, shelf, vector, limit)

    async def count(self, shelf: Shelf) -> int:
        """Return how many vectors lie there; raises ShelfLost, IndexDown."""
        return await self._run(self._count, shelf)

    async def ids(self, shelf: Shelf) -> list[bytes]:
        """Return the ids of all vectors that lie there; raises ShelfLost, IndexDown."""
        found: list[bytes] = []
        while page := await self._run(self._ids, shelf, len(found)):
            found += page
        return found

    async def names(self) -> Collection[tuple[str, str]]:
        """Return the home and the name of all shelves; raises IndexDown."""
        return await self._run(self._place.names)

    async def keep_only(self, tenant: str, shelves: Collection[Shelf]) -> None:
        """Remove the tenant's other shelves; raises IndexDown."""
        await self._run(self._place.keep_only, tenant, frozenset(shelves))

    async def close(self) -> None:
        """Wait for what is being done, and let go of everything."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._pool.shutdown)
            await asyncio.to_thread(self._place.close)

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        if self._closed:
            raise IndexDown("the vector index is closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(work, *arguments))

    def _put(self, shelf: Shelf, rows: Sequence[Row]) -> None:
        numpy = importlib.import_module("numpy")
        matrix = numpy.frombuffer(b"".join([vector for _, vector in rows]), "<f4").reshape(len(rows), -1)
        with self._place.using(shelf) as collection:
            collection.upsert(ids=[id_.hex() for id_, _ in rows], embeddings=matrix)

    def _held(self, shelf: Shelf, ids: Sequence[bytes]) -> int:
        with self._place.using(shelf) as collection:
            return len(collection.get(ids=[id_.hex() for id_ in ids], include=[])["ids"])

    def _drop(self, shelf: Shelf, ids: Sequence[bytes]) -> None:
        with self._place.using(shelf) as collection:
            there = collection.get(ids=[id_.hex() for id_ in ids], include=[])["ids"]
            if there:
                collection.delete(ids=there)

    def _nearest(self, shelf: Shelf, vector: bytes, limit: int) -> list[tuple[bytes, float]]:
        numpy = importlib.import_module("numpy")
        with self._place.using(shelf) as collection:
            most = min(limit, collection.count())
            if not most:
                return []
            found = collection.query(
                query_embeddings=[numpy.frombuffer(vector, "<f4")], n_results=most, include=["distances"]
            )
            pairs = zip(found["ids"][0], found["distances"][0], strict=True)
            return [(bytes.fromhex(id_), 1.0 - float(distance)) for id_, distance in pairs]

    def _count(self, shelf: Shelf) -> int:
        with self._place.using(shelf) as collection:
            return int(collection.count())

    def _ids(self, shelf: Shelf, offset: int) -> list[bytes]:
        with self._place.using(shelf) as collection:
            return [bytes.fromhex(id_) for id_ in collection.get(limit=AT_ONCE, offset=offset, include=[])["ids"]]
