"""What every adapter of the Database port does, whatever it is built on."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import LargeBinary, bindparam, delete, exists, func, insert, literal, or_, select, update
from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.store.tables import PAYLOAD, STOP
from toolyard_sdk.errors import Conflict

from tests.conformance.adapters import Adapter

ADD = insert(STOP)
ALL = select(STOP).order_by(STOP.c.name)
NAMES = select(STOP.c.name).order_by(STOP.c.name)
BY_NAME = select(STOP.c.by).where(STOP.c.name == bindparam("of_name"))
SOME = select(STOP.c.name).where(STOP.c.name.in_(bindparam("names", expanding=True))).order_by(STOP.c.name)
RENAME = update(STOP).where(STOP.c.name == bindparam("old")).values(by=bindparam("actor"), created_at=bindparam("at"))
RENAME_PINNED = RENAME.execution_options(row=("old", "actor", "at"))
REMOVE = delete(STOP).where(STOP.c.name == bindparam("old"))


def row(name: str, by: str = "somebody") -> tuple[str, str, str, int, str]:
    return ("t", "tool", name, 7, by)


async def put(adapter: Adapter, *names: str) -> None:
    tx = adapter.begin()
    for name in names:
        tx.write(ADD, row(name))
    await adapter.commit(tx)


async def names(adapter: Adapter) -> list[str]:
    return [name for (name,) in await adapter.database.read(NAMES)]


async def outcome(adapter: Adapter, tx: Any) -> str:
    try:
        await adapter.commit(tx)
    except Conflict:
        return "conflict"
    return "committed"


async def test_rows_are_given_in_the_order_of_the_tables_columns_and_read_back_so(adapter: Adapter) -> None:
    await put(adapter, "a")
    assert [tuple(found) for found in await adapter.database.read(ALL)] == [row("a")]


async def test_nothing_is_seen_before_the_commit(adapter: Adapter) -> None:
    tx = adapter.begin()
    tx.write(ADD, row("a"))
    assert await names(adapter) == []
    await adapter.commit(tx)
    assert await names(adapter) == ["a"]


async def test_a_forgotten_transaction_leaves_nothing(adapter: Adapter) -> None:
    adapter.begin().write(ADD, row("forgotten"))
    await put(adapter, "a")
    assert await names(adapter) == ["a"]


async def test_an_empty_transaction_commits(adapter: Adapter) -> None:
    await adapter.commit(adapter.begin())
    assert await names(adapter) == []


async def test_a_taken_key_refuses_the_whole_transaction(adapter: Adapter) -> None:
    await put(adapter, "a")
    tx = adapter.begin()
    tx.write(ADD, row("b"))
    tx.write(ADD, row("a", "somebody else"))
    with pytest.raises(Conflict):
        await adapter.commit(tx)
    assert [found[4] for found in await adapter.database.read(ALL)] == ["somebody"]


async def test_of_many_that_are_committed_at_once_only_the_guilty_are_refused(adapter: Adapter) -> None:
    await put(adapter, "taken")
    transactions = []
    for number in range(20):
        tx = adapter.begin()
        tx.write(ADD, row(f"{number:02}"))
        tx.write(ADD, row("taken" if number % 5 == 0 else f"more {number:02}"))
        transactions.append(tx)
    outcomes = await asyncio.gather(*(outcome(adapter, tx) for tx in transactions))
    assert outcomes == ["conflict" if number % 5 == 0 else "committed" for number in range(20)]
    expected = [f"{number:02}" for number in range(20) if number % 5]
    assert [name for name in await names(adapter) if len(name) == 2] == expected


async def test_of_two_that_want_the_same_key_the_first_gets_it(adapter: Adapter) -> None:
    first, second = adapter.begin(), adapter.begin()
    first.write(ADD, row("a", "first"))
    second.write(ADD, row("a", "second"))
    assert [*await asyncio.gather(outcome(adapter, first), outcome(adapter, second))] == ["committed", "conflict"]
    assert await adapter.database.read(BY_NAME, {"of_name": "a"}) == [("first",)]


async def test_a_guard_that_is_met_lets_the_transaction_through(adapter: Adapter) -> None:
    await put(adapter, "a")
    tx = adapter.begin()
    tx.write(RENAME_PINNED, ("a", "me", 9), expect=1)
    await adapter.commit(tx)
    assert await adapter.database.read(BY_NAME, {"of_name": "a"}) == [("me",)]


async def test_a_guard_that_is_not_met_refuses_the_whole_transaction_and_no_other(adapter: Adapter) -> None:
    await put(adapter, "a")
    guilty, innocent = adapter.begin(), adapter.begin()
    guilty.write(ADD, row("b"))
    guilty.write(RENAME_PINNED, ("missing", "me", 9), expect=1)
    innocent.write(RENAME_PINNED, ("a", "me", 9), expect=1)
    assert [*await asyncio.gather(outcome(adapter, guilty), outcome(adapter, innocent))] == ["conflict", "committed"]
    assert await names(adapter) == ["a"]


async def test_each_row_of_a_guarded_statement_is_held_to_its_own_guard(adapter: Adapter) -> None:
    await put(adapter, "a", "b")
    tx = adapter.begin()
    tx.write(REMOVE, ("a",), expect=1)
    tx.write(REMOVE, ("a",), expect=1)
    with pytest.raises(Conflict):
        await adapter.commit(tx)
    assert await names(adapter) == ["a", "b"]


async def test_a_guard_may_expect_that_nothing_changes(adapter: Adapter) -> None:
    await put(adapter, "a")
    tx = adapter.begin()
    tx.write(RENAME_PINNED, ("missing", "me", 9), expect=0)
    await adapter.commit(tx)
    tx = adapter.begin()
    tx.write(RENAME_PINNED, ("a", "me", 9), expect=0)
    with pytest.raises(Conflict):
        await adapter.commit(tx)


async def test_without_a_pinned_order_values_come_as_they_appear_in_the_sql(adapter: Adapter) -> None:
    await put(adapter, "a")
    tx = adapter.begin()
    tx.write(RENAME, (11, "me", "a"))
    await adapter.commit(tx)
    assert await adapter.database.read(select(STOP.c.created_at, STOP.c.by)) == [(11, "me")]


async def test_many_rows_of_a_pinned_statement_each_find_their_place(adapter: Adapter) -> None:
    await put(adapter, "a", "b")
    tx = adapter.begin()
    tx.write(RENAME_PINNED, ("a", "for a", 1))
    tx.write(RENAME_PINNED, ("b", "for b", 2))
    await adapter.commit(tx)
    assert [(found[2], found[4], found[3]) for found in await adapter.database.read(ALL)] == [
        ("a", "for a", 1),
        ("b", "for b", 2),
    ]


async def test_a_pinned_order_that_names_other_parameters_is_refused_at_the_commit(adapter: Adapter) -> None:
    tx = adapter.begin()
    tx.write(RENAME.execution_options(row=("old", "actor")), ("a", "me"))
    with pytest.raises(TypeError, match="row names"):
        await adapter.commit(tx)


async def test_statements_of_a_transaction_apply_in_the_order_of_their_first_use(adapter: Adapter) -> None:
    await put(adapter, "a")
    tx = adapter.begin()
    tx.write(REMOVE, ("a",))
    tx.write(ADD, row("a", "again"))
    await adapter.commit(tx)
    assert await adapter.database.read(BY_NAME, {"of_name": "a"}) == [("again",)]


async def test_transactions_that_wait_together_apply_one_after_the_other(adapter: Adapter) -> None:
    transactions = []
    for number in range(10):
        tx = adapter.begin()
        tx.write(REMOVE, ("a",))
        tx.write(ADD, row("a", str(number)))
        transactions.append(tx)
    await asyncio.gather(*(adapter.commit(tx) for tx in transactions))
    assert await adapter.database.read(BY_NAME, {"of_name": "a"}) == [("9",)]


@pytest.mark.parametrize("bad", [("too", "few"), ("t", "tool", object(), 7, "x"), ("t", "tool", "n", 1 << 70, "x")])
async def test_a_row_no_driver_takes_harms_only_its_own_transaction(adapter: Adapter, bad: tuple[Any, ...]) -> None:
    broken, fine = adapter.begin(), adapter.begin()
    broken.write(ADD, bad)
    fine.write(ADD, row("fine"))
    results = await asyncio.gather(adapter.commit(broken), adapter.commit(fine), return_exceptions=True)
    assert isinstance(results[0], Exception)
    assert not isinstance(results[0], Conflict)
    assert results[1] is None
    assert await names(adapter) == ["fine"]


async def test_a_missing_value_is_no_conflict(adapter: Adapter) -> None:
    tx = adapter.begin()
    tx.write(ADD, ("t", "tool", "a", None, "x"))
    with pytest.raises(Exception, match="NOT NULL") as caught:
        await adapter.commit(tx)
    assert not isinstance(caught.value, Conflict)


async def test_hundreds_of_concurrent_commits_all_land_once(adapter: Adapter) -> None:
    async def one(number: int) -> None:
        for step in range(5):
            await put(adapter, f"{number:03}-{step}")

    await asyncio.wait_for(asyncio.gather(*(one(number) for number in range(100))), 60)
    assert await names(adapter) == [f"{number:03}-{step}" for number in range(100) for step in range(5)]


async def test_whoever_gives_up_waiting_harms_nobody_else(adapter: Adapter) -> None:
    impatient = asyncio.ensure_future(put(adapter, "impatient"))
    patient = asyncio.ensure_future(put(adapter, "patient"))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait_for(patient, 10)
    assert impatient.cancelled()
    assert "patient" in await names(adapter)


async def test_a_transaction_is_committed_by_the_database_that_began_it(adapter: Adapter) -> None:
    class Foreign:
        def write(self, statement: Any, row: tuple[Any, ...], *, expect: int | None = None) -> None:
            """Take nothing."""

    with pytest.raises(TypeError, match="began it"):
        await adapter.database.commit(Foreign())


async def test_lists_of_any_length_can_be_asked_for(adapter: Adapter) -> None:
    await put(adapter, "a", "b", "c")

    async def some(*wanted: str) -> Sequence[str]:
        return [name for (name,) in await adapter.database.read(SOME, {"names": list(wanted)})]

    assert await some("a", "c", "x") == ["a", "c"]
    assert await some("b") == ["b"]
    assert await some() == []
    assert await some("c", "b", "a") == ["a", "b", "c"]


async def test_values_inside_a_select_need_not_be_given(adapter: Adapter) -> None:
    await put(adapter, "a", "b")
    statement = select(STOP.c.name).where(STOP.c.name != "a", STOP.c.by == bindparam("actor"), literal(1) == 1)
    assert await adapter.database.read(statement, {"actor": "somebody"}) == [("b",)]


async def test_a_parameter_without_a_value_is_named(adapter: Adapter) -> None:
    with pytest.raises(KeyError, match="of_name"):
        await adapter.database.read(BY_NAME)


async def test_a_scan_gives_what_a_read_gives(adapter: Adapter) -> None:
    await put(adapter, *(f"{number:04}" for number in range(500)))
    assert await adapter.database.scan(ALL) == await adapter.database.read(ALL)
    assert await adapter.database.scan(BY_NAME, {"of_name": "0007"}) == [("somebody",)]


async def test_text_bytes_and_integers_come_back_as_they_were(adapter: Adapter) -> None:
    strange = "ä\u2028\U0001f600'\"--%s\0\ufdd0\ufdd00"
    tx = adapter.begin()
    tx.write(ADD, ("t", "tool", strange, -(1 << 62), ""))
    await adapter.commit(tx)
    assert [tuple(found) for found in await adapter.database.read(ALL)] == [("t", "tool", strange, -(1 << 62), "")]


async def test_a_text_with_every_character_is_found_by_it(adapter: Adapter) -> None:
    strange = ["", "\0", "\0\0", "\ufdd0", "\ufdd01", "\ufdd00", "\uffff", "\U0010ffff", "a\0b"]
    await put(adapter, *strange)
    for text in strange:
        assert await adapter.database.read(BY_NAME, {"of_name": text}) == [("somebody",)]
    assert sorted(await names(adapter)) == sorted(strange)


async def test_texts_are_ordered_by_their_characters_numbers_in_every_language(adapter: Adapter) -> None:
    await put(adapter, "b", "B", "a", "ä", "Z", "_", "-", "a b", "ab", "\U0001f600", "é")
    assert await names(adapter) == sorted(await names(adapter))
    beyond = select(STOP.c.name).where(STOP.c.name > bindparam("after")).order_by(STOP.c.name.desc()).limit(2)
    assert await adapter.database.read(beyond, {"after": "b"}) == [("\U0001f600",), ("é",)]


async def test_every_byte_comes_back(adapter: Adapter) -> None:
    data = bytes(range(256))
    tx = adapter.begin()
    tx.write(insert(PAYLOAD), (data, 1, "user", b""))
    await adapter.commit(tx)
    ((run, content),) = await adapter.database.read(select(PAYLOAD.c.run, PAYLOAD.c.data))
    assert (type(run), run, content) == (bytes, data, b"")


async def test_a_parameter_may_be_nothing_whatever_its_type(adapter: Adapter) -> None:
    await put(adapter, "a")
    by, run = bindparam("actor", type_=STOP.c.by.type), bindparam("run", type_=LargeBinary())
    unless = select(STOP.c.name).where(or_(by.is_(None), STOP.c.by == by), or_(run.is_(None), run == b"x"))
    assert await adapter.database.read(unless, {"actor": None, "run": None}) == [("a",)]
    assert await adapter.database.read(unless, {"actor": "nobody", "run": None}) == []
    assert await adapter.database.read(unless, {"actor": "somebody", "run": b"x"}) == [("a",)]


async def test_what_is_computed_comes_back_as_a_plain_number(adapter: Adapter) -> None:
    await put(adapter, "a", "b")
    statement = select(
        func.count(), func.sum(STOP.c.created_at), func.avg(STOP.c.created_at), func.max(STOP.c.created_at)
    )
    (row,) = await adapter.database.read(statement.add_columns(exists().where(STOP.c.name == "a")))
    assert row == (2, 14, 7, 7, 1)
    assert all(isinstance(value, int | float) for value in row)


async def test_a_select_that_cannot_be_answered_harms_no_other(adapter: Adapter) -> None:
    await put(adapter, "a")
    missing = select(literal(1)).select_from(STOP.alias("x")).where(func.no_such_function(STOP.c.name) == 1)
    for ask in (adapter.database.read, adapter.database.scan):
        with pytest.raises(StorageError):
            await ask(missing)
    assert await names(adapter) == ["a"]


async def test_whoever_gives_up_reading_harms_nobody_else(adapter: Adapter) -> None:
    await put(adapter, "a")
    for _ in range(20):
        impatient = asyncio.ensure_future(adapter.database.scan(ALL))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.wait([impatient], timeout=10)
        assert await asyncio.wait_for(names(adapter), 10) == ["a"]


async def test_many_read_at_once_while_others_write(adapter: Adapter) -> None:
    async def write(number: int) -> None:
        await put(adapter, f"{number:03}")

    async def read() -> int:
        return len(await adapter.database.scan(ALL)) + len(await names(adapter))

    async with asyncio.timeout(30):
        await asyncio.gather(*(job for number in range(50) for job in (write(number), read(), read())))
    assert len(await names(adapter)) == 50
