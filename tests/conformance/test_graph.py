"""What the graph does on every adapter: it joins what one owner's passages speak of, and nobody else's."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, func, select
from toolyard_memory.graph.entities import entity_id
from toolyard_memory.graph.neighbourhood import HUB
from toolyard_memory.graph.ranking import spread
from toolyard_memory.graph.words import canonical
from toolyard_memory.records import AsOf, Owner, Reader, documents_of
from toolyard_memory.tables.passages import EDGE, ENTITY, MENTION

from tests.conformance.adapters import Adapter
from tests.memory.facts.told import ANN, BOB, OTHER, stated
from tests.memory.graph.world import World, shown

MELANIE = canonical("Melanie")
ENTITIES = select(ENTITY.c.id, ENTITY.c.tenant, ENTITY.c.owner, ENTITY.c.name)


@pytest.fixture
def world(adapter: Adapter) -> World:
    return World(adapter.database)


async def count(world: World, table: Table) -> int:
    rows = await world.database.read(select(func.count()).select_from(table))
    return int(rows[0][0])


async def test_passages_that_speak_of_the_same_are_found_by_one_another(world: World) -> None:
    one, two, three = await world.say("We met Melanie", "The gift is for Melanie", "Nothing of that kind")
    near = await world.near(one)
    assert {passage.id for passage in near.passages} == {one, two}
    assert [(entity.shown, entity.kind, entity.mentions) for entity in near.entities if entity.name == MELANIE] == [
        ("Melanie", "name", 2)
    ]
    scores = spread(near, {one: 1.0})
    assert scores[one] > scores[two] > 0
    assert three not in scores


async def test_passages_are_found_by_the_name_of_what_they_speak_of(world: World) -> None:
    one, _ = await world.say("She painted in Oslo", "We met Melanie")
    assert await world.around(names=(canonical("painting"),)) == {one}
    assert await world.around(names=(canonical("nobody"),)) == set()
    assert await world.around() == set()


async def test_hops_say_how_far_it_goes(world: World) -> None:
    one, two, three = await world.say("Melanie and Oliver", "then Oliver and Peter", "then Peter and Quentin")

    async def reached(hops: int) -> set[bytes]:
        near = await world.graph.neighbourhood(Reader(ANN, "clerk"), [one], [], hops=hops)
        return {passage.id for passage in near.passages}

    assert [await reached(hops) for hops in (1, 2, 4)] == [{one}, {one, two}, {one, two, three}]


async def test_no_more_passages_come_than_are_asked_for_and_those_that_share_most(world: World) -> None:
    one, *others = await world.say("Melanie in Oslo", *("Melanie came again" for _ in range(9)), "Melanie left Oslo")
    near = await world.graph.neighbourhood(Reader(ANN, "clerk"), [one], [], most=3)
    assert len(near.passages) == 3
    assert near.cut
    assert {one, others[-1]} <= {passage.id for passage in near.passages}


async def test_nobody_is_found_by_what_all_speak_of(world: World) -> None:
    one, *_ = await world.say(*(f"Melanie was at place{number}x" for number in range(HUB + 6)))
    assert await world.around(one) == {one}
    near = await world.near(names=(MELANIE,), relations=True)
    assert len(near.passages) == HUB
    assert shown(near) >= {"Melanie"}
    assert all(entity.mentions == HUB + 1 for entity in near.entities if entity.name == MELANIE)


async def test_an_agents_own_passages_are_its_own(world: World) -> None:
    (mine,) = await world.say("Melanie is mine", agent="clerk")
    (other,) = await world.say("Melanie is theirs", agent="nurse")
    (anyones,) = await world.say("Melanie is anyone's")
    assert await world.around(anyones) == {anyones, mine}
    assert await world.around(anyones, reader=Reader(ANN, "nurse")) == {anyones, other}
    assert await world.around(anyones, reader=Reader(ANN, "")) == {anyones, mine, other}


async def test_nothing_leads_from_one_owner_to_another(world: World) -> None:
    """Every owner has said the same, and everybody is asked from everybody's passages and names."""
    owners = (ANN, BOB, OTHER, Owner("evil", "bob"))
    said = {owner: set(await world.say("Melanie met Oliver in Oslo", "Oliver knows", owner=owner)) for owner in owners}
    for owner in owners:
        known = await world.know(stated("Melanie is a friend of Oliver", "friend"), owner)
        said[owner].add(known)
    everything = [id_ for ids in said.values() for id_ in ids]
    for owner in owners:
        for hops in (1, 2, 3, 6):
            near = await world.graph.neighbourhood(
                Reader(owner, "clerk"), everything, [MELANIE, "oliver", "oslo"], hops=hops, relations=True
            )
            assert {passage.id for passage in near.passages} == said[owner]
            assert {entity.id for entity in near.entities} <= await entities_of(world, owner)
            assert {edge.passage for edge in near.edges} <= said[owner]
            assert {passage for _, passage in near.mentions} <= said[owner]
        central = await world.wholes.central(owner)
        assert {entity.id for entity, _ in central} == await entities_of(world, owner)
        assert sum(island.size for island in await world.wholes.islands(owner)) == len(central)


async def entities_of(world: World, owner: Owner) -> set[bytes]:
    rows = await world.database.scan(ENTITIES)
    return {row[0] for row in rows if (row[1], row[2]) == (owner.tenant, owner.end_user)}


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(
        st.tuples(st.sampled_from([ANN, BOB, OTHER]), st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=3)),
        min_size=2,
        max_size=8,
    )
)
async def test_whatever_is_said_a_walk_stays_with_its_owner(world: World, said: list[tuple[Owner, list[str]]]) -> None:
    ids: dict[Owner, set[bytes]] = {ANN: set(), BOB: set(), OTHER: set()}
    for owner, letters in said:
        text = "we saw " + " and ".join(f"Person{letter}" for letter in letters)
        ids[owner] |= set(await world.say(text, owner=owner))
    every = [id_ for some in ids.values() for id_ in some]
    for owner, own in ids.items():
        assert own == await world.around(*every, reader=Reader(owner, "clerk")) & set(every)


async def test_a_tenants_documents_are_joined_with_what_was_said_for_agents_that_may_see_them(world: World) -> None:
    granted = await world.read_in("The Zephyr needs oil")
    hidden = await world.read_in("The Zephyr is secret", agents=("nurse",))
    foreign = await world.read_in("The Zephyr of others", tenant="evil")
    (said,) = await world.say("My Zephyr is loud")
    assert await world.around(said) == {said, granted}
    assert await world.around(said, reader=Reader(ANN, "nurse")) == {said, granted, hidden}
    assert await world.around(granted) == {said, granted}
    assert await world.around(names=("zephyr",), reader=Reader(BOB, "clerk")) == {granted}
    assert await world.around(said, granted, hidden, foreign, reader=Reader(OTHER, "clerk")) == {foreign}
    near = await world.near(said)
    (zephyr,) = [entity for entity in near.entities if entity.name == "zephyr"]
    assert zephyr.id == entity_id(ANN.scope, "zephyr")
    assert {passage for entity, passage in near.mentions if entity == zephyr.id} == {said, granted}


async def test_a_fact_that_is_no_longer_believed_is_not_found(world: World) -> None:
    world.clock.at += 10
    paris = await world.know(stated("Melanie lives in Paris", "city"))
    world.clock.at += 10
    before = world.clock.at
    world.clock.at += 10
    berlin = await world.know(stated("Melanie lives in Berlin", "city"))
    found = await world.around(names=(MELANIE,))
    assert berlin in found
    assert paris not in found
    near = await world.graph.neighbourhood(
        Reader(ANN, "clerk"), [], [MELANIE], as_of=AsOf(valid=before, recorded=before)
    )
    assert {passage.id for passage in near.passages} == {paris}


async def test_facts_say_how_entities_are_related(world: World) -> None:
    fact = await world.know(stated("Lives in Paris with Oliver", "home", subject="Melanie"))
    near = await world.near(fact, relations=True)
    name = {entity.id: entity.name for entity in near.entities}
    assert {(name[edge.source], edge.relation, name[edge.target]) for edge in near.edges} >= {
        (MELANIE, "home", canonical("Paris")),
        (MELANIE, "home", canonical("Oliver")),
    }
    assert (await world.near(fact)).edges == ()


async def test_noting_again_changes_nothing(world: World) -> None:
    (one,) = await world.say("We met Melanie in Oslo")
    before = [await count(world, table) for table in (ENTITY, MENTION, EDGE)]
    passage = (await world.passages.load(Reader(ANN, "clerk"), [one]))[one]
    tx = world.database.begin()
    for _ in range(2):
        await world.graph.note(tx, passage)
    await world.database.commit(tx)
    assert [await count(world, table) for table in (ENTITY, MENTION, EDGE)] == before


async def test_many_transactions_that_speak_of_the_same_at_once_all_commit(world: World) -> None:
    names = ["Melanie", "Oliver", "Peter", "Quentin"]

    async def one(number: int) -> None:
        turned = names[number % 4 :] + names[: number % 4]
        await world.say("we saw " + " then ".join(turned), "we saw " + " then ".join(turned[::-1]))

    await asyncio.wait_for(asyncio.gather(*(one(number) for number in range(24))), 60)
    rows = await world.database.scan(ENTITIES.where(ENTITY.c.name == MELANIE))
    assert len(rows) == 1
    assert await count(world, MENTION) == 24 * 2 * await count(world, ENTITY)


async def test_a_dropped_passage_is_not_found_and_a_sweep_leaves_no_name_that_nobody_speaks_of(world: World) -> None:
    one, two = await world.say("We met Melanie", "Oliver met Melanie")
    found = await world.passages.load(Reader(ANN, "clerk"), [two])
    tx = world.database.begin()
    world.passages.drop(tx, found.values())
    world.graph.sweep(tx, ANN)
    await world.database.commit(tx)
    assert await world.around(one, names=("oliver",)) == {one}
    assert {row[3] for row in await world.database.scan(ENTITIES)} == {
        entity.name for entity in (await world.near(one)).entities
    }


async def test_a_sweep_is_one_owners(world: World) -> None:
    stray = (entity_id(BOB.scope, "stray"), "acme", "bob", "stray", "Stray", "name")
    mine = (entity_id(ANN.scope, "stray"), "acme", "ann", "stray", "Stray", "name")
    tx = world.database.begin()
    tx.write(ENTITY.insert(), stray)
    tx.write(ENTITY.insert(), mine)
    await world.database.commit(tx)
    await world.say("We met Melanie")
    tx = world.database.begin()
    world.graph.sweep(tx, ANN)
    await world.database.commit(tx)
    rows = await world.database.scan(ENTITIES.where(ENTITY.c.name == "stray"))
    assert [row[2] for row in rows] == ["bob"]


async def test_the_whole_graph_names_what_is_central_and_what_lies_apart(world: World) -> None:
    await world.say("Melanie met Oliver", "Melanie met Peter", "Melanie met Quentin", "Zebra eats grass")
    central = await world.wholes.central(ANN)
    assert central[0][0].name == MELANIE
    assert sum(rank for _, rank in central) <= 1
    first, second = (await world.wholes.islands(ANN))[:2]
    assert (first.size, first.entities[0].name) == (5, MELANIE)
    assert {entity.name for entity in second.entities} == {canonical(word) for word in ("zebra", "eats", "grass")}
    assert await world.wholes.central(BOB) == []
    assert await world.wholes.islands(documents_of("acme")) == []


async def test_the_whole_graph_follows_what_is_said_and_names_nothing_that_was_dropped(world: World) -> None:
    one, two = await world.say("We met Melanie", "We met Oliver")
    kept = await world.wholes.of("acme")
    assert await world.wholes.of("acme") is kept
    found = await world.passages.load(Reader(ANN, "clerk"), [two])
    tx = world.database.begin()
    world.passages.drop(tx, found.values())
    await world.database.commit(tx)
    world.wholes._kept["acme"] = kept
    assert "oliver" not in {entity.name for entity, _ in await world.wholes.central(ANN)}
    assert await world.wholes.of("acme") is not kept
    assert one
