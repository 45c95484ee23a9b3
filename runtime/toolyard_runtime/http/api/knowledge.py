"""`/api/v1/knowledge`: documents to ground answers on, one file a request; what a file holds is read elsewhere."""

from typing import TYPE_CHECKING, Any

from litestar import Request, delete, get, put
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct
from toolyard_memory.records import MemoryRefused, NoSuchMemory, Reader, documents_of
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.ids import show

from toolyard_runtime.http.access import caller_of, only
from toolyard_runtime.http.api.admin import admin_of, memory_of
from toolyard_runtime.http.api.memory import grounds_of
from toolyard_runtime.http.api.reading import Query, answer, listed, not_found
from toolyard_runtime.identity import Caller
from toolyard_runtime.store import audit
from toolyard_runtime.wire.errors import RequestRefused

if TYPE_CHECKING:  # loaded with memory, by whoever first asks for it
    from toolyard_memory.documents.versions import Added, Citation, Version

EDITORS = only("author", "operator")
READERS = only("author", "operator", "auditor")
FILES = ("text/plain", "text/markdown", "text/html", "application/pdf", "application/octet-stream")
"""Media types of files; the last says that the name tells what the file is."""

FOUND = 10
"""Passages that a search gives where nobody says how many."""


class DocumentObject(Struct, frozen=True):
    """A version of a document: `digest` of the file's bytes, `agents` globs over those that may recall it."""

    id: str
    name: str
    version: int
    digest: str
    media_type: str
    title: str
    size: int
    pieces: int
    agents: tuple[str, ...]
    added_at: int
    added_by: str
    retired_at: int | None


class DocumentAdded(Struct, frozen=True):
    """What sending a file did: `added`, `changed` (a new version), `granted` (other agents), or `unchanged`.

    Of its pieces `kept` were known from the version before.
    """

    outcome: str
    kept: int
    document: DocumentObject


class DocumentShown(Struct, frozen=True):
    """A version with its text, and the numbers of all versions that are kept."""

    document: DocumentObject
    text: str
    versions: tuple[int, ...]


class PassageFound(Struct, frozen=True):
    """A piece of a document that fits words, and where it stands: characters [start, stop) of the version's text."""

    passage: str
    text: str
    score: float
    document: str
    name: str
    version: int
    title: str
    digest: str
    heading: str
    page: int
    start: int
    stop: int


@get("/api/v1/knowledge", opt=READERS, summary="List the documents")
async def list_documents(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the tenant's documents by name, as they are now."""
    caller, query = caller_of(request), Query(request, "after", "limit")
    limit = query.limit()
    found = await memory_of(request).documents.listed(caller.tenant, query.text("after") or "", limit)
    return listed([_object(one) for one in found], found[-1].name if len(found) == limit else None)


@put("/api/v1/knowledge/{name:path}", opt=EDITORS, status_code=200, summary="Add a document, or a new version of it")
async def put_document(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Take the file that is the body; `agents` are globs over the agents that may recall it, separated by commas."""
    caller, query = caller_of(request), Query(request, "agents")
    chosen = query.text("agents")
    agents = () if chosen is None else chosen.split(",")  # an empty one is refused: it would mean everybody
    media_type = request.headers.get("content-type", "")
    data = await request.body()
    memory, services = memory_of(request), admin_of(request).services
    tx, now = services.database.begin(), services.clock.now()
    try:
        added = await memory.documents.add(tx, caller.tenant, _name(name), data, media_type, agents, caller.key, now)
    except MemoryRefused as error:
        raise _refusal(error) from error
    if added.outcome != "unchanged":
        await memory.link(tx, added.passages)
        await audit.record(services.database, tx, _stream(added.version), _added(added, caller, now))
        await services.database.commit(tx, "full")  # by a thread: a long document is many rows
        memory.stir()
    done = DocumentAdded(added.outcome, added.kept, _object(added.version))
    return answer(done, 201 if added.outcome == "added" else 200)


@get("/api/v1/knowledge/{name:path}", opt=READERS, summary="Show a document with its text")
async def show_document(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Return the newest version, or the one that is named; also of a document that is recalled no more."""
    caller, query = caller_of(request), Query(request, "version")
    number = query.number("version", 1)
    try:
        shown = await memory_of(request).documents.show(caller.tenant, _name(name), number)
    except (NoSuchMemory, MemoryRefused) as error:
        raise not_found("document", _name(name)) from error
    return answer(DocumentShown(_object(shown.version), shown.text, shown.versions))


@delete("/api/v1/knowledge/{name:path}", opt=EDITORS, status_code=204, summary="Retire or erase a document")
async def remove_document(request: Request[Any, Any, Any], name: FromPath[str]) -> None:
    """Let a document be recalled no more; with `erase`, delete every version of it."""
    caller, query = caller_of(request), Query(request, "erase")
    erase = query.choice("erase", ("true", "false")) == "true"
    memory, admin = memory_of(request), admin_of(request)
    database, now = admin.services.database, admin.services.clock.now()
    tx = database.begin()
    try:
        if erase:
            last = (await memory.documents.erase(tx, caller.tenant, _name(name)))[0]
        else:
            last = await memory.documents.retire(tx, caller.tenant, _name(name), now)
    except (NoSuchMemory, MemoryRefused) as error:
        raise not_found("document", _name(name)) from error
    action = "document.erase" if erase else "document.retire"
    entry = AuditRecord(
        now, caller.tenant, caller.key, action, last.name, old=last.digest, detail={"version": last.version}
    )
    await audit.record(database, tx, _stream(last), entry)
    await database.commit(tx, "full")
    memory.stir()
    if erase:
        await admin.cleaning.clean_soon(caller.tenant)


@get("/api/v1/knowledge-search", opt=READERS, summary="Search the documents as an agent would")
async def search_documents(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the pieces that come to an agent's mind of some words, best first; without `agent`, of any agent's."""
    from toolyard_memory.retrieval.query import Query as Question  # noqa: PLC0415 - as memory itself, when it is asked

    caller, query = caller_of(request), Query(request, "words", "agent", "limit")
    words, limit = query.text("words"), query.limit(FOUND)
    if not words:
        raise RequestRefused("words: say what to look for.", param="words")
    agent, memory = query.text("agent") or "", memory_of(request)
    reader = Reader(documents_of(caller.tenant), agent)
    question = Question(words, limit=limit, kinds=("chunk",), documents=grounds_of(request, agent))
    try:
        recalled = await memory.recall.search(reader, question)
    except MemoryRefused as error:
        raise RequestRefused(f"words: {error.message}.", param="words") from error
    cited = await memory.documents.cited(reader, [hit.passage.id for hit in recalled.hits])
    found = [
        _found(hit.passage.id, hit.passage.text, hit.scores.get("total", 0.0), cited[hit.passage.id])
        for hit in recalled.hits
        if hit.passage.id in cited
    ]
    return answer({"data": found, "next": None, "degraded": recalled.degraded})


def _name(path: str) -> str:
    """Return the name that a path stands for, which litestar gives with the slash before it."""
    return path.removeprefix("/")


def _stream(version: "Version") -> str:
    return f"document:{version.tenant}:{version.name}"


def _refusal(error: MemoryRefused) -> RequestRefused:
    if error.field == "file":
        return RequestRefused(f"The file is refused: {error.message}.", param="file", code="document_unreadable")
    return RequestRefused(f"{error.field}: {error.message}.", param=error.field)


def _added(added: "Added", caller: Caller, now: int) -> AuditRecord:
    verb = {"added": "add", "changed": "change", "granted": "grant"}[added.outcome]
    return AuditRecord(
        now,
        caller.tenant,
        caller.key,
        f"document.{verb}",
        added.version.name,
        old=added.before.digest if added.before is not None else "",
        new=added.version.digest,
        detail={"version": added.version.version, "agents": ", ".join(added.version.agents)},
    )


def _object(version: "Version") -> DocumentObject:
    return DocumentObject(
        id=show("document", version.id),
        name=version.name,
        version=version.version,
        digest=version.digest,
        media_type=version.media_type,
        title=version.title,
        size=version.size,
        pieces=version.pieces,
        agents=version.agents,
        added_at=version.added_at,
        added_by=version.added_by,
        retired_at=version.retired_at,
    )


def _found(passage: bytes, text: str, score: float, where: "Citation") -> PassageFound:
    return PassageFound(
        passage=show("chunk", passage),
        text=text,
        score=round(score, 4),
        document=show("document", where.document),
        name=where.name,
        version=where.version,
        title=where.title,
        digest=where.digest,
        heading=where.heading,
        page=where.page,
        start=where.start,
        stop=where.stop,
    )


ROUTES = (list_documents, put_document, show_document, remove_document, search_documents)
