"""`/api/v1/agents`: the agents that can be asked, what they may call, and what is wrong with the files."""

from collections.abc import Iterable
from typing import Any

from litestar import Request, get
from litestar.response import Response
from toolyard_registry.releases import AgentRelease, ToolRelease
from toolyard_registry.rights import HOUSE

from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import EVERYBODY, admin_of
from toolyard_runtime.http.api.reading import Query, answer
from toolyard_runtime.http.api.seeing import granted_to


def agent_object(release: AgentRelease, tools: Iterable[ToolRelease]) -> dict[str, Any]:
    """Return an agent as it is shown, with those of its tools that are there for whoever asks."""
    return {
        "name": release.name,
        "description": release.description,
        "release": release.digest,
        "model": release.model or None,
        "tools": [
            {
                "name": tool.spec.name,
                "effect": tool.effect,
                "source": tool.source,
                "version": tool.version,
                "release": tool.digest,
            }
            for tool in tools
        ],
    }


@get("/api/v1/agents", opt=EVERYBODY, summary="List the agents")
async def list_agents(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the agents by name; people of the house are told also what is wrong with the files and sources.

    Nobody else is: among it may be the link by which the server's own account at a source is chosen.
    """
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    agents = admin.agents.repository.agents
    told = caller.tenant == HOUSE and not caller.roles.isdisjoint({"author", "operator", "auditor"})
    problems = list(admin.agents.problems) if told else []
    shown = [agent_object(agents[name], await granted_to(admin, caller, agents[name])) for name in sorted(agents)]
    return answer({"data": shown, "problems": problems})


ROUTES = (list_agents,)
