"""`/api/v1/runs`: what ran, what one run gave, and ending one."""

from typing import Any, Literal

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct
from toolyard_sdk.ids import show

from toolyard_runtime.engine.ending import end
from toolyard_runtime.engine.sight import sees_all
from toolyard_runtime.http.access import caller_of, end_user_of
from toolyard_runtime.http.api.admin import DECIDERS, EVERYBODY, Admin, admin_of, run_of
from toolyard_runtime.http.api.approvals import approvals_of
from toolyard_runtime.http.api.inputs import inputs_of
from toolyard_runtime.http.api.reading import Query, answer, listed
from toolyard_runtime.run.drive import Driver
from toolyard_runtime.run.segments import ApprovalOut, ClientCallOut, Output, ServerCallOut, TextOut
from toolyard_runtime.store.runs import RunRow, RunStatus
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader

STATUSES: tuple[RunStatus, ...] = ("running", "parked", "finished")
KINDS: dict[type[Output], str] = {
    TextOut: "text",
    ServerCallOut: "call",
    ClientCallOut: "client_call",
    ApprovalOut: "approval",
}


class Cancel(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a cancellation."""

    reason: Literal["operator", "user"]


_read_cancel = Reader(Cancel, frozenset(), {"reason": 'send {"reason": "user"}, or "operator" with an operator\'s key'})


def run_object(row: RunRow, driver: Driver | None = None) -> dict[str, Any]:
    """Return a run as it is shown; a live one as its driver has it, ahead of its row."""
    if driver is not None and not driver.resting:
        state = driver.log.state
        row = msgspec.structs.replace(
            driver.row,
            status="running",
            segment=state.segment,
            input_tokens=state.usage.input_tokens,
            output_tokens=state.usage.output_tokens,
            turns=state.turn,
            calls=state.made,
            doubts=len(state.doubts),
        )
    return {
        "id": show("run", row.id),
        "session": show("session", row.session),
        "agent": row.agent,
        "release": row.release,
        "mode": row.mode,
        "status": row.status,
        "reason": row.reason or None,
        "error": row.error or None,
        "started_at": row.started_at,
        "finished_at": row.finished_at or None,
        "usage": {"input_tokens": row.input_tokens, "output_tokens": row.output_tokens},
        "turns": row.turns,
        "calls": row.calls,
        "doubts": row.doubts,
        "segment": row.segment,
    }


def output_object(output: Output) -> dict[str, Any]:
    """Return one output of a segment as it is shown."""
    shown: dict[str, Any] = {"type": KINDS[type(output)], **msgspec.structs.asdict(output)}
    if isinstance(output, ApprovalOut):
        shown["approval"] = show("approval", output.approval)
    return shown


async def whole_run(admin: Admin, row: RunRow) -> dict[str, Any]:
    """Return a run with what waits for a person and the outputs of its newest segment."""
    driver = admin.engine.live.get(row.id)
    segment = await admin.engine.segment(row)
    return {
        **run_object(row, driver),
        "approvals": await approvals_of(admin, row),
        "inputs": await inputs_of(admin, row),
        "outputs": [output_object(output) for output in segment.outputs] if segment is not None else [],
        "progress": driver.log.progress if driver is not None else {},
    }


@get("/api/v1/runs", opt=EVERYBODY, summary="List runs, newest first")
async def list_runs(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the tenant's runs; without a role that watches, the end user's own, or those of the key for nobody else."""
    admin, caller = admin_of(request), caller_of(request)
    query = Query(request, "after", "limit", "agent", "status", "session")
    limit = query.limit()
    status: Any = query.choice("status", STATUSES)
    end_user, every = end_user_of(request, caller), sees_all(caller)
    rows = await admin.services.runs.list(
        caller.tenant,
        after=query.id("after", "run"),
        limit=limit,
        agent=query.text("agent"),
        status=status,
        session=query.id("session", "session"),
        end_user=None if every else end_user,
        caller=None if every or end_user is not None else caller.key,
        for_nobody=not every and end_user is None,
    )
    live = admin.engine.live
    following = show("run", rows[-1].id) if len(rows) == limit else None
    return listed((run_object(row, live.get(row.id)) for row in rows), following)


@get("/api/v1/runs/{run:str}", opt=EVERYBODY, summary="Show a run")
async def show_run(request: Request[Any, Any, Any], run: FromPath[str]) -> Response[bytes]:
    """Show one run, what it waits for and what it gave."""
    admin = admin_of(request)
    Query(request)
    return answer(await whole_run(admin, await run_of(admin, request, run)))


@post("/api/v1/runs/{run:str}/cancel", opt=DECIDERS, status_code=200, summary="Cancel a run")
async def cancel_run(request: Request[Any, Any, Any], run: FromPath[str]) -> Response[bytes]:
    """End a run before its next effect and return it; one that is over stays as it is."""
    admin, caller = admin_of(request), caller_of(request)
    row, body = await run_of(admin, request, run), await request.body()
    operator = "operator" in caller.roles
    wanted = _read_cancel.read(body)[0].reason if body.strip() else "operator" if operator else "user"
    if wanted == "operator" and not operator:
        raise RequestRefused(
            'reason: this key is no operator\'s; send {"reason": "user"}.',
            param="reason",
            code="missing_role",
            status=403,
        )
    await end(admin.engine, row, caller.key, wanted)
    return answer(await whole_run(admin, await run_of(admin, request, run)))


ROUTES = (list_runs, show_run, cancel_run)
