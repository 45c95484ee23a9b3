"""Long-term memory as it is put together: what one part leaves for another."""

import os
from pathlib import Path

import pytest
from sqlalchemy import func, select
from toolyard_memory.embedders.hashing import HashingEmbedder
from toolyard_memory.memory import Memory
from toolyard_memory.records import Evidence, NewFact, Owner, Passage, Reader
from toolyard_memory.tables.passages import EDGE, ENTITY, MENTION, PASSAGE
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


@pytest.mark.parametrize("how", ["in its place", "resting on it"])
async def test_of_a_fact_that_is_not_added_as_another_is_forgotten_meanwhile_no_name_is_left(
    tmp_path: Path, how: str
) -> None:
    database, clock = await open_sqlite(tmp_path / "data.db"), SystemClock()
    memory = Memory(database, clock, uuid7, os.urandom, None)
    try:
        tx = database.begin()
        said = NewFact("Ada met Bertrand in Lisbon.", (Evidence("stated", words="x"),))
        first = (await memory.put_down(tx, ADA, said, clock.now())).fact.id
        await database.commit(tx)
        late = database.begin()
        if how == "in its place":
            right = NewFact("Ada met Clotilde in Porto.", (Evidence("stated", words="x"),))
            await memory.put_right(late, ADA, first, right, clock.now())
        else:
            derived = NewFact("Ada has been to Porto with Clotilde.", (Evidence("fact", first),))
            await memory.put_down(late, ADA, derived, clock.now())
        tx = database.begin()
        await memory.facts.forget(tx, ADA, [first], "ada", clock.now())
        await database.commit(tx)
        await database.commit(late)
        for table in (PASSAGE, MENTION, EDGE, ENTITY):
            assert (await database.read(select(func.count()).select_from(table)))[0][0] == 0, table.name
    finally:
        await memory.close()
        await database.close()
