"""`/api/v1/environments`: the environments of releases that are not installed, as they lie on the disk."""

from typing import Any

from litestar import Request, post
from litestar.response import Response
from msgspec import Struct
from toolyard_registry.rights import HOUSE
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import OPERATORS, admin_of, in_house
from toolyard_runtime.http.api.reading import Query, answer
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader


class Prune(Struct, frozen=True, forbid_unknown_fields=True):
    """With `dry_run`, nothing is removed."""

    dry_run: bool = False


_read_prune = Reader(Prune, frozenset(), {})


@post("/api/v1/environments/prune", opt=OPERATORS, status_code=200, summary="Remove environments that nobody needs")
async def prune(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Remove the environments that no published release and no agent.lock refers to, and tell which they are."""
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    if not in_house(caller):
        raise RequestRefused(
            f"Environments are the whole server's: operators of the tenant {HOUSE} remove them, ask one of them.",
            param="Authorization",
            code="missing_role",
            status=403,
        )
    wanted, _ = _read_prune.read(await request.body())
    try:
        gone = await admin.others.prune(dry_run=wanted.dry_run)
    except ConfigError as error:
        raise RequestRefused(f"Nothing was removed: {error}", code="invalid_repository", status=409) from error
    shown = [{"wheel": made.wheel, "sha256": made.sha256, "made_at": made.made_at} for made in gone]
    return answer({"dry_run": wanted.dry_run, "removed": shown})


ROUTES = (prune,)
