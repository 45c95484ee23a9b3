"""`/api/v1/keys`: API keys, made, listed and revoked by operators; a secret is shown once."""

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta, Struct
from toolyard_registry.rights import Role

from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import OPERATORS, Admin, admin_of, in_house, tenant_named
from toolyard_runtime.http.api.reading import MOST, Query, answer, listed, not_found
from toolyard_runtime.identity import ROLES, Caller
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader, quote

LONGEST_NAME = 100
LATEST = 1 << 62


class MakeKey(Struct, frozen=True, forbid_unknown_fields=True):
    """The key that is wanted; without `tenant` it is for the caller's own, without `expires_at` for ever."""

    name: Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": LONGEST_NAME, "pattern": r"\S"})]
    roles: Annotated[tuple[Role, ...], Meta(extra_json_schema={"minItems": 1})]
    tenant: str | None = None
    expires_at: int | None = None


_ROLES = f"roles are {', '.join(ROLES)}"
_read_key = Reader(MakeKey, frozenset(), {"name": "send what the key is for", "roles": _ROLES, "roles[]": _ROLES})


@get("/api/v1/keys", opt=OPERATORS, summary="List API keys, newest first")
async def list_keys(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List a tenant's keys, without their secrets."""
    admin, caller = admin_of(request), caller_of(request)
    query = Query(request, "after", "limit", "tenant")
    limit = query.limit()
    tenant = await tenant_named(admin, caller, query.text("tenant"))
    query.id("after", "key")
    keys = await admin.keys.list(tenant, after=query.text("after"), limit=limit)
    return listed(keys, keys[-1].id if len(keys) == limit else None)


@post("/api/v1/keys", opt=OPERATORS, status_code=201, summary="Make an API key")
async def make_key(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Make a key and return it with its secret, which nobody can be told again."""
    admin, caller = admin_of(request), caller_of(request)
    wanted, _ = _read_key.read(await request.body())
    if not wanted.name.strip() or len(wanted.name) > LONGEST_NAME:
        raise RequestRefused(f"name: a key's name has 1 to {LONGEST_NAME} characters.", param="name")
    if not wanted.roles:
        raise RequestRefused(f"roles: a key needs at least one; {_ROLES}.", param="roles")
    now = admin.services.clock.now()
    if wanted.expires_at is not None and not now < wanted.expires_at < LATEST:
        raise RequestRefused(
            f"expires_at: {wanted.expires_at} is not in the future; send UTC microseconds (it is {now} now).",
            param="expires_at",
        )
    tenant = await tenant_named(admin, caller, wanted.tenant)
    tx = admin.services.database.begin()
    made = admin.keys.create(tx, tenant, wanted.name, wanted.roles, actor=caller.key, expires_at=wanted.expires_at)
    await admin.services.database.commit(tx, "full")
    shown = {"id": made.id, "secret": made.secret, **msgspec.structs.asdict(wanted), "tenant": tenant}
    return answer(shown, 201)


@delete("/api/v1/keys/{key:str}", opt=OPERATORS, status_code=204, summary="Revoke an API key")
async def revoke_key(request: Request[Any, Any, Any], key: FromPath[str]) -> None:
    """Revoke a key: its next request is refused."""
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    if key == caller.key:
        raise RequestRefused(
            "key: this is the key you are using; make another one and revoke this one with it.",
            param="key",
            code="key_in_use",
            status=409,
        )
    if not await _revoke(admin, caller, key):
        raise not_found("key", quote(key))


async def _revoke(admin: Admin, caller: Caller, key: str) -> bool:
    """Revoke a key of the caller's tenant, or, for an operator of the server, of any; False when there is none."""
    database = admin.services.database
    tenants, after = [caller.tenant], ""
    while tenants:
        for tenant in tenants:
            tx = database.begin()
            if await admin.keys.revoke(tx, tenant, key, caller.key):
                await database.commit(tx, "full")
                return True
        tenants = [found.id for found in await admin.tenants.list(after=after, limit=MOST)] if in_house(caller) else []
        after = tenants[-1] if tenants else after
    return False


ROUTES = (list_keys, make_key, revoke_key)
