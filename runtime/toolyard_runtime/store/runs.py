"""The table of runs: what lists, recovery and retried requests look at; decides nothing, and knows no event.

A row sums up a journal and is written in the same transaction as the events it follows from.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from sqlalchemy import Boolean, ColumnElement, LargeBinary, Text, bindparam, insert, or_, select, text, update
from toolyard_sdk.events import ItemRef, Mode
from toolyard_sdk.ids import uuid7_floor
from toolyard_sdk.ports import Database, Transaction

from toolyard_runtime.store.tables import RUN

RunStatus = Literal["running", "parked", "finished"]

MOVING = (
    "status",
    "reason",
    "error",
    "finished_at",
    "segment",
    "epoch",
    "wake_at",
    "input_tokens",
    "output_tokens",
    "turns",
    "calls",
    "doubts",
    "head_n",
)
"""The columns that change while a run goes on."""

OF_TENANT = RUN.c.tenant == bindparam("of_tenant")
ADD_RUN = insert(RUN)
UPDATE_RUN = (
    update(RUN)
    .where(OF_TENANT, RUN.c.id == bindparam("of_id"))
    .values({name: bindparam("new_" + name) for name in MOVING})
    .execution_options(row=(*("new_" + name for name in MOVING), "of_tenant", "of_id"))
)
FIND_RUN = select(RUN).where(OF_TENANT, RUN.c.id == bindparam("of_id"))
OPEN_RUNS = select(RUN).where(text("status <> 'finished'"))
IN_DOUBT = select(RUN.c.id).where(OF_TENANT, RUN.c.session == bindparam("of_session"), text("doubts > 0"))
FIND_REQUEST = (
    select(RUN)
    .where(
        OF_TENANT,
        RUN.c.id >= bindparam("since"),
        RUN.c.request == bindparam("digest"),
        RUN.c.caller == bindparam("of_caller"),
    )
    .order_by(RUN.c.id.desc())
    .limit(1)
)


def _filter(column: str, kind: type[Text] | type[LargeBinary]) -> ColumnElement[bool]:
    given = bindparam("of_" + column, type_=kind())
    return or_(given.is_(None), RUN.c[column] == given)


LIST_RUNS = (
    select(RUN)
    .where(
        OF_TENANT,
        RUN.c.id < bindparam("before"),
        _filter("agent", Text),
        _filter("status", Text),
        _filter("session", LargeBinary),
        _filter("end_user", Text),
        _filter("caller", Text),
        or_(bindparam("for_nobody", type_=Boolean()).is_(False), RUN.c.end_user.is_(None)),
    )
    .order_by(RUN.c.id.desc())
    .limit(bindparam("at_most"))
)


class RunRow(Struct, frozen=True):
    """One run as it is listed, in the order of the table's columns.

    Times are UTC microseconds, 0 for not yet. `request` is the digest of the HTTP request that began it, `base_*` the
    session item it goes on from, `head_n` the ordinal of the last session item it wrote (0: none), `metadata` JSON.
    """

    tenant: str
    id: bytes
    session: bytes
    caller: str
    end_user: str | None
    agent: str
    release: str
    mode: Mode
    status: RunStatus
    reason: str = ""
    error: str = ""
    started_at: int = 0
    finished_at: int = 0
    segment: int = 0
    epoch: int = 1
    wake_at: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    turns: int = 0
    calls: int = 0
    doubts: int = 0
    request: bytes | None = None
    base_run: bytes | None = None
    base_n: int | None = None
    head_n: int = 0
    metadata: str | None = None

    @property
    def base(self) -> ItemRef | None:
        """The session item this run goes on from."""
        if self.base_run is None or self.base_n is None:
            return None
        return ItemRef(self.base_run, self.base_n)


class Runs:
    """The store of runs; writes join a transaction, reads see what was committed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, tx: Transaction, row: RunRow) -> None:
        """Add a run."""
        r = row
        tx.write(
            ADD_RUN,
            (
                r.tenant, r.id, r.session, r.caller, r.end_user, r.agent, r.release, r.mode, r.status, r.reason,
                r.error, r.started_at, r.finished_at, r.segment, r.epoch, r.wake_at, r.input_tokens, r.output_tokens,
                r.turns, r.calls, r.doubts, r.request, r.base_run, r.base_n, r.head_n, r.metadata,
            ),
        )  # fmt: skip

    def update(self, tx: Transaction, row: RunRow) -> None:
        """Write all columns that change while a run goes on (`MOVING`); the commit is refused for an unknown run."""
        r = row
        tx.write(
            UPDATE_RUN,
            (
                r.status, r.reason, r.error, r.finished_at, r.segment, r.epoch, r.wake_at, r.input_tokens,
                r.output_tokens, r.turns, r.calls, r.doubts, r.head_n, r.tenant, r.id,
            ),
            expect=1,
        )  # fmt: skip

    async def find(self, tenant: str, run: bytes) -> RunRow | None:
        """Return a run of this tenant, or None."""
        rows = await self._database.read(FIND_RUN, {"of_tenant": tenant, "of_id": run})
        return RunRow(*rows[0]) if rows else None

    async def list(
        self,
        tenant: str,
        *,
        after: bytes | None = None,
        limit: int = 20,
        agent: str | None = None,
        status: RunStatus | None = None,
        session: bytes | None = None,
        end_user: str | None = None,
        caller: str | None = None,
        for_nobody: bool = False,
    ) -> Sequence[RunRow]:
        """Return at most `limit` (1 to 100) runs, newest first, that were started before run `after`.

        `for_nobody` leaves only those that are for no end user.
        """
        rows = await self._database.scan(
            LIST_RUNS,
            {
                "of_tenant": tenant,
                "before": after or b"\xff" * 16,
                "of_agent": agent,
                "of_status": status,
                "of_session": session,
                "of_end_user": end_user,
                "of_caller": caller,
                "for_nobody": for_nobody,
                "at_most": max(1, min(limit, 100)),
            },
        )
        return [RunRow(*row) for row in rows]

    async def open_of_all_tenants(self) -> Sequence[RunRow]:
        """Return every run that has not finished, for the server that takes them up again."""
        return [RunRow(*row) for row in await self._database.scan(OPEN_RUNS)]

    async def open_of(self, tenant: str, end_user: str | None = None) -> Sequence[RunRow]:
        """Return the tenant's (or one end user's) runs that have not finished."""
        found = await self.open_of_all_tenants()  # the index of open runs is small, a tenant's past is not
        return [row for row in found if row.tenant == tenant and end_user in {None, row.end_user}]

    async def in_doubt(self, tenant: str, session: bytes) -> Sequence[bytes]:
        """Return the session's runs that hold calls in doubt."""
        rows = await self._database.read(IN_DOUBT, {"of_tenant": tenant, "of_session": session})
        return [run for (run,) in rows]

    async def find_request(self, tenant: str, caller: str, digest: bytes, since: int) -> RunRow | None:
        """Return the newest run that this same request of this caller began since `since` (UTC microseconds)."""
        rows = await self._database.read(
            FIND_REQUEST,
            {"of_tenant": tenant, "of_caller": caller, "digest": digest, "since": uuid7_floor(since)},
        )
        return RunRow(*rows[0]) if rows else None
