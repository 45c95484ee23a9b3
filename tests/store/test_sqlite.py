"""What the SQLite adapter does when the disk, the file or another program is in its way."""

import asyncio
import os
import random
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import bindparam, delete, insert, select
from toolyard_runtime.store import connect, sqlite
from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.store.opening import open_database, open_sqlite
from toolyard_runtime.store.payloads import ADD_PAYLOAD
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_runtime.store.tables import PAYLOAD, STOP
from toolyard_sdk.ports import Durability

NS = select(PAYLOAD.c.n).order_by(PAYLOAD.c.n)
BOTH: tuple[Durability, ...] = ("normal", "full")


async def put(database: SqliteDatabase, n: int, size: int = 10, durability: Durability = "normal") -> None:
    tx = database.begin()
    tx.write(ADD_PAYLOAD, (b"r" * 16, n, "user", bytes(size)))
    await asyncio.wait_for(database.commit(tx, durability), 20)


async def numbers(database: SqliteDatabase) -> list[int]:
    return [n for (n,) in await database.read(NS)]


@pytest.mark.parametrize("durability", BOTH)
async def test_a_full_disk_rejects_everybody_who_waits_and_loses_nothing(
    database: SqliteDatabase, durability: Durability
) -> None:
    await put(database, 0, durability=durability)
    pages = database.connection.execute("PRAGMA page_count").fetchone()[0]
    database.connection.execute(f"PRAGMA max_page_count={pages + 2}")
    results = await asyncio.gather(
        *(put(database, n, 100_000, durability) for n in range(1, 5)), return_exceptions=True
    )
    assert all(isinstance(result, StorageError) for result in results)
    assert "the disk is full" in str(results[0])
    assert await numbers(database) == [0]
    database.connection.execute("PRAGMA max_page_count=1000000")
    await put(database, 9, 100_000, durability)
    assert await numbers(database) == [0, 9]


@pytest.mark.parametrize("durability", BOTH)
async def test_a_read_only_file_is_named_as_such(database: SqliteDatabase, durability: Durability) -> None:
    await put(database, 0)
    database.connection.execute("PRAGMA query_only=ON")
    with pytest.raises(StorageError, match="the file is read-only: check its owner"):
        await put(database, 1, durability=durability)
    assert await numbers(database) == [0]


async def test_another_programs_lock_is_waited_for_without_stopping_the_event_loop(
    database: SqliteDatabase, file: Path
) -> None:
    await put(database, 0)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(put(database, 1))
    turns = 0
    deadline = time.monotonic() + 0.2
    while time.monotonic() < deadline:
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 20
    assert not waiting.done()
    other.execute("COMMIT")
    other.close()
    await waiting
    await put(database, 2)
    assert await numbers(database) == [0, 1, 2]


async def test_a_lock_that_is_never_let_go_is_an_error_in_the_end(
    database: SqliteDatabase, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(database, 0)
    monkeypatch.setattr(sqlite, "PATIENCE_MS", 100)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="another program holds a lock"):
        await put(database, 1)
    other.close()
    await put(database, 2)
    assert await numbers(database) == [0, 2]


async def test_a_file_that_is_no_database_is_refused(file: Path) -> None:
    await asyncio.to_thread(file.write_bytes, b"not a database, but long enough to be read as the header of one" * 50)
    with pytest.raises(StorageError, match="not a SQLite database"):
        await open_sqlite(file)


def damage(file: Path) -> None:
    with file.open("r+b") as damaged:
        damaged.seek(4096 * 3)
        damaged.write(os.urandom(file.stat().st_size - 4096 * 3))


async def test_a_damaged_file_is_an_error_and_no_hang(file: Path) -> None:
    database = await open_sqlite(file)
    for n in range(40):
        await put(database, n, 3000)
    await database.close()
    damage(file)
    with pytest.raises(StorageError, match="damaged"):
        await _use(file)


async def _use(file: Path) -> None:
    database = await open_sqlite(file)
    try:
        await database.scan(select(PAYLOAD))
        await put(database, 100)
    finally:
        await database.close()


async def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"missing.*No such file or directory"):
        await open_database(f"sqlite:///{tmp_path}/missing/data.db")


@pytest.mark.parametrize("url", ["mysql://somewhere/db", "data.db", "sqlite:data.db", "sqlite://host/data.db"])
async def test_a_url_that_names_no_database_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(StorageError, match="sqlite:///"):
        await open_database(url)


async def test_a_thread_does_the_waiting_for_the_disk(database: SqliteDatabase) -> None:
    await put(database, 0)
    threads: list[str] = []
    database.connection.set_trace_callback(
        lambda text: threads.append(f"{text[:26]}|{threading.current_thread().name.split('_')[0]}")
    )
    await put(database, 1)
    assert "COMMIT|MainThread" in threads
    assert not any("synchronous" in text for text in threads)
    threads.clear()
    await put(database, 2, durability="full")
    database.connection.set_trace_callback(None)
    assert threads.index("PRAGMA synchronous=FULL|sqlite-write") < threads.index("COMMIT|sqlite-write")
    assert threads.index("COMMIT|sqlite-write") < threads.index("PRAGMA synchronous=NORMAL|sqlite-write")


async def test_what_comes_while_the_disk_is_waited_for_goes_with_the_next_commit(database: SqliteDatabase) -> None:
    await put(database, 0)
    texts: list[str] = []
    database.connection.set_trace_callback(texts.append)
    first = asyncio.ensure_future(put(database, 1, durability="full"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = [asyncio.ensure_future(put(database, n)) for n in range(2, 12)]
    await asyncio.gather(first, *later)
    database.connection.set_trace_callback(None)
    assert texts.count("COMMIT") == 2
    assert await numbers(database) == list(range(12))


async def test_the_log_is_copied_into_the_database_while_commits_go_on(
    database: SqliteDatabase, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOG_LIMIT", 1 << 18)
    monkeypatch.setattr(database, "_log_limit", 1 << 18)

    async def one(start: int) -> None:
        for n in range(start, start + 100):
            await put(database, n, 2000)

    await asyncio.gather(*(one(start) for start in range(0, 1000, 100)))
    assert await numbers(database) == list(range(1000))
    assert size(file) > 1_000_000
    assert size(file.with_name("data.db-wal")) < 2_500_000


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def holds(file: Path, words: bytes) -> bool:
    return words in file.read_bytes()


def size(file: Path) -> int:
    return file.stat().st_size


async def test_closing_commits_what_waits_and_leaves_no_log(file: Path) -> None:
    database = await open_sqlite(file)
    waiting = [asyncio.ensure_future(put(database, n)) for n in range(5)]
    await asyncio.sleep(0)
    await asyncio.wait_for(database.close(), 20)
    await asyncio.gather(*waiting)
    assert names(file.parent) == ["data.db", "data.db.lock"]
    again = await open_sqlite(file)
    assert await numbers(again) == list(range(5))
    await again.close()


async def test_a_closed_database_takes_nothing_and_closing_twice_is_nothing(file: Path) -> None:
    database = await open_sqlite(file)
    await database.close()
    await database.close()
    with pytest.raises(StorageError, match="closed"):
        await put(database, 1)


async def test_scrubbed_content_is_nowhere_in_the_files(database: SqliteDatabase, file: Path) -> None:
    secret = b"the rabbit is in the hat"
    tx = database.begin()
    tx.write(ADD_PAYLOAD, (b"r" * 16, 1, "user", secret * 400))
    await database.commit(tx)
    assert any(secret in path.read_bytes() for path in file.parent.iterdir())
    tx = database.begin()
    tx.write(PAYLOAD.delete(), ())
    await database.commit(tx)
    await database.scrub()
    assert not any(secret in path.read_bytes() for path in file.parent.iterdir())


async def test_what_sqlite_has_moved_between_pages_is_gone_when_the_file_is_written_anew(
    database: SqliteDatabase, file: Path
) -> None:
    chance = random.Random(2)
    sizes = (64, 200, 400)
    for _ in range(30):  # until a copy stays
        tx = database.begin()
        for n in range(2_000):
            name = f"{chance.getrandbits(chance.choice(sizes)):x}"
            tx.write(insert(STOP), ("t", "agent", name, 1, "a-person" if n % 7 == 0 else "others"))
        await database.commit(tx)
        tx = database.begin()
        tx.write(delete(STOP).where(STOP.c.by == bindparam("whose")), ("a-person",))
        await database.commit(tx)
        assert not await database.rewrite(1000)
        if holds(file, b"a-person"):
            break
    else:
        pytest.fail("SQLite has learnt to clean up after itself")
    before = await database.read(select(STOP.c.name).order_by(STOP.c.name))
    assert await database.rewrite(1 << 30)
    assert not holds(file, b"a-person")
    assert size(file.with_name("data.db-wal")) == 0
    assert await database.read(select(STOP.c.name).order_by(STOP.c.name)) == before


async def test_scrubbing_right_after_much_was_written_waits_for_the_log_that_is_being_copied(
    database: SqliteDatabase, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOOK_EVERY", 1)
    for n in range(12):
        database._log_limit = 4096  # so that every commit begins to copy the log
        await put(database, n, 200_000, "full")
        await asyncio.wait_for(database.scrub(), 20)
        assert size(file.with_name("data.db-wal")) == 0


async def test_scrubbing_waits_for_its_turn_among_commits(database: SqliteDatabase) -> None:
    writers = [asyncio.ensure_future(put(database, n, durability="full")) for n in range(5)]
    await asyncio.sleep(0)
    await asyncio.wait_for(database.scrub(), 20)
    await asyncio.gather(*writers)
    assert await numbers(database) == list(range(5))


async def test_a_row_whose_table_is_missing_is_its_own_fault(database: SqliteDatabase) -> None:
    database.connection.execute("DROP TABLE stop")
    guilty = database.begin()
    guilty.write(insert(STOP), ("t", "tool", "n", 1, "x"))
    results = await asyncio.gather(database.commit(guilty), put(database, 1), return_exceptions=True)
    assert isinstance(results[0], StorageError)
    assert results[1] is None


def test_error_words_name_what_can_be_done() -> None:
    assert all(len(words) > 20 for words in connect.WORDS.values())
