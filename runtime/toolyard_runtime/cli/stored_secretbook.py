"""Secrets of a server that does not run: the port of `toolyard secret` on its database, opened as its only owner."""

import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from toolyard_registry.rights import HOUSE
from toolyard_sdk.ids import uuid7
from toolyard_sdk.ports import Database

from toolyard_runtime.cli.resting import ACTOR, Impossible, Resting, on_its_database
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.secrets.opening import open_secrets
from toolyard_runtime.secrets.safe import Safe
from toolyard_runtime.secrets.shelves import position
from toolyard_runtime.store.keys import Keys
from toolyard_runtime.store.tenants import Tenants

R = TypeVar("R")

_PAGE = 100


class StoredSecretBook:
    """Opens the database for each call and lets it go again; raises StorageError, Impossible, ConfigError."""

    def __init__(self, resting: Resting) -> None:
        self._resting = resting

    def set(
        self, name: str, value: str, end_user: str | None, tenant: str | None, *, only_rotate: bool
    ) -> dict[str, Any]:
        """Keep a value for a tenant that is there."""

        async def keep(safe: Safe, owner: str) -> dict[str, Any]:
            kept = await safe.set(owner, end_user, name, value, ACTOR, only_rotate=only_rotate)
            if kept is None:
                raise Impossible(_absent(name))
            shown: dict[str, Any] = msgspec.to_builtins(kept)
            return shown

        return self._with_safe(tenant, keep)

    def list(self, tenant: str | None) -> list[dict[str, Any]]:
        """Return a tenant's secrets; variables are read in the environment of who asks, not in the server's."""

        async def read(safe: Safe, owner: str) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            after = None
            while page := await safe.list(owner, after, _PAGE):
                found += [msgspec.to_builtins(entry) for entry in page]
                after = position(page[-1])
            return found

        return self._with_safe(tenant, read)

    def remove(self, name: str, end_user: str | None, tenant: str | None) -> None:
        """Take a secret out of the database."""

        async def take(safe: Safe, owner: str) -> None:
            if not await safe.remove(owner, end_user, name, ACTOR):
                raise Impossible(_absent(name))

        self._with_safe(tenant, take)

    def rekey(self) -> dict[str, Any]:
        """Seal everything with a new key."""

        async def seal(safe: Safe, _owner: str) -> dict[str, Any]:
            done: dict[str, Any] = msgspec.to_builtins(await safe.rekey(ACTOR))
            return done

        return self._with_safe(None, seal)

    def _with_safe(self, tenant: str | None, work: Callable[[Safe, str], Awaitable[R]]) -> R:
        """Open the safe for a tenant that is there; None is the tenant of whoever runs the server."""
        owner, resting = tenant or HOUSE, self._resting

        async def at_work(database: Database) -> R:
            clock = SystemClock()
            known = await Tenants(database, clock, Keys(database, clock, uuid7, os.urandom)).find(owner)
            if known is None or known.revoked_at is not None:
                raise Impossible(f"There is no tenant {owner}. `toolyard tenant create {owner}` makes it.")
            settings, environment = resting.config.secrets, resting.environment
            return await work(
                open_secrets(
                    settings, resting.repository, resting.state_dir, environment, database, clock, uuid7, os.urandom
                ),
                owner,
            )

        return on_its_database(resting, at_work)


def _absent(name: str) -> str:
    return f"There is no secret {name} in the database: `toolyard secret list` shows those there are."
