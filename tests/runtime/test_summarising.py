"""What a model sums up of what is believed: a fact that rests on facts, and goes with them."""

import json
from pathlib import Path

import pytest
from toolyard_memory.records import Evidence, Fact, NewFact, Owner, Reader, Trust
from toolyard_runtime.engine.summarising import FEWEST, WRITER, Summarising, Summary
from toolyard_runtime.models.encoder import VLLM, cache_salt_of
from toolyard_sdk.errors import ModelError

from tests.runtime.workshop import CALLER, Workshop, say, workshop

MEMORY = "[memory]\n"
ALICE = Owner(CALLER.tenant, "alice")
HOBBIES = ("bees", "stamps", "chess", "sailing", "bread", "orchids", "maps")


async def told(shop: Workshop, count: int = FEWEST) -> None:
    """Put facts about alice down; the last is only a tool's word."""
    shop.mind()
    for number, hobby in enumerate(HOBBIES[:count]):
        tx = shop.database.begin()
        trust: Trust = "tool" if number == count - 1 else "user"
        new = NewFact(f"Alice likes {hobby}.", (Evidence("stated", words=hobby),), subject="Alice", trust=trust)
        await shop.memory.put_down(tx, ALICE, new, shop.services.clock.now())
        await shop.database.commit(tx)


async def believed(shop: Workshop) -> list[Fact]:
    """Return what is believed of alice, newest first."""
    return await shop.memory.facts.listed(Reader(ALICE, "worker"))


async def proposed(shop: Workshop) -> tuple[Summary, ...]:
    """Have the worker's model sum up."""
    agent = shop.agents.current("worker")
    assert agent is not None
    return await Summarising(shop.memory, agent.release, agent.route).propose(ALICE)


async def put_down(shop: Workshop, summary: Summary) -> None:
    """Put a summary down."""
    tx = shop.database.begin()
    await shop.memory.put_down(tx, ALICE, summary.new, shop.services.clock.now())
    await shop.database.commit(tx)


async def test_a_summary_rests_on_its_facts_with_the_least_of_their_trust(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        await told(shop)
        shop.model.will(say("Alice has many hobbies."))
        (summary,) = await proposed(shop)
        assert json.loads(shop.model.bodies[-1])["cache_salt"] == cache_salt_of(CALLER.tenant, VLLM)
        assert len(await believed(shop)) == FEWEST
        await put_down(shop, summary)
        newest = (await believed(shop))[0]
        assert (newest.text, newest.trust) == ("Alice has many hobbies.", "tool")
        assert newest.writer.startswith(WRITER)
        assert len(newest.evidence) == FEWEST


async def test_what_is_summed_up_already_is_not_asked_again_until_more_is_known(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        await told(shop)
        shop.model.will(say("Alice has many hobbies."))
        await put_down(shop, (await proposed(shop))[0])
        assert await proposed(shop) == ()
        await told(shop, FEWEST + 1)
        shop.model.will(say("Alice has even more hobbies."))
        await put_down(shop, (await proposed(shop))[0])
        summaries = [fact.text for fact in await believed(shop) if fact.attribute == "summary"]
        assert summaries == ["Alice has even more hobbies."]


async def test_a_summary_goes_with_a_fact_it_rests_on(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        await told(shop)
        shop.model.will(say("Alice has many hobbies."))
        await put_down(shop, (await proposed(shop))[0])
        first = (await believed(shop))[-1]
        tx = shop.database.begin()
        await shop.memory.facts.forget(tx, ALICE, [first.id], "key:test", shop.services.clock.now())
        await shop.database.commit(tx, "full")
        assert [fact.attribute for fact in await believed(shop)] == [""] * (FEWEST - 1)


async def test_few_facts_are_left_as_they_are_and_an_empty_answer_is_no_summary(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        await told(shop, FEWEST - 1)
        assert await proposed(shop) == ()
        await told(shop, FEWEST)
        shop.model.will(say("  "))
        assert await proposed(shop) == ()


async def test_a_model_that_does_not_answer_changes_nothing(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        await told(shop)
        shop.model.will(ModelError("connect", "refused"))
        with pytest.raises(ModelError):
            await proposed(shop)
        assert len(await believed(shop)) == FEWEST
