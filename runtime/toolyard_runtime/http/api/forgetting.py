"""`/api/v1/memory`: facts are forgotten, and it is shown what is left of them or of a whole end user."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from litestar import Request, delete, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta, Struct
from toolyard_memory.erasure.needles import LEAST, Needle
from toolyard_memory.records import MemoryRefused, NoSuchMemory, Owner
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.ids import show

from toolyard_runtime.engine.cleaning import LARGE
from toolyard_runtime.engine.proving import Proof
from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import OPERATORS, admin_of, in_house, memory_of, tenant_named
from toolyard_runtime.http.api.memory import fact_id, owner_of, refusal
from toolyard_runtime.http.api.memory_writing import WRITERS
from toolyard_runtime.http.api.reading import Query, answer, not_found
from toolyard_runtime.identity import Caller
from toolyard_runtime.store import audit
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader

if TYPE_CHECKING:  # loaded with memory, by whoever first asks for it
    from toolyard_memory.records import Forgotten

MOST_WORDS = 100


class FactsForgotten(Struct, frozen=True):
    """What is gone: facts by id, and how many messages.

    `log_emptied`, `index_emptied`: no byte of it waits there to be overwritten; `file_rewritten`: nor in the gaps of
    the database's pages. `proof` is what was found of it.
    """

    facts: tuple[str, ...]
    messages: int
    log_emptied: bool
    index_emptied: bool
    file_rewritten: bool
    proof: Proof | None = None


class ForgetFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """Facts to be forgotten, by id; `verify` has every file searched for what they said."""

    facts: tuple[str, ...]
    end_user: str | None = None
    verify: bool = False


class VerifyErasure(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to look for, and `words` that must be in no file."""

    subject: Annotated[str, Meta(extra_json_schema={"minLength": 1})]
    words: tuple[str, ...] = ()
    tenant: str | None = None


_read_forget = Reader(ForgetFacts, frozenset(), {"facts": "send a list of ids: fact_..."})
_read_verify = Reader(
    VerifyErasure,
    frozenset(),
    {"subject": "send the end user's id as the frontend sends it", "words": "send a list of texts"},
)


@post("/api/v1/memory/forget", opt=WRITERS, status_code=200, summary="Forget facts")
async def forget_facts(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Forget facts with what was derived from them and the messages they rest on; return what is gone."""
    Query(request)
    wanted, _ = _read_forget.read(await request.body())
    if wanted.verify:
        only_in_house(caller_of(request), "verify")
    return await _forget(request, owner_of(request, wanted.end_user), wanted.facts, verify=wanted.verify)


@delete("/api/v1/memory/facts/{fact:str}", opt=WRITERS, status_code=200, summary="Forget one fact")
async def forget_fact(request: Request[Any, Any, Any], fact: FromPath[str]) -> Response[bytes]:
    """Forget a fact as `POST /api/v1/memory/forget` does."""
    query = Query(request, "end_user")
    return await _forget(request, owner_of(request, query.text("end_user")), (fact,), verify=False)


@post("/api/v1/memory/verify-erasure", opt=OPERATORS, status_code=200, summary="Show what is left of an end user")
async def verify_erasure(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Look for an end user in every table, index and file, and return what is found.

    Files are searched for an operator of the server only: they hold what all tenants said.
    """
    Query(request)
    admin, caller = admin_of(request), caller_of(request)
    wanted, _ = _read_verify.read(await request.body())
    if not wanted.subject:
        raise RequestRefused("subject: it is empty; send the end user's id as the frontend sends it.", param="subject")
    tenant = await tenant_named(admin, caller, wanted.tenant)
    if wanted.words:
        only_in_house(caller, "words")
    if len(wanted.words) > MOST_WORDS or any(len(word.encode()) < LEAST for word in wanted.words):
        raise RequestRefused(
            f"words: at most {MOST_WORDS}, each of {LEAST} bytes or more: fewer are found by chance.", param="words"
        )
    needles: Sequence[Needle] | None = () if in_house(caller) else None
    return answer(await admin.proving.of_subject(tenant, wanted.subject, needles, wanted.words))


def only_in_house(caller: Caller, field: str) -> None:
    """Raise RequestRefused (403) unless the caller is an operator of the server itself."""
    if not in_house(caller):
        raise RequestRefused(
            f"{field}: files hold what all tenants said; only an operator of the server, of the tenant default, has "
            "them searched.",
            param=field,
            code="house_only",
            status=403,
        )


async def _forget(
    request: Request[Any, Any, Any], owner: Owner, names: tuple[str, ...], *, verify: bool
) -> Response[bytes]:
    admin, caller, memory = admin_of(request), caller_of(request), memory_of(request)
    now, tx = admin.services.clock.now(), memory.database.begin()
    if not names:
        raise RequestRefused("facts: name at least one.", param="facts")
    try:
        gone = await memory.facts.forget(tx, owner, [fact_id(name) for name in names], f"key:{caller.key}", now)
    except MemoryRefused as error:
        raise refusal(error) from error
    except NoSuchMemory as error:
        raise not_found("fact", names[0] if len(names) == 1 else "among these") from error
    needles = await admin.proving.needles_of(owner.tenant, (*gone.facts, *gone.passages)) if verify else ()
    counts: dict[str, str | int | float | bool] = {"facts": len(gone.facts), "passages": len(gone.passages)}
    entry = AuditRecord(now, owner.tenant, caller.key, "fact.forget", show("fact", gone.facts[0]), detail=counts)
    await audit.record(memory.database, tx, f"fact:{owner.tenant}:{entry.object}", entry)
    await memory.database.commit(tx, "full")
    await admin.erasing.ledger.follow()
    memory.stir()
    return answer(await _gone(request, owner, gone, needles, verify=verify))


async def _gone(
    request: Request[Any, Any, Any], owner: Owner, gone: "Forgotten", needles: Sequence[Needle], *, verify: bool
) -> FactsForgotten:
    """Have what is forgotten leave indexes and logs, and where that is wanted look for it."""
    admin = admin_of(request)
    if verify:
        done = await admin.cleaning.clean(owner.tenant, LARGE)
        proof = await admin.proving.of_forgotten(owner.tenant, needles)
    else:
        done, proof = await admin.cleaning.clean_soon(owner.tenant), None
    facts = tuple(show("fact", one) for one in gone.facts)
    emptied = done.log_emptied, done.index_emptied, done.file_rewritten
    return FactsForgotten(facts, len(gone.passages), *emptied, proof)


ROUTES = (forget_facts, forget_fact, verify_erasure)
