"""A tool's use is counted over stored runs: each tenant its own, everybody's only where enough stand behind it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from toolyard_runtime.store.opening import open_sqlite
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_runtime.usage.counting import across
from toolyard_runtime.usage.stored import UsageReader

from tests.usage.journals import AT, RELEASE
from tests.usage.stocking import run_id, stock

NAMES = ("weather", "news")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = await open_sqlite(tmp_path / "toolyard.db")
    yield opened
    await opened.close()


async def test_a_tenant_is_told_of_its_own_runs_only(database: SqliteDatabase) -> None:
    await stock(database, "one", range(30), NAMES)
    await stock(database, "two", range(100, 120), NAMES)
    use, _ = await UsageReader(database).read("one", "weather", 0, 5)
    assert (use.runs, use.complete, list(use.tallies)) == (30, True, [("one", RELEASE)])
    news, _ = await UsageReader(database).read("one", "news", 0, 5)
    ((tally,), (other,)) = (use.of(RELEASE), news.of(RELEASE))
    assert tally["offered", ""] == other["offered", ""] == 90
    assert tally["calls", ""] + other["calls", ""] == 60
    assert tally["lost", "news"] == other["chosen", ""]
    assert tally["invalid", "city"] > 0
    assert tally["ran", ""] == tally["calls", ""]


async def test_a_tool_that_nobody_was_offered_has_no_tally(database: SqliteDatabase) -> None:
    await stock(database, "one", range(3), NAMES)
    use, _ = await UsageReader(database).read("one", "weathe", 0, 5)
    assert (use.tallies, use.runs) == ({}, 3)


async def test_of_more_runs_than_are_looked_at_the_newest_count_and_that_is_said(database: SqliteDatabase) -> None:
    await stock(database, "one", range(10), ("weather",), calls=1)
    await stock(database, "one", range(20, 25), ("weather",), calls=3, at=AT + 60_000_000)
    for use in await UsageReader(database, most=5).read("one", "weather", 0, 1):
        assert use is not None
        assert (use.runs, use.complete) == (5, False)
        assert use.of(RELEASE)[0]["calls", ""] == 15


async def test_runs_from_before_are_left_out(database: SqliteDatabase) -> None:
    await stock(database, "one", range(4), NAMES)
    await stock(database, "one", range(10, 12), NAMES, at=AT + 60_000_000)
    own, everybody = await UsageReader(database).read("one", "weather", AT + 1_000_000, 1)
    assert everybody is not None
    assert (own.runs, everybody.runs) == (2, 2)


async def test_of_everybody_nothing_is_read_while_there_are_four_tenants(database: SqliteDatabase) -> None:
    for number in range(4):
        await stock(database, f"tenant-{number}", range(number * 100, number * 100 + 20), NAMES)
    reader = UsageReader(database)
    assert (await reader.read("tenant-0", "weather", 0, 5))[1] is None
    await stock(database, "tenant-4", range(400, 420), NAMES)
    own, use = await reader.read("tenant-0", "weather", 0, 5)
    assert own.of(RELEASE)[0]["offered", ""] == 60
    assert use is not None
    assert len(use.of(RELEASE)) == 5
    assert across(use.of(RELEASE), 5)["offered", ""] == 300


async def test_a_run_that_a_later_version_wrote_is_passed_over(database: SqliteDatabase) -> None:
    await stock(database, "one", range(3), NAMES)
    later = "UPDATE event SET head = replace(head, '\"candidates\"', '\"nominees\"') WHERE run = ?"
    database.connection.execute(later, (run_id(1),))
    use, _ = await UsageReader(database).read("one", "weather", 0, 5)
    assert use.of(RELEASE)[0]["offered", ""] == 6
