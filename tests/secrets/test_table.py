"""Sealed secrets: a row opens only with its key and in its place; keys change without losing one."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_runtime.secrets.keyring import KeyRing, KeysUnusable, given_keys
from toolyard_runtime.secrets.safe import Safe
from toolyard_runtime.secrets.sealing import Unopened, key_id, seal, unseal
from toolyard_runtime.secrets.shelves import SecretUnreadable
from toolyard_runtime.secrets.table import TableShelf
from toolyard_runtime.store import audit
from toolyard_runtime.store.opening import open_sqlite
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.ids import uuid7

from tests.store.conftest import HandClock

OLD, NEW = bytes(range(32)), bytes(range(1, 33))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = await open_sqlite(tmp_path / "data.db")
    yield opened
    await opened.close()


def safe(database: SqliteDatabase, folder: Path, *given: bytes) -> Safe:
    keys = KeyRing(folder / "secrets.key", given, os.urandom)
    return Safe(database, TableShelf(database, HandClock(), uuid7, os.urandom, keys), ())


def lines(folder: Path) -> list[str]:
    return (folder / "secrets.key").read_text().split()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.binary(min_size=32, max_size=32), texts, texts, texts, texts)
def test_what_was_sealed_opens_in_its_place(key: bytes, value: str, tenant: str, owner: str, name: str) -> None:
    sealed = seal(key, value, tenant, owner, name, os.urandom)
    assert unseal(key, sealed, tenant, owner, name) == value
    assert len(value) < 4 or value.encode() not in sealed
    assert seal(key, value, tenant, owner, name, os.urandom) != sealed


@given(texts, texts, texts, texts, texts, texts)
def test_and_in_no_other_place(tenant: str, owner: str, name: str, tenant_2: str, owner_2: str, name_2: str) -> None:
    sealed = seal(OLD, "v", tenant, owner, name, os.urandom)
    if (tenant, owner, name) != (tenant_2, owner_2, name_2):
        with pytest.raises(Unopened):
            unseal(OLD, sealed, tenant_2, owner_2, name_2)
    with pytest.raises(Unopened):
        unseal(NEW, sealed, tenant, owner, name)


@given(st.data())
def test_a_changed_byte_or_a_missing_one_is_noticed(data: st.DataObject) -> None:
    sealed = seal(OLD, "value", "acme", "", "k", os.urandom)
    at = data.draw(st.integers(0, len(sealed) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    for damaged in (sealed[:at] + bytes([sealed[at] ^ bit]) + sealed[at + 1 :], sealed[:at]):
        with pytest.raises(Unopened):
            unseal(OLD, damaged, "acme", "", "k")


@pytest.mark.parametrize("column", ["tenant", "owner", "name"])
async def test_a_row_that_was_moved_does_not_open(
    database: SqliteDatabase, tmp_path: Path, column: str, caplog: pytest.LogCaptureFixture
) -> None:
    kept = safe(database, tmp_path)
    await kept.set("acme", None, "k", "moved-value", "key_1")
    database.connection.execute(f"UPDATE secret SET {column} = 'mallory'")
    place = {"tenant": "acme", "owner": "", "name": "k"} | {column: "mallory"}
    with pytest.raises(SecretUnreadable) as refused:
        await kept.shelves.reveal(place["tenant"], place["owner"] or None, place["name"])
    assert "moved-value" not in caplog.text + str(refused.value)
    assert "does not open it" in caplog.text


async def test_two_rows_cannot_change_places(database: SqliteDatabase, tmp_path: Path) -> None:
    kept = safe(database, tmp_path)
    await kept.set("acme", "ada", "k", "adas", "key_1")
    await kept.set("acme", "bob", "k", "bobs", "key_1")
    boxes = dict(database.connection.execute("SELECT owner, sealed FROM secret").fetchall())
    for owner, other in (("ada", "bob"), ("bob", "ada")):
        database.connection.execute("UPDATE secret SET sealed = ? WHERE owner = ?", (boxes[other], owner))
    for end_user in ("ada", "bob"):
        with pytest.raises(SecretUnreadable):
            await kept.shelves.reveal("acme", end_user, "k")


async def test_the_key_file_is_made_when_it_is_needed_and_for_its_owner_only(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    kept = safe(database, tmp_path)
    assert await kept.shelves.reveal("acme", None, "k") is None
    assert await kept.list("acme") == []
    assert not (tmp_path / "secrets.key").exists()
    await kept.set("acme", None, "k", "v", "key_1")
    assert (tmp_path / "secrets.key").stat().st_mode & 0o777 == 0o600
    assert await safe(database, tmp_path).shelves.reveal("acme", None, "k") == "v"


async def test_a_new_key_seals_everything_and_the_old_one_is_forgotten(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    kept = safe(database, tmp_path)
    for n in range(5):
        await kept.set("acme", None if n % 2 else "ada", f"k{n}", f"v{n}", "key_1")
    (old,) = lines(tmp_path)
    before = {box for (box,) in database.connection.execute("SELECT sealed FROM secret")}
    done = await kept.rekey("key_1")
    assert (done.secrets, done.lost) == (5, 0)
    (new,) = lines(tmp_path)
    assert new != old
    assert done.key == key_id(bytes.fromhex(new))
    assert before.isdisjoint(box for (box,) in database.connection.execute("SELECT sealed FROM secret"))
    for n in range(5):
        assert await safe(database, tmp_path).shelves.reveal("acme", "ada", f"k{n}") == f"v{n}"
    (record,) = await audit.load(database, "secret-keys")
    assert (record.action, record.object, record.detail) == ("secret.rekey", done.key, {"secrets": 5, "lost": 0})


async def test_a_new_key_that_comes_to_nothing_loses_nothing(
    database: SqliteDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = safe(database, tmp_path)
    await kept.set("acme", None, "k", "v", "key_1")

    async def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(database, "commit", dies)  # the process ends between the new key file and the commit
    with pytest.raises(KeyboardInterrupt):
        await kept.rekey("key_1")
    monkeypatch.undo()
    assert len(lines(tmp_path)) == 2
    again = safe(database, tmp_path)
    assert await again.shelves.reveal("acme", None, "k") == "v"
    await again.rekey("key_1")
    assert len(lines(tmp_path)) == 1
    assert await safe(database, tmp_path).shelves.reveal("acme", None, "k") == "v"


async def test_keys_change_while_secrets_are_set(database: SqliteDatabase, tmp_path: Path) -> None:
    kept = safe(database, tmp_path)
    await kept.set("acme", None, "first", "v", "key_1")
    setting = [kept.set("acme", None, f"k{n}", f"v{n}", "key_1") for n in range(20)]
    rekeying = [kept.rekey("key_1") for _ in range(5)]
    mixed = [work for pair in zip(setting, [*rekeying, *[None] * 15], strict=True) for work in pair if work is not None]
    async with asyncio.timeout(20):
        await asyncio.gather(*mixed)
    fresh = safe(database, tmp_path)
    assert [await fresh.shelves.reveal("acme", None, f"k{n}") for n in range(20)] == [f"v{n}" for n in range(20)]
    assert await fresh.shelves.reveal("acme", None, "first") == "v"


async def test_keys_that_are_given_go_before_the_file(database: SqliteDatabase, tmp_path: Path) -> None:
    await safe(database, tmp_path).set("acme", None, "from-file", "f", "key_1")
    both = safe(database, tmp_path, OLD)
    await both.set("acme", None, "given", "g", "key_1")
    assert len(lines(tmp_path)) == 1
    assert await both.shelves.reveal("acme", None, "from-file") == "f"
    done = await both.rekey("key_1")
    assert (done.key, done.secrets, done.lost) == (key_id(OLD), 1, 0)
    assert lines(tmp_path) == []
    await safe(database, tmp_path, NEW, OLD).rekey("key_1")
    alone = safe(database, tmp_path, NEW)
    assert [await alone.shelves.reveal("acme", None, name) for name in ("from-file", "given")] == ["f", "g"]


async def test_what_no_key_opens_is_counted_and_left(
    database: SqliteDatabase, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await safe(database, tmp_path, OLD).set("acme", None, "lost", "v", "key_1")
    await safe(database, tmp_path, NEW).set("acme", None, "kept", "w", "key_1")
    done = await safe(database, tmp_path, NEW).rekey("key_1")
    assert (done.secrets, done.lost) == (0, 1)
    assert key_id(OLD) in caplog.text
    assert await safe(database, tmp_path, OLD).shelves.reveal("acme", None, "lost") == "v"


async def test_without_its_key_file_a_database_takes_no_new_secret(database: SqliteDatabase, tmp_path: Path) -> None:
    await safe(database, tmp_path).set("acme", None, "k", "v", "key_1")
    (tmp_path / "secrets.key").unlink()
    with pytest.raises(KeysUnusable, match="restore the key file"):
        await safe(database, tmp_path).set("acme", None, "other", "v", "key_1")
    assert not (tmp_path / "secrets.key").exists()


async def test_a_key_file_that_others_can_read_is_not_used(database: SqliteDatabase, tmp_path: Path) -> None:
    await safe(database, tmp_path).set("acme", None, "k", "v", "key_1")
    (tmp_path / "secrets.key").chmod(0o640)
    with pytest.raises(SecretUnreadable):
        await safe(database, tmp_path).shelves.reveal("acme", None, "k")
    with pytest.raises(KeysUnusable, match="chmod 600"):
        await safe(database, tmp_path).rekey("key_1")


def test_given_keys_are_hexadecimal_with_commas_between() -> None:
    assert given_keys("") == ()
    assert given_keys(f" {OLD.hex()} , {NEW.hex().upper()},{OLD.hex()}") == (OLD, NEW)
    for wrong in ("secret", OLD.hex()[:-1], OLD.hex() + "00", f"{OLD.hex()};{NEW.hex()}"):
        with pytest.raises(ConfigError, match="64 hexadecimal digits") as refused:
            given_keys(wrong)
        assert wrong not in str(refused.value)


async def test_a_change_whose_record_is_refused_is_none(database: SqliteDatabase, tmp_path: Path) -> None:
    kept = safe(database, tmp_path)
    await kept.set("acme", None, "k", "v", "key_1")
    database.connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON audit_record BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    for change in (kept.set("acme", None, "k", "w", "key_1"), kept.remove("acme", None, "k", "key_1")):
        with pytest.raises(Exception, match="full"):
            await change
    assert await kept.shelves.reveal("acme", None, "k") == "v"


def test_the_library_is_imported_when_a_secret_is_first_opened_and_not_before() -> None:
    program = (
        "import sys, toolyard_runtime.app, toolyard_runtime.secrets.sealing as sealing\n"
        "assert not [name for name in sys.modules if name.startswith('cryptography')]\n"
        "sealing.unseal(bytes(32), sealing.seal(bytes(32), 'v', 't', '', 'k', lambda n: bytes(n)), 't', '', 'k')\n"
        "assert 'cryptography' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_no_value_is_in_any_file_neither_before_nor_after_the_database_is_closed(tmp_path: Path) -> None:
    def told() -> list[Path]:
        return [path for path in tmp_path.iterdir() if b"plain-value" in path.read_bytes()]

    async def fill() -> list[Path]:
        database = await open_sqlite(tmp_path / "data.db")
        kept = safe(database, tmp_path)
        await kept.set("acme", "ada", "k", "plain-value-one", "key_1")
        await kept.set("acme", "ada", "k", "plain-value-two", "key_1")
        found = await asyncio.to_thread(told)
        await database.close()
        return found

    assert asyncio.run(fill()) == told() == []
