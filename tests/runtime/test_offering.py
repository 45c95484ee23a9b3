"""An agent with more tools than a turn may hold: what is offered, what the journal says of it, and asking for more."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from toolyard_registry.names import FIND_TOOLS, OWN_SOURCE, READ_RESULT
from toolyard_registry.policy import make_policy
from toolyard_registry.releases import AgentRelease, ModelSettings, tool_release
from toolyard_registry.toolbox.rest import SPEC
from toolyard_runtime.run.offering import with_reader
from toolyard_sdk import events as e
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.tools import FunctionTool, tool

from tests.runtime.test_rebuild import rebuilt
from tests.runtime.workshop import CALLER, Workshop, call, say, settled, workshop

TOPICS = ("river", "mountain", "glacier", "desert", "forest", "island", "valley", "canyon", "lake", "volcano")
VERBS = ("measure", "photograph", "paint", "name")


def one_of_many(verb: str, topic: str) -> FunctionTool:
    def function(place: str) -> str:
        return f"{verb} {topic} {place}"

    return tool(
        name=f"{verb}_{topic}", description=f"{verb.title()} the {topic} at a place.", read_only=verb != "name"
    )(function)


MANY = [one_of_many(verb, topic) for verb in VERBS for topic in TOPICS]
SIX = "[limits]\ntools_per_turn = 6\n"


def sent(shop: Workshop, index: int = -1) -> list[str]:
    """Return the names of the tools in a request, as they stand there."""
    return [tool["function"]["name"] for tool in json.loads(shop.model.bodies[index])["tools"]]


def released(shop: Workshop, name: str) -> str:
    """Return the digest of a tool's release."""
    return shop.loader.current.toolbox.releases[name].digest


async def offers(shop: Workshop, run: bytes) -> list[e.ToolsOffered]:
    return [event for event in await shop.journal(run) if isinstance(event, e.ToolsOffered)]


async def test_an_agent_within_its_budget_is_offered_everything_and_no_finder(tmp_path: Path) -> None:
    async with workshop(tmp_path, *MANY, more="[limits]\ntools_per_turn = 40\n") as shop:
        segment = await shop.run("measure the river")
        assert sorted(sent(shop)) == sorted(one.spec.name for one in MANY)
        (offer,) = await offers(shop, segment.run)
        assert {(one.score, one.because, one.left_out) for one in offer.candidates} == {(None, "", "")}


async def test_a_turn_is_offered_what_fits_the_request_sorted_by_name(tmp_path: Path) -> None:
    async with workshop(tmp_path, *MANY, more=SIX) as shop:
        segment = await shop.run("Please measure how deep the glaciers are")
        assert sent(shop) == sorted(sent(shop))
        assert len(sent(shop)) == 6
        assert {FIND_TOOLS, "measure_glacier", "paint_glacier"} <= set(sent(shop))
        (offer,) = await offers(shop, segment.run)
        assert len(offer.candidates) == len(MANY) + 1
        best = max((one for one in offer.candidates if one.score is not None), key=lambda one: one.score or 0)
        assert best.name == "measure_glacier"
        assert min(one.score or 0 for one in offer.candidates if one.because == "ranked") >= max(
            one.score or 0 for one in offer.candidates if one.left_out
        )
        left = {one.name for one in offer.candidates if one.left_out == "budget"}
        assert left == {one.spec.name for one in MANY} - set(sent(shop))
        assert await rebuilt(shop, segment.run) == shop.model.bodies


async def test_what_the_model_asks_for_is_offered_from_the_next_turn_on(tmp_path: Path) -> None:
    async with workshop(tmp_path, *MANY, more=SIX) as shop:
        shop.model.will(
            call((FIND_TOOLS, {"query": "paint a volcano"})), call(("paint_volcano", {"place": "Etna"})), say("done")
        )
        segment = await shop.run("measure the river")
        assert "paint_volcano" not in sent(shop, 0)
        assert "paint_volcano" in sent(shop, 1)
        assert set(sent(shop, 0)) < set(sent(shop, 1)) == set(sent(shop, 2))
        told = json.loads(shop.model.messages(1)[-1]["content"])
        assert told["tools"][0]["name"] == "paint_volcano"
        assert shop.model.messages()[-1]["content"] == "paint volcano Etna"
        first, second = await offers(shop, segment.run)
        assert [one.because for one in second.candidates if one.name == "paint_volcano"] == ["found"]
        assert [one.score for one in second.candidates if one.name == "measure_river"] == [
            one.score for one in first.candidates if one.name == "measure_river"
        ]
        returned = [event for event in await shop.journal(segment.run) if isinstance(event, e.ToolReturned)]
        assert returned[0].found[0] == "paint_volcano"
        assert returned[1].found == ()
        assert await rebuilt(shop, segment.run) == shop.model.bodies


async def test_a_tool_that_was_not_offered_cannot_be_called(tmp_path: Path) -> None:
    async with workshop(tmp_path, *MANY, more=SIX) as shop:
        shop.model.will(call(("paint_volcano", {"place": "Etna"})), say("sorry"))
        await shop.run("measure the river")
        assert "no tool named 'paint_volcano'" in shop.model.messages()[-1]["content"]
        assert FIND_TOOLS in shop.model.messages()[-1]["content"]


async def test_what_the_agent_always_has_is_offered_whatever_is_asked(tmp_path: Path) -> None:
    async with workshop(tmp_path, *MANY, more=f'always = ["name_*ley", "paint_lake"]\n{SIX}') as shop:
        segment = await shop.run("measure the river")
        assert {"name_valley", "paint_lake", FIND_TOOLS, "measure_river"} <= set(sent(shop))
        (offer,) = await offers(shop, segment.run)
        assert {one.name for one in offer.candidates if one.because == "always"} == {
            "name_valley",
            "paint_lake",
            FIND_TOOLS,
        }


async def test_a_tool_that_was_called_stays_offered_in_later_runs_of_the_session(tmp_path: Path) -> None:
    async with workshop(tmp_path, *MANY, more=SIX) as shop:
        shop.model.will(call(("measure_river", {"place": "Rhine"})), say("long"))
        first = await shop.run("measure the river")
        second = await shop.next_run(first, "Paint and photograph the desert, the forest, an island and a canyon")
        assert "measure_river" in sent(shop)
        (offer,) = await offers(shop, second.run)
        assert [one.because for one in offer.candidates if one.name == "measure_river"] == ["called"]


async def test_a_request_that_says_little_is_read_with_the_one_before_it(tmp_path: Path) -> None:
    async with workshop(tmp_path, *MANY, more=SIX) as shop:
        first = await shop.run("measure the glacier")
        await shop.next_run(first, "and again, please")
        assert "measure_glacier" in sent(shop)


async def test_a_request_with_no_words_in_common_is_offered_the_finder_alone(tmp_path: Path) -> None:
    async with workshop(tmp_path, *MANY, more=SIX) as shop:
        await shop.run("hello")
        assert sent(shop) == [FIND_TOOLS]


async def test_a_stopped_tool_is_neither_found_nor_offered(tmp_path: Path) -> None:
    async with workshop(tmp_path, *MANY, more=SIX) as shop:
        held: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        shop.model.will(lambda _request: held, call((FIND_TOOLS, {"query": "measure the glacier"})), say("done"))
        driver = await shop.start("measure the river")
        await shop.model.until(1)
        for name in ("measure_river", "measure_glacier"):
            shop.stops.add(shop.database.begin(), CALLER.tenant, "tool", name, 1, "operator")
        held.set_result(call(("measure_lake", {"place": "Como"})))
        segment = await settled(driver)
        assert "measure_river" in sent(shop, 0)
        assert not {"measure_river", "measure_glacier"} & {*sent(shop, 1), *sent(shop, 2)}
        found = [event.found for event in await shop.journal(segment.run) if isinstance(event, e.ToolReturned)][-1]
        assert found
        assert "measure_glacier" not in found
        assert await rebuilt(shop, segment.run) == shop.model.bodies


async def test_after_a_crash_the_run_is_offered_the_same_tools(tmp_path: Path) -> None:
    async with workshop(tmp_path, *MANY, more=SIX) as shop:
        shop.model.will(
            call((FIND_TOOLS, {"query": "paint a volcano"})),
            lambda _request: asyncio.get_running_loop().create_future(),
        )
        driver = await shop.start("measure the river", mode="background")
        await shop.model.until(2)
        before = shop.model.bodies
    async with workshop(tmp_path, *MANY, more=SIX, recover=False) as shop:
        for _ in range(50):  # what has worked elsewhere since must not change what this run was offered
            shop.services.successes.note(CALLER.tenant, released(shop, "photograph_canyon"))
        shop.model.will(call(("paint_volcano", {"place": "Etna"})), say("done"))
        await shop.upkeep.recover()
        again = await settled(shop.engine.live[driver.row.id])
        assert again.status == "completed"
        assert json.loads(shop.model.bodies[0])["tools"] == json.loads(before[1])["tools"]
        assert len(await offers(shop, driver.row.id)) == 2
        assert await rebuilt(shop, driver.row.id) == [*before, *shop.model.bodies]


async def test_what_has_lately_worked_for_the_tenant_decides_between_equals(tmp_path: Path) -> None:
    async with workshop(tmp_path, *MANY, more="[limits]\ntools_per_turn = 2\n") as shop:
        await shop.run("the volcano")
        unhelped = sent(shop)
        for _ in range(3):
            shop.services.successes.note(CALLER.tenant, released(shop, "photograph_volcano"))
        await shop.run("the volcano")
        assert unhelped == [FIND_TOOLS, "measure_volcano"]
        assert sent(shop) == [FIND_TOOLS, "photograph_volcano"]


async def test_what_has_worked_before_a_restart_still_decides(tmp_path: Path) -> None:
    async with workshop(tmp_path, *MANY, more="[limits]\ntools_per_turn = 2\n") as shop:
        shop.model.will(call((FIND_TOOLS, {"query": "photograph a volcano"})))
        for _ in range(3):
            shop.model.will(call(("photograph_volcano", {"place": "Etna"})))
        shop.model.will(say("done"))
        await shop.run("photograph it")
    async with workshop(tmp_path, *MANY, more="[limits]\ntools_per_turn = 2\n") as shop:
        await shop.run("the volcano")
        assert sent(shop) == [FIND_TOOLS, "photograph_volcano"]


@pytest.mark.parametrize("arguments", ["{}", '{"query": ""}', '{"query": 1}', '{"query": "x", "limit": 3}'])
async def test_the_finder_says_what_is_wrong_with_its_arguments(tmp_path: Path, arguments: str) -> None:
    async with workshop(tmp_path, *MANY, more=SIX) as shop:
        shop.model.will(call((FIND_TOOLS, arguments)), say("done"))
        segment = await shop.run("measure the river")
        assert "query (string)" in shop.model.messages()[-1]["content"]
        assert len(await offers(shop, segment.run)) == 1


async def test_a_result_that_is_cut_still_offers_what_was_found(tmp_path: Path) -> None:
    async with workshop(tmp_path, *MANY, more=f"{SIX}tool_output_bytes = 10\n") as shop:
        shop.model.will(call((FIND_TOOLS, {"query": "paint a volcano"})), say("done"))
        await shop.run("measure the river")
        assert "paint_volcano" in sent(shop)


def test_the_servers_own_read_result_is_there_in_whatever_words_a_release_has_it_and_in_place_of_no_strangers() -> None:
    former = ToolSpec(READ_RESULT, "Read on in a result that was cut.", {"type": "object"})
    unread = AgentRelease("reader", "", "", "", ModelSettings(), (), make_policy(), e.Limits(), digest="sha256:1")
    for spec, source, ours in ((former, OWN_SOURCE, True), (SPEC, OWN_SOURCE, True), (SPEC, "mcp:lab", False)):
        release = msgspec.structs.replace(unread, tools=(tool_release(spec, source, "1"),))
        assert (READ_RESULT in with_reader(release, {})) == ours
    assert with_reader(unread, {}) == {}
    assert "cut" in SPEC.description
    assert "put away" in SPEC.description
