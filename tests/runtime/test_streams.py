"""What readers see: the live stream, and the same stream told from the journal, from any position on."""

import asyncio
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from toolyard_runtime.run.feed import Feed
from toolyard_runtime.run.segments import (
    Closed,
    Opened,
    OutputAdded,
    OutputDone,
    Segment,
    StreamEvent,
    TextDelta,
    TextOut,
)
from toolyard_runtime.run.transcript import call_id, cut, read_call_id, stream_of
from toolyard_sdk import events as e
from toolyard_sdk.errors import ModelError
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.tools import tool

from tests.runtime.workshop import Workshop, call, say, settled, workshop

CLIENT_TOOL = ToolSpec("ask_user", "Asks.", {"type": "object", "properties": {}})


@tool(read_only=True)
async def look(at: str = "") -> str:
    """Look."""
    return f"seen {at}"


@tool()
async def pay() -> str:
    """Pay, and never hear of it."""
    raise ConnectionResetError


def seen(events: list[StreamEvent]) -> list[Any]:
    """Return what a reader makes of a stream: its structure, and each text as one piece."""
    made: list[Any] = []
    for event in events:
        if isinstance(event, TextDelta) and made and isinstance(made[-1], tuple) and made[-1][0] == event.index:
            made[-1] = (event.index, made[-1][1] + event.text, event.position)
        elif isinstance(event, TextDelta):
            made.append((event.index, event.text, event.position))
        else:
            made.append(event)
    return made


async def compare(shop: Workshop, run: bytes, live: list[StreamEvent], index: int = 0) -> None:
    """Compare a live stream with the one of the journal, from every position on."""
    events, lookup = await shop.engine.journal_of(run)
    row = await shop.row(run)
    source_of = await shop.engine.sources(row.tenant, row.release)
    assert seen(stream_of(events, lookup, source_of, index)) == seen(live)
    positions = [event.position for event in live]
    assert positions == sorted(set(positions)), "positions grow strictly"
    first, last = positions[0], positions[-1]
    edges = {p + step for p in positions for step in (-1, 0, 1)}
    for after in sorted(position for position in edges if first - 1 <= position <= last):
        replayed = stream_of(events, lookup, source_of, index, after)
        assert seen(replayed) == seen(cut(list(live), after)), f"after {after}"
    assert text_of(live) == text_of(stream_of(events, lookup, source_of, index))


def text_of(events: list[StreamEvent]) -> dict[int, str]:
    """Return the text of each output as its deltas tell it; the end of each must say the same."""
    texts: dict[int, str] = {}
    for event in events:
        if isinstance(event, TextDelta):
            texts[event.index] = texts.get(event.index, "") + event.text
        elif isinstance(event, OutputDone) and isinstance(event.output, TextOut):
            assert texts.get(event.index, "") == event.output.text
    return texts


async def test_of_a_run_with_tools_broken_turns_and_doubts(tmp_path: Path) -> None:
    async with workshop(tmp_path, look, pay) as shop:
        shop.model.deltas_before_error = ("I was", "about to")
        shop.model.will(
            ModelError("broken_stream", "cut off"),
            say("let me see ", malformed="<tool_call"),
            call(("look", {"at": "é"}), ("nothing", {}), ("look", "{"), text="looking"),
            call(("pay", {}), ("look", {})),
            say("that is all, 你好"),
        )
        driver = await shop.start(stream=True)
        segment = await settled(driver)
        assert segment.status == "completed"
        live = driver.log.feed.events
        assert isinstance(live[0], Opened)
        assert isinstance(live[-1], Closed)
        assert [output.text for output in segment.outputs if isinstance(output, TextOut)] == [
            "I was about to",
            "let me see ",
            "looking",
            "that is all, 你好",
        ]
        await compare(shop, segment.run, live)
        assert (await shop.segments(segment.run))[0] == segment


async def test_of_every_segment_of_a_run(tmp_path: Path) -> None:
    async with workshop(tmp_path, look, pay, policy="") as shop:
        shop.model.will(call(("ask_user", {}), ("pay", {}), text="one moment"), say("the end"))
        driver = await shop.start(stream=True, client_tools=(CLIENT_TOOL,))
        first = await settled(driver)
        await compare(shop, first.run, driver.log.feed.events)

        def news(log: Any) -> list[e.RunEvent]:
            result = log.put("tool", b'{"role":"tool","tool_call_id":"c","content":"yes"}')
            return [e.ClientToolsReturned(log.now(), (e.ClientResult(1, result),))]

        driver = await shop.engine.resume(await shop.row(first.run), "client_tools", news)
        second = await settled(driver)
        assert (second.index, second.finish) == (1, "approval")
        await compare(shop, first.run, driver.log.feed.events, 1)
        await shop.engine.cancel(await shop.row(first.run), "me", "user")
        live = shop.engine.live.get(first.run)
        third = await settled(live) if live is not None else None
        told = await shop.segments(first.run)
        assert [segment.finish for segment in told] == ["client_tools", "approval", "cancelled"]
        assert told[:2] == [first, second]
        assert third in (None, told[2])


async def test_a_stopped_reader_comes_back_to_a_live_run_and_misses_nothing(tmp_path: Path) -> None:
    async with workshop(tmp_path, look) as shop:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        shop.model.will(call(("look", {}), text="first I look"), lambda _request: answer)
        driver = await shop.start(stream=True)
        got: list[StreamEvent] = []
        async for events in driver.log.feed.follow():
            got += events
            if any(isinstance(event, OutputDone) and not isinstance(event.output, TextOut) for event in events):
                break
        asyncio.get_running_loop().call_later(0.02, answer.set_result, say("then I tell"))
        async for events in driver.log.feed.follow(got[-1].position):
            got += events
        await settled(driver)
        assert seen(got) == seen(driver.log.feed.events)
        await compare(shop, driver.row.id, got)


async def test_nobody_sees_the_end_before_it_is_durable(tmp_path: Path) -> None:
    async with workshop(tmp_path, pay, policy="") as shop:
        for turn in (say("done"), call(("pay", {}))):
            shop.model.will(turn)
            driver = await shop.start(stream=True)
            async for events in driver.log.feed.follow():
                if isinstance(events[-1], Closed):
                    row = await shop.row(driver.row.id)
                    assert row.status in ("finished", "parked")
            await settled(driver)


async def test_a_crashed_turns_text_is_lost_and_what_follows_has_later_positions(tmp_path: Path) -> None:
    async with workshop(tmp_path, look) as shop:
        shop.model.deltas_before_error = ()
        begun = asyncio.Event()

        def half(_request: Any) -> Any:
            begun.set()
            return asyncio.get_running_loop().create_future()

        shop.model.will(half)
        driver = await shop.start(stream=True, mode="background")
        await begun.wait()
        driver.log.show("half a sen")
        sent = list(driver.log.feed.events)
        shop.engine.tasks[driver.row.id].cancel()
        await driver.gone.wait()
    async with workshop(tmp_path, look, recover=False) as shop:
        shop.model.will(say("a whole sentence"))
        await shop.upkeep.recover()
        again = shop.engine.live[driver.row.id]
        await settled(again)
        later = cut(again.log.feed.events, sent[-1].position)
        assert text_of(later) == {0: "a whole sentence"}
        assert min(event.position for event in later) > sent[-1].position
        await compare(shop, driver.row.id, again.log.feed.events)


TEXT_STREAMS = st.lists(st.text("ab你", min_size=1, max_size=5), min_size=1, max_size=6)


@given(TEXT_STREAMS, st.integers(-1, 40))
def test_a_cut_stream_holds_exactly_what_comes_after(pieces: list[str], after: int) -> None:
    stream: list[StreamEvent] = [OutputAdded(1, 0, TextOut(1, "", "in_progress"))]
    position = 1
    for piece in pieces:
        position += len(piece)
        stream.append(TextDelta(position, 0, 1, piece))
    stream.append(OutputDone(position + 1, 0, TextOut(1, "".join(pieces))))
    left = cut(stream, after)
    text = "".join(event.text for event in left if isinstance(event, TextDelta))
    assert text == "".join(pieces)[max(0, after - 1) :]
    assert all(event.position > after for event in left)
    assert cut(left, after) == left


@given(st.binary(min_size=16, max_size=16), st.integers(1, 10**8))
def test_a_calls_id_is_read_back(run: bytes, number: int) -> None:
    assert read_call_id(call_id(run, number)) == (run, number)


@given(st.text())
def test_a_strangers_call_id_is_nobodys(text: str) -> None:
    known = read_call_id(text)
    assert known is None or call_id(*known) == text.lower() or text.startswith("call_")


async def test_any_number_of_readers_follow_at_their_own_pace() -> None:
    feed = Feed()
    segment = Segment(bytes(16), 0, bytes(16), "a", 0, "in_progress")

    async def read() -> list[StreamEvent]:
        return [event async for events in feed.follow() for event in events]

    readers = [asyncio.create_task(read()) for _ in range(3)]
    assert not feed.followed
    await asyncio.sleep(0)
    assert feed.followed
    feed.publish([Opened(1, segment)])
    await asyncio.sleep(0)
    feed.publish([TextDelta(2, 0, 1, "a")])
    feed.publish([TextDelta(3, 0, 1, "b")])
    feed.close()
    late = asyncio.create_task(read())
    async with asyncio.timeout(5):
        got = await asyncio.gather(*readers, late)
    assert got == [feed.events] * 4
