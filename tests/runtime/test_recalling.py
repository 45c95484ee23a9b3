"""A run that waits for what comes to mind: it can be stopped there, and what came has its place in the window."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from toolyard_memory.memory import Memory
from toolyard_memory.sessions.window import estimate_tokens, fullness
from toolyard_memory.vectors.store import Vectors
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.models.embedding import OpenAIEmbedder
from toolyard_runtime.run.drive import Driver
from toolyard_runtime.run.recalling import Recalling
from toolyard_runtime.telling.why import explain
from toolyard_sdk import events as e
from toolyard_sdk.ids import uuid7
from toolyard_sdk.tools import tool

from tests.faults.model_server.server import Peer, serving
from tests.runtime.test_compacting import rebuilt
from tests.runtime.workshop import CALLER, SECONDS, Workshop, call, say, settled, workshop

ALICE = {"end_user": "alice"}
BUDGET = 1_600
SMALL = f"[limits]\nwindow_tokens = {BUDGET}\n[memory]\n"
BRIEF = "[limits]\ngrace_seconds = 0.05\n[memory]\n"
LONG = "A sentence that takes its place. " * 52
KNOWN = 'They said "nuts", "peanuts" and "nuts" again, and I wrote down: no nuts. '


@tool(read_only=True)
def weather() -> str:
    """Tell the weather."""
    return "rain"


@tool(read_only=True)
def recipe() -> str:
    """Find a recipe for dinner."""
    return "soup"


@tool(read_only=True)
def walk() -> str:
    """Plan a walk."""
    return "north"


@asynccontextmanager
async def held(root: Path) -> AsyncIterator[tuple[Workshop, asyncio.Event, asyncio.Event]]:
    """Open the engine with an embedder that holds whoever asks: tells when it was asked, and when they had gone."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def hold(peer: Peer) -> None:
        asked.set()
        await peer.until_gone()
        gone.set()

    async with serving(hold) as server, workshop(root, more=BRIEF) as shop:
        embedder = OpenAIEmbedder(server.url, "m", SystemClock())
        vectors = Vectors(shop.database, embedder, None, SystemClock())
        shop.memory = Memory(shop.database, SystemClock(), uuid7, os.urandom, vectors)
        shop._mind = Recalling(shop.memory)
        try:
            yield shop, asked, gone
        finally:
            await shop.memory.close()


async def cancelled(shop: Workshop, driver: Driver) -> None:
    await shop.engine.cancel(driver.row, "somebody", "user")


async def stopped(shop: Workshop, driver: Driver) -> None:
    tx = shop.database.begin()
    shop.stops.add(tx, CALLER.tenant, "agent", "worker", driver.log.now(), "operator")
    await shop.database.commit(tx)
    await shop.engine.cancel(driver.row, "operator", "stopped")


async def left(shop: Workshop, driver: Driver) -> None:
    shop.engine.client_left(driver)


async def out_of_time(_shop: Workshop, driver: Driver) -> None:
    driver._out_of_time()


@pytest.mark.parametrize(("end", "reason"), [(cancelled, "cancelled"), (stopped, "cancelled"), (left, "cancelled"),
                                             (out_of_time, "budget")])  # fmt: skip
async def test_a_run_is_stopped_while_its_memory_is_searched(
    tmp_path: Path, end: Callable[[Workshop, Driver], object], reason: str
) -> None:
    async with held(tmp_path) as (shop, asked, gone):
        driver = await shop.start("Which nuts can I eat?", **ALICE)
        async with asyncio.timeout(SECONDS):
            await asked.wait()
            await end(shop, driver)  # type: ignore[misc]  # they are coroutine functions
            await gone.wait()
        segment = await settled(driver)
        kinds = [type(event) for event in await shop.journal(segment.run)]
        assert (await shop.row(segment.run)).reason == reason
        assert kinds.count(e.ModelFailed) == 1
        assert not {e.MemoryRecalled, e.ModelCalled} & set(kinds), "it did not wait for the embedder to be late"
        assert shop.model.bodies == []


async def test_a_run_that_a_server_leaves_while_its_memory_is_searched_goes_on_in_the_next(tmp_path: Path) -> None:
    async with held(tmp_path) as (shop, asked, gone):
        driver = await shop.start("Which nuts can I eat?", mode="background", **ALICE)
        async with asyncio.timeout(SECONDS):
            await asked.wait()
            await shop.upkeep.close(0)
            await gone.wait()
    async with workshop(tmp_path, more=BRIEF, recover=False) as shop:
        shop.model.will(say("None."))
        await shop.upkeep.recover()
        again = await settled(shop.engine.live[driver.row.id])
        assert again.status == "completed"
        assert len(await shop.events(again.run, e.MemoryRecalled)) == 1
        assert await rebuilt(shop, again.run) == shop.model.bodies


def tokens_sent(shop: Workshop, index: int = -1) -> int:
    """Estimate what of a conversation a request shows, as the window counts it: without the system message."""
    messages = json.loads(shop.model.bodies[index])["messages"][1:]
    return sum(estimate_tokens(json.dumps(message, separators=(",", ":")).encode()) for message in messages)


async def nearly_full(shop: Workshop) -> bytes:
    """Say things worth recalling, then fill another conversation to just below four fifths; return its last run."""
    for number in range(6):
        await shop.run(f"{number}. {KNOWN * 3}", **ALICE)
    shop.model.will(say("Hello, too."), say((LONG * 3)[:4_850]))
    last = await shop.run("Hello.", **ALICE)
    last = await shop.next_run(last, "Go on.", **ALICE)
    conversation = shop.engine.windows._kept[last.run, (await shop.row(last.run)).head_n][0]
    assert fullness(BUDGET) * 0.95 < conversation.window.tokens <= fullness(BUDGET), conversation.window.tokens
    return last.run


@pytest.mark.parametrize("cold", [False, True])
async def test_what_comes_to_mind_has_its_place_in_a_window_that_is_nearly_full(tmp_path: Path, cold: bool) -> None:
    async with workshop(tmp_path, more=SMALL) as shop:
        row = await shop.row(await nearly_full(shop))
        if cold:
            shop.engine.windows._kept.clear()
        shop.model.will(call(("remember", {"text": "No nuts."}), text=LONG[:600]), say("None."))
        asked = {"session": row.session, "base": e.ItemRef(row.id, row.head_n), **ALICE}
        segment = await shop.run("Which nuts can I eat?", **asked)
        events = await shop.journal(segment.run)
        (event,) = (one for one in events if isinstance(one, e.WindowCompacted))
        (recalled,) = (one for one in events if isinstance(one, e.MemoryRecalled))
        assert (event.room, event.turn, event.counted) == (BUDGET // 4, 1, False)
        assert event.tokens_after + event.room <= BUDGET // 2
        assert events.index(event) < events.index(recalled), "what is summed up can come to mind"
        assert BUDGET // 8 < recalled.tokens <= event.room
        assert recalled.room < event.room
        assert not all(one.used for one in recalled.recalled), "more came than there is room for"
        assert "nuts" in shop.model.messages(-2)[-1]["content"].partition("\n\n")[0]
        assert tokens_sent(shop, -2) <= event.tokens_after + recalled.tokens + 12
        assert await rebuilt(shop, segment.run) == shop.model.bodies[-2:]
        told = explain(*await shop.engine.journal_of(segment.run))
        (line,) = (line for line in told.lines if line.kind == "window")
        assert f"with room for {event.room:,} of what comes to mind" in line.text
        (line,) = (line for line in told.lines if line.kind == "recalled")
        assert line.detail is not None
        assert line.detail["size"] == f"about {recalled.tokens:,} tokens, of {recalled.room:,} there was room for"


async def test_what_came_to_mind_counts_for_as_long_as_it_is_shown_and_no_longer(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=SMALL) as shop:
        for number in range(6):
            await shop.run(f"{number}. {KNOWN * 3}", **ALICE)
        driver = await shop.start("Which nuts can I eat?", **ALICE)
        segment = await settled(driver)
        (recalled,) = await shop.events(segment.run, e.MemoryRecalled)
        window = driver.log.conversation.window
        assert recalled.tokens > 100
        assert tokens_sent(shop) == pytest.approx(window.tokens - window.items[-1].tokens + recalled.tokens, abs=2)
        assert window.tokens == sum(estimate_tokens(fragment) for fragment in window.fragments)


async def test_where_no_room_is_left_nothing_is_shown_and_the_journal_says_what_there_was(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=SMALL) as shop:
        await shop.run(KNOWN, **ALICE)
        segment = await shop.run("nuts " * 1_400, **ALICE)
        (recalled,) = await shop.events(segment.run, e.MemoryRecalled)
        assert (recalled.text, recalled.tokens, recalled.room) == (None, 0, 0)
        assert recalled.recalled
        assert not any(one.used for one in recalled.recalled)
        assert shop.model.messages()[-1]["content"] == "nuts " * 1_400
        assert await rebuilt(shop, segment.run) == shop.model.bodies[-1:]


async def test_tools_are_chosen_by_what_was_asked_and_not_by_what_came_to_mind(tmp_path: Path) -> None:
    offered = []
    for recall in ("false", "true"):
        more = f"[limits]\ntools_per_turn = 2\n[memory]\ntools = []\nrecall = {recall}\n"
        async with workshop(tmp_path / recall, weather, recipe, walk, more=more) as shop:
            await shop.run("The weather in Bergen is on my mind.", **ALICE)
            segment = await shop.run("Bergen, and a recipe for dinner?", **ALICE)
            offered.append(await shop.events(segment.run, e.ToolsOffered))
            said = shop.model.messages()[-1]["content"]
            assert ("weather" in said) == (recall == "true")
    assert offered[0][0].candidates == offered[1][0].candidates
