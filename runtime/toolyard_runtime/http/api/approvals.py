"""`/api/v1/approvals`: calls that wait for a person, and the person's answer."""

from collections.abc import Sequence
from typing import Any, Literal

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct
from toolyard_sdk import events as e
from toolyard_sdk.ids import read, show

from toolyard_runtime.engine.approving import may_decide
from toolyard_runtime.engine.sight import may_look
from toolyard_runtime.http.access import caller_of, end_user_of
from toolyard_runtime.http.api.admin import DECIDERS, EVERYBODY, Admin, admin_of
from toolyard_runtime.http.api.calls import calls_of
from toolyard_runtime.http.api.reading import MOST, Query, answer, listed, not_found
from toolyard_runtime.run.segments import ApprovalAnswer
from toolyard_runtime.run.transcript import call_id
from toolyard_runtime.store.approvals import ApprovalRow, ApprovalStatus
from toolyard_runtime.store.runs import RunRow
from toolyard_runtime.wire.reading import Reader

STATUSES: tuple[ApprovalStatus, ...] = ("pending", "approve", "deny", "expired", "withdrawn")


class Decide(Struct, frozen=True, forbid_unknown_fields=True):
    """A person's answer; `saw` is the `binding` of the call as it was shown to them."""

    decision: Literal["approve", "deny"]
    reason: str | None = None
    saw: str | None = None


_read_decision = Reader(Decide, frozenset(), {"decision": "send approve or deny"})


class Journals:
    """The runs of a list of approvals, each read once."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._rows: dict[bytes, RunRow | None] = {}
        self._told: dict[bytes, tuple[dict[int, Any], dict[bytes, e.ApprovalRequested]]] = {}

    async def row(self, approval: ApprovalRow) -> RunRow | None:
        """Return an approval's run."""
        if approval.run not in self._rows:
            self._rows[approval.run] = await self._admin.services.runs.find(approval.tenant, approval.run)
        return self._rows[approval.run]

    async def shown(self, approval: ApprovalRow, run: RunRow) -> dict[str, Any]:
        """Return an approval as it is shown, with the call it is about."""
        if run.id not in self._told:
            events, lookup = await self._admin.engine.journal_of(run.id)
            requests = {event.approval: event for event in events if isinstance(event, e.ApprovalRequested)}
            self._told[run.id] = calls_of(events, lookup), requests
        calls, requests = self._told[run.id]
        call, asked = calls.get(approval.call), requests.get(approval.id)
        over = approval.status == "pending" and approval.expires_at <= self._admin.services.clock.now()
        return {
            "id": show("approval", approval.id),
            "run": show("run", run.id),
            "call": approval.call,
            "call_id": call_id(run.id, approval.call),
            "tool": call.name if call else "",
            "arguments": call.arguments if call else None,
            "requested_at": approval.requested_at,
            "expires_at": approval.expires_at,
            "doubt": asked is not None and asked.doubt,
            "binding": asked.binding.hex() if asked is not None else None,
            "agent": run.agent,
            "status": "expired" if over else approval.status,
            "decided_at": approval.decided_at or None,
            "decided_by": approval.decided_by or None,
        }


async def approvals_of(admin: Admin, row: RunRow) -> list[dict[str, Any]]:
    """Return the approvals that a run waits for."""
    pending = await admin.services.approvals.list(row.tenant, limit=MOST, status="pending", run=row.id)
    journals = Journals(admin)
    return [await journals.shown(approval, row) for approval in reversed(pending)]


async def _find(admin: Admin, request: Request[Any, Any, Any], name: str) -> tuple[ApprovalRow, RunRow]:
    """Return an approval the caller may see and its run; raises RequestRefused (404)."""
    caller, approval = caller_of(request), read("approval", name)
    row = await admin.services.approvals.find(caller.tenant, approval) if approval is not None else None
    run = await admin.services.runs.find(caller.tenant, row.run) if row is not None else None
    if row is None or run is None or not may_look(caller, run, end_user_of(request, caller)):
        raise not_found("approval", name)
    return row, run


@get("/api/v1/approvals", opt=EVERYBODY, summary="List approvals, newest first")
async def list_approvals(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List calls that wait, or waited, for a person; without a role that watches, those of one's own runs."""
    admin, caller = admin_of(request), caller_of(request)
    query = Query(request, "after", "limit", "status")
    limit, after = query.limit(), query.id("after", "approval")
    status: Any = query.choice("status", STATUSES)
    end_user, journals = end_user_of(request, caller), Journals(admin)
    found: list[tuple[ApprovalRow, RunRow]] = []
    while True:
        rows: Sequence[ApprovalRow] = await admin.services.approvals.list(
            caller.tenant, after=after, limit=MOST, status=status
        )
        for row in rows:
            run = await journals.row(row)
            if run is not None and may_look(caller, run, end_user):
                found.append((row, run))
        if len(found) >= limit or len(rows) < MOST:
            break
        after = rows[-1].id
    page = found[:limit]
    following = show("approval", page[-1][0].id) if page and len(found) >= limit else None
    return listed([await journals.shown(row, run) for row, run in page], following)


@get("/api/v1/approvals/{approval:str}", opt=EVERYBODY, summary="Show an approval")
async def show_approval(request: Request[Any, Any, Any], approval: FromPath[str]) -> Response[bytes]:
    """Show one approval and the call it is about."""
    admin = admin_of(request)
    row, run = await _find(admin, request, approval)
    Query(request)
    return answer(await Journals(admin).shown(row, run))


@post("/api/v1/approvals/{approval:str}", opt=DECIDERS, status_code=200, summary="Decide about a call")
async def decide_approval(request: Request[Any, Any, Any], approval: FromPath[str]) -> Response[bytes]:
    """Approve or deny a call; its run goes on in the background."""
    admin, caller = admin_of(request), caller_of(request)
    row, run = await _find(admin, request, approval)
    end_user = end_user_of(request, caller)
    if not may_decide(caller, run, end_user):
        raise not_found("approval", approval)
    decision, _ = _read_decision.read(await request.body())
    given = ApprovalAnswer(row.id, decision.decision == "approve", decision.reason, decision.saw)
    await admin.approving.decide(caller, given, end_user)
    row, run = await _find(admin, request, approval)
    status = "running" if run.id in admin.engine.live else run.status
    return answer({**await Journals(admin).shown(row, run), "run_status": status})


ROUTES = (list_approvals, show_approval, decide_approval)
