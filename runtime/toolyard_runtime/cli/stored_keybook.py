"""Keys and tenants of a server that does not run: the admin port on its database, opened as its only owner."""

import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from toolyard_registry.rights import HOUSE
from toolyard_sdk.ids import uuid7
from toolyard_sdk.ports import Database, Transaction

from toolyard_runtime.cli.resting import ACTOR, Impossible, Resting, on_its_database
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.store.keys import Keys
from toolyard_runtime.store.tenants import Tenants

R = TypeVar("R")

_PAGE = 100


class _Stores(Struct, frozen=True):
    database: Database
    keys: Keys
    tenants: Tenants


class StoredKeyBook:
    """Opens the database for each call and lets it go again; raises StorageError, Impossible."""

    def __init__(self, resting: Resting) -> None:
        self._resting = resting

    def create_key(self, name: str, roles: Iterable[str], tenant: str | None, expires_at: int | None) -> dict[str, Any]:
        """Make a key and return its `id` and `secret`."""
        wanted = tuple(roles)
        owner = tenant or HOUSE

        async def make(stores: _Stores) -> dict[str, Any]:
            if await stores.tenants.find(owner) is None:
                raise Impossible(f"There is no tenant {owner}. `toolyard tenant create {owner}` makes it.")
            tx = stores.database.begin()
            made = stores.keys.create(tx, owner, name, wanted, actor=ACTOR, expires_at=expires_at)  # type: ignore[arg-type] # click has checked the roles
            await stores.database.commit(tx)
            return {"id": made.id, "secret": made.secret}

        return self._with_stores(make)

    def list_keys(self, tenant: str | None) -> list[dict[str, Any]]:
        """Return a tenant's keys; None is the tenant of whoever runs the server."""
        owner = tenant or HOUSE

        async def read(stores: _Stores) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            after: str | None = None
            while page := await stores.keys.list(owner, after=after, limit=_PAGE):
                found += [msgspec.to_builtins(key) for key in page]
                after = page[-1].id
            return found

        return self._with_stores(read)

    def revoke_key(self, key: str) -> None:
        """End a key, whichever tenant's it is."""

        async def end(stores: _Stores, tx: Transaction) -> bool:
            for tenant in await _all_tenants(stores.tenants):
                if await stores.keys.revoke(tx, tenant["id"], key, ACTOR):
                    return True
            return False

        self._change(end, f"There is no key {key}, or it was revoked before.")

    def create_tenant(self, name: str) -> None:
        """Make a tenant."""

        async def make(stores: _Stores, tx: Transaction) -> bool:
            stores.tenants.create(tx, name, ACTOR)
            return True

        self._change(make, "")

    def list_tenants(self) -> list[dict[str, Any]]:
        """Return all tenants."""

        async def read(stores: _Stores) -> list[dict[str, Any]]:
            return await _all_tenants(stores.tenants)

        return self._with_stores(read)

    def revoke_tenant(self, name: str) -> None:
        """End a tenant and all its keys."""

        async def end(stores: _Stores, tx: Transaction) -> bool:
            return await stores.tenants.revoke(tx, name, ACTOR)

        self._change(end, f"There is no tenant {name}, or it was revoked before.")

    def _change(self, change: Callable[[_Stores, Transaction], Awaitable[bool]], otherwise: str) -> None:
        async def perform(stores: _Stores) -> None:
            tx = stores.database.begin()
            if not await change(stores, tx):
                raise Impossible(otherwise)
            await stores.database.commit(tx)

        self._with_stores(perform)

    def _with_stores(self, work: Callable[[_Stores], Awaitable[R]]) -> R:
        async def at_work(database: Database) -> R:
            clock = SystemClock()
            keys = Keys(database, clock, uuid7, os.urandom)
            return await work(_Stores(database, keys, Tenants(database, clock, keys)))

        return on_its_database(self._resting, at_work)


async def _all_tenants(tenants: Tenants) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after = ""
    while page := await tenants.list(after=after, limit=_PAGE):
        found += [msgspec.to_builtins(tenant) for tenant in page]
        after = page[-1].id
    return found
