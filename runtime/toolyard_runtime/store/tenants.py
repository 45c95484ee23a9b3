"""Tenants: made, listed, revoked; whoever shares nothing with anybody else. Knows nothing of what they own."""

import re
from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import bindparam, insert, select, update
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.ports import Clock, Database, Transaction

from toolyard_runtime.store import audit
from toolyard_runtime.store.keys import Keys
from toolyard_runtime.store.tables import TENANT

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

ADD_TENANT = insert(TENANT)
REVOKE_TENANT = (
    update(TENANT)
    .where(TENANT.c.id == bindparam("of_id"), TENANT.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("at"))
    .execution_options(row=("at", "of_id"))
)
FIND_TENANT = select(TENANT).where(TENANT.c.id == bindparam("of_id"))
LIST_TENANTS = select(TENANT).where(TENANT.c.id > bindparam("beyond")).order_by(TENANT.c.id).limit(bindparam("at_most"))


class Tenant(Struct, frozen=True):
    """A tenant in the order of the table's columns; times are UTC microseconds."""

    id: str
    created_at: int
    revoked_at: int | None = None


class Tenants:
    """The store of tenants; writes join a transaction, and a revoked tenant's keys are refused at once."""

    def __init__(self, database: Database, clock: Clock, keys: Keys) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys

    def create(self, tx: Transaction, tenant: str, actor: str) -> Tenant:
        """Make a tenant; the commit is refused when the name is taken; raises ValueError for one that is no name."""
        if NAME.fullmatch(tenant) is None:
            raise ValueError("a tenant's name is up to 63 of a-z, 0-9, - and _, and begins with a letter or digit")
        now = self._clock.now()
        tx.write(ADD_TENANT, (tenant, now, None))
        audit.record_first(tx, f"tenant:{tenant}", AuditRecord(now, tenant, actor, "tenant.create", tenant))
        return Tenant(tenant, now)

    async def revoke(self, tx: Transaction, tenant: str, actor: str) -> bool:
        """Revoke a tenant and with it all its keys; False when it is not there or was revoked before."""
        found = await self.find(tenant)
        if found is None or found.revoked_at is not None:
            return False
        now = self._clock.now()
        tx.write(REVOKE_TENANT, (now, tenant), expect=1)
        entry = AuditRecord(now, tenant, actor, "tenant.revoke", tenant)
        await audit.record(self._database, tx, f"tenant:{tenant}", entry)
        self._keys.refuse(tenant)
        return True

    async def find(self, tenant: str) -> Tenant | None:
        """Return a tenant, or None."""
        rows = await self._database.read(FIND_TENANT, {"of_id": tenant})
        return Tenant(*rows[0]) if rows else None

    async def list(self, *, after: str = "", limit: int = 20) -> Sequence[Tenant]:
        """Return at most `limit` (1 to 100) tenants by name, from the one after `after`."""
        rows = await self._database.read(LIST_TENANTS, {"beyond": after, "at_most": max(1, min(limit, 100))})
        return [Tenant(*row) for row in rows]
