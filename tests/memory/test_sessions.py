"""Sessions in SQL: chains through a tree of items, resent conversations found again, nothing across tenants."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.sessions.store import LONG, Continuation, Session, Sessions, continuation_key
from toolyard_memory.sessions.window import Item
from toolyard_runtime.store.opening import open_sqlite
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_sdk.events import ItemRef

SESSION = b"s" * 16


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = await open_sqlite(tmp_path / "data.db")
    yield opened
    await opened.close()


def item(run: int, n: int, position: int) -> Item:
    """Return a user's item."""
    return Item(ItemRef(bytes([run]) * 16, n), "user", 5, position)


async def write(database: SqliteDatabase, made: list[tuple[Item, ItemRef | None]]) -> Sessions:
    """Write items below their parents."""
    sessions = Sessions(database)
    tx = database.begin()
    for one, parent in made:
        sessions.add(tx, SESSION, one, parent, 1)
    await database.commit(tx)
    return sessions


async def test_a_chain_is_read_oldest_first_and_leaves_other_branches_out(database: SqliteDatabase) -> None:
    root, left, right = item(1, 1, 0), item(2, 1, 1), item(3, 1, 1)
    leaf = item(2, 2, 2)
    sessions = await write(database, [(root, None), (left, root.ref), (right, root.ref), (leaf, left.ref)])
    assert await sessions.chain(SESSION, leaf.ref) == [root, left, leaf]
    assert await sessions.chain(SESSION, right.ref) == [root, right]
    assert await sessions.chain(SESSION, root.ref) == [root]


async def test_a_long_chain_is_read_by_a_thread_and_whole(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [item(1, n, n) for n in range(LONG + 1)]
    parents = [None, *(one.ref for one in items)]
    sessions = await write(database, list(zip(items, parents, strict=False)))
    scanned: list[bool] = []
    scan = database._scan

    def counted(*arguments: Any) -> Any:
        scanned.append(True)
        return scan(*arguments)

    monkeypatch.setattr(database, "_scan", counted)
    assert await sessions.chain(SESSION, items[-1].ref) == items
    assert scanned == [True]
    assert await sessions.chain(SESSION, items[1].ref) == items[:2]
    assert scanned == [True]


async def test_an_item_of_another_session_is_not_found(database: SqliteDatabase) -> None:
    root = item(1, 1, 0)
    sessions = await write(database, [(root, None)])
    assert await sessions.chain(b"t" * 16, root.ref) == []
    assert await sessions.chain(SESSION, item(9, 9, 0).ref) == []


async def test_a_session_is_its_tenants_alone_and_knows_its_newest_item(database: SqliteDatabase) -> None:
    sessions = Sessions(database)
    tx = database.begin()
    sessions.open(tx, Session("a", SESSION, "key_1", "ann", "clerk", None), 7)
    await database.commit(tx)
    assert await sessions.find("a", SESSION) == Session("a", SESSION, "key_1", "ann", "clerk", None)
    assert await sessions.find("b", SESSION) is None
    tx = database.begin()
    sessions.move_head(tx, "b", SESSION, ItemRef(b"x" * 16, 1), 8)
    sessions.move_head(tx, "a", SESSION, ItemRef(b"y" * 16, 2), 9)
    await database.commit(tx)
    found = await sessions.find("a", SESSION)
    assert found is not None
    assert found.head == ItemRef(b"y" * 16, 2)


async def test_a_resent_conversation_goes_on_where_it_was_last_remembered(database: SqliteDatabase) -> None:
    sessions = Sessions(database)
    key = continuation_key("a", "key_1", None, "clerk", [b"hello"])
    for n in (1, 2):
        tx = database.begin()
        sessions.remember(tx, key, "a", Continuation(SESSION, ItemRef(b"r" * 16, n), n))
        await database.commit(tx)
    assert await sessions.recall("a", key) == Continuation(SESSION, ItemRef(b"r" * 16, 2), 2)
    assert await sessions.recall("b", key) is None
    assert await sessions.recall("a", b"?" * 32) is None


PARTS = st.tuples(
    st.text(max_size=5), st.text(max_size=5), st.none() | st.text(min_size=1, max_size=5), st.text(max_size=5)
)


@given(PARTS, st.lists(st.binary(max_size=5), max_size=4), PARTS, st.lists(st.binary(max_size=5), max_size=4))
def test_two_conversations_share_a_key_only_if_they_are_the_same(
    one: tuple[str, str, str | None, str],
    seen: list[bytes],
    other: tuple[str, str, str | None, str],
    also: list[bytes],
) -> None:
    same = (one, seen) == (other, also)
    assert (continuation_key(*one, seen) == continuation_key(*other, also)) is same
