"""`/api/v1/memory`, as a whole: its graph, its numbers, its export, and its indexes, built again; knows no one fact."""

import asyncio
from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.response import Response
from msgspec import Struct
from sqlalchemy import bindparam, func, select
from toolyard_memory.records import MemoryRefused
from toolyard_memory.records import Reader as MemoryReader
from toolyard_memory.tables.facts import FACT, TOMBSTONE
from toolyard_memory.tables.passages import PASSAGE
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.ids import show

from toolyard_runtime.http.access import caller_of, only
from toolyard_runtime.http.api.admin import OPERATORS, admin_of
from toolyard_runtime.http.api.memory import LOOKERS, fact_object, memory_of, owner_of, refusal
from toolyard_runtime.http.api.reading import Query, answer, fields_of
from toolyard_runtime.store import audit
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader

SVG = "image/svg+xml"
AROUND = 60
"""Passages that a picture of the graph is made from."""

SEEN = only("operator", "auditor")
PAGE = 100

PASSAGES_BY_KIND = (
    select(PASSAGE.c.kind, func.count(), func.count(func.distinct(PASSAGE.c.owner)))
    .where(PASSAGE.c.tenant == bindparam("of_tenant"))
    .group_by(PASSAGE.c.kind)
)
FACTS_BELIEVED = select(func.count()).where(FACT.c.tenant == bindparam("of_tenant"), FACT.c.retired_at.is_(None))
TOMBSTONES = select(func.count()).where(TOMBSTONE.c.tenant == bindparam("of_tenant"))
OF_OWNER = (
    select(PASSAGE)
    .where(
        PASSAGE.c.tenant == bindparam("of_tenant"),
        PASSAGE.c.owner == bindparam("of_owner"),
        PASSAGE.c.kind.in_(("message", "summary")),
        PASSAGE.c.key > bindparam("after"),
    )
    .order_by(PASSAGE.c.key)
    .limit(bindparam("at_most"))
)


class Consolidate(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose facts are to be gone through; without `apply`, the answer says what would change."""

    end_user: str | None = None
    apply: bool = False


_read_consolidate = Reader(Consolidate, frozenset(), {})


@get("/api/v1/memory/graph", opt=LOOKERS, summary="Show what memory says around something")
async def show_graph(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the neighbourhood of a name, `about`, as JSON, or as a picture with `as=svg`."""
    query = Query(request, "end_user", "about", "agent", "as", "hops")
    owner, about = owner_of(request, query.text("end_user")), query.text("about")
    if not about:
        raise RequestRefused("about: name somebody or something.", param="about")
    from toolyard_memory.graph.drawing import draw  # noqa: PLC0415 - as memory itself, when it is asked
    from toolyard_memory.graph.words import canonical  # noqa: PLC0415 - as above

    reader = MemoryReader(owner, query.text("agent") or "")
    hops = query.number("hops", 1, 4) or 2
    near = await memory_of(request).graph.neighbourhood(
        reader, (), [canonical(about)], hops=hops, most=AROUND, relations=True
    )
    if query.choice("as", ("json", "svg")) == "svg":
        return Response(draw(near).encode(), media_type=SVG, headers={"content-security-policy": "default-src 'none'"})
    return answer(
        {
            "entities": [
                {"id": one.id.hex(), "name": one.shown, "kind": one.kind, "mentions": one.mentions}
                for one in near.entities
            ],
            "passages": [
                {
                    "id": show(one.kind, one.id),
                    "kind": one.kind,
                    "at": one.at,
                    "said_by": one.speaker,
                    "text": one.words,
                }
                for one in near.passages
            ],
            "mentions": [[entity.hex(), passage.hex()] for entity, passage in near.mentions],
            "edges": [
                {"source": one.source.hex(), "target": one.target.hex(), "relation": one.relation} for one in near.edges
            ],
            "cut": near.cut,
        }
    )


@get("/api/v1/memory/stats", opt=SEEN, summary="Count what is remembered")
async def show_stats(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return counts of the caller's tenant, and how far its vectors are."""
    memory, of = memory_of(request), {"of_tenant": caller_of(request).tenant}
    passages = await memory.database.scan(PASSAGES_BY_KIND, of)
    ((believed,),) = await memory.database.scan(FACTS_BELIEVED, of)
    ((forgotten,),) = await memory.database.scan(TOMBSTONES, of)
    vectors = await memory.vectors.state(of["of_tenant"]) if memory.vectors is not None else None
    return answer(
        {
            "passages": {kind: {"count": count, "people": people} for kind, count, people in passages},
            "facts_believed": believed,
            "tombstones": forgotten,
            "vectors": vectors,
            "rebuilding": admin_of(request).long_term.rebuilding.get(of["of_tenant"]),
        }
    )


@get("/api/v1/memory/export", opt=LOOKERS, summary="Export what is remembered of somebody")
async def export_memory(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return all facts, those believed before among them, and all messages, one JSON object a line."""
    query = Query(request, "end_user")
    owner, memory = owner_of(request, query.text("end_user")), memory_of(request)
    from toolyard_memory.facts.everything import everything  # noqa: PLC0415 - as memory itself, when it is asked

    lines = [
        msgspec.json.encode({"kind": "fact", **fields_of(fact_object(fact))})
        async for fact in everything(memory.database, owner)
    ]
    after = 0
    while True:
        page = {"of_tenant": owner.tenant, "of_owner": owner.end_user, "after": after, "at_most": PAGE}
        rows = await memory.database.scan(OF_OWNER, page)
        for row in rows:
            said = dict(zip(PASSAGE.c.keys(), row, strict=True))
            lines.append(
                msgspec.json.encode(
                    {
                        "kind": said["kind"],
                        "id": show(said["kind"], said["id"]),
                        "text": said["text"],
                        "said_by": said["speaker"],
                        "trust": said["trust"],
                        "at": said["at"],
                        "run": show("run", said["source"]) if said["source"] else None,
                        "item": said["n"],
                    }
                )
            )
        if len(rows) < PAGE:
            break
        after = rows[-1][0]
        await asyncio.sleep(0)
    return Response(b"".join(line + b"\n" for line in lines), media_type="application/jsonl")


@post("/api/v1/memory/rebuild", opt=OPERATORS, status_code=202, summary="Build the vector index again")
async def rebuild_memory(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Begin to build the tenant's vector index again from the database, without asking a model; see `stats`."""
    admin, caller = admin_of(request), caller_of(request)
    return answer(admin.long_term.rebuild(caller.tenant), 202)


@post("/api/v1/memory/consolidate", opt=OPERATORS, status_code=200, summary="Merge and expire facts")
async def consolidate_memory(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return what would change of somebody's facts, and with `apply` change it."""
    wanted, _ = _read_consolidate.read(await request.body() or b"{}")
    owner, memory, admin = owner_of(request, wanted.end_user), memory_of(request), admin_of(request)
    now = admin.services.clock.now()
    changes = await memory.facts.plan(owner, now)
    if wanted.apply and changes:
        tx = memory.database.begin()
        try:
            changes = await memory.facts.apply(tx, owner, changes, now)
        except MemoryRefused as error:
            raise refusal(error) from error
        counts: dict[str, str | int | float | bool] = {"changes": len(changes)}
        entry = AuditRecord(now, owner.tenant, caller_of(request).key, "memory.consolidate", "facts", detail=counts)
        await audit.record(memory.database, tx, f"memory:{owner.tenant}", entry)
        await memory.database.commit(tx, "full")
        memory.stir()
    return answer(
        {
            "applied": wanted.apply,
            "data": [
                {
                    "kind": change.kind,
                    "why": change.why,
                    "before": [fact_object(fact) for fact in change.before],
                    "after": fact_object(change.after) if change.after is not None else None,
                }
                for change in changes
            ],
        }
    )


ROUTES = (show_graph, show_stats, export_memory, rebuild_memory, consolidate_memory)
