"""Texts to vectors for the indexer: checked, in one dimension, and with a refused text left out; stores nothing."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from toolyard_sdk.errors import EmbedderError
from toolyard_sdk.ports import Database, Embedder

from toolyard_memory.vectors.statements import DIMENSION

LOG = logging.getLogger("toolyard.memory")

PATIENCE: Final = 1.5
"""Seconds that a question waits for its vector: somebody waits for the answer, and words alone find much."""

LONGEST: Final = 60.0
"""Seconds that the texts of one batch may take, all attempts and all asking again together."""

BATCH: Final = 64
"""Texts in a batch, where the embedder makes that many in time."""

SLOW: Final = 5.0
"""Seconds after which an embedder that still makes the vectors of a batch is said to be slow."""

RESTS: Final = 5.0
"""Seconds for which an embedder that has let a question wait in vain is asked no other one."""


class Embedding:
    """One embedder, and the dimension that its vectors have had so far.

    `at_once` is how many texts a batch has: fewer after one that has taken too long, more again as they come quickly.
    """

    def __init__(self, database: Database, embedder: Embedder) -> None:
        self.embedder = embedder
        self.at_once = BATCH
        self._begun: list[float] = []
        self._database = database
        self._sizes: dict[str, int] = {}
        self._rests_until = 0.0

    async def of_texts(self, tenant: str, texts: Mapping[bytes, str]) -> dict[bytes, bytes]:
        """Return the vectors of passages' texts, without those of texts that the embedder refuses.

        Raises EmbedderError, also when the vectors are not of the dimension that the tenant's others have.
        """
        if not texts:
            return {}
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._begun.append(begun)
        try:
            async with asyncio.timeout(LONGEST):
                vectors = await self._of_all(texts)
        except (EmbedderError, TimeoutError) as error:
            if isinstance(error, EmbedderError) and loop.time() - begun < LONGEST:
                raise
            self.at_once = max(1, min(self.at_once, len(texts)) // 2)
            raise EmbedderError(
                f"{self.embedder.id} has not made the vectors of {len(texts)} texts in {LONGEST:g} s; it is asked for "
                f"{self.at_once} at a time now"
            ) from error
        finally:
            self._begun.remove(begun)
        if loop.time() - begun < SLOW:
            self.at_once = min(2 * self.at_once, BATCH)
        self._rests_until = 0.0
        found = {id_: vector for id_, vector in zip(texts, vectors, strict=True) if vector}
        for vector in found.values():
            await self._check(tenant, vector)
        return found

    def slow(self) -> str:
        """Return in words for how long vectors have been waited for, "" where that is not long."""
        waited = asyncio.get_running_loop().time() - min(self._begun) if self._begun else 0.0
        return f"{self.embedder.id} has been making vectors for {waited:.0f} s" if waited >= SLOW else ""

    async def of_query(self, tenant: str, text: str) -> bytes:
        """Return the vector of a question; raises EmbedderError, also when that takes longer than is waited."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._rests_until:
            raise EmbedderError(f"{self.embedder.id} has not answered in {PATIENCE:g} s, and is asked again soon")
        try:
            async with asyncio.timeout(PATIENCE):
                vectors = await self.embedder.embed([text], query=True)
        except TimeoutError as error:
            self._rests_until = loop.time() + RESTS
            raise EmbedderError(f"{self.embedder.id} does not answer in {PATIENCE:g} s") from error
        if len(vectors) != 1:
            raise EmbedderError(f"{self.embedder.id}: {len(vectors)} vectors came for one text")
        await self._check(tenant, vectors[0])
        return vectors[0]

    async def _of_all(self, texts: Mapping[bytes, str]) -> list[bytes]:
        try:
            return await self.embedder.embed(list(texts.values()))
        except EmbedderError as error:
            if not error.refused:
                raise
        return await self._one_by_one(texts)

    async def _one_by_one(self, texts: Mapping[bytes, str]) -> list[bytes]:
        vectors = []
        for id_, text in texts.items():
            try:
                vectors += await self.embedder.embed([text])
            except EmbedderError as error:
                if not error.refused:
                    raise
                LOG.warning(
                    "a passage has no vector, and is found by its words only: %s", error, extra={"id": id_.hex()}
                )
                vectors.append(b"")
        return vectors

    async def _check(self, tenant: str, vector: bytes) -> None:
        size = self._sizes.get(tenant)
        if size is None:
            rows = await self._database.read(DIMENSION, {"of_tenant": tenant, "of_embedder": self.embedder.id})
            size = self._sizes[tenant] = rows[0][0] if rows else len(vector)
        if len(vector) != size:
            raise EmbedderError(
                f"{self.embedder.id}: its vectors have {len(vector) // 4} dimensions now, and those it has made before "
                f"{size // 4}: another model answers under this name. Nothing of it is kept; give the embedder another "
                f"revision, and everything is embedded anew"
            )
