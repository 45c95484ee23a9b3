"""`/api/v1/tools/search`: the tools that fit a few words, for people who look for one."""

from typing import Any

from litestar import Request, get
from litestar.response import Response

from toolyard_runtime.engine.tool_search import LONGEST
from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import EVERYBODY, admin_of
from toolyard_runtime.http.api.reading import Query, listed
from toolyard_runtime.http.api.seeing import callable_by
from toolyard_runtime.wire.errors import RequestRefused


@get("/api/v1/tools/search", opt=EVERYBODY, summary="Search the tools")
async def search_tools(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the tools that fit the words in `q`, the best first; the caller finds what they may see."""
    admin, caller = admin_of(request), caller_of(request)
    query = Query(request, "q", "limit")
    text, limit = (query.text("q") or "").strip(), query.limit()
    if not text:
        raise RequestRefused("q: say in a few words what the tool should do.", param="q")
    if len(text) > LONGEST:
        raise RequestRefused(f"q: it has {len(text)} characters; {LONGEST} are searched with at most.", param="q")
    releases = admin.agents.repository.toolbox.releases
    found = await admin.tool_search.find(releases, text, limit, await callable_by(admin, caller))
    return listed(
        {
            "name": name,
            "description": releases[name].spec.description,
            "source": releases[name].source,
            "version": releases[name].version,
            "score": round(score, 4),
        }
        for name, score in found
    )


ROUTES = (search_tools,)
