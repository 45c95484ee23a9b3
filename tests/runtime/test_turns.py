"""The model's turns: retried when that can help, re-asked once, bounded by every budget."""

import asyncio
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_runtime.run.retry import FIRST_DELAY, LONGEST_DELAY, LONGEST_WAIT, TRANSIENT, retry_delay
from toolyard_sdk import events as e
from toolyard_sdk.errors import ModelError
from toolyard_sdk.messages import Usage
from toolyard_sdk.ports import Turn
from toolyard_sdk.tools import tool

from tests.runtime.workshop import call, say, settled, workshop


@tool(read_only=True)
async def add(a: int, b: int) -> int:
    """Add."""
    return a + b


FAULTS = st.sampled_from(sorted(e.ModelFault.__args__))  # type: ignore[attr-defined]  # a Literal has them


@given(FAULTS, st.integers(1, 12), st.none() | st.floats(0, 500), st.floats(0, 1))
def test_a_retry_waits_at_least_as_long_as_the_server_asked_and_never_forever(
    fault: e.ModelFault, attempt: int, retry_after: float | None, jitter: float
) -> None:
    delay = retry_delay(fault, attempt, retry_after, jitter)
    if fault not in TRANSIENT or (retry_after or 0) > LONGEST_WAIT:
        assert delay is None
        return
    assert delay is not None
    assert delay >= (retry_after or 0)
    assert FIRST_DELAY / 2 <= delay <= max(LONGEST_DELAY, retry_after or 0)


async def test_a_busy_model_is_asked_again_when_its_server_said_so(tmp_path: Path) -> None:
    async with workshop(tmp_path, add) as shop:
        shop.model.will(ModelError("rate_limited", "busy", status=429, retry_after=0.6), say("at last"))
        segment = await shop.run()
        (failed,) = await shop.events(segment.run, e.ModelFailed)
        first, second = await shop.events(segment.run, e.ModelCalled)
        assert failed.retry_at >= failed.at + 600_000
        assert second.at >= failed.retry_at
        assert (first.turn, first.attempt, second.turn, second.attempt) == (1, 1, 1, 2)
        assert segment.status == "completed"


async def test_jitter_spreads_retries(tmp_path: Path) -> None:
    waits = {retry_delay("overloaded", 3, None, random.Random(seed).random()) for seed in range(20)}
    assert len(waits) == 20


@pytest.mark.parametrize("fault", ["bad_request", "unauthorized", "too_long"])
async def test_what_trying_again_cannot_mend_is_not_tried_again(tmp_path: Path, fault: e.ModelFault) -> None:
    async with workshop(tmp_path, add) as shop:
        shop.model.will(ModelError(fault, "no"))
        segment = await shop.run()
        assert (segment.status, segment.error) == ("failed", fault)
        assert len(shop.model.bodies) == 1


async def test_attempts_are_bounded(tmp_path: Path) -> None:
    async with workshop(tmp_path, add, more="[limits]\nmodel_attempts = 2\n") as shop:
        shop.model.will(*[ModelError("server_error", "down") for _ in range(5)])
        segment = await shop.run()
        assert (segment.status, segment.error) == ("failed", "server_error")
        assert len(shop.model.bodies) == 2


@pytest.mark.parametrize(
    ("broken", "error"), [(Turn(), "empty_response"), (Turn(text="let me", malformed="<tool_call"), "malformed_turn")]
)
async def test_a_turn_without_sense_is_re_asked_once_without_streaming_then_fails(
    tmp_path: Path, broken: Turn, error: str
) -> None:
    async with workshop(tmp_path, add) as shop:
        shop.model.will(broken, broken, say("never asked"))
        segment = await shop.run(stream=True)
        assert (segment.status, segment.error) == ("failed", error)
        assert [event.variant for event in await shop.events(segment.run, e.ModelCalled)] == ["plain+stream", "retry"]
        assert b'"stream":false' in shop.model.bodies[1]
        assert len(shop.model.answers) == 1


async def test_a_defect_of_a_model_client_is_a_fault_of_its_turn(tmp_path: Path) -> None:
    def broken(_request: object) -> Turn:
        raise AttributeError("a defect")

    async with workshop(tmp_path, add) as shop:
        shop.model.will(broken, say("healed"))
        segment = await shop.run()
        assert segment.status == "completed"
        (failed,) = await shop.events(segment.run, e.ModelFailed)
        assert failed.fault == "bad_answer"


async def test_turns_are_bounded_and_every_call_is_answered_in_the_history(tmp_path: Path) -> None:
    async with workshop(tmp_path, add, more="[limits]\nturns = 3\nrepeats = 99\n") as shop:
        shop.model.will(*[call(("add", {"a": number, "b": 1})) for number in range(9)])
        segment = await shop.run()
        assert (segment.status, segment.finish) == ("incomplete", "max_turns")
        assert len(shop.model.bodies) == 3
        assert len(await shop.events(segment.run, e.ToolReturned)) == 3


async def test_tokens_are_bounded_and_the_last_turns_calls_are_not_executed(tmp_path: Path) -> None:
    async with workshop(tmp_path, add, more="[limits]\ntokens = 100\n") as shop:
        shop.model.will(
            call(("add", {"a": 1, "b": 1})),
            Turn(calls=call(("add", {"a": 2, "b": 2})).calls, usage=Usage(80, 20)),
            say("never"),
        )
        segment = await shop.run()
        assert (segment.status, segment.finish) == ("incomplete", "budget")
        assert len(await shop.events(segment.run, e.ToolStarted)) == 1
        assert len(await shop.events(segment.run, e.ToolReturned)) == 2
        assert len(shop.model.bodies) == 2


async def test_the_wall_clock_stops_a_model_that_never_answers(tmp_path: Path) -> None:
    async with workshop(tmp_path, add, more="[limits]\nseconds = 0.1\n") as shop:
        shop.model.will(lambda _request: asyncio.get_running_loop().create_future())
        segment = await shop.run()
        assert (segment.status, segment.finish, segment.error) == ("incomplete", "budget", "time")
        (failed,) = await shop.events(segment.run, e.ModelFailed)
        assert failed.fault == "cancelled"


async def test_an_operators_stop_of_the_agent_takes_effect_before_the_next_model_call(tmp_path: Path) -> None:
    stopped: list[int] = []

    @tool(read_only=True)
    async def pull() -> str:
        """Let the operator stop the agent."""
        tx = shop.database.begin()
        shop.stops.add(tx, "default", "agent", "worker", 1, "operator")
        stopped.append(1)
        return "pulled"

    async with workshop(tmp_path, pull) as shop:
        shop.model.will(call(("pull", {})), say("never said"))
        driver = await shop.start()
        segment = await settled(driver)
        assert stopped
        assert segment.status == "cancelled"
        assert len(shop.model.bodies) == 1
        assert (await shop.row(segment.run)).status == "finished"


async def test_a_stopped_tool_is_neither_offered_nor_started(tmp_path: Path) -> None:
    @tool(read_only=True)
    async def pull() -> str:
        """Let the operator stop `add`."""
        shop.stops.add(shop.database.begin(), "default", "tool", "add", 1, "operator")
        return "pulled"

    async with workshop(tmp_path, pull, add) as shop:
        shop.model.will(call(("pull", {})), call(("add", {"a": 1, "b": 1})), say("well"))
        segment = await shop.run()
        assert b'"name":"add"' in shop.model.bodies[0]
        assert b'"name":"add","description"' not in shop.model.bodies[1]
        assert "no tool named 'add'" in shop.model.messages()[-1]["content"]
        assert [event.call for event in await shop.events(segment.run, e.ToolStarted)] == [1]
