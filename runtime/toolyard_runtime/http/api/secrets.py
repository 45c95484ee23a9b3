"""`/api/v1/secrets`: secrets of a tenant and of its end users; values go in by these routes and never out."""

from typing import Annotated, Any

from litestar import Request, delete, get, post, put
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Meta, Struct
from toolyard_registry.names import NameInvalid
from toolyard_registry.rights import HOUSE

from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import OPERATORS, admin_of, in_house, tenant_named
from toolyard_runtime.http.api.reading import Query, answer, listed, not_found
from toolyard_runtime.secrets.shelves import LONGEST, Place, check_secret, position
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader, quote

_CURSOR_PARTS = 3


class PutSecret(Struct, frozen=True, forbid_unknown_fields=True):
    """The value, at most 64 KiB of text; with `only_rotate`, a secret that is not there yet is not made."""

    value: Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": LONGEST, "writeOnly": True})]
    only_rotate: bool = False


_read_secret = Reader(PutSecret, frozenset(), {"value": "send the secret as a text"})


@get("/api/v1/secrets", opt=OPERATORS, summary="List secrets by name, without values")
async def list_secrets(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List a tenant's secrets and where each is kept; what several places hold is listed once for each."""
    admin, caller = admin_of(request), caller_of(request)
    query = Query(request, "after", "limit", "tenant")
    limit, after = query.limit(), _cursor(query.text("after"))
    tenant = await tenant_named(admin, caller, query.text("tenant"))
    found = await admin.safe.list(tenant, after, limit)
    if len(found) < limit:
        return listed(found)
    (name, owner), kept = position(found[-1])
    return listed(found, f"{name}/{kept}/{owner}")


@put("/api/v1/secrets/{name:str}", opt=OPERATORS, status_code=200, summary="Set or rotate a secret")
async def put_secret(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Keep a value under a name: the tenant's, or with `end_user` in the query that person's own."""
    admin, caller = admin_of(request), caller_of(request)
    query = Query(request, "end_user", "tenant")
    end_user = _end_user(query)
    wanted, _ = _read_secret.read(await request.body())
    tenant = await tenant_named(admin, caller, query.text("tenant"))
    try:
        check_secret(name)
    except NameInvalid as error:
        raise RequestRefused(f"name: {quote(name)} is no secret's name; {_NAMES}.", param="name") from error
    try:
        kept = await admin.safe.set(tenant, end_user, name, wanted.value, caller.key, only_rotate=wanted.only_rotate)
    except ValueError as error:
        raise RequestRefused(f"value: {error}.", param="value") from error
    if kept is None:
        raise not_found("secret", name)
    return answer(kept, 200 if kept.rotated_at else 201)


_NAMES = "send 1 to 64 letters, digits, '_' or '-'"


@delete("/api/v1/secrets/{name:str}", opt=OPERATORS, status_code=204, summary="Remove a secret")
async def remove_secret(request: Request[Any, Any, Any], name: FromPath[str]) -> None:
    """Remove a secret from the database; one in a file or a variable is removed where it lies."""
    admin, caller = admin_of(request), caller_of(request)
    query = Query(request, "end_user", "tenant")
    end_user = _end_user(query)
    tenant = await tenant_named(admin, caller, query.text("tenant"))
    if not await admin.safe.remove(tenant, end_user, name, caller.key):
        raise not_found("secret", name)


@post("/api/v1/secret-keys", opt=OPERATORS, status_code=201, summary="Seal all secrets with a new key")
async def rekey(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Make a new key, seal every tenant's secrets with it, and forget the keys before it."""
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    if not in_house(caller):
        raise RequestRefused(
            f"The key is the whole server's: operators of the tenant {HOUSE} change it, ask one of them.",
            param="Authorization",
            code="missing_role",
            status=403,
        )
    return answer(await admin.safe.rekey(caller.key), 201)


def _end_user(query: Query) -> str | None:
    end_user = query.text("end_user")
    if end_user == "":
        raise RequestRefused("end_user: it is empty; leave it out for a secret of the tenant.", param="end_user")
    return end_user


def _cursor(text: str | None) -> tuple[Place, str] | None:
    """Read what `next` said: name, place and owner; the owner comes last, since it may hold anything."""
    if text is None:
        return None
    parts = text.split("/", _CURSOR_PARTS - 1)
    if len(parts) != _CURSOR_PARTS:
        raise RequestRefused(
            f"after: {quote(text)} is no `next` of a page; send what the page before said.", param="after"
        )
    name, kept, owner = parts
    return (name, owner), kept


ROUTES = (list_secrets, put_secret, remove_secret, rekey)
