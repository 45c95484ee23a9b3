"""Old heads: read by today's code through pure upcasters, while the stored bytes stay what was hashed."""

from typing import Any

import pytest
from sqlalchemy import select
from toolyard_runtime.store.journal import ADD_EVENT, SqlJournal, genesis
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_runtime.store.tables import EVENT
from toolyard_runtime.store.upcasters import read_head
from toolyard_sdk.canonical import chain
from toolyard_sdk.events import CancelRequested, RunParked, UnknownEvent

OLD = '{"event":"RunParked","at":5,"reason":"approval","wake":9}'
NEW = RunParked(at=5, why="approval", until=9)


def rename_reason(head: dict[str, Any]) -> dict[str, Any]:
    """First step of a history that never was: `reason` became `why`."""
    return {("why" if name == "reason" else name): value for name, value in head.items()}


def rename_wake(head: dict[str, Any]) -> dict[str, Any]:
    """Second step: `wake` became `until`, which reads what the first step leaves."""
    return {("until" if name == "wake" and "why" in head else name): value for name, value in head.items()}


UPCASTERS = {"RunParked": (rename_reason, rename_wake)}


def test_an_old_head_is_read_as_todays_event() -> None:
    assert read_head(OLD, UPCASTERS) == NEW


def test_without_its_upcasters_an_old_head_is_unknown() -> None:
    with pytest.raises(UnknownEvent):
        read_head(OLD, {})


def test_upcasters_run_in_the_order_of_their_history() -> None:
    assert read_head(OLD, {"RunParked": (rename_wake, rename_reason)}) == RunParked(at=5, why="approval")


def test_a_head_of_today_passes_unchanged() -> None:
    assert read_head('{"event":"RunParked","at":5,"why":"approval","until":9}', UPCASTERS) == NEW


def test_other_kinds_are_not_touched() -> None:
    head = '{"event":"CancelRequested","at":1,"by":"a","reason":"user"}'
    assert read_head(head, UPCASTERS) == CancelRequested(at=1, by="a", reason="user")


@pytest.mark.parametrize("head", ["not JSON", "[]", '{"at":1}', '{"event":7}', "3"])
def test_what_is_no_head_is_unknown(head: str) -> None:
    with pytest.raises(UnknownEvent):
        read_head(head, UPCASTERS)


async def test_reading_an_old_journal_leaves_its_bytes_and_its_proof_alone(database: SqliteDatabase) -> None:
    run = b"r" * 16
    tx = database.begin()
    tx.write(ADD_EVENT, (run, 0, 5, OLD, chain(genesis("run:" + run.hex()), OLD.encode())))
    await database.commit(tx)
    journal = SqlJournal(database, UPCASTERS)
    assert await journal.load(run) == (NEW,)
    assert await journal.verify(run) is None
    assert await database.read(select(EVENT.c.head)) == [(OLD,)]
