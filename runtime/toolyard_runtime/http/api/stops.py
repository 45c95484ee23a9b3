"""`/api/v1/stops`: what an operator keeps from doing anything more, before the next effect of every run."""

import difflib
import logging
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.errors import Conflict

from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import OPERATORS, WATCHERS, Admin, admin_of, in_house, tenant_named
from toolyard_runtime.http.api.reading import MOST, Query, answer, listed, not_found
from toolyard_runtime.identity import Caller
from toolyard_runtime.store import audit
from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader, quote

_log = logging.getLogger("toolyard.stops")


class Stop(Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be stopped."""

    kind: Literal["agent", "tool", "tenant"]
    name: str


_read_stop = Reader(Stop, frozenset(), {"kind": "send agent, tool or tenant", "name": "send the name of what to stop"})


def _shown(entry: tuple[str, str, int, str]) -> dict[str, Any]:
    kind, name, at, by = entry
    return {"kind": kind, "name": name, "at": at, "by": by}


async def _in_force(admin: Admin, caller: Caller) -> list[tuple[str, str, int, str]]:
    """Return the caller's tenant's stops; an operator of the server also sees which other tenants are stopped."""
    stops = admin.services.stops
    found = stops.listed(caller.tenant)
    after = ""
    while in_house(caller):
        tenants = await admin.tenants.list(after=after, limit=MOST)
        others = [tenant.id for tenant in tenants if tenant.id != caller.tenant]
        found += [entry for name in others for entry in stops.listed(name) if entry[0] == "tenant"]
        if len(tenants) < MOST:
            break
        after = tenants[-1].id
    return found


@get("/api/v1/stops", opt=WATCHERS, summary="List what is stopped")
async def list_stops(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List what is stopped, since when and by whom."""
    Query(request)
    return listed(map(_shown, await _in_force(admin_of(request), caller_of(request))))


@post("/api/v1/stops", opt=OPERATORS, status_code=201, summary="Stop an agent, a tool or a tenant")
async def add_stop(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Stop something: no run takes another step of it. Stopping twice changes nothing.

    Where it cannot be written down it is in force all the same, and the answer (503) says what is missing.
    """
    admin, caller = admin_of(request), caller_of(request)
    wanted, _ = _read_stop.read(await request.body())
    tenant = await tenant_named(admin, caller, wanted.name) if wanted.kind == "tenant" else caller.tenant
    await _must_be_known(admin, tenant, wanted)
    stops, database = admin.services.stops, admin.services.database
    known = _entry(admin, tenant, wanted)
    if known is not None and stops.is_kept(tenant, wanted.kind, wanted.name):
        return answer(_shown(known), 200)
    tx, now = database.begin(), admin.services.clock.now()
    at, by = (known[2], known[3]) if known is not None else (now, caller.key)
    stops.add(tx, tenant, wanted.kind, wanted.name, at, by)  # in force from here on, whatever the disk does
    try:
        await _record(admin, tx, tenant, wanted, AuditRecord(now, tenant, caller.key, "stop.add", _object(wanted)))
        await database.commit(tx, "full")
        stops.added(tenant, wanted.kind, wanted.name)
    except (StorageError, Conflict) as error:
        _log.error("the stop of %s is in force, but not on disk: %s", _object(wanted), error)
    await _end_live(admin, tenant, wanted, caller.key)
    if not stops.is_kept(tenant, wanted.kind, wanted.name):
        raise RequestRefused(
            "It is stopped from now on, but that could not be written down and ends with a restart of the server; "
            "send it again until it is answered with 201.",
            code="unavailable",
            status=503,
        )
    return answer(_shown((wanted.kind, wanted.name, at, by)), 201)


async def _end_live(admin: Admin, tenant: str, stop: Stop, by: str) -> None:
    for driver in list(admin.engine.live.values()):
        owner = driver.log.identity
        if owner.tenant == tenant and (stop.kind == "tenant" or (stop.kind, stop.name) == ("agent", owner.agent)):
            await admin.engine.cancel(driver.row, by, "stopped")


@delete("/api/v1/stops/{kind:str}/{name:str}", opt=OPERATORS, status_code=204, summary="Take a stop back")
async def remove_stop(request: Request[Any, Any, Any], kind: FromPath[str], name: FromPath[str]) -> None:
    """Let something go again."""
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    try:
        stop = msgspec.convert({"kind": kind, "name": name}, Stop)
    except msgspec.ValidationError as error:
        raise not_found("stop", f"{kind}/{name}", param="kind") from error
    reaches = kind == "tenant" and in_house(caller)
    tenant = name if reaches else caller.tenant
    if _entry(admin, tenant, stop) is None:
        raise not_found("stop", f"{kind}/{name}", param="name")
    stops, database = admin.services.stops, admin.services.database
    tx, now = database.begin(), admin.services.clock.now()
    await _record(admin, tx, tenant, stop, AuditRecord(now, tenant, caller.key, "stop.remove", _object(stop)))
    stops.remove(tx, tenant, stop.kind, name)
    await database.commit(tx, "full")
    stops.removed(tenant, stop.kind, name)


def _entry(admin: Admin, tenant: str, stop: Stop) -> tuple[str, str, int, str] | None:
    listed_ones = admin.services.stops.listed(tenant)
    return next((entry for entry in listed_ones if entry[:2] == (stop.kind, stop.name)), None)


def _object(stop: Stop) -> str:
    return f"{stop.kind}:{stop.name}"


async def _record(admin: Admin, tx: Any, tenant: str, stop: Stop, entry: AuditRecord) -> None:
    await audit.record(admin.services.database, tx, f"stop:{tenant}:{_object(stop)}", entry)


async def _must_be_known(admin: Admin, tenant: str, stop: Stop) -> None:
    """Refuse a name that nothing has, or had when a run began: a mistyped stop would stop nothing and say it did."""
    if stop.kind == "tenant":
        return
    repository = admin.agents.repository
    if stop.kind == "agent":
        known = set(repository.agents)
        if stop.name not in known and await admin.services.runs.list(tenant, limit=1, agent=stop.name):
            return
    else:
        live = (driver.log.agent.release for driver in admin.engine.live.values())
        releases = (*repository.agents.values(), *live)
        known = {tool.spec.name for release in releases for tool in release.tools} | set(repository.toolbox.releases)
    if stop.name not in known:
        raise _unknown(stop, known)


def _unknown(stop: Stop, known: Iterable[str]) -> RequestRefused:
    names = sorted(known)
    near = difflib.get_close_matches(stop.name, names, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names[:50]) or 'none'}."
    return RequestRefused(
        f"name: there is no {stop.kind} {quote(stop.name)}: {hint}",
        param="name",
        code=f"{stop.kind}_not_found",
        status=404,
    )


ROUTES = (list_stops, add_stop, remove_stop)
