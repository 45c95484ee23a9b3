"""What came of runs, on every adapter: facts heard in them, and what was derived from those; nobody else's."""

import msgspec
import pytest
from toolyard_memory.facts import descent as module
from toolyard_memory.facts.descent import Descent, descent
from toolyard_memory.records import Evidence, Trust

from tests.conformance.adapters import Adapter
from tests.memory.facts.told import ANN, BOB, OTHER, Told, derived, stated


@pytest.fixture
def told(adapter: Adapter) -> Told:
    return Told(adapter.database)


async def put_down(told: Told, text: str, run: bytes, trust: Trust = "tool") -> bytes:
    """Put a fact down in a run, in words of its own."""
    return (await told.remember(msgspec.structs.replace(stated(text, trust=trust), run=run))).fact.id


def run_of(said: Evidence) -> bytes:
    assert said.source is not None
    return said.source


async def test_a_fact_is_found_by_the_run_it_was_put_down_in_and_by_the_run_whose_message_it_rests_on(
    told: Told,
) -> None:
    said = await told.message("The bank says I owe it.", trust="tool")
    resting = (await told.remember(stated("Owes the bank", trust="tool", evidence=(said,)))).fact.id
    run = told.new_id()
    direct = await put_down(told, "Lives in Rome", run)
    await put_down(told, "Lives in Oslo", told.new_id())
    found = await descent(told.database, "acme", [run_of(said), run])
    assert found == Descent(tuple(sorted([(run_of(said), resting), (run, direct)])))


async def test_what_is_the_persons_word_alone_was_not_learnt_from_a_tool(told: Told) -> None:
    run = told.new_id()
    await put_down(told, "Likes tea", run, "user")
    await put_down(told, "Is polite", run, "agent")
    page = await put_down(told, "Is an administrator", run, "page")
    assert (await descent(told.database, "acme", [run])).heard == ((run, page),)


async def test_what_was_derived_is_followed_step_by_step_also_through_what_is_not_believed_any_more(told: Told) -> None:
    run = told.new_id()
    new = msgspec.structs.replace(stated("Lives in Rome", "city", trust="tool"), run=run)
    rome = (await told.remember(new)).fact.id
    italy = (await told.remember(stated("Lives in Italy", trust="tool", evidence=derived(rome)))).fact.id
    europe = (await told.remember(stated("Lives in Europe", trust="tool", evidence=derived(italy)))).fact.id
    told.clock.at += 10
    await told.remember(stated("Lives in Oslo", "city"))
    found = await descent(told.database, "acme", [run])
    before = next(fact for _, fact in found.heard if fact != rome)
    assert found.heard == ((run, rome), (run, before)), (
        "that it was Rome until Oslo is still believed, on the same word"
    )
    assert found.derived == tuple(sorted([(rome, italy), (italy, europe)]))
    assert found.past == {rome}
    assert found.complete


async def test_end_users_of_a_tenant_are_looked_at_together_and_those_of_another_tenant_never(told: Told) -> None:
    run = told.new_id()
    mine = [
        (await told.remember(msgspec.structs.replace(stated("Is tall", trust="tool"), run=run), owner)).fact.id
        for owner in (ANN, BOB, OTHER)
    ]
    assert [fact for _, fact in (await descent(told.database, "acme", [run])).heard] == mine[:2]
    assert [fact for _, fact in (await descent(told.database, "evil", [run])).heard] == mine[2:]


async def test_of_no_runs_nothing_came(told: Told) -> None:
    await put_down(told, "Is tall", told.new_id())
    assert await descent(told.database, "acme", ()) == Descent()


async def test_more_than_is_followed_is_said_to_be_more(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    run = told.new_id()
    facts = [await put_down(told, f"Owns {n} hats", run) for n in range(3)]
    assert (await descent(told.database, "acme", [run])).complete
    for n in range(3):
        await told.remember(stated(f"Has {n} hats", trust="tool", evidence=derived(facts[0])))
    assert not (await descent(told.database, "acme", [run])).complete
    await put_down(told, "Owns 4 hats", run)
    found = await descent(told.database, "acme", [run])
    assert len(found.heard) == 3
    assert not found.complete
