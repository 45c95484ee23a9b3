"""`/api/v1/tenants`: whose data is whose; operators of the server make and revoke tenants, others see their own."""

from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta, Struct
from toolyard_sdk.errors import Conflict

from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import HOUSE, OPERATORS, admin_of, in_house
from toolyard_runtime.http.api.reading import Query, answer, listed, not_found
from toolyard_runtime.store.tenants import NAME
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader, quote


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
    """Shut a tenant out: none of its keys works any more."""
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


ROUTES = (list_tenants, make_tenant, revoke_tenant)
