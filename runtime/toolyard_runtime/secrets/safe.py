"""Changes secrets: one change at a time, durable before it is told, and none of them ever tells a value."""

import asyncio
from collections.abc import Sequence

from toolyard_sdk.ports import Database

from toolyard_runtime.secrets.shelves import Entry, Place, Shelf, Shelves, check_secret, check_value
from toolyard_runtime.secrets.table import Resealed, TableShelf


class Safe:
    """Everything a server keeps secret; `shelves` implements the port `Secrets` over all of it, the table first."""

    def __init__(self, database: Database, table: TableShelf, others: Sequence[Shelf]) -> None:
        self._database = database
        self._table = table
        self._alone = asyncio.Lock()
        self.shelves = Shelves(table, *others)

    async def set(
        self, tenant: str, end_user: str | None, name: str, value: str, actor: str, *, only_rotate: bool = False
    ) -> Entry | None:
        """Keep a value for an end user, or (None) for the tenant; with `only_rotate`, None where there was none.

        Raises NameInvalid, ValueError for a value that cannot be kept, KeysUnusable.
        """
        check_secret(name)
        check_value(value)
        async with self._alone:
            tx = self._database.begin()
            kept = await self._table.put(tx, tenant, end_user, name, value, actor, only_rotate=only_rotate)
            await self._database.commit(tx, "full")
        return kept

    async def own(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Return what the table keeps for exactly this owner; raises SecretUnreadable."""
        return await self._table.own(tenant, end_user, name)

    async def remove(self, tenant: str, end_user: str | None, name: str, actor: str) -> bool:
        """Take a secret out of the table; False where there is none."""
        async with self._alone:
            tx = self._database.begin()
            found = await self._table.remove(tx, tenant, end_user, name, actor)
            await self._database.commit(tx, "full")
        return found

    async def rekey(self, actor: str) -> Resealed:
        """Seal everything in the table with a new key, then forget those before it; raises KeysUnusable.

        Whenever it is interrupted, every secret opens with a key that is still there.
        """
        async with self._alone:
            tx = self._database.begin()
            done = await self._table.reseal(tx, actor)
            await self._database.commit(tx, "full")
            await self._table.retire()
        return done

    async def list(self, tenant: str, after: tuple[Place, str] | None = None, limit: int = 20) -> Sequence[Entry]:
        """Return at most `limit` (1 to 100) of a tenant's secrets by name, from the one after `after`."""
        return await self.shelves.list(tenant, after, max(1, min(limit, 100)))
