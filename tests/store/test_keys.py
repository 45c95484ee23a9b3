"""Keys and tenants: a secret is shown once, verified fast, and refused from the moment it is revoked."""

import asyncio
import os
import re
from itertools import count

import pytest
from sqlalchemy import select
from toolyard_registry.rights import Role
from toolyard_runtime.identity import Caller
from toolyard_runtime.store import audit
from toolyard_runtime.store.keys import RECHECK_US, Keys, NewKey
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_runtime.store.tables import API_KEY
from toolyard_runtime.store.tenants import Tenants
from toolyard_sdk.errors import Conflict

from tests.store.conftest import HandClock


class House:
    """Keys and tenants over one database."""

    def __init__(self, database: SqliteDatabase, clock: HandClock) -> None:
        numbers = count(1)
        self.database = database
        self.clock = clock
        self.keys = Keys(database, clock, lambda: next(numbers).to_bytes(16), os.urandom)
        self.tenants = Tenants(database, clock, self.keys)

    async def tenant(self, name: str = "acme") -> None:
        tx = self.database.begin()
        self.tenants.create(tx, name, "owner")
        await self.database.commit(tx)

    async def key(self, tenant: str = "acme", *roles: Role, expires_at: int | None = None) -> NewKey:
        tx = self.database.begin()
        made = self.keys.create(tx, tenant, "laptop", roles or ("user",), actor="owner", expires_at=expires_at)
        await self.database.commit(tx)
        return made

    async def revoke(self, tenant: str, key: str) -> bool:
        tx = self.database.begin()
        done = await self.keys.revoke(tx, tenant, key, "owner")
        await self.database.commit(tx, "full")
        return done


@pytest.fixture
async def house(database: SqliteDatabase, clock: HandClock) -> House:
    house = House(database, clock)
    await house.tenant()
    return house


async def test_a_new_keys_secret_is_verified_as_its_caller(house: House) -> None:
    made = await house.key("acme", "frontend", "user")
    assert re.fullmatch(r"ty_[A-Za-z0-9_-]{43}", made.secret)
    expected = Caller("acme", made.id, "laptop", frozenset({"user", "frontend"}))
    for _ in range(3):
        assert await house.keys.verify(made.secret) == expected


@pytest.mark.parametrize("secret", ["", "ty_", "ty_" + "A" * 43, "\udcff", "x" * 100_000])
async def test_what_is_no_secret_is_nobody(house: House, secret: str) -> None:
    await house.key()
    assert await house.keys.verify(secret) is None


async def test_the_database_never_sees_a_secret(house: House) -> None:
    made = await house.key()
    rows = await house.database.read(select(API_KEY))
    assert made.secret[3:] not in repr(rows)


async def test_roles_nobody_knows_are_refused(house: House) -> None:
    for roles in ((), ("admin",), ("user", "root")):
        with pytest.raises(ValueError, match="user, frontend, author, operator, auditor"):
            house.keys.create(house.database.begin(), "acme", "x", roles, actor="owner")  # type: ignore[arg-type]  # the point of the test


async def test_a_revoked_key_is_refused_at_once_and_for_good(house: House) -> None:
    made, other = await house.key(), await house.key()
    assert await house.keys.verify(made.secret) is not None
    assert await house.revoke("acme", made.id)
    for _ in range(3):
        assert await house.keys.verify(made.secret) is None
        house.clock.at += RECHECK_US + 1
    assert await house.keys.verify(other.secret) is not None
    assert not await house.revoke("acme", made.id)


async def test_a_key_is_refused_while_its_revocation_is_being_committed(house: House) -> None:
    made = await house.key()
    tx = house.database.begin()
    await house.keys.revoke(tx, "acme", made.id, "owner")
    assert await house.keys.verify(made.secret) is None
    await house.database.commit(tx)
    assert await house.keys.verify(made.secret) is None


async def test_a_revocation_that_was_never_committed_ends(house: House) -> None:
    made = await house.key()
    await house.keys.revoke(house.database.begin(), "acme", made.id, "owner")
    assert await house.keys.verify(made.secret) is None
    house.clock.at += RECHECK_US + 1
    assert await house.keys.verify(made.secret) is not None


async def test_another_nodes_revocation_takes_effect_within_the_time_told(house: House) -> None:
    made = await house.key()
    assert await house.keys.verify(made.secret) is not None
    other = House(house.database, house.clock)
    assert await other.revoke("acme", made.id)
    house.clock.at += RECHECK_US
    assert await house.keys.verify(made.secret) is None


async def test_another_tenants_key_cannot_be_revoked_or_listed(house: House) -> None:
    await house.tenant("other")
    made = await house.key()
    assert not await house.revoke("other", made.id)
    assert await house.keys.list("other") == []
    assert await house.keys.verify(made.secret) is not None


async def test_a_key_ends_when_it_expires_also_when_it_is_remembered(house: House) -> None:
    made = await house.key(expires_at=house.clock.at + 1000)
    assert await house.keys.verify(made.secret) is not None
    house.clock.at += 999
    assert await house.keys.verify(made.secret) is not None
    house.clock.at += 1
    assert await house.keys.verify(made.secret) is None


async def test_of_two_revocations_at_once_one_is_recorded(house: House) -> None:
    made = await house.key()
    results = await asyncio.gather(*(house.revoke("acme", made.id) for _ in range(2)), return_exceptions=True)
    assert sorted(str(type(result).__name__) for result in results) == ["Conflict", "bool"]
    assert [entry.action for entry in await audit.load(house.database, f"key:{made.id}")] == [
        "key.create",
        "key.revoke",
    ]


async def test_keys_are_listed_newest_first_page_by_page_without_secrets(house: House) -> None:
    made = [await house.key() for _ in range(5)]
    first = await house.keys.list("acme", limit=3)
    rest = await house.keys.list("acme", after=first[-1].id, limit=3)
    assert [key.id for key in (*first, *rest)] == [key.id for key in reversed(made)]
    assert {key.roles for key in first} == {("user",)}


async def test_a_revoked_tenants_keys_stop_and_other_tenants_go_on(house: House) -> None:
    await house.tenant("other")
    mine, theirs = await house.key(), await house.key("other")
    assert await house.keys.verify(mine.secret) is not None
    assert await house.keys.verify(theirs.secret) is not None
    tx = house.database.begin()
    assert await house.tenants.revoke(tx, "acme", "owner")
    assert await house.keys.verify(mine.secret) is None
    await house.database.commit(tx)
    house.clock.at += RECHECK_US + 1
    assert await house.keys.verify(mine.secret) is None
    assert await house.keys.verify(theirs.secret) is not None
    tx = house.database.begin()
    assert not await house.tenants.revoke(tx, "acme", "owner")


async def test_a_tenants_name_is_taken_once_and_is_a_name(house: House) -> None:
    with pytest.raises(Conflict):
        await house.tenant("acme")
    for name in ("", "Acme", "a b", "-a", "a" * 64, "ä", "a/b"):
        with pytest.raises(ValueError, match="begins with a letter or digit"):
            await house.tenant(name)


async def test_tenants_are_listed_by_name(house: House) -> None:
    for name in ("c", "b"):
        await house.tenant(name)
    assert [tenant.id for tenant in await house.tenants.list()] == ["acme", "b", "c"]
    assert [tenant.id for tenant in await house.tenants.list(after="acme", limit=1)] == ["b"]


async def test_every_change_is_in_the_audit_record_of_its_object(house: House) -> None:
    made = await house.key("acme", "operator")
    await house.revoke("acme", made.id)
    entries = await audit.load(house.database, f"key:{made.id}")
    assert [(entry.action, entry.actor, entry.object, entry.tenant) for entry in entries] == [
        ("key.create", "owner", made.id, "acme"),
        ("key.revoke", "owner", made.id, "acme"),
    ]
    assert entries[0].detail == {"name": "laptop", "roles": "operator"}
    assert [entry.action for entry in await audit.load(house.database, "tenant:acme")] == ["tenant.create"]
    assert await audit.verify(house.database, f"key:{made.id}") is None
