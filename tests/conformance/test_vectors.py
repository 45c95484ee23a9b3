"""Vectors over every database: the same is found, followed, and gone."""

from collections.abc import AsyncIterator

import pytest
from toolyard_memory.records import Reader, documents_of

from tests.conformance.adapters import Adapter
from tests.memory.vectors.world import ADA, BOB, Spelling, World, best, follow


@pytest.fixture
async def world(adapter: Adapter) -> AsyncIterator[World]:
    world = World(adapter.database)
    yield world
    await world.close()


async def test_what_is_said_is_found_and_nobody_elses_is(world: World) -> None:
    said = await world.say(ADA, "the ferry leaves at eight", "my sister paints", "rain is expected")
    await world.say(BOB, "the ferry leaves at nine")
    [rules] = await world.say(documents_of("acme"), "ferry rules")
    vectors = world.vectors()
    assert await follow(vectors) == 5
    found = await best(vectors, ADA, "when does the ferry leave?", 10)
    assert found[0] == said[0].id
    assert set(found) == {*(passage.id for passage in said), rules.id}


async def test_shelves_are_built_followed_and_forgotten(world: World) -> None:
    said = await world.say(ADA, *(f"note {n} on rivers" for n in range(8)))
    vectors = world.vectors()
    await follow(vectors)
    await world.drop(said[0])
    [later] = await world.say(ADA, "a note on a late river")
    await follow(vectors)
    assert (await vectors.state("acme")).shelves == 1
    await vectors.forget("acme")
    await vectors.rebuild("acme")
    expected = {*(passage.id for passage in said[1:]), later.id}
    assert set(await best(vectors, ADA, "rivers", 20)) == expected
    assert await world.count("embedding") == len(expected)
    assert await world.count("outbox") == 0


async def test_a_new_embedder_takes_over_and_leaves_nothing_of_the_former_one(world: World) -> None:
    said = await world.say(ADA, *(f"note {n} on rivers" for n in range(8)))
    await follow(world.vectors(Spelling("spelling:1")))
    vectors = world.vectors(Spelling("spelling:2"), former=Spelling("spelling:1"))
    await follow(vectors)
    assert (await vectors.state("acme")).embedder == "spelling:2"
    assert await world.rows("SELECT DISTINCT embedder FROM embedding") == [("spelling:2",)]
    assert len(await best(vectors, ADA, "rivers", 20)) == len(said)


async def test_an_index_that_is_behind_shows_no_wrong_row(world: World) -> None:
    said = await world.say(ADA, *(f"note {n} on rivers" for n in range(8)))
    vectors = world.vectors()
    await follow(vectors)
    await world.drop(*said[:5])
    stale = await vectors.search(Reader(ADA, ""), "rivers", 20)
    assert set(stale) >= {passage.id for passage in said[:5]}
    shown = await world.passages.load(Reader(ADA, ""), stale)
    assert set(shown) == {passage.id for passage in said[5:]}
    assert await world.passages.load(Reader(BOB, ""), stale) == {}
