"""The calls of a turn: executed beside each other, bounded, and answered whatever their tools do."""

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from toolyard_runtime.run.segments import ApprovalAnswer, Segment, ServerCallOut
from toolyard_sdk import events as e
from toolyard_sdk.errors import CallInDoubt, ToolError
from toolyard_sdk.tools import tool

from tests.runtime.workshop import CALLER, call, eventually, say, settled, workshop

QUICK = "[limits]\ntool_seconds = 0.05\n"


def outputs(segment: Segment) -> list[ServerCallOut]:
    """Return the server's calls of a segment."""
    return [output for output in segment.outputs if isinstance(output, ServerCallOut)]


async def test_parallel_calls_overlap_and_their_results_come_in_call_order(tmp_path: Path) -> None:
    gates = {name: asyncio.Event() for name in "abc"}
    began: list[str] = []
    ended: list[str] = []

    @tool(read_only=True)
    async def wait_for(name: str) -> str:
        """Wait."""
        began.append(name)
        await gates[name].wait()
        ended.append(name)
        if len(ended) < 3:
            gates["abc"[2 - len(ended)]].set()
        return name.upper()

    async with workshop(tmp_path, wait_for) as shop:
        shop.model.will(call(*[("wait_for", {"name": name}) for name in "abc"]), say("done"))
        driver = await shop.start()
        await shop.model.until(1)
        await eventually(lambda: len(began) == 3)
        gates["c"].set()
        segment = await settled(driver)
        assert ended == ["c", "b", "a"]
        told = [message["content"] for message in shop.model.messages() if message["role"] == "tool"]
        assert told == ["A", "B", "C"]
        assert segment.status == "completed"
        await shop.verify(segment.run)


async def test_a_read_only_tool_that_takes_too_long_is_given_up_with_an_error(tmp_path: Path) -> None:
    @tool(read_only=True)
    async def hang() -> str:
        """Hang."""
        await asyncio.Event().wait()
        return ""

    async with workshop(tmp_path, hang, more=QUICK) as shop:
        shop.model.will(call(("hang", {})), say("gave up"))
        segment = await shop.run()
        (returned,) = await shop.events(segment.run, e.ToolReturned)
        assert (returned.source, returned.is_error) == ("timeout", True)
        assert "did not return within 0.05 seconds" in shop.model.messages()[-1]["content"]


async def test_a_side_effect_that_takes_too_long_is_in_doubt_and_the_model_is_told(tmp_path: Path) -> None:
    @tool()
    async def pay() -> str:
        """Pay."""
        await asyncio.Event().wait()
        return ""

    async with workshop(tmp_path, pay, more=QUICK) as shop:
        shop.model.will(call(("pay", {})), say("unsure"))
        segment = await shop.run()
        (doubt,) = await shop.events(segment.run, e.ToolInDoubt)
        assert doubt.why == "timeout"
        assert "In doubt" in shop.model.messages()[-1]["content"]
        assert [output.status for output in outputs(segment)] == ["in_doubt"]
        assert (await shop.row(segment.run)).doubts == 1


def _reset() -> None:
    raise ConnectionResetError("by peer")


def _wrapped() -> None:
    try:
        _reset()
    except ConnectionResetError as error:
        raise ValueError("the client library has its own exceptions") from error


def _late() -> None:
    raise TimeoutError


def _hidden() -> None:
    try:
        _late()
    except TimeoutError:
        raise KeyError("status") from None


def _grouped() -> None:
    raise ExceptionGroup("several", [ValueError("a"), BrokenPipeError("b")])


def _said() -> None:
    raise CallInDoubt("the transport knows")


@pytest.mark.parametrize("trouble", [_reset, _wrapped, _hidden, _grouped, _said])
async def test_a_side_effect_whose_connection_was_lost_is_in_doubt_however_it_is_told(
    tmp_path: Path, trouble: Callable[[], None]
) -> None:
    @tool()
    async def pay() -> str:
        """Pay."""
        trouble()
        return "paid"

    @tool(read_only=True)
    async def look() -> str:
        """Look."""
        trouble()
        return "seen"

    async with workshop(tmp_path, pay, look) as shop:
        shop.model.will(call(("pay", {}), ("look", {})), say("unsure"))
        segment = await shop.run()
        assert [event.call for event in await shop.events(segment.run, e.ToolInDoubt)] == [1]
        (looked,) = await shop.events(segment.run, e.ToolReturned)
        assert looked.is_error


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError("no"), ToolError("card declined"), ValueError("x"), OSError("y")]
)
async def test_a_side_effect_that_failed_for_sure_is_a_result(tmp_path: Path, error: Exception) -> None:
    @tool()
    async def pay() -> str:
        """Pay."""
        raise error

    async with workshop(tmp_path, pay) as shop:
        shop.model.will(call(("pay", {})), say("sorry"))
        segment = await shop.run()
        assert await shop.events(segment.run, e.ToolInDoubt) == []
        assert str(error) in shop.model.messages()[-1]["content"]


async def test_a_tool_that_exits_or_cancels_itself_ends_neither_the_server_nor_the_run(tmp_path: Path) -> None:
    @tool(read_only=True)
    def leave() -> str:
        """Leave."""
        sys.exit(3)

    @tool(read_only=True)
    async def give_up() -> str:
        """Give up."""
        raise asyncio.CancelledError

    @tool()
    async def give_up_midway() -> str:
        """Give up in the middle."""
        raise asyncio.CancelledError

    async with workshop(tmp_path, leave, give_up, give_up_midway) as shop:
        shop.model.will(call(("leave", {})), call(("give_up", {}), ("give_up_midway", {})), say("still here"))
        segment = await shop.run()
        assert segment.status == "completed"
        assert [event.call for event in await shop.events(segment.run, e.ToolInDoubt)] == [3]


async def test_a_tool_that_swallows_its_cancellation_does_not_break_what_comes_after(tmp_path: Path) -> None:
    inside: list[int] = []

    @tool(read_only=True)
    async def stubborn() -> str:
        """Refuse to stop."""
        inside.append(1)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "I stay"
        return ""

    async with workshop(tmp_path, stubborn) as shop:
        shop.model.will(call(("stubborn", {})))
        driver = await shop.start(mode="background")
        await shop.model.until(1)
        await eventually(lambda: inside)
        await shop.engine.cancel(await shop.row(driver.row.id), "me", "user")
        segment = await settled(driver)
        assert segment.status == "cancelled"
        (returned,) = await shop.events(driver.row.id, e.ToolReturned)
        assert returned.call == 1


async def test_a_synchronous_tool_does_not_hold_up_the_event_loop(tmp_path: Path) -> None:
    inside, go = threading.Event(), threading.Event()

    @tool(read_only=True)
    def think_hard() -> str:
        """Think hard."""
        inside.set()
        go.wait(10)
        return threading.current_thread().name

    async with workshop(tmp_path, think_hard) as shop:
        shop.model.will(call(("think_hard", {})), say("done"))
        driver = await shop.start()
        await eventually(inside.is_set)
        began = time.perf_counter()
        await asyncio.sleep(0)
        assert time.perf_counter() - began < 1
        go.set()
        segment = await settled(driver)
        assert outputs(segment)[0].output != threading.current_thread().name


async def test_output_is_cut_at_the_cap_between_characters_and_says_so(tmp_path: Path) -> None:
    @tool(read_only=True)
    async def recite() -> str:
        """Recite."""
        return "é" * 100

    async with workshop(tmp_path, recite, more="[limits]\ntool_output_bytes = 33\n") as shop:
        shop.model.will(call(("recite", {})), say("long"))
        segment = await shop.run()
        (returned,) = await shop.events(segment.run, e.ToolReturned)
        assert returned.cut
        told = shop.model.messages()[-1]["content"]
        assert told.startswith("é" * 16 + "\n[cut: 33 of 200 bytes")


async def test_wrong_calls_are_answered_with_errors_the_model_can_act_on(tmp_path: Path) -> None:
    @tool(read_only=True)
    async def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    async with workshop(tmp_path, add, more="[limits]\ncalls_per_turn = 4\nrepeats = 2\n") as shop:
        shop.model.will(
            call(
                ("add", "{"),
                ("ad", {}),
                ("add", {"a": "x", "b": 1}),
                ("add<|channel|>", {"a": 1, "b": 1}),
                ("add", {"a": 9, "b": 9}),
            ),
            call(("add", {"b": 1, "a": 1}), ("add", {"a": 1, "b": 1})),
            say("done"),
        )
        segment = await shop.run()
        told = [message["content"] for message in shop.model.messages() if message["role"] == "tool"]
        assert "not a JSON object" in told[0]
        assert "no tool named 'ad'" in told[1]
        assert "do not fit add" in told[2]
        assert told[3] == "2"
        assert "at most 4 calls" in told[4]
        assert told[5] == "2"
        assert "already called 2 times" in told[6]
        assert segment.status == "completed"
        assert len(await shop.events(segment.run, e.ToolStarted)) == 2


async def test_a_question_about_one_call_can_be_answered_while_another_still_runs(tmp_path: Path) -> None:
    go = asyncio.Event()

    @tool(read_only=True)
    async def slow() -> str:
        """Take time."""
        await go.wait()
        return "slow"

    @tool()
    async def write() -> str:
        """Write."""
        return "written"

    async with workshop(tmp_path, slow, write, policy="") as shop:
        shop.model.will(call(("write", {}), ("slow", {})), say("both"))
        driver = await shop.start()
        await eventually(lambda: shop.approvals(driver.row.id))
        waiting = await shop.approvals(driver.row.id)
        await shop.approving.decide(CALLER, ApprovalAnswer(waiting[0].id, True), None)
        await eventually(lambda: any(call.head.call == 1 and call.attempt for call in driver.log.state.calls))
        go.set()
        segment = await settled(driver)
        assert segment.status == "completed"
        assert segment.index == 0, "the run never rested"
        told = [message["content"] for message in shop.model.messages() if message["role"] == "tool"]
        assert told == ["written", "slow"]


class Rude(BaseException):
    """What no tool should raise."""


class Unspeakable(Exception):
    """An exception that cannot be put into words."""

    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), Rude("no"), Unspeakable(), StopIteration()])
@pytest.mark.parametrize("threaded", [False, True])
async def test_whatever_a_tool_raises_is_a_result(tmp_path: Path, error: BaseException, threaded: bool) -> None:
    def rude() -> str:
        """Be rude."""
        raise error

    async def rude_later() -> str:
        """Be rude."""
        raise error

    act = tool(read_only=True, name="act")(rude if threaded else rude_later)
    async with workshop(tmp_path, act) as shop:
        shop.model.will(call(("act", {})), say("done"))
        driver = await shop.start()
        await settled(driver)
        (shown,) = [one for one in driver.log.transcript.segment().outputs if isinstance(one, ServerCallOut)]
        assert shown.status == "failed"
        assert shown.error is not None
        assert shown.error.startswith("act failed: ")


async def test_a_tool_that_will_not_stop_is_left_behind(tmp_path: Path) -> None:
    stop = asyncio.Event()

    @tool(read_only=True)
    async def stubborn() -> str:
        """Refuse to stop."""
        while not stop.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await stop.wait()
        return "stopped"

    async with workshop(tmp_path, stubborn, more=QUICK) as shop:
        shop.model.will(call(("stubborn", {})), say("done"))
        driver = await shop.start()
        await settled(driver)
        (shown,) = [one for one in driver.log.transcript.segment().outputs if isinstance(one, ServerCallOut)]
        assert "did not return within" in (shown.error or "")
        stop.set()
