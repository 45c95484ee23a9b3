"""The table of runs and of approvals: found by their tenant only, listed newest first, recovered across tenants."""

import msgspec
import pytest
from toolyard_runtime.store import runs
from toolyard_runtime.store.approvals import ApprovalRow, Approvals
from toolyard_runtime.store.runs import MOVING, RunRow, Runs
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_runtime.store.tables import APPROVAL, RUN
from toolyard_sdk.errors import Conflict
from toolyard_sdk.events import ItemRef

MINUTE = 60_000_000
START = 1_800_000_000_000_000


def run_id(number: int) -> bytes:
    """Return the UUIDv7 of a run started `number` milliseconds after START."""
    return (START // 1000 + number).to_bytes(6) + b"\x70" + bytes(9)


def a_run(number: int, tenant: str = "acme", **changes: object) -> RunRow:
    row = RunRow(tenant, run_id(number), b"s" * 16, "key_1", None, "support", "sha256:1", "foreground", "running")
    return msgspec.structs.replace(row, started_at=START + number * 1000, **changes)


async def put(database: SqliteDatabase, *rows: RunRow) -> None:
    tx = database.begin()
    for row in rows:
        Runs(database).add(tx, row)
    await database.commit(tx)


def test_records_name_the_tables_columns_in_order() -> None:
    assert [field.name for field in msgspec.structs.fields(RunRow)] == list(RUN.c.keys())
    assert [field.name for field in msgspec.structs.fields(ApprovalRow)] == list(APPROVAL.c.keys())


async def test_every_field_comes_back_as_it_was_written(database: SqliteDatabase) -> None:
    row = a_run(1, end_user="eve", reason="stop", error="x", finished_at=5, segment=2, epoch=3, wake_at=9)
    row = msgspec.structs.replace(row, input_tokens=1, output_tokens=2, turns=3, calls=4, doubts=5, request=b"d" * 32)
    row = msgspec.structs.replace(row, base_run=b"b" * 16, base_n=7, head_n=8, metadata='{"a":"b"}')
    await put(database, row)
    assert await Runs(database).find("acme", row.id) == row
    assert row.base == ItemRef(b"b" * 16, 7)


async def test_what_moves_is_updated_and_the_rest_stays(database: SqliteDatabase) -> None:
    row, bystander = a_run(1), a_run(2)
    await put(database, row, bystander)
    numbers = {name: place + 10 for place, name in enumerate(MOVING) if isinstance(getattr(row, name), int)}
    moved = msgspec.structs.replace(row, status="finished", reason="stop", error="e", **numbers)
    tx = database.begin()
    Runs(database).update(tx, msgspec.structs.replace(moved, agent="other", caller="other"))
    await database.commit(tx)
    assert await Runs(database).find("acme", row.id) == moved
    assert await Runs(database).find("acme", bystander.id) == bystander


async def test_an_update_of_a_run_nobody_knows_is_refused(database: SqliteDatabase) -> None:
    await put(database, a_run(1))
    tx = database.begin()
    Runs(database).update(tx, a_run(1, tenant="other"))
    with pytest.raises(Conflict):
        await database.commit(tx)


async def test_another_tenants_run_is_not_there(database: SqliteDatabase) -> None:
    mine, other = a_run(1, doubts=1), a_run(2, "other", doubts=1)
    await put(database, mine, other)
    store = Runs(database)
    assert await store.find("acme", other.id) is None
    assert await store.list("acme") == [mine]
    assert await store.open_of("acme") == [mine]
    assert await store.in_doubt("acme", b"s" * 16) == [mine.id]
    assert await store.find_request("acme", "key_1", b"d", 0) is None


async def test_runs_are_listed_newest_first_page_by_page(database: SqliteDatabase) -> None:
    rows = [a_run(number) for number in range(25)]
    await put(database, *rows)
    seen: list[RunRow] = []
    after = None
    while page := await Runs(database).list("acme", after=after, limit=10):
        assert len(page) <= 10
        seen += page
        after = page[-1].id
    assert seen == rows[::-1]


async def test_a_page_has_at_least_one_and_at_most_a_hundred_runs(database: SqliteDatabase) -> None:
    await put(database, *(a_run(number) for number in range(120)))
    assert len(await Runs(database).list("acme", limit=1000)) == 100
    assert len(await Runs(database).list("acme", limit=-1)) == 1


async def test_each_filter_and_all_together_narrow_the_list(database: SqliteDatabase) -> None:
    plain = a_run(1)
    rows = {
        "agent": a_run(2, agent="billing"),
        "status": a_run(3, status="parked"),
        "session": a_run(4, session=b"t" * 16),
        "end_user": a_run(5, end_user="eve"),
    }
    every = a_run(6, agent="billing", status="parked", session=b"t" * 16, end_user="eve")
    await put(database, plain, *rows.values(), every)
    wanted = {name: getattr(every, name) for name in rows}
    for name, row in rows.items():
        assert await Runs(database).list("acme", **{name: wanted[name]}) == [every, row]
    assert await Runs(database).list("acme", **wanted) == [every]


async def test_open_runs_of_all_tenants_are_found_for_recovery(database: SqliteDatabase) -> None:
    rows = [a_run(1), a_run(2, "other", status="parked"), a_run(3, status="finished"), a_run(4, end_user="eve")]
    await put(database, *rows)
    found = await Runs(database).open_of_all_tenants()
    assert {row.id for row in found} == {rows[0].id, rows[1].id, rows[3].id}
    assert await Runs(database).open_of("acme", "eve") == [rows[3]]


async def test_open_runs_and_doubts_are_found_by_their_small_indexes(database: SqliteDatabase) -> None:
    for statement, index in ((runs.OPEN_RUNS, "ix_run_open"), (runs.IN_DOUBT, "ix_run_doubts")):
        sql = database.statements.read(statement).sql
        plan = database.connection.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?")).fetchall()
        assert index in plan[0][3]


async def test_a_retried_request_finds_its_newest_run_within_the_time_given(database: SqliteDatabase) -> None:
    runs = Runs(database)
    digest = b"d" * 32
    await put(database, a_run(0, request=digest), a_run(5000, request=digest), a_run(6000, request=b"e" * 32))
    found = await runs.find_request("acme", "key_1", digest, START)
    assert found is not None
    assert found.id == run_id(5000)
    assert await runs.find_request("acme", "key_2", digest, START) is None
    assert await runs.find_request("acme", "key_1", digest, START + 5_001_000) is None


async def test_an_approval_is_decided_once(database: SqliteDatabase) -> None:
    approvals, approval = Approvals(database), run_id(1)
    tx = database.begin()
    approvals.add(tx, approval=approval, tenant="acme", run=run_id(0), call=2, requested_at=1, expires_at=9)
    await database.commit(tx)
    assert await approvals.find("other", approval) is None
    for verdict in ("approve", "deny"):
        tx = database.begin()
        approvals.decide(tx, approval, verdict, 5, "key_1")
        if verdict == "approve":
            await database.commit(tx, "full")
        else:
            with pytest.raises(Conflict):
                await database.commit(tx, "full")
    assert await approvals.find("acme", approval) == ApprovalRow(
        approval, "acme", run_id(0), 2, "approve", 1, 9, 5, "key_1"
    )


async def test_approvals_are_listed_by_status_and_run_newest_first(database: SqliteDatabase) -> None:
    approvals = Approvals(database)
    tx = database.begin()
    for number in range(6):
        tenant = "other" if number == 5 else "acme"
        run = run_id(100 + number % 2)
        approvals.add(tx, approval=run_id(number), tenant=tenant, run=run, call=0, requested_at=1, expires_at=2)
    approvals.decide(tx, run_id(3), "deny", 4, "x")
    await database.commit(tx)

    async def listed(**wanted: object) -> list[int]:
        found = await approvals.list("acme", **wanted)  # type: ignore[arg-type]  # each case has other arguments
        return [number for row in found for number in range(6) if row.id == run_id(number)]

    assert await listed() == [4, 3, 2, 1, 0]
    assert await listed(status="pending") == [4, 2, 1, 0]
    assert await listed(status="deny") == [3]
    assert await listed(run=run_id(101)) == [3, 1]
    assert await listed(after=run_id(3), limit=2) == [2, 1]
