"""What was sent to a model, rebuilt from the journal alone: the same bytes in every kind of run."""

import asyncio
from pathlib import Path

import pytest
from toolyard_runtime.run.rebuild import NotRebuilt, rebuild
from toolyard_runtime.run.segments import Sampling
from toolyard_sdk import events as e
from toolyard_sdk.errors import ModelError
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.tools import tool

from tests.runtime.workshop import CALLER, Workshop, call, say, settled, workshop

CLIENT_TOOL = ToolSpec("look_up", "Looks something up.", {"type": "object", "properties": {"q": {"type": "string"}}})


@tool(read_only=True)
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool(read_only=True)
def spell(word: str) -> str:
    """Spell a word."""
    return " ".join(word)


async def rebuilt(shop: Workshop, run: bytes) -> list[bytes]:
    """Rebuild every request of a run; each must have been sent exactly so."""
    row = await shop.row(run)
    release = await shop.agents._catalogue.agent(CALLER.tenant, row.release)
    assert release is not None
    events = await shop.journal(run)
    found = []
    for seq, event in enumerate(events):
        if isinstance(event, e.ModelCalled):
            found.append(await rebuild(shop.database, shop.services.sessions, release, events, seq))
    return found


async def test_a_run_with_tools_retries_re_asks_and_reasoning(tmp_path: Path) -> None:
    async with workshop(tmp_path, add, spell) as shop:
        shop.model.will(
            ModelError("server_error", "busy"),
            call(("add", {"a": 1, "b": 2}), ("spell", {"word": "hé\u2028"}), reasoning="two things at once"),
            say("", malformed="<tool_call"),
            call(("add", '{"a": 1'), ("nothing", {}), text="trying"),
            say("done", reasoning="easy"),
        )
        segment = await shop.run("add and spell", stream=True)
        assert segment.status == "completed"
        assert await rebuilt(shop, segment.run) == shop.model.bodies
        assert len(shop.model.bodies) == 5


async def test_instructions_sampling_and_client_tools_over_several_segments(tmp_path: Path) -> None:
    async with workshop(tmp_path, add) as shop:
        shop.model.will(call(("look_up", {"q": "x"}), ("add", {"a": 2, "b": 2})), say("four"))
        driver = await shop.start(
            "look it up",
            instructions="Be brief.",
            client_tools=(CLIENT_TOOL,),
            sampling=Sampling(temperature=0.5, stop=("END",)),
        )
        parked = await settled(driver)
        assert parked.finish == "client_tools"

        def news(log):  # type: ignore[no-untyped-def]  # its types are those of the port
            result = log.put("tool", b'{"role":"tool","tool_call_id":"c","content":"found"}')
            return [e.ClientToolsReturned(log.now(), (e.ClientResult(1, result),))]

        await settled(await shop.engine.resume(await shop.row(parked.run), "client_tools", news))
        assert len(shop.model.bodies) == 2
        assert await rebuilt(shop, parked.run) == shop.model.bodies


async def test_turns_of_a_session_with_and_without_the_window_cache(tmp_path: Path) -> None:
    async with workshop(tmp_path, add) as shop:
        runs = []
        shop.model.will(call(("add", {"a": 1, "b": 1}), reasoning="hm"), say("two", reasoning="clear"))
        last = await shop.run("one and one")
        runs.append(last.run)
        for number in range(6):
            shop.model.will(call(("add", {"a": number, "b": 1}), reasoning="hm"), say(f"turn {number}"))
            if number % 2:
                shop.engine.windows._kept.clear()
            last = await shop.next_run(last, f"and {number}?")
            runs.append(last.run)
        made = [body for run in runs for body in await rebuilt(shop, run)]
        assert made == shop.model.bodies
        assert len(made) == 14


async def test_a_window_that_moves_and_one_read_back_from_the_database_are_the_same(tmp_path: Path) -> None:
    sent: list[list[bytes]] = []
    for cached in (True, False):
        root = tmp_path / str(cached)
        async with workshop(root, more="[limits]\nwindow_tokens = 150\n") as shop:
            last = await shop.run("a" * 90)
            for number in range(12):
                if not cached:
                    shop.engine.windows._kept.clear()
                shop.model.will(say(f"{number} " * 20, reasoning="thought"))
                last = await shop.next_run(last, f"question {number} " + "b" * 40)
                assert await rebuilt(shop, last.run) == shop.model.bodies[-1:]
            sent.append(shop.model.bodies)
            assert len(shop.model.messages()) < 12, "the window has moved"
            assert shop.model.messages()[1]["role"] == "user", "whole exchanges only"
    assert sent[0] == sent[1]


async def test_a_run_that_another_process_went_on_with(tmp_path: Path) -> None:
    async with workshop(tmp_path, add) as shop:
        first = await shop.run("hello")
        shop.model.will(call(("add", {"a": 1, "b": 1}), reasoning="think"))
        driver = await shop.start(
            "more", mode="background", session=first.session, base=e.ItemRef(first.run, 3), stream=True
        )
        shop.model.will(lambda _request: asyncio.get_running_loop().create_future())
        await shop.model.until(3)
        before = shop.model.bodies
    async with workshop(tmp_path, add, recover=False) as shop:
        shop.model.will(say("two"))
        await shop.upkeep.recover()
        again = await settled(shop.engine.live[driver.row.id])
        assert again.status == "completed"
        assert await rebuilt(shop, driver.row.id) == [*before[1:], *shop.model.bodies]


async def test_what_was_erased_or_changed_is_not_rebuilt(tmp_path: Path) -> None:
    async with workshop(tmp_path, add) as shop:
        segment = await shop.run("secret")
        shop.database.connection.execute("UPDATE payload SET data = x'7b7d' WHERE n = 1")
        with pytest.raises(NotRebuilt, match="other bytes"):
            await rebuilt(shop, segment.run)
        shop.database.connection.execute("DELETE FROM payload")
        with pytest.raises(NotRebuilt, match="erased"):
            await rebuilt(shop, segment.run)
