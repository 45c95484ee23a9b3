"""What the tests of vectors live in: passages said and dropped, and embedders that count, fail and change."""

from array import array
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from toolyard_memory.embedders.hashing import HashingEmbedder
from toolyard_memory.passages import Passages
from toolyard_memory.records import Owner, Passage, Reader
from toolyard_memory.vectors.index import MemoryIndex, VectorIndex
from toolyard_memory.vectors.store import Vectors
from toolyard_runtime.clocks import SystemClock
from toolyard_sdk.errors import EmbedderError
from toolyard_sdk.ids import uuid7
from toolyard_sdk.ports import Database, Embedder

ADA, BOB = Owner("acme", "ada"), Owner("acme", "bob")
STRANGER = Owner("other", "ada")


class Spelling:
    """The hashing embedder under any name; counts its texts, refuses some, and fails when told to."""

    def __init__(self, name: str = "spelling:1") -> None:
        self.id = name
        self.texts: list[str] = []
        self.refused: set[str] = set()
        self.failure: Exception | None = None
        self.cut: int | None = None
        self._inner = HashingEmbedder()

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        if self.failure is not None:
            raise self.failure
        if self.refused & set(texts):
            raise EmbedderError("a text is refused", refused=True)
        if not query:
            self.texts += texts
        return [vector[: self.cut] for vector in await self._inner.embed(texts)]

    async def close(self) -> None:
        self.failure = EmbedderError("closed")


class World:
    """Everything around the vectors under test."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SystemClock()
        self.passages = Passages(database, self.clock)
        self.index = MemoryIndex()
        self._made: list[Vectors] = []

    def vectors(
        self,
        embedder: Embedder | None = None,
        *,
        index: VectorIndex | None = None,
        flat: int = 5,
        former: Embedder | None = None,
    ) -> Vectors:
        """Return vectors whose owners get a shelf from the sixth passage on."""
        made = Vectors(
            self.database, embedder or HashingEmbedder(), index or self.index, self.clock, former=former, flat=flat
        )
        self._made.append(made)
        return made

    async def say(self, owner: Owner, *texts: str) -> list[Passage]:
        """Add passages."""
        said = [Passage(uuid7(), owner, "message", words, self.clock.now()) for words in texts]
        tx = self.database.begin()
        for passage in said:
            self.passages.add(tx, passage)
        await self.database.commit(tx)
        return said

    async def drop(self, *passages: Passage) -> None:
        """Drop passages."""
        tx = self.database.begin()
        self.passages.drop(tx, passages)
        await self.database.commit(tx)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return what a plain select finds."""
        return list(await self.database.read(text(sql)))

    async def count(self, table: str) -> int:
        """Return how many rows a table has."""
        found: int = (await self.rows(f"SELECT count(*) FROM {table}"))[0][0]
        return found

    async def close(self) -> None:
        """Close whatever was made."""
        for made in self._made:
            await made.close()


async def follow(vectors: Vectors) -> int:
    """Follow until nothing is left, and every shelf is built."""
    done = 0
    while True:
        more = await vectors.follow()
        await vectors.settle()
        if not more and not await vectors.follow():
            return done
        done += more


async def best(vectors: Vectors, owner: Owner, words: str, limit: int = 3) -> list[bytes]:
    """Return the ids found, best first."""
    found = await vectors.search(Reader(owner, "support"), words, limit)
    return sorted(found, key=lambda id_: -found[id_])


def numbers(vector: bytes) -> "array[float]":
    """Return a vector's numbers."""
    return array("f", vector)
