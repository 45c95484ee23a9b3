"""Runs that are made to end: at any moment, by anybody who may, with every call answered."""

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from toolyard_runtime.engine.engine import Full, Stopped
from toolyard_runtime.run import runlog
from toolyard_runtime.run.segments import ApprovalAnswer
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_sdk import events as e
from toolyard_sdk.errors import ModelError
from toolyard_sdk.tools import tool

from tests.runtime.workshop import CALLER, SECONDS, Workshop, call, eventually, say, settled, workshop


def never(_request: Any) -> "asyncio.Future[Any]":
    """Answer never."""
    return asyncio.get_running_loop().create_future()


@tool()
async def hang() -> str:
    """Hang, with side effects."""
    await asyncio.get_running_loop().create_future()
    return ""


@tool(read_only=True)
async def glance() -> str:
    """Glance."""
    return "seen"


@tool(read_only=True)
async def look() -> str:
    """Hang, harmlessly."""
    await asyncio.get_running_loop().create_future()
    return ""


@tool()
async def write() -> str:
    """Write."""
    return "written"


async def cancelled(shop: Workshop, run: bytes) -> list[Any]:
    """Cancel a run and return its answers by call, once it is over."""
    driver = shop.engine.live.get(run)
    await shop.engine.cancel(await shop.row(run), "me", "user")
    if driver is None:
        driver = shop.engine.live.get(run)
    if driver is not None:
        await settled(driver)
    row = await shop.row(run)
    assert (row.status, row.reason) == ("finished", "cancelled")
    await shop.verify(run)
    return [event for event in await shop.journal(run) if isinstance(event, e.ToolReturned | e.ToolInDoubt)]


async def test_before_its_first_effect(tmp_path: Path) -> None:
    async with workshop(tmp_path) as shop:
        driver = await shop.start(mode="background")
        driver.deliver(e.CancelRequested(driver.log.now(), "me", "user"))
        assert (await settled(driver)).status == "cancelled"
        assert shop.model.bodies == []


async def test_while_the_disk_writes_that_the_model_is_called_nothing_is_sent(tmp_path: Path) -> None:
    async with workshop(tmp_path) as shop:
        commit = shop.database.commit

        async def commit_and_cancel(tx: Any, durability: Any = "normal") -> None:
            for live in shop.engine.live.values():
                if live.log.state.turn and not live.log.state.closing:
                    live.deliver(e.CancelRequested(live.log.now(), "me", "user"))
            await commit(tx, durability)

        shop.database.commit = commit_and_cancel  # type: ignore[method-assign]  # the moment that is tested
        segment = await settled(await shop.start(mode="background"))
        assert segment.status == "cancelled"
        assert shop.model.bodies == []
        assert len(await shop.events(segment.run, e.ModelFailed)) == 1


async def test_during_a_model_call_and_what_was_streamed_is_kept(tmp_path: Path) -> None:
    async with workshop(tmp_path) as shop:
        shop.model.will(never)
        driver = await shop.start(mode="background")
        await shop.model.until(1)
        assert await cancelled(shop, driver.row.id) == []
        (failed,) = await shop.events(driver.row.id, e.ModelFailed)
        assert failed.fault == "cancelled"


async def test_while_it_waits_to_try_again(tmp_path: Path) -> None:
    async with workshop(tmp_path) as shop:
        shop.model.will(ModelError("rate_limited", "wait", retry_after=60))
        driver = await shop.start(mode="background")
        await eventually(lambda: driver.log.state.retry_at)
        await cancelled(shop, driver.row.id)
        assert len(shop.model.bodies) == 1


async def test_during_calls_harmless_ones_stop_and_the_others_are_in_doubt(tmp_path: Path) -> None:
    async with workshop(tmp_path, hang, look) as shop:
        shop.model.will(call(("hang", {}), ("look", {})))
        driver = await shop.start(mode="background")
        await eventually(lambda: len(driver._interrupts._waits) == 2)
        answers = await cancelled(shop, driver.row.id)
        assert {type(answer) for answer in answers} == {e.ToolInDoubt, e.ToolReturned}
        assert (await shop.row(driver.row.id)).doubts == 1


async def test_a_single_call_in_the_drivers_own_task(tmp_path: Path) -> None:
    async with workshop(tmp_path, hang) as shop:
        shop.model.will(call(("hang", {})))
        driver = await shop.start(mode="background")
        await eventually(lambda: driver._interrupts._waits)
        (doubt,) = await cancelled(shop, driver.row.id)
        assert (doubt.call, doubt.why) == (1, "cancelled")


async def test_between_the_order_to_start_a_call_and_its_start_nothing_is_sent(tmp_path: Path) -> None:
    sent: list[int] = []

    @tool()
    async def pay() -> str:
        """Pay."""
        sent.append(1)
        return "paid"

    async with workshop(tmp_path, pay) as shop:
        shop.model.will(call(("pay", {})))
        commit = shop.database.commit

        async def commit_and_cancel(tx: Any, durability: Any = "normal") -> None:
            for live in shop.engine.live.values():
                if durability == "full" and not live.log.state.closing:
                    live.deliver(e.CancelRequested(live.log.now(), "me", "user"))
            await commit(tx, durability)

        shop.database.commit = commit_and_cancel  # type: ignore[method-assign]  # the moment that is tested
        driver = await shop.start(mode="background")
        segment = await settled(driver)
        assert segment.status == "cancelled"
        assert sent == []
        (returned,) = await shop.events(segment.run, e.ToolReturned)
        assert returned.source == "cancelled"
        assert await shop.events(segment.run, e.ToolInDoubt) == []


async def test_between_two_questions_the_second_is_not_asked(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        shop.model.will(call(("write", {}), ("write", {})))
        commit = shop.database.commit

        async def commit_and_cancel(tx: Any, durability: Any = "normal") -> None:
            for live in shop.engine.live.values():
                if durability == "full" and not live.log.state.closing:
                    live.deliver(e.CancelRequested(live.log.now(), "me", "user"))
            await commit(tx, durability)

        shop.database.commit = commit_and_cancel  # type: ignore[method-assign]  # the moment that is tested
        segment = await settled(await shop.start(mode="background"))
        assert segment.status == "cancelled"
        assert len(await shop.events(segment.run, e.ApprovalRequested)) == 1
        assert [row.status for row in await shop.approvals(segment.run)] == ["withdrawn"]


async def test_a_call_that_is_rejected_while_the_run_ends_is_answered_once(tmp_path: Path) -> None:
    policy = '[[rule]]\nid = "no"\ndecision = "reject"\ntool = "write"\n[[rule]]\nid = "yes"\ndecision = "approve"\n'
    async with workshop(tmp_path, look, write, hang, policy=policy) as shop:
        shop.model.will(call(("look", {}), ("write", {}), ("hang", {})))
        driver = await shop.start(mode="background")
        await eventually(lambda: driver._interrupts._waits)
        answers = await cancelled(shop, driver.row.id)
        assert sorted(answer.call for answer in answers) == [1, 2, 3]


async def test_while_it_waits_for_a_person_and_the_question_is_withdrawn(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        shop.model.will(call(("write", {})))
        segment = await shop.run(mode="background")
        assert segment.finish == "approval"
        (answer,) = await cancelled(shop, segment.run)
        assert answer.source == "cancelled"
        (approval,) = await shop.approvals(segment.run)
        assert approval.status == "withdrawn"
        with pytest.raises(RequestRefused) as refused:
            await shop.approving.decide(CALLER, ApprovalAnswer(approval.id, True), None)
        assert refused.value.status == 409
        assert (await shop.row(segment.run)).status == "finished"


async def test_when_it_is_over_nothing_happens(tmp_path: Path) -> None:
    async with workshop(tmp_path) as shop:
        segment = await shop.run()
        before = await shop.journal(segment.run)
        await shop.engine.cancel(await shop.row(segment.run), "me", "user")
        assert await shop.journal(segment.run) == before


async def test_at_every_turn_of_the_event_loop(tmp_path: Path) -> None:
    """Whatever the driver is doing when the cancellation comes, the run ends, once, with every call answered."""
    async with workshop(tmp_path, write, look, more="[limits]\ntool_seconds = 0.02\n") as shop:
        for turns in range(60):
            shop.model.answers = [call(("write", {}), ("look", {})), call(("write", {"x": 1})), say("done")]
            driver = await shop.start(mode="background")
            for _ in range(turns):
                await asyncio.sleep(0)
            if not driver.resting:
                driver.deliver(e.CancelRequested(driver.log.now(), "me", "user"))
            segment = await settled(driver)
            assert segment.status in ("cancelled", "completed")
            events = await shop.journal(segment.run)
            made = [head.call for ev in events if isinstance(ev, e.ModelReplied) for head in ev.calls]
            told = [event.call for event in events if isinstance(event, e.ToolReturned | e.ToolInDoubt)]
            assert sorted(told) == made, f"after {turns} turns"
            assert isinstance(events[-1], e.RunFinished)
            await shop.verify(segment.run)


async def test_a_client_that_left_is_given_its_grace_then_the_run_ends(tmp_path: Path) -> None:
    async with workshop(tmp_path, more="[limits]\ngrace_seconds = 0.05\n") as shop:
        shop.model.will(never)
        driver = await shop.start()
        shop.engine.client_left(driver)
        assert (await settled(driver)).status == "cancelled"
        (cancel,) = await shop.events(driver.row.id, e.CancelRequested)
        assert cancel.reason == "disconnected"


async def test_a_client_that_comes_back_within_the_grace_keeps_its_run(tmp_path: Path) -> None:
    async with workshop(tmp_path, more="[limits]\ngrace_seconds = 0.05\n") as shop:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        shop.model.will(lambda _request: answer)
        driver = await shop.start()
        shop.engine.client_left(driver)
        reader = asyncio.create_task(driver.log.feed.settled())
        await asyncio.sleep(0.15)
        answer.set_result(say("welcome back"))
        async with asyncio.timeout(5):
            await reader
        assert (await settled(driver)).status == "completed"


async def test_a_client_that_left_while_its_request_still_waits_here_counts_as_gone(tmp_path: Path) -> None:
    async with workshop(tmp_path, more="[limits]\ngrace_seconds = 0.05\n") as shop:
        shop.model.will(never)
        driver = await shop.start()
        request = asyncio.create_task(driver.log.feed.settled())
        await eventually(lambda: driver.log.feed.followed)
        shop.engine.client_left(driver, waiting=True)
        assert (await settled(driver)).status == "cancelled"
        await request


async def test_a_client_that_left_its_stream_counts_as_gone_even_without_any_grace(tmp_path: Path) -> None:
    async with workshop(tmp_path, more="[limits]\ngrace_seconds = 0\n") as shop:
        shop.model.will(never)
        driver = await shop.start(stream=True)

        async def read() -> None:
            try:
                async for _events in driver.log.feed.follow():
                    pass
            finally:
                shop.engine.client_left(driver)

        stream = asyncio.create_task(read())
        await eventually(lambda: driver.log.feed.followed)
        stream.cancel()
        assert (await settled(driver)).status == "cancelled"


async def test_a_background_run_and_an_agent_that_continues_do_not_care_who_left(tmp_path: Path) -> None:
    async with workshop(tmp_path, more="[limits]\ngrace_seconds = 0\n") as shop:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        shop.model.will(lambda _request: answer)
        driver = await shop.start(mode="background")
        shop.engine.client_left(driver)
        await asyncio.sleep(0.05)
        answer.set_result(say("done"))
        assert (await settled(driver)).status == "completed"


async def test_as_many_runs_as_allowed_and_no_more(tmp_path: Path) -> None:
    async with workshop(tmp_path, max_runs=2) as shop:
        shop.model.will(never, never)
        one, two = await shop.start(mode="background"), await shop.start(mode="background")
        await shop.model.until(2)
        with pytest.raises(Full):
            await shop.start()
        assert await shop.engine.unready()
        await cancelled(shop, one.row.id)
        assert await shop.engine.unready() == []
        assert (await shop.run()).status == "completed"
        await cancelled(shop, two.row.id)


async def test_a_stopped_agent_begins_nothing(tmp_path: Path) -> None:
    async with workshop(tmp_path) as shop:
        shop.stops.add(shop.database.begin(), "default", "tenant", "default", 1, "operator")
        with pytest.raises(Stopped):
            await shop.start()


async def test_a_failure_beside_other_calls_is_told_to_whoever_waits(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, look) as shop:
        shop.model.will(call(("look", {}), ("write", {})))
        real = shop.database.commit

        async def failing(tx: Any, durability: Any = "normal") -> None:
            if durability == "full":
                raise OSError("no space left on device")
            await real(tx, durability)

        driver = await shop.start(mode="background")
        shop.database.commit = failing  # type: ignore[method-assign]  # a full disk
        with pytest.raises(OSError, match="no space"):
            await settled(driver)
        async with asyncio.timeout(5):
            while driver._interrupts._waits:  # noqa: ASYNC110 - the other call is stopped, and nothing tells when
                await asyncio.sleep(0)


async def test_after_a_failed_commit_nothing_more_is_written(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        shop.model.will(call(("write", {})), say("never"))
        driver = await shop.start(mode="background")
        real = SqliteDatabase.commit
        failures: list[int] = []

        async def failing(tx: Any, durability: Any = "normal") -> None:
            if durability == "full" and not failures:
                failures.append(1)
                raise OSError("no space left on device")
            await real(shop.database, tx, durability)

        shop.database.commit = failing  # type: ignore[method-assign]  # a full disk
        with pytest.raises(OSError, match="no space"):
            await settled(driver)
        with pytest.raises(OSError, match="no space"):
            await driver.log.commit()
        await shop.verify(driver.row.id)
        assert (await shop.row(driver.row.id)).status == "running"
    async with workshop(tmp_path, write, recover=False) as shop:
        shop.model.will(call(("write", {})), say("after all"))
        await shop.upkeep.recover()
        assert (await settled(shop.engine.live[driver.row.id])).status == "completed"
        await shop.verify(driver.row.id)


async def test_a_run_that_changes_nothing_and_that_nobody_knows_of_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runlog, "DURABLE_AFTER", SECONDS)  # on a busy machine a run may take longer than it is
    async with workshop(tmp_path, glance) as shop:
        await shop.agents.publish(CALLER.tenant)
        commits = _counted(shop)
        shop.model.will(call(("glance", {})), call(("glance", {})), say("seen"))
        segment = await settled(await shop.start())
        assert segment.status == "completed"
        assert commits == ["normal"]
        await shop.verify(segment.run)


async def test_a_run_that_is_asked_for_by_its_id_is_durable_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runlog, "DURABLE_AFTER", SECONDS)
    async with workshop(tmp_path, glance) as shop:
        await shop.agents.publish(CALLER.tenant)
        shop.model.will(never)
        driver = await shop.start(stream=True)
        await shop.model.until(1)
        run = driver.row.id
        assert await shop.services.runs.find(CALLER.tenant, run) is None
        assert await shop.engine.row("another", run) is None
        row = await shop.engine.row(CALLER.tenant, run)
        assert row is not None
        await shop.engine.cancel(row, CALLER.key, "user")
        assert (await settled(driver)).status == "cancelled"


async def test_a_request_that_is_long_in_being_answered_is_durable_before_the_answer(tmp_path: Path) -> None:
    async with workshop(tmp_path, glance) as shop:
        shop.model.will(never)
        driver = await shop.start()
        await shop.model.until(1)

        async def durable() -> bool:
            return bool(await shop.events(driver.row.id, e.ModelCalled))

        await eventually(durable)
        await cancelled(shop, driver.row.id)


@pytest.mark.parametrize("asked", [{"mode": "background"}, {"record_first": True}])
async def test_every_request_of_a_run_that_must_not_be_missed_is_durable_first(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    async with workshop(tmp_path, glance, record_first=asked.get("record_first", False)) as shop:
        commits = _counted(shop)
        shop.model.will(call(("glance", {})), say("seen"))
        await settled(await shop.start(mode=asked.get("mode", "foreground"), stream="record_first" in asked))
        assert len(commits) >= 3


def _counted(shop: Workshop) -> list[str]:
    """Return what becomes the list of the engine's commits, by durability."""
    commits: list[str] = []
    real = shop.database.commit

    async def commit(tx: Any, durability: Any = "normal") -> None:
        commits.append(durability)
        await real(tx, durability)

    shop.database.commit = commit  # type: ignore[method-assign]  # the same, counted
    return commits


async def test_a_run_that_is_over_leaves_nothing_for_the_garbage_collector(tmp_path: Path) -> None:
    async with workshop(tmp_path, glance) as shop:
        shop.model.will(call(("glance", {})), say("seen"), call(("glance", {})), say("seen"))
        await shop.run()  # the first makes what all share
        gc.collect()
        gc.disable()
        try:
            driver = await shop.start()
            await settled(driver)
            left = weakref.ref(driver)
            del driver
            await eventually(lambda: left() is None)
        finally:
            gc.enable()
