"""`/api/v1/tools/...`: how releases stand, where channels point, what a withdrawal hits, and definitions that wait."""

import asyncio
from typing import Any, Literal

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct
from toolyard_registry.catalogue.storing import DRAFT, Channel
from toolyard_registry.names import NameInvalid, check_channel
from toolyard_registry.rights import HOUSE, may_publish
from toolyard_registry.schemas.compatibility import compare
from toolyard_registry.schemas.differences import spec_differences
from toolyard_registry.toolbox.pins import Changed

from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import OPERATORS, WATCHERS, Admin, admin_of, in_house
from toolyard_runtime.http.api.reading import Query, answer, fields_of, listed, not_found
from toolyard_runtime.http.api.seeing import installed_for
from toolyard_runtime.http.api.tools import AUTHORS, READERS, entry_meant, no_tool, reference_of
from toolyard_runtime.identity import Caller
from toolyard_runtime.usage.reach import reach_of
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader, quote

_LONGEST = 500


class ChangeState(Struct, frozen=True, forbid_unknown_fields=True):
    """How a release shall stand from now on, and what to tell whoever meets it."""

    version: str
    state: Literal["active", "deprecated", "yanked"]
    message: str = ""


class MoveChannel(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a channel shall point: a version, or "" for nowhere."""

    version: str


class Decide(Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of a definition that waits."""

    release: str
    decision: Literal["admit", "reject"]


_read_state = Reader(
    ChangeState, frozenset(), {"version": "send a published version", "state": "send active, deprecated or yanked"}
)
_read_move = Reader(MoveChannel, frozenset(), {"version": 'send a published version, or ""'})
_read_decision = Reader(
    Decide, frozenset(), {"release": "send the digest of what waits", "decision": "send admit or reject"}
)


@post("/api/v1/tools/{tool:str}/state", opt=AUTHORS, summary="Deprecate, withdraw or restore a release")
async def change_state(request: Request[Any, Any, Any], tool: FromPath[str]) -> Response[bytes]:
    """Change how a release stands. A withdrawn one is called no more, from the next call on; parked runs included.

    Withdrawing, taking that back and letting a held-back release go are an operator's; so is what is only installed.
    """
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    wanted, _ = _read_state.read(await request.body())
    name = reference_of(tool).name
    _may_change(admin, caller, name)
    if len(wanted.message) > _LONGEST:
        raise RequestRefused(f"message: write at most {_LONGEST} characters.", param="message")
    shelf = await admin.registry.shelf_of(caller.tenant)
    entry = next((each for each in shelf.entries(name) if each.text == wanted.version), None)
    installed = admin.agents.repository.toolbox.releases.get(name)
    if entry is None and not (in_house(caller) and installed is not None and installed.version == wanted.version):
        raise no_tool(f"{name}@{wanted.version}", await installed_for(admin, caller), shelf, param="version")
    weighty = wanted.state == "yanked" or entry is None or entry.state in ("yanked", "quarantined")
    if weighty and "operator" not in caller.roles:
        raise RequestRefused(
            "Withdrawing a release, and letting one go again, needs the role operator.",
            param="Authorization",
            code="missing_role",
            status=403,
        )
    standing = await admin.registry.stand(
        caller.tenant, caller.key, (name, wanted.version), wanted.state, wanted.message
    )
    return answer(
        {
            "name": name,
            "version": wanted.version,
            "state": standing.state,
            "message": standing.message,
            "warnings": shelf.adrift(name),
        }
    )


@get("/api/v1/tools/{tool:str}/reach", opt=READERS, summary="Say what withdrawing a release would hit")
async def show_reach(request: Request[Any, Any, Any], tool: FromPath[str]) -> Response[bytes]:
    """Walk from a release to the agents that hold it, their runs that called it or still may, and those sessions.

    Operators and auditors are also told the facts about end users that came of these runs: their ids, and no words.
    """
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    reference = reference_of(tool)
    shelf = await admin.registry.shelf_of(caller.tenant)
    entry = entry_meant(shelf, reference)
    installed = (await installed_for(admin, caller)).get(reference.name)
    if entry is not None:
        version = entry.text
    elif installed is not None and reference.value in ("", installed.version, installed.digest):
        version = installed.version
    else:
        raise no_tool(str(reference), await installed_for(admin, caller), shelf)
    facts = not caller.roles.isdisjoint({"operator", "auditor"})
    reach = await reach_of(admin.services.database, caller.tenant, reference.name, version, facts=facts)
    return answer({"name": reference.name, "version": version, **fields_of(reach)})


@post("/api/v1/tools/{tool:str}/channels/{channel:str}", opt=AUTHORS, summary="Point a channel at a release")
async def move_channel(request: Request[Any, Any, Any], tool: FromPath[str], channel: FromPath[str]) -> Response[bytes]:
    """Point a channel of a tool at a published release, or at nothing."""
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    wanted, _ = _read_move.read(await request.body())
    name = reference_of(tool).name
    _may_change(admin, caller, name)
    try:
        check_channel(channel)
    except NameInvalid as error:
        raise RequestRefused(f"channel: {error}.", param="channel") from error
    if channel == DRAFT:
        raise RequestRefused(f"channel: {DRAFT} follows the server's files; choose another one.", param="channel")
    shelf = await admin.registry.shelf_of(caller.tenant)
    entry = next((each for each in shelf.entries(name) if each.text == wanted.version), None)
    if not shelf.entries(name) or (wanted.version and entry is None):
        raise no_tool(f"{name}@{wanted.version}", await installed_for(admin, caller), shelf, param="version")
    if entry is not None and entry.state not in ("active", "deprecated"):
        raise RequestRefused(
            f"version: {quote(wanted.version)} is {entry.state}: a channel points at an active release.",
            param="version",
            code="release_not_usable",
            status=409,
        )
    digest = entry.digest if entry is not None else ""
    before = await admin.registry.move(caller.tenant, caller.key, Channel("tool", name, channel), digest)
    texts = {each.digest: each.text for each in shelf.entries(name)}
    return answer(
        {
            "name": name,
            "channel": channel,
            "version": wanted.version,
            "before": texts.get(before, ""),
            "warnings": shelf.adrift(name),
        }
    )


@get("/api/v1/quarantine", opt=WATCHERS, summary="List the definitions that wait for a decision")
async def list_quarantine(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the tools that present another definition than the one they were admitted with, and where they differ."""
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    changed = _changed(admin, caller)
    return listed(await asyncio.to_thread(lambda: [_waiting(each) for each in changed]))


@post("/api/v1/quarantine/{tool:str}", opt=OPERATORS, summary="Admit or reject a definition that waits")
async def decide_quarantine(request: Request[Any, Any, Any], tool: FromPath[str]) -> Response[bytes]:
    """Decide about a definition by its digest: admitted, agents get it at once; rejected, they keep what they have.

    `warnings` say what keeps them from it: a file with a mistake in it, or an agent.lock that holds the one before.
    """
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    wanted, _ = _read_decision.read(await request.body())
    name = reference_of(tool).name
    found = next((one for one in _changed(admin, caller) if _named(one) == (name, wanted.release)), None)
    if found is None:
        hint = "`toolyard tool waiting` lists those that wait, by their digests"
        raise not_found("definition", f"{name}@{wanted.release}", param="release", hint=hint)
    await admin.registry.decide(caller.key, found, "admitted" if wanted.decision == "admit" else "rejected")
    warnings = [str(problem) for problem in await admin.agents.reload()]
    return answer({"name": name, "release": wanted.release, "decision": wanted.decision, "warnings": warnings})


def _changed(admin: Admin, caller: Caller) -> tuple[Changed, ...]:
    """Return the changed definitions; sources are the server's, so only the house sees them."""
    return admin.registry.changed if caller.tenant == HOUSE else ()


def _named(one: Changed) -> tuple[str, str]:
    return one.presented.spec.name, one.presented.digest


def _waiting(one: Changed) -> dict[str, Any]:
    verdict = compare(one.admitted.spec, one.presented.spec)
    return {
        "name": one.presented.spec.name,
        "source": one.presented.source,
        "standing": one.standing,
        "kept": one.kept,
        "admitted": {"release": one.admitted.digest, "version": one.admitted.version},
        "presented": {"release": one.presented.digest, "version": one.presented.version},
        "differences": spec_differences(one.admitted.spec, one.presented.spec),
        "bump": verdict.bump,
        "changes": verdict.changes,
    }


def _may_change(admin: Admin, caller: Caller, name: str) -> None:
    """Refuse whoever may not publish under a name to change what is there."""
    if not may_publish(admin.registry.rights(), caller.name, caller.roles, name, tenant=caller.tenant):
        raise RequestRefused(
            f"This key may not change {quote(name)}; rights.toml says who may.",
            param="Authorization",
            code="missing_role",
            status=403,
        )


ROUTES = (change_state, show_reach, move_channel, list_quarantine, decide_quarantine)
