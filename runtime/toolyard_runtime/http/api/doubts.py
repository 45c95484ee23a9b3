"""`/api/v1/runs/{run}/doubts`: calls of which nobody knows whether they happened, and what a person found out."""

from typing import Any, Literal

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct
from toolyard_sdk import events as e

from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import DECIDERS, EVERYBODY, admin_of, run_of, run_to_decide
from toolyard_runtime.http.api.calls import calls_of
from toolyard_runtime.http.api.reading import Query, answer, listed, not_found
from toolyard_runtime.run.transcript import Lookup, call_id
from toolyard_runtime.store.runs import RunRow
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader


class Finding(Struct, frozen=True, forbid_unknown_fields=True):
    """What a person found out about a call."""

    outcome: Literal["happened", "did_not", "unknown"]
    note: str | None = None


_read_finding = Reader(Finding, frozenset(), {"outcome": "send happened, did_not or unknown"})


def doubts_of(row: RunRow, events: tuple[e.RunEvent, ...], lookup: Lookup) -> list[dict[str, Any]]:
    """Return a run's calls in doubt in order, with what was found out about them."""
    calls = calls_of(events, lookup)
    found: dict[int, dict[str, Any]] = {}
    for event in events:
        if isinstance(event, e.ToolInDoubt):
            call = calls[event.call]
            found[event.call] = {
                "call": event.call,
                "call_id": call_id(row.id, event.call),
                "tool": call.name,
                "arguments": call.arguments,
                "why": event.why,
                "at": event.at,
                "outcome": None,
            }
        elif isinstance(event, e.DoubtResolved) and event.call in found:
            found[event.call]["outcome"] = event.outcome
    return list(found.values())


@get("/api/v1/runs/{run:str}/doubts", opt=EVERYBODY, summary="List a run's calls in doubt")
async def list_doubts(request: Request[Any, Any, Any], run: FromPath[str]) -> Response[bytes]:
    """List a run's calls in doubt; `outcome` is null until a person has said what became of the call."""
    admin = admin_of(request)
    row = await run_of(admin, request, run)
    Query(request)
    return listed(doubts_of(row, *await admin.engine.journal_of(row.id)))


@post("/api/v1/runs/{run:str}/doubts/{call:str}", opt=DECIDERS, status_code=200, summary="Resolve a call in doubt")
async def resolve_doubt(request: Request[Any, Any, Any], run: FromPath[str], call: FromPath[str]) -> Response[bytes]:
    """Record what became of a call in doubt and return it."""
    admin, caller = admin_of(request), caller_of(request)
    row = await run_to_decide(admin, request, run)
    finding, _ = _read_finding.read(await request.body())
    known = {str(doubt["call"]): doubt for doubt in doubts_of(row, *await admin.engine.journal_of(row.id))}
    doubt = known.get(call)
    if doubt is None:
        raise not_found("doubt", call, param="call")
    number = int(doubt["call"])
    if not await admin.engine.resolve_doubt(row, number, finding.outcome, caller.key, finding.note or ""):
        raise RequestRefused(
            f"call: {number} is resolved already; what was found is recorded once.",
            param="call",
            code="doubt_resolved",
            status=409,
        )
    doubts = doubts_of(row, *await admin.engine.journal_of(row.id))
    return answer(next(one for one in doubts if one["call"] == number))


ROUTES = (list_doubts, resolve_doubt)
