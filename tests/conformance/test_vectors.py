"""Vectors over every database: the same is found, followed, and gone."""

from collections.abc import AsyncIterator

import pytest
from toolyard_memory.records import Reader, documents_of
from toolyard_memory.vectors.unfollowed import follow_nothing

from tests.conformance.adapters import Adapter
from tests.memory.vectors.world import ADA, BOB, STRANGER, Spelling, World, best, follow


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


async def test_where_nothing_is_followed_nothing_waits_and_whoever_follows_again_has_everything(world: World) -> None:
    said = await world.say(ADA, *(f"note {n} on rivers" for n in range(8)))
    first = Spelling()
    await follow(world.vectors(first))
    await world.say(ADA, "not followed yet")
    await follow_nothing(world.database, world.clock)
    assert await world.count("outbox") == 0
    later = await world.say(ADA, "said without vectors", "and this")
    [theirs] = await world.say(STRANGER, "a stranger's words")
    await world.drop(said[0], later[1])
    assert await world.count("outbox") == 0
    assert await world.rows("SELECT count(*) FROM index_state WHERE \"index\" LIKE 'shelf:%'") == [(0,)]

    again = Spelling()
    vectors = world.vectors(again)
    await follow(vectors)
    assert sorted(again.texts) == ["a stranger's words", "not followed yet", "said without vectors"]
    everything = {*(passage.id for passage in said[1:]), later[0].id}
    assert set(await best(vectors, ADA, "rivers", 20)) >= everything
    assert not {said[0].id, later[1].id} & set(await best(vectors, ADA, "rivers", 20))
    assert await best(vectors, STRANGER, "words") == [theirs.id]
    state = await vectors.state("acme")
    assert (state.state, state.waiting, state.shelves, state.degraded) == ("serving", 0, 1, "")
    [new] = await world.say(ADA, "said with vectors again")
    await follow(vectors)
    assert new.id in await best(vectors, ADA, "said with vectors again")


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
