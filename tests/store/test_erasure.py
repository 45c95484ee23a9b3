"""Erasing a person: their content is nowhere, what was decided still proves, nobody else loses anything."""

import os
import random
from pathlib import Path

import msgspec
import pytest
from toolyard_memory.sessions.store import Continuation, Session, Sessions
from toolyard_runtime.store import audit, payloads
from toolyard_runtime.store.erasure import Eraser, RunsOpenError
from toolyard_runtime.store.journal import SqlJournal, beginning
from toolyard_runtime.store.runs import RunRow, Runs
from toolyard_runtime.store.schema import PACKAGES
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_sdk.events import ItemRef
from toolyard_sdk.ids import uuid7

from tests.conformance.any_event import a_run
from tests.store.conftest import HandClock

WORDS = b"I live in the old mill by the river"


async def a_past(database: SqliteDatabase, tenant: str, end_user: str | None, status: str = "finished") -> RunRow:
    """Write a run with its journal, its content, its session and where that session goes on."""
    run, session = uuid7(), uuid7()
    row = RunRow(
        tenant, run, session, "key_1", end_user, "support", "sha256:1", "foreground", status,  # type: ignore[arg-type]  # a literal that came through a parameter
        request=b"d" * 32, metadata='{"note":"from the old mill"}',
    )  # fmt: skip
    tx = database.begin()
    SqlJournal(database).append(tx, beginning(run), a_run(run, random.Random(1)))
    Runs(database).add(tx, row)
    payloads.add(tx, run, 0, "salt", b"s" * 32)
    payloads.add(tx, run, 1, "user", WORDS)
    sessions = Sessions(database)
    sessions.open(tx, Session(tenant, session, "key_1", end_user, "support", None), 1)
    sessions.remember(tx, session + b"key", tenant, Continuation(session, ItemRef(run, 1), 0))
    await database.commit(tx)
    return row


def eraser(database: SqliteDatabase, clock: HandClock) -> Eraser:
    return Eraser(database, clock, os.urandom, PACKAGES)


async def erase(database: SqliteDatabase, clock: HandClock, tenant: str, subject: str) -> str:
    tx = database.begin()
    erased = await eraser(database, clock).erase(tx, tenant, subject, "key_9")
    await database.commit(tx, "full")
    await database.scrub()
    return erased.pseudonym


async def test_the_content_and_the_name_are_in_no_file_any_more(
    database: SqliteDatabase, clock: HandClock, file: Path
) -> None:
    await a_past(database, "acme", "eve@example.com")
    await a_past(database, "acme", "eve@example.com")
    assert any(WORDS in path.read_bytes() for path in file.parent.iterdir())
    pseudonym = await erase(database, clock, "acme", "eve@example.com")
    assert await eraser(database, clock).verify_erased("acme", pseudonym)
    for path in file.parent.iterdir():
        content = path.read_bytes()
        assert WORDS not in content
        assert b"eve@example.com" not in content
        assert b"old mill" not in content


async def test_finished_runs_still_read_and_verify(database: SqliteDatabase, clock: HandClock) -> None:
    row = await a_past(database, "acme", "eve")
    before = await SqlJournal(database).load(row.id)
    pseudonym = await erase(database, clock, "acme", "eve")
    assert await SqlJournal(database).load(row.id) == before
    assert await SqlJournal(database).verify(row.id) is None
    assert await payloads.load(database, row.id, [0, 1]) == {0: payloads.ERASED, 1: payloads.ERASED}
    expected = msgspec.structs.replace(row, end_user=pseudonym, request=None, metadata=None)
    assert await Runs(database).find("acme", row.id) == expected


async def test_sessions_lose_the_name_and_resent_conversations_are_not_found(
    database: SqliteDatabase, clock: HandClock
) -> None:
    row = await a_past(database, "acme", "eve")
    assert await Sessions(database).recall("acme", row.session + b"key") is not None
    pseudonym = await erase(database, clock, "acme", "eve")
    session = await Sessions(database).find("acme", row.session)
    assert session is not None
    assert session.end_user == pseudonym
    assert await Sessions(database).recall("acme", row.session + b"key") is None


async def test_nobody_else_loses_anything(database: SqliteDatabase, clock: HandClock) -> None:
    others = [
        await a_past(database, "acme", "adam"),
        await a_past(database, "acme", None),
        await a_past(database, "other", "eve"),
    ]
    await a_past(database, "acme", "eve")
    await erase(database, clock, "acme", "eve")
    for row in others:
        assert await Runs(database).find(row.tenant, row.id) == row
        assert len(await payloads.load_all(database, row.id)) == 2
        assert await Sessions(database).recall(row.tenant, row.session + b"key") is not None


async def test_open_runs_are_named_and_nothing_is_erased(database: SqliteDatabase, clock: HandClock) -> None:
    finished = await a_past(database, "acme", "eve")
    parked = await a_past(database, "acme", "eve", "parked")
    with pytest.raises(RunsOpenError) as refused:
        await erase(database, clock, "acme", "eve")
    assert refused.value.runs == [parked.id]
    assert len(await payloads.load_all(database, finished.id)) == 2


async def test_an_erasure_is_recorded_without_the_name(database: SqliteDatabase, clock: HandClock) -> None:
    await a_past(database, "acme", "eve")
    pseudonym = await erase(database, clock, "acme", "eve")
    (entry,) = await audit.load(database, "erasure:acme")
    assert (entry.actor, entry.action, entry.object, entry.detail) == (
        "key_9", "subject.erase", pseudonym, {"runs": 1, "secrets": 0},
    )  # fmt: skip
    assert "eve" not in msgspec.json.encode(entry).decode()


async def test_a_payload_that_is_left_is_found(database: SqliteDatabase, clock: HandClock) -> None:
    row = await a_past(database, "acme", "eve")
    pseudonym = await erase(database, clock, "acme", "eve")
    tx = database.begin()
    payloads.add(tx, row.id, 5, "user", b"left behind")
    await database.commit(tx)
    assert not await eraser(database, clock).verify_erased("acme", pseudonym)


async def test_somebody_unknown_is_erased_without_harm(database: SqliteDatabase, clock: HandClock) -> None:
    await a_past(database, "acme", "eve")
    pseudonym = await erase(database, clock, "acme", "nobody")
    assert await eraser(database, clock).verify_erased("acme", pseudonym)
    assert len(await Runs(database).list("acme", end_user="eve")) == 1
