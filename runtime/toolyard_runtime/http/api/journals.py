"""`/api/v1/runs/{run}/events` and `/why`: a run's journal as it is, and in words."""

from typing import Any

import msgspec
from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response
from toolyard_sdk import events as e
from toolyard_sdk.ids import show

from toolyard_runtime.http.api.admin import EVERYBODY, admin_of, run_of
from toolyard_runtime.http.api.reading import MOST, Query, answer, listed
from toolyard_runtime.run.transcript import ERASED
from toolyard_runtime.store import payloads
from toolyard_runtime.store.journal import Recorded, SqlJournal
from toolyard_runtime.store.payloads import Erased, Payload
from toolyard_runtime.telling.why import contents_hold, explain, references

WRITTEN = frozenset({"instructions", "raw", "detail", "reason", "leaked"})
"""Kinds of payload that are text; the others are JSON."""

IDS = {"run": "run", "session": "session", "approval": "approval", "parent": "run"}
ITEMS = ("base", "window_start", "window_end", "after", "start", "end", "until")


def decoded(payload: Payload | Erased) -> Any:
    """Return content as text or JSON, or `[erased]`."""
    if isinstance(payload, Erased):
        return ERASED
    if payload.kind in WRITTEN:
        return payload.data.decode(errors="replace")
    try:
        return msgspec.json.decode(payload.data)
    except msgspec.DecodeError:  # somebody has changed it, which is worth seeing
        return payload.data.decode(errors="replace")


def head_object(seq: int, recorded: Recorded, found: dict[int, Payload | Erased]) -> dict[str, Any]:
    """Return one head as it is shown: ids with their prefixes, bytes in base64, and the content it refers to.

    `head_text` and `hash` are what is stored, to the byte: whoever computes the chain needs nothing else.
    """
    event = recorded.event
    head: dict[str, Any] = {"seq": seq, **msgspec.to_builtins(event)}
    for name, kind in IDS.items():
        raw = getattr(event, name, None)
        if isinstance(raw, bytes):
            head[name] = show(kind, raw)
    for name in ITEMS:
        item = getattr(event, name, None)
        if isinstance(item, e.ItemRef):
            head[name] = [show("run", item.run), item.n]
    head["content"] = {str(n): decoded(found[n]) for n in sorted({content.n for content in references(event)})}
    head["head_text"] = recorded.head
    head["hash"] = recorded.hash.hex()
    return head


@get("/api/v1/runs/{run:str}/events", opt=EVERYBODY, summary="Read a run's journal")
async def list_events(request: Request[Any, Any, Any], run: FromPath[str]) -> Response[bytes]:
    """List a run's events in order, with what they refer to; `after` is the `seq` of the last one seen."""
    admin = admin_of(request)
    row = await run_of(admin, request, run)
    query = Query(request, "after", "limit")
    limit, after = query.limit(MOST), query.number("after", 0)
    events = await SqlJournal(admin.services.database).recorded(row.id)
    begin = 0 if after is None else after + 1
    page = events[begin : begin + limit]
    ordinals = {content.n for recorded in page for content in references(recorded.event)}
    found = await payloads.load(admin.services.database, row.id, ordinals)
    following = begin + len(page) - 1 if begin + len(page) < len(events) else None
    return listed((head_object(begin + index, recorded, found) for index, recorded in enumerate(page)), following)


@get("/api/v1/runs/{run:str}/why", opt=EVERYBODY, summary="Say why a run did what it did")
async def why_run(request: Request[Any, Any, Any], run: FromPath[str]) -> Response[bytes]:
    """Tell a run's decisions for a person, and whether its journal is as it was written."""
    admin = admin_of(request)
    row = await run_of(admin, request, run)
    Query(request)
    events, lookup = await admin.engine.journal_of(row.id)
    named = {event.policy for event in events if isinstance(event, e.PolicyDecided) and event.policy}
    found = {digest: await admin.agents.policy(row.tenant, digest) for digest in sorted(named)}
    policies = {digest: policy for digest, policy in found.items() if policy is not None}
    told = explain(events, lookup, end_user=row.end_user, policies=policies)
    chained = await SqlJournal(admin.services.database).verify(row.id) is None
    return answer(
        {
            "run": show("run", row.id),
            "agent": row.agent,
            "release": row.release,
            "question": told.question,
            "answer": told.answer,
            "lines": told.lines,
            "verified": chained and contents_hold(events, lookup),
        }
    )


ROUTES = (list_events, why_run)
