"""Publications in SQL: who published which release, from what, and how it stands; begins no transaction.

What was published never changes: a row is written once. How it stands (`active`, `yanked` ...) is the last row of its
history. Every change has its record in the audit log, in the same transaction.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, Table, Text, bindparam, exists, func, insert, literal_column, select
from sqlalchemy.sql.elements import ColumnElement
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.ports import Clock, Database, Transaction

from toolyard_registry.catalogue.storing import Audit
from toolyard_registry.catalogue.tables import METADATA
from toolyard_registry.published.records import Publication, Published, Standing, State

PUBLICATION: Table = METADATA.tables["publication"]
RELEASE_STATE: Table = METADATA.tables["release_state"]
TOOL_RELEASE: Table = METADATA.tables["tool_release"]


def _of(table: Table, *names: str) -> ColumnElement[bool]:
    """Return that these columns are the parameters of their names."""
    found = [table.c[name] == bindparam(name, type_=table.c[name].type) for name in names]
    first, *rest = found
    for each in rest:
        first &= each
    return first


def _added(table: Table, taken: ColumnElement[bool]) -> Any:
    """Insert a row unless `taken` holds."""
    row = select(*(bindparam(column.key, type_=column.type) for column in table.columns))
    names = tuple(column.key for column in table.columns)
    unless = row.where(~exists(literal_column("1")).where(taken))
    return insert(table).from_select(list(names), unless).execution_options(row=names)


ADD_PUBLICATION = _added(PUBLICATION, _of(PUBLICATION, "tenant", "name", "version"))
ADD_STATE = _added(
    RELEASE_STATE,
    _of(RELEASE_STATE, "tenant", "name", "version")
    & (RELEASE_STATE.c.seq >= bindparam("seq", type_=RELEASE_STATE.c.seq.type)),
)
"""Changes no row when somebody else has changed the state meanwhile."""


def _newest() -> ColumnElement[bool]:
    later = RELEASE_STATE.alias()
    last = (
        select(func.max(later.c.seq))
        .where(
            later.c.tenant == RELEASE_STATE.c.tenant,
            later.c.name == RELEASE_STATE.c.name,
            later.c.version == RELEASE_STATE.c.version,
        )
        .scalar_subquery()
    )
    return RELEASE_STATE.c.seq == last


_STANDING = (
    RELEASE_STATE.c.state,
    RELEASE_STATE.c.message,
    RELEASE_STATE.c.changed_at,
    RELEASE_STATE.c.changed_by,
    RELEASE_STATE.c.seq,
)
STANDING = select(*_STANDING).where(_of(RELEASE_STATE, "tenant", "name", "version"), _newest())
STATES = select(*_STANDING).where(_of(RELEASE_STATE, "tenant", "name", "version")).order_by(RELEASE_STATE.c.seq)
YANKED = select(RELEASE_STATE.c.tenant, RELEASE_STATE.c.name, RELEASE_STATE.c.version, RELEASE_STATE.c.message).where(
    RELEASE_STATE.c.state == "yanked", _newest()
)

ALL = select(PUBLICATION.c.tenant, PUBLICATION.c.name, PUBLICATION.c.version, PUBLICATION.c.body)


def _published() -> Select[Any]:
    return (
        select(PUBLICATION.c.body, TOOL_RELEASE.c.body.label("release"), *_STANDING)
        .select_from(
            PUBLICATION.join(
                TOOL_RELEASE,
                (TOOL_RELEASE.c.tenant == PUBLICATION.c.tenant) & (TOOL_RELEASE.c.digest == PUBLICATION.c.digest),
            ).join(
                RELEASE_STATE,
                (RELEASE_STATE.c.tenant == PUBLICATION.c.tenant)
                & (RELEASE_STATE.c.name == PUBLICATION.c.name)
                & (RELEASE_STATE.c.version == PUBLICATION.c.version),
            )
        )
        .where(PUBLICATION.c.tenant == bindparam("tenant", type_=Text()), _newest())
        .order_by(PUBLICATION.c.name, PUBLICATION.c.published_at, PUBLICATION.c.version)
    )


BODIES = select(PUBLICATION.c.body).where(_of(PUBLICATION, "tenant")).order_by(PUBLICATION.c.published_at)
NAMES = select(PUBLICATION.c.name).where(_of(PUBLICATION, "tenant")).distinct().order_by(PUBLICATION.c.name)
OF_TENANT = _published()
OF_NAME = _published().where(PUBLICATION.c.name == bindparam("name", type_=Text()))


class Publications:
    """Writes publications and their states into the caller's transaction, and reads what has been committed."""

    def __init__(self, database: Database, clock: Clock, audit: Audit) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit

    async def add(
        self, tx: Transaction, tenant: str, publication: Publication, state: State, message: str = ""
    ) -> None:
        """Write a publication of a release in the catalogue; the commit raises Conflict where its version is taken."""
        one = publication
        row = (tenant, one.name, one.version, one.digest, msgspec.json.encode(one).decode(), one.published_at)
        tx.write(ADD_PUBLICATION, row, expect=1)
        tx.write(
            ADD_STATE, (tenant, one.name, one.version, 1, state, message, one.published_at, one.publisher), expect=1
        )
        detail: dict[str, str | int | float | bool] = {
            "state": state,
            "wheel": one.wheel,
            "signer": one.envelope.signer,
            "bump": one.bump,
            "forced": one.forced,
            "checked": one.checked,
        }
        if one.unchecked:
            detail["unchecked"] = one.unchecked
        what = f"tool:{one.name}@{one.version}"
        entry = AuditRecord(
            one.published_at, tenant, one.publisher, "tool.publish", what, new=one.digest, detail=detail
        )
        await self._audit(tx, entry)

    async def stand(
        self, tx: Transaction, tenant: str, actor: str, release: tuple[str, str], state: State, message: str = ""
    ) -> Standing:
        """Change how a release (its name and version) stands; one that stands so already is left alone.

        The commit raises Conflict when somebody changes it meanwhile. A release that nobody has published may be given
        a state too: so an installed plugin's version is withdrawn.
        """
        name, version = release
        before = await self.standing(tenant, name, version)
        if before is not None and (before.state, before.message) == (state, message):
            return before
        now, seq = self._clock.now(), before.seq + 1 if before is not None else 1
        tx.write(ADD_STATE, (tenant, name, version, seq, state, message, now, actor), expect=1)
        detail: dict[str, str | int | float | bool] = {"message": message} if message else {}
        old = before.state if before is not None else ""
        entry = AuditRecord(now, tenant, actor, "tool.state", f"tool:{name}@{version}", old, state, detail)
        await self._audit(tx, entry)
        return Standing(state, message, now, actor, seq)

    async def standing(self, tenant: str, name: str, version: str) -> Standing | None:
        """Return how a release stands; None when nobody has said."""
        rows = await self._database.read(STANDING, {"tenant": tenant, "name": name, "version": version})
        return Standing(*rows[0]) if rows else None

    async def states(self, tenant: str, name: str, version: str) -> tuple[Standing, ...]:
        """Return the history of a release's states, oldest first."""
        rows = await self._database.read(STATES, {"tenant": tenant, "name": name, "version": version})
        return tuple(Standing(*row) for row in rows)

    async def names(self, tenant: str) -> tuple[str, ...]:
        """Return the names under which a tenant has published something."""
        return tuple(str(row[0]) for row in await self._database.read(NAMES, {"tenant": tenant}))

    async def plugins(self, tenant: str) -> dict[str, str]:
        """Return by the name of a plugin who signed the newest wheel that a tenant has published with it."""
        published = [_decode(row[0]) for row in await self._database.scan(BODIES, {"tenant": tenant})]
        return {plugin: one.envelope.signer for one in published for plugin in one.plugins}

    async def of_tenant(self, tenant: str) -> tuple[Published, ...]:
        """Return everything a tenant has published, by name and then in the order in which it was."""
        return _read(await self._database.scan(OF_TENANT, {"tenant": tenant}))

    async def of_name(self, tenant: str, name: str) -> tuple[Published, ...]:
        """Return what was published under one name, in the order in which it was."""
        return _read(await self._database.read(OF_NAME, {"tenant": tenant, "name": name}))

    async def yanked(self) -> tuple[tuple[str, str, str, str], ...]:
        """Return (tenant, name, version, message) of every release that is withdrawn, of all tenants."""
        return tuple((row[0], row[1], row[2], row[3]) for row in await self._database.scan(YANKED))

    async def wheels(self) -> frozenset[str]:
        """Return the SHA-256 (in hex) of every wheel that a release of any tenant is in, but for those withdrawn."""
        gone = {row[:3] for row in await self.yanked()}
        rows = await self._database.scan(ALL)
        return frozenset(_decode(row[3]).wheel for row in rows if (row[0], row[1], row[2]) not in gone)


_decode = msgspec.json.Decoder(Publication).decode


def _read(rows: Sequence[tuple[Any, ...]]) -> tuple[Published, ...]:
    return tuple(Published(_decode(row[0]), Standing(*row[2:]), row[1]) for row in rows)
