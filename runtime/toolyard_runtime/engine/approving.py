"""Who may decide about a waiting call, and what a decision does; knows no HTTP.

By default the end user of a run decides for their own run; without one, whoever holds the key that started it. An
operator of the tenant may decide for any. The model never can: it has no key.
"""

from collections.abc import Sequence

from msgspec import Struct
from toolyard_sdk import events as e
from toolyard_sdk.errors import Conflict
from toolyard_sdk.ids import show

from toolyard_runtime.engine.engine import Engine
from toolyard_runtime.engine.sight import may_see
from toolyard_runtime.identity import Caller
from toolyard_runtime.run.drive import Driver
from toolyard_runtime.run.runlog import RunLog
from toolyard_runtime.run.segments import ApprovalAnswer
from toolyard_runtime.store.approvals import ApprovalRow
from toolyard_runtime.store.runs import RunRow
from toolyard_runtime.wire.errors import RequestRefused


class Decision(Struct, frozen=True):
    """A decision that may be recorded; `confirmed` when it names the binding of what it is about."""

    row: ApprovalRow
    verdict: e.Verdict
    reason: str
    confirmed: bool = False


class Approving:
    """Checks decisions and hands them to the runs that wait for them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._services = engine.services

    async def run_of(self, caller: Caller, approval: bytes) -> bytes:
        """Return the run an approval belongs to; raises RequestRefused (404) when it is not the caller's tenant's."""
        return (await self._find(caller, approval)).run

    async def _find(self, caller: Caller, approval: bytes) -> ApprovalRow:
        row = await self._services.approvals.find(caller.tenant, approval)
        if row is None:
            raise no_such_approval(approval)
        return row

    async def check(self, caller: Caller, run: RunRow, answer: ApprovalAnswer, end_user: str | None) -> Decision:
        """Return the decision when this caller may make it now; raises RequestRefused."""
        row = await self._find(caller, answer.approval)
        name = show("approval", answer.approval)
        if row.run != run.id or not may_decide(caller, run, end_user):
            raise RequestRefused(f"There is no approval {name}.", param="id", code="approval_not_found", status=404)
        if row.status == "expired":
            raise _expired(name)
        if row.status == "withdrawn":
            raise RequestRefused(
                f"{name} was withdrawn: its run has ended; ask the agent again.",
                param="id",
                code="approval_withdrawn",
                status=409,
            )
        if row.status != "pending":
            raise RequestRefused(
                f"{name} is already decided ({row.status}); a decision is made once.",
                param="id",
                code="approval_decided",
                status=409,
            )
        if row.expires_at <= self._services.clock.now():
            raise _expired(name)
        if answer.saw is not None and answer.saw.lower() != (await self._binding(row)).hex():
            raise RequestRefused(
                f"saw: that is not the binding of {name}; look at it again, and decide about what it shows.",
                param="saw",
                code="approval_changed",
                status=409,
            )
        return Decision(row, "approve" if answer.approve else "deny", answer.reason or "", answer.saw is not None)

    async def _binding(self, row: ApprovalRow) -> bytes:
        events = await self._services.journal.load(row.run)
        asked = (event for event in events if isinstance(event, e.ApprovalRequested))
        return next((event.binding for event in asked if event.approval == row.id), b"")

    def event(self, log: RunLog, caller: Caller, end_user: str | None, decision: Decision) -> e.ApprovalDecided:
        """Write a decision into the run's open transaction; the commit is refused when somebody was faster."""
        row = decision.row
        request = log.state.approvals.get(row.id)
        if request is None:
            raise Conflict(f"{show('approval', row.id)} does not wait any more")
        actor = acting(caller, end_user)
        self._services.approvals.decide(log.tx, row.id, decision.verdict, log.now(), actor)
        return e.ApprovalDecided(
            at=log.now(),
            approval=row.id,
            call=row.call,
            verdict=decision.verdict,
            by=actor,
            saw=request.binding,
            reason=log.put("reason", decision.reason.encode(errors="replace")) if decision.reason else None,
            confirmed=decision.confirmed,
        )

    async def decide(self, caller: Caller, answer: ApprovalAnswer, end_user: str | None) -> Driver:
        """Decide about one call and let its run go on in the background; raises RequestRefused."""
        found = await self._find(caller, answer.approval)
        run = await self._services.runs.find(caller.tenant, found.run)
        if run is None:
            raise RequestRefused("There is no such approval.", param="id", code="approval_not_found", status=404)
        decision = await self.check(caller, run, answer, end_user)

        def news(log: RunLog) -> Sequence[e.RunEvent]:
            return (self.event(log, caller, end_user, decision),)

        try:
            return await self._engine.resume(run, "approval", news)
        except Conflict as error:
            name = show("approval", answer.approval)
            raise RequestRefused(
                f"{name} was decided by somebody else at the same moment.",
                param="id",
                code="approval_decided",
                status=409,
            ) from error


def _expired(name: str) -> RequestRefused:
    return RequestRefused(f"{name} has expired; ask the agent again.", param="id", code="approval_expired", status=410)


def may_decide(caller: Caller, run: RunRow, end_user: str | None) -> bool:
    """Tell whether a caller, speaking for `end_user`, may decide about the calls of a run."""
    operator = run.tenant == caller.tenant and "operator" in caller.roles
    return operator or may_see(caller, run, end_user)


def acting(caller: Caller, end_user: str | None) -> str:
    """Return who is said to have decided: a key, or the end user for whom it speaks, whom no record names."""
    return f"{caller.key}/user" if end_user is not None else caller.key


def no_such_approval(approval: bytes) -> RequestRefused:
    """Return the refusal of an approval that is not there for whoever asks, whatever the reason."""
    name = show("approval", approval)
    return RequestRefused(f"There is no approval {name}.", param="id", code="approval_not_found", status=404)
