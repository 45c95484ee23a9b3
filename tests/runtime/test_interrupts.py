"""Waits that a run stops, and tasks that somebody else cancels, are told apart."""

import asyncio
from typing import Any

import pytest
from toolyard_runtime.run.interrupts import Interrupted, Interrupts


async def forever() -> None:
    """Wait for nothing."""
    await asyncio.get_running_loop().create_future()


async def begun(work: Any) -> "asyncio.Task[Any]":
    """Return a task that has come to its first wait."""
    task = asyncio.create_task(work)
    await asyncio.sleep(0)
    return task


async def test_a_stopped_wait_is_interrupted_and_its_task_goes_on() -> None:
    interrupts = Interrupts()

    async def work() -> str:
        with pytest.raises(Interrupted):
            await interrupts.during(1, forever())
        await asyncio.sleep(0)
        current = asyncio.current_task()
        assert current is not None
        assert current.cancelling() == 0
        return await interrupts.during(1, asyncio.sleep(0, "again"))

    task = await begun(work())
    interrupts.stop(2)
    interrupts.stop(1)
    interrupts.stop(1)
    assert await task == "again"
    interrupts.stop(1)


async def test_a_cancelled_task_is_cancelled() -> None:
    interrupts = Interrupts()
    task = await begun(interrupts.during("model", forever()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not interrupts._waits


async def test_a_task_that_is_stopped_and_cancelled_at_once_is_cancelled() -> None:
    interrupts = Interrupts()
    task = await begun(interrupts.during("model", forever()))
    interrupts.stop("model")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_work_that_swallows_its_stop_leaves_no_trace() -> None:
    interrupts = Interrupts()

    async def stubborn() -> str:
        try:
            await forever()
        except asyncio.CancelledError:
            return "no"
        return ""

    async def work() -> int:
        assert await interrupts.during(1, stubborn()) == "no"
        current = asyncio.current_task()
        assert current is not None
        return current.cancelling()

    task = await begun(work())
    interrupts.stop(1)
    assert await task == 0
    assert not interrupts._stopped


async def test_an_error_passes_through() -> None:
    interrupts = Interrupts()

    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await interrupts.during(1, fail())
    assert not interrupts._waits
