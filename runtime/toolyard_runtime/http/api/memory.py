"""`/api/v1/memory`: what is remembered of end users: searched and shown; puts nothing down.

Whose memory it is comes from the request: a frontend names its end user as with every request (the header), people of
the house name one in the query or the body. Nobody's memory is anybody else's, and asking for it finds nothing.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct
from toolyard_memory.moments import read_moment
from toolyard_memory.records import AsOf, Evidence, Fact, MemoryRefused, NoSuchMemory, Owner, Passage
from toolyard_memory.records import Reader as MemoryReader
from toolyard_sdk.ids import PREFIX, read, show

from toolyard_runtime.engine.sight import sees_all
from toolyard_runtime.http.access import caller_of, end_user_of, only
from toolyard_runtime.http.api.admin import admin_of, memory_of
from toolyard_runtime.http.api.reading import Query, answer, listed, not_found
from toolyard_runtime.identity import Caller
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.function_tools import END_USER_FIX, LONGEST_END_USER
from toolyard_runtime.wire.reading import quote

if TYPE_CHECKING:  # loaded with memory, by whoever first asks for it
    from toolyard_memory.documents.versions import Citation
    from toolyard_memory.retrieval.query import Hit

LOOKERS = only("frontend", "operator", "auditor")

PASSAGES = ("message", "chunk", "summary", "fact")
"""Kinds of passages, as their ids begin."""

ASKED: Final = {"subject": "about", "valid_from": "since", "valid_to": "until", "evidence": "because"}
"""What requests call the fields of a fact."""

FOUND = 10
"""Passages that a search gives where nobody says how many."""


class EvidenceObject(Struct, frozen=True):
    """What a fact rests on: a message of a run, characters [start, stop) of it ([0, 0): all), or another fact."""

    kind: str
    source: str | None
    item: int
    start: int
    stop: int
    words: str
    extractor: str
    prompt: str


class FactObject(Struct, frozen=True):
    """A fact: since when it holds and since when it is believed; all times are UTC microseconds, null is open."""

    id: str
    text: str
    about: str
    attribute: str
    valid_from: int
    valid_to: int | None
    recorded_at: int
    retired_at: int | None
    superseded_by: str | None
    trust: str
    writer: str
    release: str
    run: str | None
    agent: str
    evidence: tuple[EvidenceObject, ...]


class HitObject(Struct, frozen=True):
    """A passage that came to mind; a message names its run and ordinal. `citation` is its mark in the text."""

    id: str
    kind: str
    text: str
    said_by: str
    trust: str
    at: int
    run: str | None
    item: int | None
    scores: dict[str, float]
    citation: str
    used: bool


class Found(Struct, frozen=True):
    """What came to mind, best first, and the text an agent would be shown; `degraded` says what was not asked."""

    data: tuple[HitObject, ...]
    text: str
    degraded: str


class PassageObject(Struct, frozen=True):
    """A text that can come to mind: a message names its run and ordinal, a piece its document and page, if any.

    `retired_at` says until when a piece of a former version was what its document said; null is still.
    """

    id: str
    kind: str
    text: str
    said_by: str
    trust: str
    at: int
    agent: str
    run: str | None
    item: int | None
    document: str
    version: int | None
    page: int
    retired_at: int | None = None


def owner_of(request: Request[Any, Any, Any], named: str | None) -> Owner:
    """Return whose memory is meant; raises RequestRefused where that is not said, or not for this key to say."""
    caller = caller_of(request)
    spoken_for = end_user_of(request, caller)
    if named is not None and named != spoken_for and not sees_all(caller):
        raise RequestRefused(
            "end_user: this key speaks for the end user of its header X-Toolyard-End-User, and for nobody else.",
            param="end_user",
            code="not_your_end_user",
            status=403,
        )
    end_user = named or spoken_for
    if end_user and len(end_user) > LONGEST_END_USER:
        raise RequestRefused(f"end_user: {END_USER_FIX}, not {len(end_user)}.", param="end_user")
    if not end_user:
        raise RequestRefused(
            "end_user: say whose memory: an id as the frontend sends it, in the query (end_user=...) or in the body.",
            param="end_user",
        )
    return Owner(caller.tenant, end_user)


def moment_of(field: str, text: str | None) -> int | None:
    """Return UTC microseconds of a date or time; raises RequestRefused."""
    if not text:
        return None
    at = read_moment(text)
    if at is None:
        hint = "; in an address the + of a zone is %2B" if " " in text else ""
        raise RequestRefused(
            f"{field}: {quote(text)} is no date or time: write 2026-05-03 or RFC 3339{hint}.", param=field
        )
    return at


def as_of_of(query: Query) -> AsOf:
    """Return the moment a query looks from: `as_of` what was believed then, of then; `valid_at` what held then."""
    believed = moment_of("as_of", query.text("as_of"))
    held = moment_of("valid_at", query.text("valid_at"))
    return AsOf(believed if held is None else held, believed)


def grounds_of(request: Request[Any, Any, Any], agent: str) -> tuple[str, ...]:
    """Return globs over the documents that an agent grounds on; where there is no such agent that remembers, all.

    A frontend sees documents only as an agent does: where there is none, nothing of them.
    """
    release = admin_of(request).agents.release(agent)
    if release is not None and release.memory is not None:
        return release.memory.knowledge
    return ("*",) if may_ground(caller_of(request)) else ()


def may_ground(caller: Caller) -> bool:
    """Tell whether a caller may see documents by themselves, and not only what an agent finds in them."""
    return not caller.roles.isdisjoint({"author", "operator", "auditor"})


def refusal(error: MemoryRefused, named: Mapping[str, str] = ASKED) -> RequestRefused:
    """Return what memory has refused as an answer: with the field, by the name that the request has for it."""
    field = named.get(error.field, error.field)
    return RequestRefused(f"{field}: {error.message}.", param=field, code="memory_refused")


def fact_id(name: str) -> bytes:
    """Return a fact's id; raises RequestRefused (404)."""
    raw = read("fact", name)
    if raw is None:
        raise not_found("fact", name)
    return raw


def fact_object(fact: Fact) -> FactObject:
    """Return a fact as it is shown."""
    return FactObject(
        id=show("fact", fact.id),
        text=fact.text,
        about=fact.subject,
        attribute=fact.attribute,
        valid_from=fact.valid_from,
        valid_to=fact.valid_to,
        recorded_at=fact.recorded_at,
        retired_at=fact.retired_at,
        superseded_by=show("fact", fact.superseded_by) if fact.superseded_by is not None else None,
        trust=fact.trust,
        writer=fact.writer,
        release=fact.release,
        run=show("run", fact.run) if fact.run is not None else None,
        agent=fact.agent,
        evidence=tuple(_evidence(one) for one in fact.evidence),
    )


@get("/api/v1/memory/search", opt=LOOKERS, summary="Search somebody's memory as an agent would")
async def search_memory(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return what comes to mind of some words, best first, with every part of its score, and the text of it."""
    from toolyard_memory.retrieval.query import Query as Question  # noqa: PLC0415 - as memory itself, when it is asked

    query = Query(request, "words", "end_user", "agent", "limit", "tokens", "as_of", "valid_at")
    owner, words = owner_of(request, query.text("end_user")), query.text("words")
    if not words:
        raise RequestRefused("words: say what to look for.", param="words")
    agent = query.text("agent") or ""
    question = Question(
        words,
        limit=query.limit(FOUND),
        budget_tokens=query.number("tokens", 1, 100_000) or 1000,
        as_of=as_of_of(query),
        documents=grounds_of(request, agent),
    )
    try:
        found = await memory_of(request).recall.search(MemoryReader(owner, agent), question)
    except MemoryRefused as error:
        raise refusal(error, {"text": "words"}) from error
    return answer(Found(tuple(_hit(hit) for hit in found.hits), found.text, found.degraded))


@get("/api/v1/memory/facts", opt=LOOKERS, summary="List facts")
async def list_facts(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List what is believed of somebody, newest first; `as_of` what was believed then, `valid_at` what held then."""
    query = Query(request, "end_user", "about", "agent", "as_of", "valid_at", "after", "limit")
    owner, limit = owner_of(request, query.text("end_user")), query.limit()
    reader = MemoryReader(owner, query.text("agent") or "")
    after = query.id("after", "fact")
    facts = await memory_of(request).facts.listed(reader, query.text("about"), as_of_of(query), after, limit)
    return listed([fact_object(fact) for fact in facts], show("fact", facts[-1].id) if len(facts) == limit else None)


@get("/api/v1/memory/facts/{fact:str}", opt=LOOKERS, summary="Show a fact with its evidence")
async def show_fact(request: Request[Any, Any, Any], fact: FromPath[str]) -> Response[bytes]:
    """Return a fact, believed or not; with `as_of` or `valid_at` only if it was believed, or held, then."""
    query = Query(request, "end_user", "as_of", "valid_at")
    reader = MemoryReader(owner_of(request, query.text("end_user")), "")
    facts, as_of = memory_of(request).facts, as_of_of(query)
    try:
        found = await (
            facts.kept(reader, fact_id(fact)) if as_of == AsOf() else facts.find(reader, fact_id(fact), as_of)
        )
    except NoSuchMemory as error:
        raise not_found("fact", fact) from error
    return answer(fact_object(found))


@get("/api/v1/memory/passages/{passage:str}", opt=LOOKERS, summary="Show a passage that came to mind")
async def show_passage(request: Request[Any, Any, Any], passage: FromPath[str]) -> Response[bytes]:
    """Return what an id of a run's journal stands for: a message, a piece of a document, a summary or a fact.

    A piece that its document has no more is shown as what it said, with `retired_at`.
    """
    query, memory = Query(request, "end_user", "agent"), memory_of(request)
    agent = query.text("agent") or ""
    documents = grounds_of(request, agent)
    reader = MemoryReader(owner_of(request, query.text("end_user")), agent, grounded=bool(documents))
    id_ = next((raw for raw in (read(kind, passage) for kind in PASSAGES) if raw is not None), None)
    found = (await memory.passages.load(reader, [id_])).get(id_) if id_ is not None else None
    piece = None
    if id_ is not None and found is not None and found.kind == "chunk":
        piece = (await memory.documents.cited(reader, [id_])).get(id_)
    elif id_ is not None and found is None:
        found, piece = await memory.documents.former(reader, id_) or (None, None)
    if found is None or not passage.startswith(PREFIX[found.kind]):
        raise not_found("passage", passage)
    if found.kind == "chunk" and (piece is None or not any(fnmatchcase(piece.name, glob) for glob in documents)):
        raise not_found("passage", passage)
    return answer(_passage(found, piece))


@get("/api/v1/memory/timeline", opt=LOOKERS, summary="Show what was believed, and when")
async def show_timeline(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return all versions of a `fact`, or of all facts `about` somebody or something, oldest belief first."""
    query = Query(request, "end_user", "fact", "about", "limit")
    reader = MemoryReader(owner_of(request, query.text("end_user")), "")
    fact, about = query.id("fact", "fact"), query.text("about")
    if (fact is None) == (about is None):
        raise RequestRefused("fact, about: name one of the two.", param="fact")
    try:
        found = await memory_of(request).facts.timeline(
            reader, fact if fact is not None else about or "", query.limit()
        )
    except NoSuchMemory as error:
        raise not_found("fact", query.text("fact") or "") from error
    return listed([fact_object(one) for one in found])


def _said_in(passage: Passage) -> tuple[str | None, int | None]:
    """Return the run and the ordinal of a message; of anything else, neither."""
    if passage.kind != "message" or passage.source is None:
        return None, None
    return show("run", passage.source), passage.n


def _passage(passage: Passage, piece: "Citation | None") -> PassageObject:
    run, item = _said_in(passage)
    return PassageObject(
        id=show(passage.kind, passage.id),
        kind=passage.kind,
        text=passage.text,
        said_by=passage.speaker,
        trust=passage.trust,
        at=passage.at,
        agent=passage.agent,
        run=run,
        item=item,
        document=piece.name if piece is not None else "",
        version=piece.version if piece is not None else None,
        page=piece.page if piece is not None else 0,
        retired_at=piece.retired_at if piece is not None else None,
    )


def _hit(hit: "Hit") -> HitObject:
    passage = hit.passage
    run, item = _said_in(passage)
    return HitObject(
        id=show(passage.kind, passage.id),
        kind=passage.kind,
        text=passage.text,
        said_by=passage.speaker,
        trust=passage.trust,
        at=passage.at,
        run=run,
        item=item,
        scores={name: round(score, 4) for name, score in hit.scores.items()},
        citation=hit.citation,
        used=hit.used,
    )


def _evidence(one: Evidence) -> EvidenceObject:
    nouns = {"message": "run", "fact": "fact", "document": "chunk"}
    source = show(nouns[one.kind], one.source) if one.source is not None and one.kind in nouns else None
    return EvidenceObject(one.kind, source, one.item, one.start, one.stop, one.words, one.extractor, one.prompt)


ROUTES = (
    search_memory,
    list_facts,
    show_fact,
    show_passage,
    show_timeline,
)
