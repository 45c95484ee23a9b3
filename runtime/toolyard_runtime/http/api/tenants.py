"""`/api/v1/tenants`: whose data is whose; operators of the server make and revoke tenants, others see their own."""

import logging
from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta, Struct
from toolyard_registry.rights import HOUSE
from toolyard_sdk.errors import Conflict
from toolyard_sdk.events import UnknownEvent
from toolyard_sdk.ids import show

from toolyard_runtime.engine.engine import Full, RunUnavailable
from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import OPERATORS, Admin, admin_of, in_house
from toolyard_runtime.http.api.reading import Query, answer, listed, not_found
from toolyard_runtime.store.tenants import NAME
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader, quote

_log = logging.getLogger("toolyard.tenants")


class MakeTenant(Struct, frozen=True, forbid_unknown_fields=True):
    """The tenant that is wanted."""

    id: Annotated[str, Meta(extra_json_schema={"pattern": f"^{NAME.pattern}$"})]


_read_tenant = Reader(MakeTenant, frozenset(), {"id": "send the tenant's name"})


@get("/api/v1/tenants", opt=OPERATORS, summary="List tenants by name")
async def list_tenants(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the tenants; an operator of one of them sees that one."""
    admin, caller = admin_of(request), caller_of(request)
    query = Query(request, "after", "limit")
    limit, after = query.limit(), query.text("after") or ""
    if not in_house(caller):
        own = await admin.tenants.find(caller.tenant)
        return listed([own] if own is not None and own.id > after else [])
    tenants = await admin.tenants.list(after=after, limit=limit)
    return listed(tenants, tenants[-1].id if len(tenants) == limit else None)


@post("/api/v1/tenants", opt=OPERATORS, status_code=201, summary="Make a tenant")
async def make_tenant(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Make a tenant."""
    admin, caller = admin_of(request), caller_of(request)
    if not in_house(caller):
        raise RequestRefused(
            f"Tenants are made by operators of the tenant {HOUSE}: ask one of them.",
            param="Authorization",
            code="missing_role",
            status=403,
        )
    wanted, _ = _read_tenant.read(await request.body())
    tx = admin.services.database.begin()
    try:
        made = admin.tenants.create(tx, wanted.id, caller.key)
        await admin.services.database.commit(tx, "full")
    except ValueError as error:
        raise RequestRefused(f"id: {error}.", param="id") from error
    except Conflict as error:
        raise RequestRefused(
            f"id: the name {quote(wanted.id)} is taken; choose another one.",
            param="id",
            code="tenant_exists",
            status=409,
        ) from error
    return answer(made, 201)


@delete("/api/v1/tenants/{tenant:str}", opt=OPERATORS, status_code=204, summary="Revoke a tenant")
async def revoke_tenant(request: Request[Any, Any, Any], tenant: FromPath[str]) -> None:
    """Shut a tenant out: none of its keys works any more, and its runs end before their next effect."""
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    if tenant == HOUSE and caller.tenant == HOUSE:
        raise RequestRefused(
            f"tenant: {HOUSE} is the tenant of the server's own operators and cannot be revoked; revoke keys instead.",
            param="tenant",
            code="tenant_in_use",
            status=409,
        )
    if not in_house(caller):
        raise not_found("tenant", tenant)
    tx = admin.services.database.begin()
    if not await admin.tenants.revoke(tx, tenant, caller.key):
        raise not_found("tenant", tenant)
    await admin.services.database.commit(tx, "full")
    await _end_runs(admin, tenant, caller.key)


async def _end_runs(admin: Admin, tenant: str, by: str) -> None:
    """End the tenant's runs, live ones and those that wait; one that cannot be taken up is left to the log."""
    ended: set[bytes] = set()
    live = [driver.row for driver in admin.engine.live.values() if driver.log.identity.tenant == tenant]
    for row in (*live, *await admin.services.runs.open_of(tenant)):  # a live one may not be in the table yet
        if row.id in ended:
            continue
        ended.add(row.id)
        try:
            await admin.engine.cancel(row, by, "stopped")
        except (UnknownEvent, RunUnavailable, Full) as error:
            _log.error("%s of the revoked tenant %s was not ended: %s", show("run", row.id), tenant, error)


ROUTES = (list_tenants, make_tenant, revoke_tenant)
