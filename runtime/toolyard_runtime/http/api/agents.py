"""`/api/v1/agents`: the agents that can be asked, what they may call, and what is wrong with the files."""

from typing import Any

from litestar import Request, get
from litestar.response import Response
from toolyard_registry.releases import AgentRelease

from toolyard_runtime.http.access import caller_of
from toolyard_runtime.http.api.admin import EVERYBODY, admin_of
from toolyard_runtime.http.api.reading import Query, answer


def agent_object(release: AgentRelease) -> dict[str, Any]:
    """Return an agent as it is shown."""
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
            for tool in release.tools
        ],
    }


@get("/api/v1/agents", opt=EVERYBODY, summary="List the agents")
async def list_agents(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List the agents by name; people of the house are told also what is wrong with the files."""
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    agents = admin.agents.repository.agents
    told = not caller.roles.isdisjoint({"author", "operator", "auditor"})
    problems = list(admin.agents.problems) if told else []
    return answer({"data": [agent_object(agents[name]) for name in sorted(agents)], "problems": problems})


ROUTES = (list_agents,)
