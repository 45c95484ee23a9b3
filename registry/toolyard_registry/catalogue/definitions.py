"""What was decided about definitions, in SQL: rows are added and never changed; begins no transaction."""

from typing import Any

import msgspec
from sqlalchemy import Table, Text, bindparam, func, insert, select
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.ports import Clock, Database, Transaction

from toolyard_registry.catalogue.storing import Audit, Catalogue
from toolyard_registry.catalogue.tables import METADATA
from toolyard_registry.releases import ToolRelease
from toolyard_registry.toolbox.pins import Definition, Standing

DEFINITION: Table = METADATA.tables["definition"]
TOOL_RELEASE: Table = METADATA.tables["tool_release"]

ADD_DEFINITION = insert(DEFINITION)
_TENANT = DEFINITION.c.tenant == bindparam("tenant", type_=Text())
ALL = (
    select(
        TOOL_RELEASE.c.body,
        DEFINITION.c.standing,
        DEFINITION.c.decided_at,
        DEFINITION.c.decided_by,
    )
    .select_from(
        DEFINITION.join(
            TOOL_RELEASE,
            (TOOL_RELEASE.c.tenant == DEFINITION.c.tenant) & (TOOL_RELEASE.c.digest == DEFINITION.c.digest),
        )
    )
    .where(_TENANT)
    .order_by(DEFINITION.c.source, DEFINITION.c.name, DEFINITION.c.seq)
)
LAST = select(func.max(DEFINITION.c.seq)).where(
    _TENANT,
    DEFINITION.c.source == bindparam("source", type_=Text()),
    DEFINITION.c.name == bindparam("name", type_=Text()),
)

_VERBS: dict[Standing, str] = {
    "admitted": "definition.admit",
    "quarantined": "definition.quarantine",
    "rejected": "definition.reject",
}


class Definitions:
    """Writes decisions about definitions into the caller's transaction, and reads what has been committed."""

    def __init__(self, database: Database, catalogue: Catalogue, clock: Clock, audit: Audit) -> None:
        self._database = database
        self._catalogue = catalogue
        self._clock = clock
        self._audit = audit

    async def add(
        self, tx: Transaction, tenant: str, actor: str, release: ToolRelease, standing: Standing, admitted: str = ""
    ) -> Definition:
        """Write a decision about a definition, one for each tool of a transaction; `admitted` is what held until now.

        The commit raises an error of the store when somebody else decides about the same tool meanwhile.
        """
        self._catalogue.put_tool(tx, tenant, release)
        place = {"tenant": tenant, "source": release.source, "name": release.spec.name}
        rows = await self._database.read(LAST, place)
        seq, now = (rows[0][0] or 0) + 1, self._clock.now()
        row: tuple[Any, ...] = (*place.values(), seq, release.digest, release.version, standing, now, actor)
        tx.write(ADD_DEFINITION, row)
        what = f"definition:{release.source}:{release.spec.name}"
        await self._audit(tx, AuditRecord(now, tenant, actor, _VERBS[standing], what, admitted, release.digest))
        return Definition(release, standing, now, actor)

    async def all(self, tenant: str) -> tuple[Definition, ...]:
        """Return every decision, of each tool the oldest first."""
        rows = await self._database.scan(ALL, {"tenant": tenant})
        return tuple(
            Definition(msgspec.json.decode(body, type=ToolRelease), standing, at, by) for body, standing, at, by in rows
        )
