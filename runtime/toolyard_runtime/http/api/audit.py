"""`/api/v1/audit`: who changed what, apart from what happened in runs."""

from typing import Any

from litestar import Request, get
from litestar.response import Response

from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import WATCHERS, admin_of
from toolyard_runtime.http.api.reading import LARGEST, MOST, Query, listed
from toolyard_runtime.store.audit import load_of_tenant
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import quote


@get("/api/v1/audit", opt=WATCHERS, summary="List audit records, newest first")
async def list_audit(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the tenant's audit records; `after` takes the `next` of the page before."""
    admin, caller = admin_of(request), caller_of(request)
    query = Query(request, "after", "limit", "action")
    limit, action = query.limit(), query.text("action")
    at, seen = _place(query.text("after"))
    before = LARGEST if at is None else at + 1
    wanted = min(limit + seen, MOST)
    found = await load_of_tenant(admin.services.database, caller.tenant, before=before, limit=wanted, action=action)
    page = found[seen:]
    following = None
    if page and len(found) == wanted:
        last = page[-1].at
        alike = sum(record.at == last for record in found)
        following = f"{last}-{alike}"
    return listed(page, following)


def _place(after: str | None) -> tuple[int | None, int]:
    """Read where a page ended: the time of its last record, and how many of that time were shown."""
    if after is None:
        return None, 0
    at, _, seen = after.partition("-")
    short = len(at) <= len(str(LARGEST)) and len(seen) < len(str(MOST))
    if not (short and after.isascii() and at.isdigit() and seen.isdigit()):
        raise RequestRefused(f"after: {quote(after)} is no `next` of a page of this list.", param="after")
    return int(at), int(seen)


ROUTES = (list_audit,)
