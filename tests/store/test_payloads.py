"""Payloads: content by reference, and what is read where it was erased."""

from toolyard_runtime.store import payloads
from toolyard_runtime.store.payloads import ERASED, Payload
from toolyard_runtime.store.sqlite import SqliteDatabase

A, B = b"a" * 16, b"b" * 16


async def fill(database: SqliteDatabase, count: int = 3) -> None:
    tx = database.begin()
    for run in (A, B):
        for n in range(count):
            payloads.add(tx, run, n, "user", run[:1] + str(n).encode())
    await database.commit(tx)


async def test_contents_are_read_by_run_and_ordinal(database: SqliteDatabase) -> None:
    await fill(database)
    assert await payloads.load(database, A, [2, 0]) == {0: Payload("user", b"a0"), 2: Payload("user", b"a2")}


async def test_what_is_not_there_is_erased(database: SqliteDatabase) -> None:
    await fill(database)
    assert await payloads.load(database, A, [1, 7]) == {1: Payload("user", b"a1"), 7: ERASED}
    assert await payloads.load(database, b"c" * 16, [0]) == {0: ERASED}
    assert await payloads.load(database, A, []) == {}


async def test_contents_of_several_runs_are_read_together(database: SqliteDatabase) -> None:
    await fill(database)
    assert await payloads.load_many(database, [(B, 1), (A, 0), (A, 9)]) == {
        (A, 0): Payload("user", b"a0"),
        (A, 9): ERASED,
        (B, 1): Payload("user", b"b1"),
    }


async def test_all_contents_of_a_run_can_be_read(database: SqliteDatabase) -> None:
    await fill(database)
    assert await payloads.load_all(database, B) == {n: Payload("user", f"b{n}".encode()) for n in range(3)}


async def test_more_ordinals_than_fit_one_statement_are_read_in_parts(database: SqliteDatabase) -> None:
    count = payloads.AT_ONCE * 2 + 1
    await fill(database, count)
    found = await payloads.load(database, A, range(count + 1))
    assert [found[n] for n in (0, count - 1, count)] == [
        Payload("user", b"a0"),
        Payload("user", f"a{count - 1}".encode()),
        ERASED,
    ]
