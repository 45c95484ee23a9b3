"""`/api/v1/tools/{name}/usage`: how agents use a tool, for those who write it; counts, and no argument among them."""

from typing import Any

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response
from toolyard_registry.releases import ToolRelease

from toolyard_runtime.http.access import caller_of, only
from toolyard_runtime.http.api.admin import Admin, admin_of
from toolyard_runtime.http.api.reading import Query, answer
from toolyard_runtime.http.api.seeing import installed_for
from toolyard_runtime.http.api.tools import no_tool
from toolyard_runtime.models.encoder import encode_tools
from toolyard_runtime.usage.counting import Tally, across
from toolyard_runtime.usage.stored import UsageReader
from toolyard_runtime.usage.telling import LEAST_TENANTS, told

AUTHORS = only("author", "operator")
DAYS = 30
_LONGEST_DAYS = 3_650
_DAY_US = 86_400_000_000
_BYTES_PER_TOKEN = 4
"""The usual rule of thumb for English and JSON: the exact number depends on the model."""


@get("/api/v1/tools/{name:str}/usage", opt=AUTHORS, summary="Tell how agents use a tool")
async def show_usage(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Count what the newest runs of the last `days` did with a tool, by release, the one offered last coming first.

    `own` counts the caller's tenant. `everybody` counts all tenants and holds no number that fewer than five of them
    stand behind; null where fewer than five have run anything.
    """
    admin, caller = admin_of(request), caller_of(request)
    days = Query(request, "days").number("days", 1, _LONGEST_DAYS) or DAYS
    since = max(0, admin.services.clock.now() - days * _DAY_US)
    reader = UsageReader(admin.services.database)
    own, everybody = await reader.read(caller.tenant, name, since, LEAST_TENANTS)
    shelf, installed = await admin.registry.shelf_of(caller.tenant), await installed_for(admin, caller)
    if not own.tallies and not shelf.entries(name) and name not in installed:
        raise no_tool(name, installed, shelf, param="name")
    releases = [(release, _sum(own.of(release))) for release in own.releases()]
    content: dict[str, Any] = {
        "tool": name,
        "since": since,
        "runs": own.runs,
        "complete": own.complete,
        "own": [await _shown(admin, caller.tenant, one, tally, hidden=False) for one, tally in releases],
        "everybody": None,
    }
    if everybody is not None:
        cells = [(release, across(everybody.of(release), LEAST_TENANTS)) for release in everybody.releases()]
        content["everybody"] = {
            "least_tenants": LEAST_TENANTS,
            "complete": everybody.complete,
            "releases": [
                await _shown(admin, caller.tenant, one, tally, hidden=True)
                for one, tally in cells
                if any(tally.values())
            ],
        }
    return answer(content)


def _sum(tallies: list[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.update(tally)
    return total


async def _shown(admin: Admin, tenant: str, digest: str, tally: Tally, *, hidden: bool) -> dict[str, Any]:
    release = await admin.agents.tool(tenant, digest)
    return {
        "release": digest,
        "version": release.version if release is not None else None,
        "source": release.source if release is not None else None,
        **told(tally, tokens=_tokens(release), hidden=hidden),
    }


def _tokens(release: ToolRelease | None) -> int | None:
    """Guess what a definition costs in every request that offers it, by its length as it is sent."""
    if release is None:
        return None
    return -(-len(encode_tools((release.spec,), strict=False)) // _BYTES_PER_TOKEN)


ROUTES = (show_usage,)
