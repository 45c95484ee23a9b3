"""`/api/v1/memory/facts`: facts are put down and put right, each with an audit record; shows and forgets nothing."""

from typing import Annotated, Any

from litestar import Request, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta, Struct
from msgspec.structs import replace
from toolyard_memory.records import Evidence, MemoryRefused, NewFact, NoSuchMemory, Owner, Trust, Written
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.ids import read, show
from toolyard_sdk.ports import Transaction

from toolyard_runtime.http.access import caller_of, end_user_of, only
from toolyard_runtime.http.api.admin import admin_of, memory_of
from toolyard_runtime.http.api.memory import ASKED, FactObject, fact_id, fact_object, moment_of, owner_of, refusal
from toolyard_runtime.http.api.reading import LARGEST, Query, answer, not_found
from toolyard_runtime.store import audit
from toolyard_runtime.wire.reading import Reader

WRITERS = only("frontend", "operator")

Ordinal = Annotated[int, Meta(ge=0, le=LARGEST)]


class FactAdded(Struct, frozen=True):
    """What putting a fact down did: `known` says that it was there, `superseded` names what it took the place of."""

    fact: FactObject
    known: bool
    superseded: tuple[str, ...]


class MessageNamed(Struct, frozen=True, forbid_unknown_fields=True):
    """A message that says so: its run, its ordinal there, and where only a part says it, characters [start, stop)."""

    run: str
    item: Ordinal
    start: Ordinal = 0
    stop: Ordinal = 0


class AddFact(Struct, frozen=True, forbid_unknown_fields=True):
    """A fact to be put down. It rests on `message`, or on what `because` says in words."""

    text: str
    end_user: str | None = None
    about: str = "user"
    attribute: str = ""
    since: str | None = None
    until: str | None = None
    because: str = ""
    message: MessageNamed | None = None
    agent: str = ""


_read_fact = Reader(AddFact, frozenset(), {"text": "send the statement as text"})


@post("/api/v1/memory/facts", opt=WRITERS, status_code=201, summary="Put a fact down")
async def add_fact(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Put a fact down, in the place of what it contradicts."""
    Query(request)
    wanted, _ = _read_fact.read(await request.body())
    owner, memory, now = owner_of(request, wanted.end_user), memory_of(request), admin_of(request).services.clock.now()
    tx = memory.database.begin()
    try:
        written = await memory.put_down(tx, owner, await _new(request, owner, wanted), now)
    except MemoryRefused as error:
        raise refusal(error, _named(wanted)) from error
    return await _done(request, tx, owner, written, "fact.add")


@post("/api/v1/memory/facts/{fact:str}/correct", opt=WRITERS, status_code=201, summary="Put a fact right")
async def correct_fact(request: Request[Any, Any, Any], fact: FromPath[str]) -> Response[bytes]:
    """Put a fact down in the place of a wrong one, which stays readable as what was believed until now."""
    Query(request)
    wanted, _ = _read_fact.read(await request.body())
    owner, memory, now = owner_of(request, wanted.end_user), memory_of(request), admin_of(request).services.clock.now()
    tx = memory.database.begin()
    try:
        written = await memory.put_right(tx, owner, fact_id(fact), await _new(request, owner, wanted), now)
    except MemoryRefused as error:
        raise refusal(error, _named(wanted)) from error
    except NoSuchMemory as error:
        raise not_found("fact", fact) from error
    return await _done(request, tx, owner, written, "fact.correct")


async def _done(
    request: Request[Any, Any, Any], tx: Transaction, owner: Owner, written: Written, action: str
) -> Response[bytes]:
    """Write what was put down with its audit record, which holds no content, and answer."""
    memory, caller = memory_of(request), caller_of(request)
    fact = written.fact
    if not written.known:
        old = show("fact", written.superseded[0]) if written.superseded else ""
        new = show("fact", fact.id)
        entry = AuditRecord(fact.recorded_at, owner.tenant, caller.key, action, new, old=old, new=new)
        audit.record_first(tx, f"fact:{owner.tenant}:{new}", entry)
    await memory.database.commit(tx)
    memory.stir()
    added = FactAdded(fact_object(fact), written.known, tuple(show("fact", one) for one in written.superseded))
    return answer(added, 200 if written.known else 201)


async def _new(request: Request[Any, Any, Any], owner: Owner, wanted: AddFact) -> NewFact:
    """Return the fact that a body asks for, trusted as its message is; raises RequestRefused, MemoryRefused."""
    caller = caller_of(request)
    if wanted.agent and admin_of(request).agents.release(wanted.agent) is None:
        raise not_found("agent", wanted.agent)
    trust: Trust = "user" if end_user_of(request, caller) else "operator"
    evidence: tuple[Evidence, ...] = ()
    if wanted.message is not None:
        run = read("run", wanted.message.run)
        if run is None:
            raise not_found("run", wanted.message.run, param="message.run")
        named = wanted.message
        evidence = (Evidence("message", run, named.item, named.start, named.stop),)
        trust = "user"
    elif wanted.because:
        evidence = (Evidence("stated", words=wanted.because),)
    new = NewFact(
        wanted.text,
        evidence,
        subject=wanted.about,
        attribute=wanted.attribute,
        valid_from=moment_of("since", wanted.since),
        valid_to=moment_of("until", wanted.until),
        trust=trust,
        writer=f"key:{caller.key}",
        agent=wanted.agent,
    )
    return new if wanted.message is None else replace(new, trust=await memory_of(request).facts.trust_of(owner, new))


def _named(wanted: AddFact) -> dict[str, str]:
    """Return what this body calls the fields of a fact."""
    return {**ASKED, "evidence[0]": "message" if wanted.message is not None else "because"}


ROUTES = (add_fact, correct_fact)
