"""Long-term memory as it is put together: what one part leaves for another."""

import os
from pathlib import Path

from toolyard_memory.embedders.hashing import HashingEmbedder
from toolyard_memory.memory import Memory
from toolyard_memory.records import Owner, Passage, Reader
from toolyard_memory.vectors.index import MemoryIndex
from toolyard_memory.vectors.store import Vectors
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.store.opening import open_sqlite
from toolyard_sdk.ids import uuid7

ADA = Owner("acme", "ada")


async def test_vectors_that_are_switched_on_later_learn_of_what_came_and_went_before(tmp_path: Path) -> None:
    database, clock, index = await open_sqlite(tmp_path / "data.db"), SystemClock(), MemoryIndex()
    vectors = Vectors(database, HashingEmbedder(), index, clock)
    memory = Memory(database, clock, uuid7, os.urandom, vectors)
    try:
        gone, kept, late = (Passage(uuid7(), ADA, "message", f"entry {n}", clock.now()) for n in range(3))
        tx = database.begin()
        for passage in (gone, kept):
            await memory.hear(tx, passage)
        await database.commit(tx)
        await vectors.follow()
        without = Memory(database, clock, uuid7, os.urandom, None)
        tx = database.begin()
        without.passages.drop(tx, [gone])
        await without.hear(tx, late)
        await database.commit(tx)
        assert await vectors.follow() == 2
        assert set(await vectors.search(Reader(ADA, ""), "entry", 10)) == {kept.id, late.id}
    finally:
        await memory.close()
        await database.close()
