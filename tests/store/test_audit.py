"""Audit records: streams that can be proved, one per object, listed by tenant."""

import pytest
from sqlalchemy import bindparam, update
from toolyard_runtime.store import audit
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_runtime.store.tables import AUDIT_RECORD
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.errors import Conflict

CHANGE = (
    update(AUDIT_RECORD)
    .where(AUDIT_RECORD.c.stream == bindparam("of_stream"), AUDIT_RECORD.c.seq == bindparam("of_seq"))
    .values(head=bindparam("text"))
    .execution_options(row=("text", "of_stream", "of_seq"))
)


def entry(at: int, tenant: str = "acme", action: str = "tool.pin") -> AuditRecord:
    return AuditRecord(at, tenant, "key_1", action, "tool:add", old="sha256:1", new="sha256:2", detail={"n": at})


async def put(database: SqliteDatabase, stream: str, *entries: AuditRecord) -> None:
    for one in entries:
        tx = database.begin()
        await audit.record(database, tx, stream, one)
        await database.commit(tx)


async def test_a_stream_comes_back_in_order_and_verifies(database: SqliteDatabase) -> None:
    entries = [entry(at) for at in range(5)]
    await put(database, "tool:add", *entries)
    assert await audit.load(database, "tool:add") == entries
    assert await audit.verify(database, "tool:add") is None


async def test_a_changed_record_breaks_its_stream_where_it_was_changed(database: SqliteDatabase) -> None:
    await put(database, "tool:add", *(entry(at) for at in range(5)))
    tx = database.begin()
    tx.write(CHANGE, ('{"at":2}', "tool:add", 2))
    await database.commit(tx)
    assert await audit.verify(database, "tool:add") == 2


async def test_two_changes_of_one_object_at_once_are_one_conflict(database: SqliteDatabase) -> None:
    first, second = database.begin(), database.begin()
    await audit.record(database, first, "tool:add", entry(1))
    await audit.record(database, second, "tool:add", entry(2))
    await database.commit(first)
    with pytest.raises(Conflict):
        await database.commit(second)
    assert await audit.load(database, "tool:add") == [entry(1)]


async def test_changes_of_two_objects_do_not_meet(database: SqliteDatabase) -> None:
    tx = database.begin()
    await audit.record(database, tx, "tool:add", entry(1))
    audit.record_first(tx, "tool:sub", entry(2))
    await database.commit(tx)
    assert [await audit.verify(database, stream) for stream in ("tool:add", "tool:sub")] == [None, None]


async def test_a_tenant_sees_its_own_records_newest_first(database: SqliteDatabase) -> None:
    await put(database, "tool:add", entry(1), entry(3), entry(5, action="tool.yank"))
    await put(database, "tool:sub", entry(2), entry(4, tenant="other"))
    assert [one.at for one in await audit.load_of_tenant(database, "acme")] == [5, 3, 2, 1]
    assert [one.at for one in await audit.load_of_tenant(database, "acme", before=3, limit=1)] == [2]
    assert [one.at for one in await audit.load_of_tenant(database, "acme", action="tool.yank")] == [5]
