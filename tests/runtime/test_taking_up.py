"""Runs that a process left: parked by a shutdown, broken off by a crash, pinned to what is gone."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from toolyard_runtime.engine.engine import LONGEST_PAUSE, Full, RunOver, RunUnavailable
from toolyard_runtime.run.segments import ApprovalAnswer
from toolyard_sdk import events as e
from toolyard_sdk.context import ToolContext
from toolyard_sdk.tools import FunctionTool, tool

from tests.runtime.workshop import CALLER, call, eventually, say, settled, workshop

ASK_WRITES = """[[rule]]
id = "ask"
decision = "ask"
tool = "write"

[[rule]]
id = "allow"
decision = "approve"
"""


def never(_request: Any) -> "asyncio.Future[Any]":
    """Answer never."""
    return asyncio.get_running_loop().create_future()


@tool()
async def write() -> str:
    """Write."""
    return "written"


@tool()
async def hang() -> str:
    """Hang, with side effects."""
    await asyncio.get_running_loop().create_future()
    return ""


@tool(idempotent=True)
async def put(context: ToolContext) -> str:
    """Hang the first time; repeating does no harm."""
    if context.attempt == 1:
        await asyncio.get_running_loop().create_future()
    return "put"


async def test_a_graceful_stop_parks_background_runs_and_the_next_start_goes_on(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        shop.model.will(call(("write", {})), never)
        driver = await shop.start(mode="background")
        await shop.model.until(2)
    async with workshop(tmp_path, write, recover=False) as shop:
        row = await shop.row(driver.row.id)
        assert (row.status, row.reason) == ("parked", "shutdown")
        shop.model.will(say("done"))
        await shop.upkeep.recover()
        segment = await settled(shop.engine.live[row.id])
        assert (segment.status, segment.index) == ("completed", 0)
        assert len(await shop.events(row.id, e.ToolStarted)) == 1
        await shop.verify(row.id)


async def test_a_graceful_stop_lets_runs_finish_while_it_drains(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, drain=5) as shop:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        shop.model.will(lambda _request: answer)
        driver = await shop.start(mode="background")
        await shop.model.until(1)
        asyncio.get_running_loop().call_later(0.05, answer.set_result, say("just in time"))
    assert driver.log.state.finish is not None
    assert driver.log.state.finish.reason == "stop"


async def test_a_graceful_stop_ends_foreground_runs(tmp_path: Path) -> None:
    async with workshop(tmp_path, hang) as shop:
        shop.model.will(call(("hang", {})))
        driver = await shop.start()
        await eventually(lambda: driver._interrupts._waits)
    async with workshop(tmp_path, hang) as shop:
        row = await shop.row(driver.row.id)
        assert (row.status, row.reason, row.doubts) == ("finished", "cancelled", 1)


async def test_what_ran_at_the_stop_is_done_again_or_in_doubt(tmp_path: Path) -> None:
    async with workshop(tmp_path, hang, put) as shop:
        shop.model.will(call(("hang", {}), ("put", {})))
        driver = await shop.start(mode="background")
        await eventually(lambda: len(driver._interrupts._waits) == 2)
    async with workshop(tmp_path, hang, put, recover=False) as shop:
        shop.model.will(say("told"))
        await shop.upkeep.recover()
        segment = await settled(shop.engine.live[driver.row.id])
        assert segment.status == "completed"
        told = [message["content"] for message in shop.model.messages() if message["role"] == "tool"]
        assert "In doubt" in told[0]
        assert told[1] == "put"
        starts = await shop.events(driver.row.id, e.ToolStarted)
        assert [(start.call, start.attempt) for start in starts] == [(1, 1), (2, 1), (2, 2)]
        assert starts[1].key == starts[2].key


async def test_a_run_whose_tool_is_gone_says_so_and_a_person_can_not_revive_it(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        shop.model.will(call(("write", {})))
        segment = await shop.run()
        (approval,) = await shop.approvals(segment.run)
    async with workshop(tmp_path, hang, policy="") as shop:
        driver = await shop.approving.decide(CALLER, ApprovalAnswer(approval.id, True), None)
        ended = await settled(driver)
        assert (ended.status, ended.finish) == ("failed", "release_unavailable")
        assert await shop.events(segment.run, e.ToolStarted) == []
        with pytest.raises(RunOver):
            await shop.engine.resume(await shop.row(segment.run), "approval", lambda _log: ())


async def test_a_run_goes_on_with_its_own_release_after_the_files_have_changed(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        shop.model.will(call(("write", {})))
        segment = await shop.run()
        (approval,) = await shop.approvals(segment.run)
    async with workshop(tmp_path, write, policy="", more='description = "new"\n[limits]\nturns = 1\n') as shop:
        shop.model.will(say("as before"))
        driver = await shop.approving.decide(CALLER, ApprovalAnswer(approval.id, True), None)
        assert (await settled(driver)).status == "completed"
        assert driver.log.agent.release.limits.turns == 16


async def test_a_run_whose_provider_is_gone_is_left_alone_and_the_server_starts(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        shop.model.will(never)
        driver = await shop.start(mode="background")
        await shop.model.until(1)
    async with workshop(tmp_path, write, recover=False) as shop:
        del shop.routes.providers["lab"]
        await shop.upkeep.recover()
        assert "lab" in shop.engine.left_alone[driver.row.id]
        with pytest.raises(RunUnavailable):
            await shop.engine.resume(await shop.row(driver.row.id), "recovered", lambda _log: ())


async def test_a_run_whose_provider_or_release_is_gone_can_still_be_cancelled(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, hang, policy=ASK_WRITES) as shop:
        shop.model.will(call(("write", {}), ("unknown", {}), ("hang", {})), say("not reached"))
        driver = await shop.start(mode="background")
        await eventually(lambda: driver._interrupts._waits)
        approval = driver.log.state.approvals
        assert len(approval) == 1
    async with workshop(tmp_path, write, recover=False) as shop:
        del shop.routes.providers["lab"]
        shop.database.connection.execute("UPDATE run SET release = 'sha256:gone'")
        await shop.upkeep.recover()
        assert "catalogue" in shop.engine.left_alone[driver.row.id]
        await shop.engine.cancel(await shop.row(driver.row.id), "me", "user")
        await settled(shop.engine.live[driver.row.id])
        row = await shop.row(driver.row.id)
        assert (row.status, row.reason, row.doubts) == ("finished", "cancelled", 1)
        assert [waiting.status for waiting in await shop.approvals(row.id)] == ["withdrawn"]
        assert shop.engine.left_alone == {}
        await shop.verify(row.id)


async def test_a_run_whose_journal_cannot_be_read_is_given_up_for_an_erasure(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        shop.model.will(call(("write", {})))
        segment = await shop.run(mode="background")
        shop.database.connection.execute("UPDATE event SET head = '{}' WHERE seq = 3")
        row = await shop.row(segment.run)
        with pytest.raises(e.UnknownEvent):
            await shop.engine.cancel(row, "me", "erased")
        await shop.engine.give_up(row)
        row = await shop.row(segment.run)
        assert (row.status, row.reason, row.error) == ("finished", "failed", "unreadable")
        assert [waiting.status for waiting in await shop.approvals(row.id)] == ["withdrawn"]


async def test_one_damaged_run_does_not_keep_the_others_from_going_on(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        shop.model.will(never, never)
        bad, good = await shop.start(mode="background"), await shop.start(mode="background")
        await shop.model.until(2)
    async with workshop(tmp_path, write, recover=False) as shop:
        shop.database.connection.execute("UPDATE event SET head = '{}' WHERE seq = 0 AND run = ?", (bad.row.id,))
        shop.model.will(say("good"))
        await shop.upkeep.recover()
        assert set(shop.engine.left_alone) == {bad.row.id}
        assert (await settled(shop.engine.live[good.row.id])).status == "completed"


async def crash_after_approval(root: Path, tools: tuple[FunctionTool, ...]) -> bytes:
    """Leave a foreground run that goes on since somebody approved its call, as a crash leaves it."""
    async with workshop(root, *tools, policy="") as shop:
        shop.model.will(call(("write", {})), never)
        segment = await shop.run()
        (approval,) = await shop.approvals(segment.run)
        driver = await shop.approving.decide(CALLER, ApprovalAnswer(approval.id, True), None)
        await shop.model.until(2)
        shop.engine.tasks[segment.run].cancel()
        await driver.gone.wait()
        return segment.run


async def test_a_chat_run_that_goes_on_since_an_approval_outlives_a_crash(tmp_path: Path) -> None:
    run = await crash_after_approval(tmp_path, (write,))
    async with workshop(tmp_path, write, policy="", recover=False) as shop:
        assert (await shop.row(run)).status == "running"
        shop.model.will(say("there you are"))
        await shop.upkeep.recover()
        assert (await settled(shop.engine.live[run])).status == "completed"


async def test_many_who_take_up_one_run_at_once_do_it_one_after_the_other(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        shop.model.will(call(("write", {})))
        segment = await shop.run(mode="background")
        row = await shop.row(segment.run)
        read = shop.database.read

        async def slowly(statement: Any, parameters: dict[str, Any] | None = None) -> Any:
            await asyncio.sleep(0)
            return await read(statement, parameters)

        shop.database.read = slowly  # type: ignore[method-assign]  # as a database elsewhere reads

        async def poke(number: int) -> None:
            for _ in range(number % 4):
                await asyncio.sleep(0)
            driver = await shop.engine.resume(row, "deadline", lambda _log: ())
            await settled(driver)

        await asyncio.gather(*(poke(number) for number in range(12)))
        assert shop.engine.live == {}
        assert shop.engine._resuming == {}
        epochs = [event.epoch for event in await shop.events(segment.run, e.RunResumed)]
        assert epochs == list(range(2, len(epochs) + 2))
        await shop.verify(segment.run)


async def test_a_commit_that_fails_while_a_run_is_taken_up_leaves_nobody_waiting(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        shop.model.will(call(("write", {})), say("done"))
        segment = await shop.run(mode="background")
        real = shop.database.commit
        waiting: list[Any] = []

        async def failing(tx: Any, durability: Any = "normal") -> None:
            driver = shop.engine.live[segment.run]
            waiting.append(asyncio.create_task(driver.log.feed.settled()))
            await asyncio.sleep(0)
            raise OSError("no space left on device")

        shop.database.commit = failing  # type: ignore[method-assign]  # a full disk
        (approval,) = await shop.approvals(segment.run)
        with pytest.raises(OSError, match="no space"):
            await shop.approving.decide(CALLER, ApprovalAnswer(approval.id, True), None)
        shop.database.commit = real  # type: ignore[method-assign]  # and space again
        async with asyncio.timeout(5):
            assert isinstance((await asyncio.gather(*waiting, return_exceptions=True))[0], OSError)
        assert shop.engine.live == {}
        driver = await shop.approving.decide(CALLER, ApprovalAnswer(approval.id, True), None)
        assert (await settled(driver)).status == "completed"
        await shop.verify(segment.run)


@pytest.mark.parametrize(("mode", "reason"), [("background", "stop"), ("foreground", "cancelled")])
async def test_a_run_whose_driver_broke_off_is_taken_up_again_by_the_same_server(
    tmp_path: Path, mode: e.Mode, reason: str
) -> None:
    async with workshop(tmp_path, write, record_first=True) as shop:
        shop.model.will(call(("write", {})), call(("write", {})), say("after all"))
        real = shop.database.commit
        failures: list[int] = []

        async def failing(tx: Any, durability: Any = "normal") -> None:
            if durability == "full" and not failures:
                failures.append(1)
                raise OSError("no space left on device")
            await real(tx, durability)

        shop.database.commit = failing  # type: ignore[method-assign]  # a disk that is full for a moment
        driver = await shop.start(mode=mode)
        with pytest.raises(OSError, match="no space"):
            await settled(driver)

        async def over() -> bool:
            return (await shop.row(driver.row.id)).status == "finished"

        await eventually(over)
        assert (await shop.row(driver.row.id)).reason == reason
        assert len(await shop.events(driver.row.id, e.ToolStarted)) == (mode == "background")
        await shop.verify(driver.row.id)


async def test_a_run_whose_model_server_comes_up_late_goes_on(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        shop.model.will(never)
        driver = await shop.start(mode="background")
        await shop.model.until(1)
    async with workshop(tmp_path, write, recover=False) as shop:
        table = shop.routes.providers.pop("lab")
        await shop.upkeep.recover()
        assert "lab" in shop.engine.left_alone[driver.row.id]
        shop.model.will(say("at last"))

        async def discovered() -> list[str]:
            shop.routes.providers["lab"] = table
            return []

        shop.routes.discover = discovered  # type: ignore[method-assign]  # as when the server answers from now on

        async def over() -> bool:
            return (await shop.row(driver.row.id)).reason == "stop"

        await eventually(over)
        assert shop.engine.left_alone == {}


async def test_an_approval_whose_expiry_fails_once_expires_later(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="", more="[limits]\napproval_seconds = 0.05\n") as shop:
        shop.model.will(call(("write", {})), say("too late"))
        segment = await shop.run(mode="background")
        real = shop.database.commit
        failures: list[int] = []

        async def failing(tx: Any, durability: Any = "normal") -> None:
            if not failures:
                failures.append(1)
                raise OSError("no space left on device")
            await real(tx, durability)

        shop.database.commit = failing  # type: ignore[method-assign]  # a disk that is full for a moment

        async def over() -> bool:
            return (await shop.row(segment.run)).status == "finished"

        await eventually(over)
        assert failures == [1]
        assert shop.engine.waking == {}


async def test_an_open_run_that_nothing_would_wake_is_found(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="", more="[limits]\napproval_seconds = 0.05\n") as shop:
        shop.model.will(call(("write", {})), say("too late"))
        segment = await shop.run(mode="background")
        shop.engine.waking.clear()
        shop.upkeep._looked_at = 0

        async def over() -> bool:
            return (await shop.row(segment.run)).status == "finished"

        await eventually(over)


async def test_pauses_between_attempts_grow_and_have_a_bound(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, recover=False) as shop:
        run, pauses = b"r" * 16, []
        for _ in range(40):
            now = shop.services.clock.now()
            shop.engine.wake_later(run, "default")
            pauses.append(round((shop.engine.waking[run][0] - now) / 1e6))
        assert pauses[:5] == [1, 2, 4, 8, 16]
        assert pauses[-1] == LONGEST_PAUSE
        shop.engine.let_be(run)
        assert shop.engine.waking == {}


@pytest.mark.parametrize("mode", ["background", "approved"])
async def test_who_goes_away_while_a_run_is_taken_up_loses_nothing(tmp_path: Path, mode: str) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        shop.model.will(call(("write", {})), say("done"))
        segment = await shop.run(mode="background") if mode == "approved" else None
        gate, reached, real = asyncio.Event(), asyncio.Event(), shop.database.commit

        async def slow(tx: Any, durability: Any = "normal") -> None:
            reached.set()
            await gate.wait()
            await real(tx, durability)

        shop.database.commit = slow  # type: ignore[method-assign]  # a disk that takes its time
        shop.agents._published.add(CALLER.tenant)
        if segment is not None:
            (approval,) = await shop.approvals(segment.run)
            asked = asyncio.create_task(shop.approving.decide(CALLER, ApprovalAnswer(approval.id, True), None))
        else:
            asked = asyncio.create_task(shop.start(mode="background"))
        await reached.wait()
        (driver,) = shop.engine.live.values()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        gate.set()
        after = await settled(driver)
        assert after.finish == ("stop" if segment is not None else "approval")
        await shop.verify(driver.row.id)


async def test_a_stop_waits_for_a_run_that_is_being_taken_up_and_the_next_start_goes_on(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        shop.model.will(call(("write", {})), never)
        segment = await shop.run(mode="background")
        gate, reached, real = asyncio.Event(), asyncio.Event(), shop.database.commit

        async def slow(tx: Any, durability: Any = "normal") -> None:
            reached.set()
            await gate.wait()
            await real(tx, durability)

        shop.database.commit = slow  # type: ignore[method-assign]  # a disk that takes its time
        (approval,) = await shop.approvals(segment.run)
        asked = asyncio.create_task(shop.approving.decide(CALLER, ApprovalAnswer(approval.id, True), None))
        await reached.wait()
        closing = asyncio.create_task(shop.upkeep.close(0.0))
        await asyncio.sleep(0)
        gate.set()
        await closing
        await asked
        assert shop.engine.live == {}
        with pytest.raises(Full):
            await shop.engine.resume(await shop.row(segment.run), "recovered", lambda _log: ())
    async with workshop(tmp_path, write, policy="", recover=False) as shop:
        shop.model.will(say("done"))
        await shop.upkeep.recover()
        assert (await settled(shop.engine.live[segment.run])).finish == "stop"
        await shop.verify(segment.run)


async def test_files_that_take_long_to_read_hold_nobody_up(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        reading, go_on, real = threading.Event(), threading.Event(), shop.loader._open_toolbox

        def slowly() -> Any:
            reading.set()
            assert go_on.wait(10)
            return real()

        shop.loader._open_toolbox = slowly
        (tmp_path / "tools").mkdir()
        (tmp_path / "tools" / "slow.py").write_text("import time\n")
        await eventually(reading.is_set)
        shop.model.will(say("meanwhile"))
        assert (await shop.run()).status == "completed"
        (tmp_path / "agents" / "second.toml").write_text('instructions = "Second."\n')
        go_on.set()
        await eventually(lambda: "second" in shop.agents.names())


async def test_the_row_of_a_run_sums_up_its_journal(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        shop.model.will(call(("write", {})), say("done"))
        segment = await shop.run()
        row = await shop.row(segment.run)
        assert msgspec.structs.asdict(row) | {
            "status": "finished",
            "reason": "stop",
            "turns": 2,
            "calls": 1,
            "input_tokens": 20,
            "output_tokens": 10,
            "doubts": 0,
        } == msgspec.structs.asdict(row)
