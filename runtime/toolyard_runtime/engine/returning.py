"""At start, takes away again what a restored backup has brought back, by the tombstones that its file kept."""

import logging
from collections.abc import Iterable

from sqlalchemy import insert
from toolyard_memory.facts.tombstones import Stones
from toolyard_memory.tables.facts import TOMBSTONE
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.ports import Clock, Database

from toolyard_runtime.engine.erasing import Erasing
from toolyard_runtime.engine.ledger import Ledger, Tombstone
from toolyard_runtime.engine.long_term import LongTerm
from toolyard_runtime.store import audit

ADD = insert(TOMBSTONE)
ACTOR = "server"


class Returning:
    """Applies the tombstones of a ledger that the database lacks."""

    def __init__(self, database: Database, clock: Clock, ledger: Ledger, erasing: Erasing, long_term: LongTerm) -> None:
        self._database = database
        self._clock = clock
        self._ledger = ledger
        self._erasing = erasing
        self._long_term = long_term
        self._log = logging.getLogger("toolyard.erasure")

    async def apply(self) -> int:
        """Erase and forget again; return how many tombstones were lacking. What a crash interrupts is begun again."""
        lacking = await self._ledger.lacking()
        tenants: dict[str, list[Tombstone]] = {}
        for stone in lacking:
            tenants.setdefault(stone.tenant, []).append(stone)
        for tenant, stones in tenants.items():
            await self._apply(tenant, stones)
        return len(lacking)

    async def _apply(self, tenant: str, stones: list[Tombstone]) -> None:
        by_kind = _by_kind(stones)
        people = await self._erasing.returned(tenant, by_kind)
        for person in people:  # whatever there is of them is from before: their tombstone is younger than the backup
            await self._erasing.erase(tenant, person, ACTOR, bury=False)
        tx = self._database.begin()
        for stone in stones:
            tx.write(ADD, stone.row)
        rows = await self._long_term.memory().facts.reapply(tx, tenant, by_kind)
        counts: dict[str, str | int | float | bool] = {"tombstones": len(stones), "people": len(people), "rows": rows}
        entry = AuditRecord(self._clock.now(), tenant, ACTOR, "memory.reapply", "tombstones", detail=counts)
        await audit.record(self._database, tx, f"memory:{tenant}", entry)
        await self._database.commit(tx, "full")
        self._log.warning(
            "an older database was put in place: %d tombstones were applied again in tenant %s; %d people, and %d "
            "facts and messages, are gone once more",
            len(stones),
            tenant,
            len(people),
            rows,
        )
        self._long_term.memory().stir()
        await self._erasing.cleaning.clean(tenant)


def _by_kind(stones: Iterable[Tombstone]) -> Stones:
    found: Stones = {}
    for stone in stones:
        found.setdefault(stone.kind, []).append((stone.salt, stone.commitment, stone.at))
    return found
