"""The graph in SQL: what passages speak of joins them, for those who may see them and for nobody else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select
from toolyard_memory.graph.ranking import spread
from toolyard_memory.graph.store import Graph
from toolyard_memory.graph.words import canonical
from toolyard_memory.passages import Passages
from toolyard_memory.records import Owner, Passage, Reader
from toolyard_memory.tables.passages import ENTITY
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.store.opening import open_database
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_sdk.ids import uuid7

ANN = Owner("a", "ann")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = await open_database(f"sqlite:///{tmp_path / 'data.db'}")
    yield opened
    await opened.close()


async def say(database: SqliteDatabase, *texts: str, owner: Owner = ANN, agent: str = "") -> list[bytes]:
    """Store texts as messages of one owner, and note them in the graph."""
    graph, tx, ids = Graph(database, SystemClock()), database.begin(), []
    for text in texts:
        one = Passage(uuid7(), owner, "message", text, 0, agent=agent)
        Passages(database, SystemClock()).add(tx, one)
        await graph.note(tx, one)
        ids.append(one.id)
    await database.commit(tx)
    return ids


async def test_passages_that_speak_of_the_same_are_found_by_one_another(database: SqliteDatabase) -> None:
    one, two, three = await say(database, "We met Melanie", "The gift is for Melanie", "Nothing of that")
    near = await Graph(database, SystemClock()).neighbourhood(Reader(ANN, "clerk"), [one], [])
    assert {passage.id for passage in near.passages} == {one, two}
    scores = spread(near, {one: 1.0})
    assert scores[one] > scores[two] > 0
    assert three not in scores


async def test_an_entity_is_found_by_its_name(database: SqliteDatabase) -> None:
    one, two = await say(database, "We met Melanie", "Painted in Oslo")
    near = await Graph(database, SystemClock()).neighbourhood(Reader(ANN, "clerk"), [], [canonical("painting")])
    assert [passage.id for passage in near.passages] == [two]
    assert one not in {passage.id for passage in near.passages}


async def test_noting_again_leaves_one_entity(database: SqliteDatabase) -> None:
    await say(database, "We met Melanie")
    await say(database, "We met Melanie")
    assert len(await database.read(select(ENTITY.c.id).where(ENTITY.c.name == canonical("Melanie")))) == 1
