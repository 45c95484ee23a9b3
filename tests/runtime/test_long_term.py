"""Long-term memory as the settings have it: what follows what is said, and what waits for nothing."""

import asyncio
import os
from pathlib import Path
from typing import Literal

from sqlalchemy import Table, func, select
from toolyard_memory.records import Owner, Passage, Reader
from toolyard_memory.retrieval.query import Query
from toolyard_memory.tables.vectors import EMBEDDING, OUTBOX
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.config import Config, MemoryTable
from toolyard_runtime.engine.embedding import Embedders
from toolyard_runtime.engine.long_term import LongTerm
from toolyard_runtime.engine.routing import Routes
from toolyard_runtime.store.opening import OwnedDatabase, open_database
from toolyard_sdk.ids import uuid7

ADA = Owner("acme", "ada")


def opened(database: OwnedDatabase, folder: Path, vectors: Literal["exact", "none"]) -> LongTerm:
    """Return the memory of a server whose settings say where vectors are searched."""
    return LongTerm(
        MemoryTable(vectors=vectors),
        database,
        SystemClock(),
        uuid7,
        os.urandom,
        embedders=Embedders(Routes(Config(), {}, rehearsal=True), folder, SystemClock()),
        state_dir=folder,
    )


async def say(database: OwnedDatabase, long_term: LongTerm, words: str) -> bytes:
    """Have Ada say something, and return what it is remembered as."""
    passage = Passage(uuid7(), ADA, "message", words, 1, speaker="user")
    tx = database.begin()
    await long_term.memory().hear(tx, passage)
    await database.commit(tx)
    long_term.memory().stir()
    return passage.id


async def count(database: OwnedDatabase, table: Table) -> int:
    """Return how many rows a table has."""
    found: int = (await database.read(select(func.count()).select_from(table)))[0][0]
    return found


async def until(database: OwnedDatabase, table: Table, rows: int) -> None:
    """Wait until a table has so many rows."""
    async with asyncio.timeout(10):
        while await count(database, table) != rows:  # noqa: ASYNC110 - the deadline bounds it, and nothing tells when
            await asyncio.sleep(0.01)


async def test_without_vectors_nothing_waits_for_them_and_with_them_again_everything_has_one(tmp_path: Path) -> None:
    database = await open_database(f"sqlite:///{tmp_path}/data.db")
    try:
        without = opened(database, tmp_path, "none")
        await say(database, without, "I keep bees")
        await until(database, OUTBOX, 0)
        said = await say(database, without, "and a spaniel")
        assert await count(database, OUTBOX) == 0
        found = await without.memory().recall.search(Reader(ADA, ""), Query("spaniel"))
        assert found.hits[0].passage.id == said
        await without.close()

        having = opened(database, tmp_path, "exact")
        having.memory()
        await until(database, EMBEDDING, 2)
        await until(database, OUTBOX, 0)
        await say(database, having, "and ducks")
        await until(database, EMBEDDING, 3)
        await having.close()
    finally:
        await database.close()
