"""The agents that can be run: what the files say now, and the older releases that parked runs are pinned to."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from toolyard_registry.agents.repository import Loader, Repository
from toolyard_registry.catalogue.storing import KINDS, Catalogue, CatalogueDamaged
from toolyard_registry.releases import AgentRelease, Policy, ToolRelease
from toolyard_registry.rights import HOUSE
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.ports import Database

from toolyard_runtime.engine import direct
from toolyard_runtime.engine.others import Other, Others
from toolyard_runtime.engine.registry import Registry
from toolyard_runtime.engine.routing import Routes
from toolyard_runtime.engine.within_reach import WithinReach
from toolyard_runtime.run.binding import BoundAgent, absent_agent
from toolyard_runtime.run.meanings import Meanings
from toolyard_runtime.run.mind import Mind, no_mind

KEPT_RELEASES = 32


class Agents:
    """Binds releases to tools and models; `current` follows the files, `pinned` finds what a run was started with."""

    def __init__(
        self,
        loader: Loader,
        routes: Routes,
        catalogue: Catalogue,
        database: Database,
        settings: Mapping[str, dict[str, Any]],
        registry: Registry | None = None,
        others: Others | None = None,
        mind: Callable[[], Mind] = no_mind,
        meanings: Meanings | None = None,
    ) -> None:
        """Take `settings` as the `[plugins.NAME]` tables by plugin: what a tool's context holds of them.

        `registry` is told which definitions the files and sources present; `others` serves releases that are published
        and not installed; `mind` opens the memory of those that have one; `meanings` helps to choose among many tools.
        """
        self._mind = mind
        self._meanings = meanings
        self._others = others
        self._registry = registry
        self._loader = loader
        self._routes = routes
        self._catalogue = catalogue
        self._database = database
        self._settings = settings
        self._bound: dict[str, BoundAgent] = {}
        self._direct: tuple[Repository, Mapping[str, ToolRelease], AgentRelease] | None = None
        self._within = WithinReach(registry.shelf, registry.sights) if registry is not None else None
        self._published: set[str] = set()
        self._publishing = asyncio.Lock()
        self._discovering = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._asked_until = 0.0
        self._unanswered: list[str] = []

    @property
    def repository(self) -> Repository:
        """What the files say."""
        return self._loader.current

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with plugins and files, in words."""
        current = self._loader.current
        refused: Iterable[ConfigError] = self._loader.refused
        box = current.toolbox
        of_rights = self._registry.rights_problem if self._registry is not None else None
        rights = [f"{of_rights}; until it is corrected nobody publishes or calls anything"] if of_rights else []
        named = [*rights, *box.problems, *box.source_problems, *current.problems, *refused, *current.notes]
        return tuple(dict.fromkeys(str(problem) for problem in named))

    def is_held(self, tool: str) -> bool:
        """Tell whether a tool is held back: what it is now is not what was admitted, whatever set is served."""
        return tool in self._loader.held

    def names(self) -> tuple[str, ...]:
        """Return the agents that can be asked."""
        return tuple(sorted(self._loader.current.agents))

    def release(self, name: str) -> AgentRelease | None:
        """Return what the files say now of an agent."""
        return self._loader.current.agents.get(name)

    def granted(self, name: str) -> AgentRelease | None:
        """Return what an agent may do now: as its files say; of the agent for direct calls, all that there is."""
        return self._all_tools() if name == direct.AGENT else self.release(name)

    def direct(self, tool: str) -> BoundAgent | None:
        """Return the agent through which a caller calls a tool directly; None when there is no such tool."""
        release = self.tools().get(tool)
        if release is None:
            return None
        return self._bind(direct.direct_release((release,), self._loader.current.policies.get(direct.POLICY)))

    def tools(self) -> Mapping[str, ToolRelease]:
        """Return the tools that can be called without an agent, whoever may; the same object as long as they are."""
        current = self._loader.current
        return self._within.of(current) if self._within is not None else current.toolbox.releases

    def _all_tools(self) -> AgentRelease:
        current, tools = self._loader.current, self.tools()
        if self._direct is None or self._direct[0] is not current or self._direct[1] is not tools:
            release = direct.direct_release(tools.values(), current.policies.get(direct.POLICY))
            self._direct = current, tools, release
        return self._direct[2]

    def current(self, name: str) -> BoundAgent | None:
        """Return the agent as its files say now; raises ConfigError when its model has no provider."""
        release = self.release(name)
        return self._bind(release) if release is not None else None

    def _bind(self, release: AgentRelease) -> BoundAgent:
        bound = self._bound.get(release.digest)
        if bound is None:
            box = self._loader.current.toolbox
            tools = {tool.spec.name: box.tools[tool.spec.name] for tool in release.tools if self._installed(tool)}
            origins = dict(box.origins)
            for wanted in release.tools:
                other = self._other(wanted) if wanted.spec.name not in tools else None
                if other is not None:
                    tools[wanted.spec.name], origins[wanted.spec.name] = other.tool, other.plugin
            if release.memory is not None:
                tools |= self._mind().tools(release)
            if len(self._bound) >= KEPT_RELEASES:
                self._bound.clear()
            bound = self._bound[release.digest] = BoundAgent(
                release,
                tools,
                self._routes.route(release.model),
                {name: self._settings.get(origins.get(name, ""), {}) for name in tools},
                origins,
                about=box.about,
                meanings=self._meanings,
            )
        return bound

    def _other(self, wanted: ToolRelease) -> Other | None:
        """Return a release that is not installed as a tool, where its wheel is here."""
        return self._others.find(wanted) if self._others is not None else None

    def _installed(self, wanted: ToolRelease) -> bool:
        """Tell whether the installed tool is the one that was released (a pin changes only what is claimed)."""
        found = self._loader.current.toolbox.releases.get(wanted.spec.name)
        return (
            found is not None
            and (found.source, found.version) == (wanted.source, wanted.version)
            and found.spec.input_schema == wanted.spec.input_schema
        )

    async def reachable(self, name: str) -> BoundAgent | None:
        """Return the agent, asking model servers that did not answer before what they serve; raises ConfigError."""
        release = self.release(name)
        return await self._reach(release) if release is not None else None

    async def _reach(self, release: AgentRelease) -> BoundAgent:
        """Bind a release, asking model servers again where that is in the way; raises ConfigError."""
        try:
            return self._bind(release)
        except ConfigError:
            problems = await self._discover()
            try:
                return self._bind(release)
            except ConfigError as error:
                raise ConfigError("; ".join(problems) or str(error)) from None

    async def _discover(self) -> list[str]:
        """Ask model servers what they serve; of many who want to know, those who wait are told what one was told.

        An answer is good for as long as it took: a server that hangs is not waited for once for each run.
        """
        began = asyncio.get_running_loop().time()
        async with self._discovering:
            if began >= self._asked_until:
                asked_at = asyncio.get_running_loop().time()
                self._unanswered = await self._routes.discover()
                answered_at = asyncio.get_running_loop().time()
                self._asked_until = answered_at + (answered_at - asked_at)
            return self._unanswered

    async def pinned(self, tenant: str, name: str, digest: str) -> BoundAgent:
        """Return the release a run was started with; one that cannot run here now is `absent`, and says why."""
        bound = self._bound.get(digest)
        if bound is not None:
            return bound
        release = next((r for r in self._loader.current.agents.values() if r.digest == digest), None)
        try:
            release = release or await self._catalogue.agent(tenant, digest)
        except CatalogueDamaged as error:
            return absent_agent(name, digest, str(error))
        if release is None:
            return absent_agent(name, digest, f"the release {digest} of {name} is not in the catalogue")
        try:
            return await self._reach(release)
        except ConfigError as error:
            return absent_agent(name, digest, f"{name} has no model to go on with: {error}", release)

    async def sources(self, tenant: str, digest: str) -> Mapping[str, str]:
        """Return where the tools of a release come from, by digest, whether or not it can run here."""
        bound = self._bound.get(digest)
        release = bound.release if bound is not None else await self._catalogue.agent(tenant, digest)
        return {tool.digest: tool.source for tool in release.tools} if release is not None else {}

    async def tool(self, tenant: str, digest: str) -> ToolRelease | None:
        """Return a tool's release that an agent was granted at some time; None for one that is not as it was."""
        known = (
            *self._loader.current.toolbox.releases.values(),
            *(tool for agent in self._loader.current.agents.values() for tool in agent.tools),
        )
        found = next((tool for tool in known if tool.digest == digest), None)
        try:
            return found or await self._catalogue.tool(tenant, digest)
        except CatalogueDamaged:
            return None

    async def policy(self, tenant: str, digest: str) -> Policy | None:
        """Return the policy of a digest; None when no release has it, or the one that has it was tampered with."""
        bound = (one.release for one in self._bound.values())
        for release in (*bound, *self._loader.current.agents.values()):
            if release.policy.digest == digest:
                return release.policy
        try:
            return await self._catalogue.policy(tenant, digest)
        except CatalogueDamaged:
            return None

    async def publish(self, tenant: str, actor: str = "server") -> None:
        """Write the releases of the current files for a tenant, once; the channel `draft` follows.

        Tools have it in the house alone: another tenant's audit log names no tool that it may not see.
        """
        if tenant in self._published:
            return
        async with self._publishing:
            if tenant in self._published:
                return
            tx = self._database.begin()
            kinds = KINDS if tenant == HOUSE else tuple(kind for kind in KINDS if kind != "tool")
            await self._catalogue.publish(tx, tenant, actor, self._loader.current, kinds=kinds)
            await self._database.commit(tx)
            self._published.add(tenant)

    async def changed(self) -> bool:
        """Tell whether files were changed since they were read."""
        async with self._reading:
            return await asyncio.to_thread(self._loader.changed)

    async def unlocked(self) -> Repository:
        """Return what the files say as if there were no agent.lock; nothing of it is served."""
        async with self._reading:
            return await asyncio.to_thread(self._loader.unlocked)

    async def reload(self) -> tuple[ConfigError, ...]:
        """Read the files again; with a problem the old set stays and the problems are returned.

        A thread reads them, since a tool's file may do anything; what was read is swapped in here.
        """
        async with self._reading:
            reading = await asyncio.to_thread(self._loader.read)
            if self._registry is not None:
                await self._registry.sighted(reading.repository)
            problems = self._loader.take(reading)
            if not problems:
                self._bound.clear()
                self._published.clear()
            return problems
