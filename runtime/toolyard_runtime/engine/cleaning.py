"""Takes out of indexes and logs what SQL has let go of: words, vectors, the database's log; deletes no row of content.

Whoever waits for it (an erasure, a person who has something forgotten) calls `clean`; what agents have forgotten, and
what a crash has left, is cleaned in rounds.
"""

import asyncio
import logging
import shutil

from msgspec import Struct
from toolyard_memory.erasure.words import cleaned, merge, to_clean

from toolyard_runtime.engine.long_term import LongTerm
from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.store.opening import OwnedDatabase

SMALL = 64 << 20
"""Bytes of a database that is written anew whenever something is forgotten: commits wait a second at most."""

LARGE = 1 << 30
"""Bytes of one that is written anew when a person is erased: commits may wait some ten seconds."""

EVER = 1 << 62
"""A number that no change in an outbox reaches."""

PATIENCE = 10.0
"""Seconds that somebody who has a fact forgotten waits: an index of very many vectors takes longer to build anew."""


class Cleaned(Struct, frozen=True):
    """Whether the database's log and the index of vectors hold none of it; False where that has to wait.

    `file_rewritten` is whether the database's file was written anew, without what lies in the gaps of its pages.
    """

    log_emptied: bool
    index_emptied: bool
    file_rewritten: bool


class Cleaning:
    """Cleans one tenant at a time."""

    def __init__(self, database: OwnedDatabase, long_term: LongTerm) -> None:
        self._database = database
        self._long_term = long_term
        self._one = asyncio.Lock()
        self._going_on: set[asyncio.Task[Cleaned]] = set()
        self._log = logging.getLogger("toolyard.erasure")

    async def clean(self, tenant: str, most: int = SMALL) -> Cleaned:
        """Have no index and no log hold what was dropped of a tenant until now.

        A database of at most `most` bytes is written anew.
        """
        async with self._one:
            seen = (await to_clean(self._database)).get(tenant)
            words_merged = seen is None or await self._merge_words()
            index_emptied = await self._empty_index(tenant)
            log_emptied, rewritten = await self._empty_log(most)
            log_emptied = log_emptied and words_merged
            if seen is not None and index_emptied and log_emptied:
                tx = self._database.begin()
                cleaned(tx, tenant, seen)
                await self._database.commit(tx)
        return Cleaned(log_emptied, index_emptied, rewritten)

    async def clean_soon(self, tenant: str) -> Cleaned:
        """Clean for as long as somebody waits; what takes longer goes on without them."""
        task = asyncio.create_task(self.clean(tenant))
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)
        done, _ = await asyncio.wait([task], timeout=PATIENCE)
        return task.result() if done else Cleaned(log_emptied=False, index_emptied=False, file_rewritten=False)

    async def close(self) -> None:
        """End what goes on; it is begun again after the next start."""
        for task in self._going_on:
            task.cancel()
        if self._going_on:
            await asyncio.wait(self._going_on)

    async def round(self) -> int:
        """Clean every tenant of which something was dropped; return how many that were."""
        tenants = await to_clean(self._database)
        for tenant in tenants:
            await self.clean(tenant)
        return len(tenants)

    async def _merge_words(self) -> bool:
        tx = self._database.begin()
        merge(tx, self._database.dialect)
        try:
            await self._database.commit(tx, "full")  # by a thread: the whole index is written anew
        except StorageError:
            self._log.exception("the full-text index could not be written anew: words of what is gone lie there")
            return False
        return True

    async def _empty_index(self, tenant: str) -> bool:
        try:
            vectors = self._long_term.memory().vectors if self._long_term.in_use else None
            if vectors is not None:
                await vectors.forget(tenant)
            else:  # nobody follows what was noted for an index
                from toolyard_memory.vectors.statements import SETTLED  # noqa: PLC0415 - loaded with vectors, or here

                tx = self._database.begin()
                tx.write(SETTLED, (tenant, EVER))
                await self._database.commit(tx, "full")
            if (
                self._long_term.is_open and not self._long_term.embedded
            ):  # of settings that were: it would be built from SQL again
                await asyncio.to_thread(shutil.rmtree, self._long_term.folder, ignore_errors=True)
        except Exception:  # noqa: BLE001 - the rows are gone, and the index is made anew when it can be
            self._log.exception(
                "the index of vectors could not be made anew: what is gone finds nothing, but lies there"
            )
            return False
        return True

    async def _empty_log(self, most: int) -> tuple[bool, bool]:
        """Empty the log, and write a small file anew; return whether either was done."""
        try:
            return True, await self._database.rewrite(most)
        except StorageError:
            self._log.exception("the write-ahead log could not be emptied now; it is at the next checkpoint")
            return False, False
