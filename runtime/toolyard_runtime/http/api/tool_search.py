"""`/api/v1/tools/search`: the tools that fit a few words, installed or published, for people who look for one."""

from typing import Any

from litestar import Request, get
from litestar.response import Response
from toolyard_registry.published.shelf import grant_of
from toolyard_registry.rights import HOUSE

from toolyard_runtime.engine.tool_search import LONGEST, Found
from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import EVERYBODY, admin_of
from toolyard_runtime.http.api.reading import Query, listed
from toolyard_runtime.http.api.seeing import callable_by
from toolyard_runtime.wire.errors import RequestRefused


@get("/api/v1/tools/search", opt=EVERYBODY, summary="Search the tools")
async def search_tools(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the tools that fit the words in `q`, the best first; the caller finds what they may see.

    Of what is published and not installed the newest active release is found, with what an agent's file grants it by;
    agents are the server's, and name only what the tenant `default` has published.
    """
    admin, caller = admin_of(request), caller_of(request)
    query = Query(request, "q", "limit")
    text, limit = (query.text("q") or "").strip(), query.limit()
    if not text:
        raise RequestRefused("q: say in a few words what the tool should do.", param="q")
    if len(text) > LONGEST:
        raise RequestRefused(f"q: it has {len(text)} characters; {LONGEST} are searched with at most.", param="q")
    box = admin.agents.repository.toolbox
    shelf = caller.tenant, await admin.registry.shelf_of(caller.tenant)
    found = await admin.tool_search.find(box, shelf, text, limit, await callable_by(admin, caller))
    return listed(_shown(one, grants=caller.tenant == HOUSE) for one in found)


def _shown(found: Found, *, grants: bool) -> dict[str, Any]:
    release, entry = found.release, found.entry
    return {
        "name": release.spec.name,
        "description": release.spec.description,
        "source": release.source,
        "version": release.version,
        "score": round(found.score, 4),
        "installed": entry is None,
        "grant": grant_of(release.spec.name, entry) if entry is not None and grants else "",
    }


ROUTES = (search_tools,)
