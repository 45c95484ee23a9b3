"""What an index of vectors does, and one in memory; knows ids and numbers, no text, no name and no table.

A shelf holds the vectors of one owner by one embedder. It is made anew under the next generation, and the old one
removed: what is deleted inside an index leaves its bytes behind.
"""

import hashlib
from collections.abc import Collection, Sequence
from typing import Protocol

from msgspec import Struct

from toolyard_memory.vectors.exact import Row, nearest

HNSW = {"space": "ip", "ef_construction": 60, "ef_search": 200}
"""How Chroma searches: by inner product, as vectors have unit length; it builds a little less carefully than by default
and looks further, which costs a quarter less and finds more (`python -m tests.memory.vector_speed`)."""


class Shelf(Struct, frozen=True):
    """The vectors of one owner (`scope`, see `Owner.scope`) by one embedder, in one generation."""

    tenant: str
    scope: str
    embedder: str
    generation: int

    @property
    def home(self) -> str:
        """A name for the tenant that tells nothing of it: 32 letters and digits."""
        return _hashed(self.tenant)

    @property
    def name(self) -> str:
        """A name within the tenant's that tells nothing: of the owner, the embedder and the generation."""
        return f"{_hashed(f'{self.scope} {self.embedder}')}-{self.generation}"


class ShelfLost(Exception):
    """A shelf that should be there is not, or cannot be read: it has to be built again from SQL."""


class IndexDown(Exception):
    """An index that does not answer: in words, why, and what to do."""


class VectorIndex(Protocol):
    """Where vectors lie that are too many to look at one by one. All of it raises IndexDown."""

    async def make(self, shelf: Shelf) -> None:
        """Make the shelf anew, empty, whatever there was."""
        ...

    async def put(self, shelf: Shelf, rows: Sequence[Row]) -> None:
        """Add vectors, or put them in the place of those with the same ids; raises ShelfLost."""
        ...

    async def held(self, shelf: Shelf, ids: Sequence[bytes]) -> int:
        """Return how many of these lie there; raises ShelfLost."""
        ...

    async def drop(self, shelf: Shelf, ids: Sequence[bytes]) -> None:
        """Take vectors away, those that are there; raises ShelfLost."""
        ...

    async def nearest(self, shelf: Shelf, vector: bytes, limit: int) -> list[tuple[bytes, float]]:
        """Return the ids most similar to a vector, best first, with their cosine similarity; raises ShelfLost."""
        ...

    async def count(self, shelf: Shelf) -> int:
        """Return how many vectors lie there; raises ShelfLost."""
        ...

    async def ids(self, shelf: Shelf) -> list[bytes]:
        """Return the ids of all vectors that lie there; raises ShelfLost."""
        ...

    async def names(self) -> Collection[tuple[str, str]]:
        """Return the home and the name of all shelves that lie there, of any tenant, known to SQL or not."""
        ...

    async def keep_only(self, tenant: str, shelves: Collection[Shelf]) -> None:
        """Remove every byte of whatever else lies there for the tenant, also what a crash has left."""
        ...

    async def close(self) -> None:
        """Let go of everything; what was put down stays."""
        ...


class MemoryIndex:
    """The index that keeps its vectors in this process and looks at every one; for tests, and to start from."""

    def __init__(self) -> None:
        self._shelves: dict[Shelf, dict[bytes, bytes]] = {}

    async def make(self, shelf: Shelf) -> None:
        """Make the shelf anew."""
        self._shelves[shelf] = {}

    async def put(self, shelf: Shelf, rows: Sequence[Row]) -> None:
        """Add vectors; raises ShelfLost."""
        self._rows(shelf).update(rows)

    async def held(self, shelf: Shelf, ids: Sequence[bytes]) -> int:
        """Return how many of these lie there; raises ShelfLost."""
        return len(self._rows(shelf).keys() & set(ids))

    async def drop(self, shelf: Shelf, ids: Sequence[bytes]) -> None:
        """Take vectors away; raises ShelfLost."""
        rows = self._rows(shelf)
        for id_ in ids:
            rows.pop(id_, None)

    async def nearest(self, shelf: Shelf, vector: bytes, limit: int) -> list[tuple[bytes, float]]:
        """Return the most similar ids; raises ShelfLost."""
        return nearest(vector, tuple(self._rows(shelf).items()), limit)

    async def count(self, shelf: Shelf) -> int:
        """Return how many vectors lie there; raises ShelfLost."""
        return len(self._rows(shelf))

    async def ids(self, shelf: Shelf) -> list[bytes]:
        """Return all ids; raises ShelfLost."""
        return list(self._rows(shelf))

    async def names(self) -> Collection[tuple[str, str]]:
        """Return the home and the name of all shelves."""
        return [(shelf.home, shelf.name) for shelf in self._shelves]

    async def keep_only(self, tenant: str, shelves: Collection[Shelf]) -> None:
        """Remove the tenant's other shelves."""
        for shelf in tuple(self._shelves):
            if shelf.tenant == tenant and shelf not in shelves:
                del self._shelves[shelf]

    async def close(self) -> None:
        """Keep what there is, as one on disk would."""

    def _rows(self, shelf: Shelf) -> dict[bytes, bytes]:
        rows = self._shelves.get(shelf)
        if rows is None:
            raise ShelfLost(f"there is no shelf {shelf.name}")
        return rows


def _hashed(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
