"""What has lately worked is read from the newest journals of one tenant, and read once."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from toolyard_runtime.run.successes import LATELY, Successes
from toolyard_runtime.store.journal import SqlJournal, beginning
from toolyard_runtime.store.opening import open_sqlite
from toolyard_runtime.store.runs import RunRow, Runs
from toolyard_runtime.usage import worked
from toolyard_runtime.usage.worked import lately_worked
from toolyard_sdk import events as e
from toolyard_sdk.ports import Database

from tests.usage.journals import AT, RELEASE, returned
from tests.usage.stocking import run_id


def started(number: int, release: str) -> e.RunEvent:
    return e.ToolStarted(AT, number, release, bytes(32), 1, "call")


async def kept(database: Database, tenant: str, number: int, *events: e.RunEvent) -> None:
    run = run_id(number)
    tx = database.begin()
    Runs(database).add(
        tx, RunRow(tenant, run, run, "key", None, "clerk", RELEASE, "background", "finished", started_at=AT)
    )
    SqlJournal(database).append(tx, beginning(run), list(events))
    await database.commit(tx)


async def test_calls_that_gave_a_result_are_read_the_oldest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await open_sqlite(tmp_path / "toolyard.db")
    try:
        await kept(database, "one", 1, started(1, "a"), returned(1), started(2, "b"), returned(2))
        await kept(database, "two", 2, started(1, "x"), returned(1))
        await kept(database, "one", 3, started(1, "c"), returned(1, is_error=True), started(2, "d"))
        await kept(database, "one", 4, started(1, "a"), returned(1), started(2, "e"), returned(2, source="timeout"))
        assert await lately_worked(database, "one") == ("a", "b", "a")
        assert await lately_worked(database, "nobody") == ()
        monkeypatch.setattr(worked, "MOST", 1)
        assert await lately_worked(database, "one") == ("a",)
    finally:
        await database.close()


async def test_what_was_before_is_read_once_and_counts_with_what_came_meanwhile() -> None:
    asked: list[str] = []

    async def before(tenant: str) -> Sequence[str]:
        asked.append(tenant)
        return ["old"] * 3 if tenant == "one" else ["x"] * (LATELY + 5)

    successes = Successes(before)
    successes.note("one", "new")
    for _ in range(2):
        await successes.ready("one")
        await successes.ready("two")
    assert asked == ["one", "two"]
    assert successes.of("one") == {"old": 3, "new": 1}
    assert successes.of("two") == {"x": LATELY}
    successes.note("two", "y")
    assert successes.of("two") == {"x": LATELY - 1, "y": 1}
