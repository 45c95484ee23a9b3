"""The Clock port: what every clock does alike. A new one joins by one more entry in `CLOCKS`."""

import asyncio
from collections.abc import Callable

import pytest
from toolyard_runtime.clocks import SystemClock
from toolyard_sdk.ports import Clock
from toolyard_sdk.testing import FixedClock

CLOCKS: dict[str, Callable[[], Clock]] = {"system": SystemClock, "fixed": lambda: FixedClock(1_795_000_000_000_000)}


@pytest.fixture(params=list(CLOCKS))
def clock(request: pytest.FixtureRequest) -> Clock:
    return CLOCKS[request.param]()


def test_it_tells_whole_utc_microseconds(clock: Clock) -> None:
    now = clock.now()
    assert isinstance(now, int)
    assert 1_700_000_000_000_000 < now < 4_000_000_000_000_000


async def test_at_least_what_was_slept_has_passed(clock: Clock) -> None:
    before = clock.now()
    await clock.sleep(0.02)
    assert clock.now() - before >= 19_000


async def test_no_time_is_slept_where_none_is_asked_for(clock: Clock) -> None:
    async with asyncio.timeout(5):
        await clock.sleep(0)


async def test_many_sleep_beside_each_other(clock: Clock) -> None:
    async with asyncio.timeout(5):
        await asyncio.gather(*(clock.sleep(0.02) for _ in range(200)))
