"""What the PostgreSQL adapter does when the server, the network or another owner is in its way."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from sqlalchemy import func, insert, select
from toolyard_runtime.store import payloads, postgres_connect, postgres_readers, postgres_scrubbing, postgres_writer
from toolyard_runtime.store.errors import OwnerError, StorageError
from toolyard_runtime.store.journal import SqlJournal
from toolyard_runtime.store.opening import OwnedDatabase, open_database
from toolyard_runtime.store.tables import EVENT, PAYLOAD, STOP
from toolyard_sdk.errors import Conflict
from toolyard_sdk.ports import Durability

from tests.store.cluster import LOCKED, USER, Cluster
from tests.store.test_crash import acknowledged

ADD = insert(STOP)
NAMES = select(STOP.c.name).order_by(STOP.c.name)
LAST = select(EVENT.c.run, func.max(EVENT.c.seq)).group_by(EVENT.c.run)
CONTENT = "the rabbit is in the hat"


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    with cluster.database() as made:
        yield made


@pytest.fixture
async def database(url: str) -> AsyncIterator[OwnedDatabase]:
    opened = await open_database(url)
    yield opened
    await opened.close()


async def put(database: OwnedDatabase, *names: str, durability: Durability = "normal") -> None:
    tx = database.begin()
    for name in names:
        tx.write(ADD, ("t", "tool", name, 7, "somebody"))
    await asyncio.wait_for(database.commit(tx, durability), 30)


async def names(database: OwnedDatabase) -> list[str]:
    return [name for (name,) in await asyncio.wait_for(database.read(NAMES), 30)]


def beside(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Execute statements on a connection of one's own and return the rows of the last."""
    with psycopg.connect(url, autocommit=True) as connection:
        *before, last = statements
        for statement in before:
            connection.execute(statement.encode())
        cursor = connection.execute(last.encode())
        return cursor.fetchall() if cursor.description else []


def as_superuser(cluster: Cluster, url: str) -> str:
    return url.replace(f"//{USER}@", "//postgres@")


WRITER = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


async def cut_off(url: str) -> None:
    """End the session that writes, as a network does: without asking."""
    await asyncio.to_thread(beside, url, f"SELECT pg_terminate_backend(pid, 5000) FROM ({WRITER}) AS writer")


# Owning


async def test_a_second_server_is_refused_and_told_who_has_the_database(database: OwnedDatabase, url: str) -> None:
    with pytest.raises(OwnerError, match=rf"in use by another server \(toolyard {os.getpid()}@.*Stop it") as caught:
        await open_database(url)
    assert caught.value.pid == 0
    await put(database, "a")
    assert await names(database) == ["a"]


async def test_a_database_that_was_closed_is_free(database: OwnedDatabase, url: str) -> None:
    await database.close()
    await (await open_database(url)).close()


async def test_a_database_whose_owner_was_killed_is_free(url: str) -> None:
    await asyncio.to_thread(acknowledged, url, 3)
    database = await open_database(url)
    await put(database, "a")
    await database.close()


async def test_two_toolyards_share_a_database_in_schemas_of_their_own(database: OwnedDatabase, url: str) -> None:
    await put(database, "a")
    beside(url, "CREATE SCHEMA other")
    other = await open_database(f"{url}&options=-csearch_path%3Dother")
    await put(other, "b")
    assert (await names(database), await names(other)) == (["a"], ["b"])
    await other.close()


async def test_a_connection_that_breaks_is_made_again(database: OwnedDatabase, url: str) -> None:
    for number in range(3):
        await put(database, str(number))
        await cut_off(url)
    await put(database, "last")
    assert await names(database) == ["0", "1", "2", "last"]


async def test_a_server_whose_database_had_another_owner_meanwhile_writes_no_more(
    database: OwnedDatabase, url: str
) -> None:
    await put(database, "a")
    await cut_off(url)
    await (await open_database(url)).close()
    for _ in range(2):
        with pytest.raises(OwnerError, match="another server has owned the database since"):
            await put(database, "b")
    assert await names(database) == ["a"]


# Committing


async def test_what_waits_in_the_same_turn_is_one_transaction_of_the_server(database: OwnedDatabase, url: str) -> None:
    await asyncio.gather(*(put(database, f"{number:02}") for number in range(50)))
    assert beside(url, "SELECT count(DISTINCT xmin::text) FROM stop") == [(1,)]


async def test_whoever_is_refused_costs_the_others_one_more_transaction(database: OwnedDatabase, url: str) -> None:
    await put(database, "taken")
    batches = [put(database, f"{number:02}", *(("taken",) if number % 3 == 0 else ())) for number in range(30)]
    results = await asyncio.gather(*batches, return_exceptions=True)
    assert [isinstance(result, Conflict) for result in results] == [number % 3 == 0 for number in range(30)]
    assert len(await names(database)) == 21
    assert beside(url, "SELECT count(DISTINCT xmin::text) <= 21 FROM stop") == [(True,)]


@pytest.mark.parametrize("made", [True, False])
async def test_a_commit_whose_answer_is_lost_is_looked_up_and_made_once(
    database: OwnedDatabase, url: str, made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = AsyncConnection.execute
    lost: list[str] = []

    async def execute(self: Any, query: Any, *rest: Any, **options: Any) -> Any:
        if query != "COMMIT" or lost:
            return await real(self, query, *rest, **options)
        lost.append(query)
        if made:
            await real(self, query)
        await cut_off(url)
        return await real(self, "SELECT 1")

    await put(database, "before")
    monkeypatch.setattr(AsyncConnection, "execute", execute)
    await put(database, "a", "b")
    assert lost == ["COMMIT"]
    assert await names(database) == ["a", "b", "before"]


async def test_a_server_that_crashes_and_returns_has_lost_nothing_and_keeps_nobody_out(
    cluster: Cluster, database: OwnedDatabase
) -> None:
    await put(database, "before")
    assert await names(database) == ["before"]
    await asyncio.to_thread(cluster.stop, signal.SIGQUIT)
    writers = [asyncio.ensure_future(put(database, f"{number:02}")) for number in range(5)]
    reader = asyncio.ensure_future(names(database))
    await asyncio.to_thread(cluster.start)
    await asyncio.gather(*writers)
    assert "before" in await reader
    assert await names(database) == ["00", "01", "02", "03", "04", "before"]


async def test_while_a_server_is_gone_everybody_is_told(
    cluster: Cluster, database: OwnedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in (postgres_writer, postgres_readers):
        monkeypatch.setattr(part, "PATIENCE", 0.2)
    await put(database, "a")
    await asyncio.to_thread(cluster.stop)
    try:
        results = await asyncio.gather(put(database, "b"), put(database, "c"), return_exceptions=True)
        assert [str(result) for result in results] == [str(results[0])] * 2
        assert isinstance(results[0], StorageError)
        assert "no PostgreSQL listens there: start it" in str(results[0])
        with pytest.raises(StorageError, match="no PostgreSQL listens there"):
            await names(database)
    finally:
        await asyncio.to_thread(cluster.start)
    await put(database, "d")
    assert await names(database) == ["a", "d"]


def raising(code: str) -> tuple[str, ...]:
    return (
        (
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION 'it is so' USING ERRCODE = '{code}'; END $$"
        ),
        "CREATE OR REPLACE TRIGGER failing BEFORE INSERT ON payload FOR EACH ROW EXECUTE FUNCTION fail()",
    )


@pytest.mark.parametrize(("code", "words"), [("53100", "the disk is full: free some"), ("25006", "it is read-only")])
async def test_what_is_wrong_with_the_server_refuses_everybody_and_loses_nothing(
    database: OwnedDatabase, url: str, code: str, words: str
) -> None:
    await put(database, "a")
    beside(url, *raising(code))
    guilty = database.begin()
    guilty.write(insert(PAYLOAD), (b"r", 1, "user", b""))
    results = await asyncio.gather(put(database, "b"), database.commit(guilty), return_exceptions=True)
    assert all(isinstance(result, StorageError) for result in results)
    assert words in str(results[0])
    beside(url, "DROP TRIGGER failing ON payload")
    await put(database, "c")
    assert await names(database) == ["a", "c"]


async def test_a_row_whose_table_is_missing_is_its_own_fault(database: OwnedDatabase, url: str) -> None:
    beside(url, "DROP TABLE payload")
    guilty = database.begin()
    guilty.write(insert(PAYLOAD), (b"r", 1, "user", b""))
    results = await asyncio.gather(database.commit(guilty), put(database, "a"), return_exceptions=True)
    assert isinstance(results[0], StorageError)
    assert results[1] is None


async def test_a_lock_that_is_never_let_go_is_an_error_in_the_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgres_connect.SETTINGS, "lock_timeout", "100ms")
    database = await open_database(url)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE stop")
        with pytest.raises(StorageError, match="another session holds a lock"):
            await put(database, "a")
    await put(database, "b")
    assert await names(database) == ["b"]
    await database.close()


async def test_every_commit_waits_for_the_disk_and_a_full_one_for_what_the_operator_wants(
    cluster: Cluster, url: str
) -> None:
    beside(
        url,
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.by := current_setting('synchronous_commit'); RETURN NEW; END $$",
        "CREATE TRIGGER telling BEFORE INSERT ON stop FOR EACH ROW EXECUTE FUNCTION tell()",
    )
    told = []
    for usual in ("on", "off", "remote_apply"):
        name = url.rpartition("/")[2].partition("?")[0]
        cluster.do(f"ALTER DATABASE {name} SET synchronous_commit = {usual}")
        database = await open_database(url)
        await put(database, "a")
        await put(database, "b", durability="full")
        told.append([by for (by,) in await database.read(select(STOP.c.by).order_by(STOP.c.name))])
        tx = database.begin()
        tx.write(STOP.delete(), ())
        await database.commit(tx)
        await database.close()
    assert told == [["local", "on"], ["local", "on"], ["local", "remote_apply"]]


async def test_closing_commits_what_waits_and_then_takes_nothing(database: OwnedDatabase, url: str) -> None:
    waiting = [asyncio.ensure_future(put(database, str(number))) for number in range(5)]
    await asyncio.sleep(0)
    await asyncio.wait_for(database.close(), 20)
    await asyncio.gather(*waiting)
    await database.close()
    with pytest.raises(StorageError, match="closed"):
        await put(database, "late")
    with pytest.raises(StorageError, match="closed"):
        await names(database)
    assert beside(url, "SELECT count(*) FROM stop") == [(5,)]


async def test_killing_the_process_loses_nothing_that_was_acknowledged(url: str) -> None:
    told: dict[bytes, int] = {}
    for lines in (700, 40):
        told |= await asyncio.wait_for(asyncio.to_thread(acknowledged, url, lines), 100)
    database = await open_database(url)
    journal = SqlJournal(database)
    found: dict[bytes, int] = {row[0]: row[1] for row in await database.scan(LAST)}
    assert {run: seq for run, seq in told.items() if found.get(run, -1) < seq} == {}
    for run, seq in found.items():
        assert await journal.verify(run) is None
        assert max(await payloads.load_all(database, run)) == seq, "a transaction is whole: its event and its payload"
    await database.close()


# Opening


async def refused(url: str) -> str:
    with pytest.raises(StorageError) as caught:
        await open_database(url)
    return str(caught.value)


async def test_who_cannot_be_let_in_is_told_why_and_never_with_the_password(
    cluster: Cluster, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSFILE", "/dev/null")
    locked = url.replace(f"//{USER}@", f"//{LOCKED}@")
    assert "PGPASSWORD or write ~/.pgpass" in await refused(locked)
    wrong = await refused(locked.replace("@", ":not-the-password@"))
    assert "the password is wrong" in wrong
    assert "not-the-password" not in wrong
    monkeypatch.setenv("PGPASSWORD", "right")
    assert "may not do that" in await refused(locked), "it is let in, and owns nothing"
    assert "there is no such database" in await refused(cluster.url("nowhere"))
    assert "there is no such" in await refused(cluster.url("postgres", "nobody-at-all"))
    assert "no PostgreSQL listens there" in await refused("postgresql://toolyard@127.0.0.1:1/db")
    assert "no PostgreSQL listens there" in await refused("postgresql:///db?host=/nowhere")
    assert "cannot read the [store] url" in await refused("postgresql://host/db?colour=blue")


async def test_a_database_that_may_not_be_written_is_refused(cluster: Cluster, url: str) -> None:
    name = url.rpartition("/")[2].partition("?")[0]
    cluster.do(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert "read-only" in await refused(url)


async def test_a_database_that_cannot_hold_every_character_is_refused(cluster: Cluster) -> None:
    cluster.do(f"CREATE DATABASE narrow OWNER {USER} TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'")
    try:
        assert "encoded as LATIN1: make one with `createdb --encoding=UTF8" in await refused(cluster.url("narrow"))
    finally:
        cluster.do("DROP DATABASE narrow")


# Scrubbing


async def forget(database: OwnedDatabase) -> None:
    tx = database.begin()
    tx.write(insert(PAYLOAD), (b"r" * 16, 1, "user", CONTENT.encode() * 2000))
    tx.write(ADD, ("t", "tool", CONTENT, 7, "somebody"))
    await database.commit(tx)
    tx = database.begin()
    tx.write(PAYLOAD.delete(), ())
    tx.write(STOP.delete(), ())
    await database.commit(tx)


async def test_after_scrubbing_no_table_and_no_index_has_a_former_row(
    cluster: Cluster, database: OwnedDatabase, url: str
) -> None:
    counting = (
        "SELECT sum((pgstattuple(c.oid)).dead_tuple_count)::bigint FROM pg_class c "
        "WHERE c.relnamespace IN ('public'::regnamespace, 'pg_toast'::regnamespace) "
        "AND c.relkind IN ('r', 't') AND c.oid > 16384"
    )
    admin = as_superuser(cluster, url)
    beside(admin, "CREATE EXTENSION pgstattuple")
    await forget(database)
    assert beside(admin, counting)[0][0] >= 2
    await asyncio.gather(put(database, "a"), database.scrub(), put(database, "b"))
    assert beside(admin, counting) == [(0,)]
    assert beside(admin, "SELECT tuple_count FROM pgstattuple('stop_pkey')") == [(2,)]


async def test_who_still_sees_deleted_rows_is_named(
    database: OwnedDatabase, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_scrubbing, "PATIENCE", 0.2)
    with psycopg.connect(url + "&application_name=a-long-report") as other:
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        other.execute("SELECT count(*) FROM stop")
        await forget(database)
        with pytest.raises(StorageError, match=r"still seen by session \d+ \(a-long-report\): end it, then erase"):
            await database.scrub()
    await database.scrub()


def test_whoever_uses_sqlite_does_not_import_the_driver(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "import toolyard_runtime.app\n"
        "from toolyard_runtime.store.opening import open_database\n"
        "async def main():\n"
        "    await (await open_database(sys.argv[1])).close()\n"
        "asyncio.run(main())\n"
        "assert not {'psycopg', 'sqlalchemy.dialects.postgresql'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program, f"sqlite:///{tmp_path}/data.db"], check=True, timeout=60)


def test_without_the_driver_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "psycopg.py").write_text("raise ModuleNotFoundError('no psycopg here', name='psycopg')")
    program = (
        "import asyncio\n"
        "from toolyard_runtime.store.opening import open_database\n"
        "asyncio.run(open_database('postgresql:///db'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "PostgreSQL needs the package psycopg: pip install 'toolyard[postgres]'" in done.stderr
