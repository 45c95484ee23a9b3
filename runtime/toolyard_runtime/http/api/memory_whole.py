"""`/api/v1/memory`, as a whole: its graph, its numbers, its export, and its indexes, built again; knows no one fact."""

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, get, post
from litestar.response import Response
from msgspec import Struct
from sqlalchemy import bindparam, func, select
from toolyard_memory.records import MemoryRefused, Owner
from toolyard_memory.records import Reader as MemoryReader
from toolyard_memory.tables.facts import FACT, TOMBSTONE
from toolyard_memory.tables.passages import PASSAGE
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.errors import ModelError
from toolyard_sdk.ids import show

from toolyard_runtime.engine.long_term import Rebuilding
from toolyard_runtime.http.access import caller_of, only
from toolyard_runtime.http.api.admin import OPERATORS, Admin, admin_of, memory_of
from toolyard_runtime.http.api.memory import LOOKERS, FactObject, fact_object, may_ground, owner_of, refusal
from toolyard_runtime.http.api.reading import Query, answer, fields_of, not_found
from toolyard_runtime.store import audit
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader, quote

if TYPE_CHECKING:  # loaded with memory, by whoever first asks for it
    from toolyard_memory.memory import Memory

    from toolyard_runtime.engine.summarising import Summary

SVG = "image/svg+xml"
LINES = "application/jsonl"
AROUND = 60
"""Passages that a picture of the graph is made from."""

SEEN = only("operator", "auditor")
PAGE = 100

MOST_NAMES = 10
"""Names and islands that the numbers of one person list."""

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


class EntityObject(Struct, frozen=True):
    """Something that is spoken of."""

    id: str
    name: str
    kind: str
    mentions: int


class NearObject(Struct, frozen=True):
    """A passage of the neighbourhood, with the beginning of its text."""

    id: str
    kind: str
    at: int
    said_by: str
    text: str


class EdgeObject(Struct, frozen=True):
    """What a fact says of two entities."""

    source: str
    target: str
    relation: str


class GraphObject(Struct, frozen=True):
    """A neighbourhood; `mentions` are pairs of an entity and a passage. `cut`: there is more."""

    entities: tuple[EntityObject, ...]
    passages: tuple[NearObject, ...]
    mentions: tuple[tuple[str, str], ...]
    edges: tuple[EdgeObject, ...]
    cut: bool


class Counted(Struct, frozen=True):
    """Passages of a kind, and of how many people."""

    count: int
    people: int


class VectorsObject(Struct, frozen=True):
    """How the tenant's vectors are; `degraded` says in words what a search may miss."""

    embedder: str
    state: str
    waiting: int
    degraded: str


class CentralObject(Struct, frozen=True):
    """A name that much of somebody's memory hangs on: its PageRank, and in how many passages it is spoken of."""

    name: str
    kind: str
    mentions: int
    rank: float


class IslandObject(Struct, frozen=True):
    """Names that hang together and with nothing else: how many, and the most spoken of."""

    size: int
    names: tuple[str, ...]


class PersonObject(Struct, frozen=True):
    """What one person's memory is about."""

    central: tuple[CentralObject, ...]
    islands: tuple[IslandObject, ...]


class ReadingObject(Struct, frozen=True):
    """Messages that agents have `read` for facts, that are tried (again) later, and that were left alone.

    `why` counts those of the last two by reason.
    """

    read: int
    waiting: int
    failed: int
    why: dict[str, int]


class Stats(Struct, frozen=True):
    """Counts of a tenant; `vectors` is null where they are off, `rebuilding` where nothing was built again.

    `person` is there for the `end_user` who was named.
    """

    passages: dict[str, Counted]
    facts_believed: int
    tombstones: int
    reading: ReadingObject
    vectors: VectorsObject | None
    rebuilding: Rebuilding | None
    person: PersonObject | None = None


class ChangeObject(Struct, frozen=True):
    """A change of facts with its reason: those before it, and the one after it, if any.

    A summary takes no fact away: `says` are its words, and it rests on those before it.
    """

    kind: str
    why: str
    before: tuple[FactObject, ...]
    after: FactObject | None
    says: str = ""


class Consolidated(Struct, frozen=True):
    """What has changed, or would."""

    applied: bool
    data: tuple[ChangeObject, ...]


class Consolidate(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose facts are to be gone through; without `apply`, the answer says what would change.

    With `summarise`, the model of that agent also sums up subjects about which much is believed.
    """

    end_user: str | None = None
    apply: bool = False
    summarise: str | None = None


class Rebuild(Struct, frozen=True, forbid_unknown_fields=True):
    """Takes nothing: the whole index of the caller's tenant is built again."""


_read_consolidate = Reader(Consolidate, frozenset(), {})
_read_rebuild = Reader(Rebuild, frozenset(), {})


@get("/api/v1/memory/graph", opt=LOOKERS, summary="Show what memory says around something")
async def show_graph(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the neighbourhood of a name, `about`, as JSON, or as a picture with `as=svg`."""
    query = Query(request, "end_user", "about", "agent", "as", "hops")
    owner, about = owner_of(request, query.text("end_user")), query.text("about")
    if not about:
        raise RequestRefused("about: name somebody or something.", param="about")
    from toolyard_memory.graph.drawing import draw  # noqa: PLC0415 - as memory itself, when it is asked
    from toolyard_memory.graph.words import canonical  # noqa: PLC0415 - as above

    reader = MemoryReader(owner, query.text("agent") or "", grounded=may_ground(caller_of(request)))
    hops = query.number("hops", 1, 4) or 2
    near = await memory_of(request).graph.neighbourhood(
        reader, (), [canonical(about)], hops=hops, most=AROUND, relations=True
    )
    if query.choice("as", ("json", "svg")) == "svg":
        return Response(draw(near).encode(), media_type=SVG, headers={"content-security-policy": "default-src 'none'"})
    return answer(
        GraphObject(
            tuple(EntityObject(one.id.hex(), one.shown, one.kind, one.mentions) for one in near.entities),
            tuple(
                NearObject(show(one.kind, one.id), one.kind, one.at, one.speaker, one.words) for one in near.passages
            ),
            tuple((entity.hex(), passage.hex()) for entity, passage in near.mentions),
            tuple(EdgeObject(one.source.hex(), one.target.hex(), one.relation) for one in near.edges),
            near.cut,
        )
    )


@get("/api/v1/memory/stats", opt=SEEN, summary="Count what is remembered")
async def show_stats(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return counts of the caller's tenant, and how far its vectors are; of an end user, what most is about."""
    query = Query(request, "end_user")
    memory, of = memory_of(request), {"of_tenant": caller_of(request).tenant}
    passages = await memory.database.scan(PASSAGES_BY_KIND, of)
    ((believed,),) = await memory.database.scan(FACTS_BELIEVED, of)
    ((forgotten,),) = await memory.database.scan(TOMBSTONES, of)
    vectors = None
    if memory.vectors is not None:
        state = await memory.vectors.state(of["of_tenant"])
        vectors = VectorsObject(state.embedder, state.state, state.waiting, state.degraded)
    counted = {kind: Counted(count, people) for kind, count, people in passages}
    rebuilding = admin_of(request).long_term.rebuilding.get(of["of_tenant"])
    person = None
    if query.text("end_user"):
        owner = owner_of(request, query.text("end_user"))
        central = await memory.wholes.central(owner, MOST_NAMES)
        islands = await memory.wholes.islands(owner, MOST_NAMES)
        person = PersonObject(
            tuple(CentralObject(one.shown, one.kind, one.mentions, round(rank, 4)) for one, rank in central),
            tuple(IslandObject(one.size, tuple(entity.shown for entity in one.entities)) for one in islands),
        )
    return answer(
        Stats(counted, believed, forgotten, await _reading(memory, of["of_tenant"]), vectors, rebuilding, person)
    )


async def _reading(memory: "Memory", tenant: str) -> ReadingObject:
    """Return how far the messages of a tenant are read for facts."""
    from toolyard_memory.facts.extractions import Extractions  # noqa: PLC0415 - as memory itself, when it is asked

    ends = {"read": 0, "waiting": 0, "failed": 0}
    why: dict[str, int] = {}
    for one in await Extractions(memory.database).tally(tenant):
        ends[one.outcome] += one.messages
        if one.outcome != "read":
            why[one.reason] = why.get(one.reason, 0) + one.messages
    return ReadingObject(**ends, why=why)


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
    return Response(b"".join(line + b"\n" for line in lines), media_type=LINES)


@post("/api/v1/memory/rebuild", opt=OPERATORS, status_code=202, summary="Build the vector index again")
async def rebuild_memory(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Begin to build the tenant's vector index again from the database, without asking a model; see `stats`."""
    Query(request)
    _read_rebuild.read(await request.body() or b"{}")
    admin, caller = admin_of(request), caller_of(request)
    return answer(admin.long_term.rebuild(caller.tenant), 202)


@post("/api/v1/memory/consolidate", opt=OPERATORS, status_code=200, summary="Merge and expire facts")
async def consolidate_memory(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return what would change of somebody's facts, and with `apply` change it."""
    Query(request)
    wanted, _ = _read_consolidate.read(await request.body() or b"{}")
    owner, memory, admin = owner_of(request, wanted.end_user), memory_of(request), admin_of(request)
    now = admin.services.clock.now()
    changes = await memory.facts.plan(owner, now)
    summaries = await _summaries(admin, memory, owner, wanted.summarise) if wanted.summarise else ()
    if wanted.apply and (changes or summaries):
        tx = memory.database.begin()
        changes = await memory.facts.apply(tx, owner, changes, now)
        for summary in summaries:
            try:
                await memory.put_down(tx, owner, summary.new, now)
            except MemoryRefused as error:
                raise refusal(error) from error
        counts: dict[str, str | int | float | bool] = {"changes": len(changes), "summaries": len(summaries)}
        entry = AuditRecord(now, owner.tenant, caller_of(request).key, "memory.consolidate", "facts", detail=counts)
        await audit.record(memory.database, tx, f"memory:{owner.tenant}", entry)
        await memory.database.commit(tx, "full")
        memory.stir()
    done = [
        ChangeObject(
            change.kind,
            change.why,
            tuple(fact_object(fact) for fact in change.before),
            fact_object(change.after) if change.after is not None else None,
        )
        for change in changes
    ]
    done += [
        ChangeObject(
            "summarise",
            f"{len(summary.of)} facts are about {summary.new.subject}",
            tuple(fact_object(fact) for fact in summary.of),
            None,
            summary.new.text,
        )
        for summary in summaries
    ]
    return answer(Consolidated(wanted.apply, tuple(done)))


async def _summaries(admin: Admin, memory: "Memory", owner: Owner, agent: str) -> "tuple[Summary, ...]":
    """Have an agent's model sum up; raises RequestRefused where there is none, or it does not answer."""
    from toolyard_runtime.engine.summarising import Summarising  # noqa: PLC0415 - as memory itself, when it is asked

    bound = await admin.agents.reachable(agent)
    if bound is None or bound.release.memory is None:
        raise not_found("agent", agent, param="summarise")
    try:
        return await Summarising(memory, bound.release, bound.route).propose(owner)
    except ModelError as error:
        raise RequestRefused(
            f"summarise: the model of {quote(agent)} did not answer ({error.fault}); nothing was changed.",
            param="summarise",
            code="model_failed",
            status=502,
        ) from error


ROUTES = (show_graph, show_stats, export_memory, rebuild_memory, consolidate_memory)
