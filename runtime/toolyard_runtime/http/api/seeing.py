"""Which of the server's tools are there for a caller: to call, and to look at; knows no route.

What `rights.toml` does not grant is not there. Only who watches over the whole server looks at everything: an operator
who could not see a tool could not withdraw it.
"""

import asyncio
import functools
from collections.abc import Callable, Mapping

from toolyard_registry.releases import AgentRelease, ToolRelease
from toolyard_registry.rights import HOUSE, UNWRITTEN, may_see

from toolyard_runtime.engine.sight import sees_all
from toolyard_runtime.http.api.admin import Admin
from toolyard_runtime.identity import Caller


async def callable_by(admin: Admin, caller: Caller) -> Callable[[str], bool]:
    """Return what tells whether a caller may call a tool itself, without an agent."""
    rights = await asyncio.to_thread(admin.registry.rights)
    return functools.partial(may_see, rights, caller.tenant, caller.roles)


async def installed_for(admin: Admin, caller: Caller) -> Mapping[str, ToolRelease]:
    """Return the tools of plugins, files and sources that a caller may look at, by name."""
    installed = admin.agents.repository.toolbox.releases
    rights = await asyncio.to_thread(admin.registry.rights)
    if rights is UNWRITTEN or watches(caller):
        return installed
    sees = functools.partial(may_see, rights, caller.tenant, caller.roles)
    return {name: release for name, release in installed.items() if sees(name)}


async def granted_to(admin: Admin, caller: Caller, agent: AgentRelease) -> tuple[ToolRelease, ...]:
    """Return the tools of an agent that a caller may look at: those it has for this caller."""
    rights = await asyncio.to_thread(admin.registry.rights)
    if rights is UNWRITTEN or watches(caller):
        return agent.tools
    sees = functools.partial(may_see, rights, caller.tenant, caller.roles, agent=agent.name)
    return tuple(tool for tool in agent.tools if sees(tool.spec.name))


def watches(caller: Caller) -> bool:
    """Tell whether a caller watches over the whole server: an operator or auditor of its own tenant."""
    return caller.tenant == HOUSE and sees_all(caller)
