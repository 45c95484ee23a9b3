"""The table of approvals: which calls wait for a person, and who decided; the journal holds what was decided upon.

Deciding is guarded: an approval is decided once, whoever comes second gets a Conflict at the commit.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from sqlalchemy import LargeBinary, Text, bindparam, insert, or_, select, update
from toolyard_sdk.events import Verdict
from toolyard_sdk.ports import Database, Transaction

from toolyard_runtime.store.tables import APPROVAL

ApprovalStatus = Literal["pending", "approve", "deny", "expired", "withdrawn"]
"""`withdrawn`: the run ended before anybody decided."""

OF_TENANT = APPROVAL.c.tenant == bindparam("of_tenant")
ADD_APPROVAL = insert(APPROVAL)
DECIDE_APPROVAL = (
    update(APPROVAL)
    .where(APPROVAL.c.id == bindparam("of_id"), APPROVAL.c.status == bindparam("was"))
    .values(status=bindparam("verdict"), decided_at=bindparam("at"), decided_by=bindparam("actor"))
    .execution_options(row=("verdict", "at", "actor", "of_id", "was"))
)
WITHDRAW_APPROVALS = (
    update(APPROVAL)
    .where(OF_TENANT, APPROVAL.c.run == bindparam("of_run"), APPROVAL.c.status == bindparam("was"))
    .values(status=bindparam("now"), decided_at=bindparam("at"))
    .execution_options(row=("now", "at", "of_tenant", "of_run", "was"))
)
FIND_APPROVAL = select(APPROVAL).where(OF_TENANT, APPROVAL.c.id == bindparam("of_id"))
_STATUS = bindparam("of_status", type_=Text())
_RUN = bindparam("of_run", type_=LargeBinary())
LIST_APPROVALS = (
    select(APPROVAL)
    .where(
        OF_TENANT,
        APPROVAL.c.id < bindparam("before"),
        or_(_STATUS.is_(None), APPROVAL.c.status == _STATUS),
        or_(_RUN.is_(None), APPROVAL.c.run == _RUN),
    )
    .order_by(APPROVAL.c.id.desc())
    .limit(bindparam("at_most"))
)


class ApprovalRow(Struct, frozen=True):
    """One approval in the order of the table's columns; times are UTC microseconds, `decided_at` 0 while pending."""

    id: bytes
    tenant: str
    run: bytes
    call: int
    status: ApprovalStatus
    requested_at: int
    expires_at: int
    decided_at: int = 0
    decided_by: str = ""


class Approvals:
    """The store of approvals; writes join a transaction, reads see what was committed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        tx: Transaction,
        *,
        approval: bytes,
        tenant: str,
        run: bytes,
        call: int,
        requested_at: int,
        expires_at: int,
    ) -> None:
        """Add a pending approval."""
        tx.write(ADD_APPROVAL, (approval, tenant, run, call, "pending", requested_at, expires_at, 0, ""))

    def decide(self, tx: Transaction, approval: bytes, verdict: Verdict, at: int, by: str) -> None:
        """Decide a pending approval; the commit is refused when it is no longer pending."""
        tx.write(DECIDE_APPROVAL, (verdict, at, by, approval, "pending"), expect=1)

    def withdraw(self, tx: Transaction, tenant: str, run: bytes, at: int) -> None:
        """Withdraw whatever a run still waited for: it is over."""
        tx.write(WITHDRAW_APPROVALS, ("withdrawn", at, tenant, run, "pending"))

    async def find(self, tenant: str, approval: bytes) -> ApprovalRow | None:
        """Return an approval of this tenant, or None."""
        rows = await self._database.read(FIND_APPROVAL, {"of_tenant": tenant, "of_id": approval})
        return ApprovalRow(*rows[0]) if rows else None

    async def list(
        self,
        tenant: str,
        *,
        after: bytes | None = None,
        limit: int = 20,
        status: ApprovalStatus | None = None,
        run: bytes | None = None,
    ) -> Sequence[ApprovalRow]:
        """Return at most `limit` (1 to 100) approvals, newest first, that were requested before approval `after`."""
        rows = await self._database.scan(
            LIST_APPROVALS,
            {
                "of_tenant": tenant,
                "before": after or b"\xff" * 16,
                "of_status": status,
                "of_run": run,
                "at_most": max(1, min(limit, 100)),
            },
        )
        return [ApprovalRow(*row) for row in rows]
