"""The agents that can be run: what the files say now, and the older releases that parked runs are pinned to."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from toolyard_registry.catalogue import Catalogue, CatalogueDamaged
from toolyard_registry.releases import AgentRelease, Policy, ToolRelease
from toolyard_registry.repository import Loader, Repository
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.ports import Database

from toolyard_runtime.binding import BoundAgent
from toolyard_runtime.routing import Routes

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
    ) -> None:
        """Take `settings` as the `[plugins.NAME]` tables by plugin: what a tool's context holds of them."""
        self._loader = loader
        self._routes = routes
        self._catalogue = catalogue
        self._database = database
        self._settings = settings
        self._bound: dict[str, BoundAgent] = {}
        self._published: set[str] = set()
        self._publishing = asyncio.Lock()

    @property
    def repository(self) -> Repository:
        """What the files say."""
        return self._loader.current

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with plugins and files, in words."""
        current = self._loader.current
        refused: Iterable[ConfigError] = self._loader.refused
        named = [*current.toolbox.problems, *current.problems, *refused]
        return tuple(dict.fromkeys(str(problem) for problem in named))

    def names(self) -> tuple[str, ...]:
        """Return the agents that can be asked."""
        return tuple(sorted(self._loader.current.agents))

    def release(self, name: str) -> AgentRelease | None:
        """Return what the files say now of an agent."""
        return self._loader.current.agents.get(name)

    def current(self, name: str) -> BoundAgent | None:
        """Return the agent as its files say now; raises ConfigError when its model has no provider."""
        release = self.release(name)
        return self._bind(release) if release is not None else None

    def _bind(self, release: AgentRelease) -> BoundAgent:
        bound = self._bound.get(release.digest)
        if bound is None:
            box = self._loader.current.toolbox
            tools = {tool.spec.name: box.tools[tool.spec.name] for tool in release.tools if self._installed(tool)}
            if len(self._bound) >= KEPT_RELEASES:
                self._bound.clear()
            bound = self._bound[release.digest] = BoundAgent(
                release,
                tools,
                self._routes.route(release.model),
                {name: self._settings.get(box.origins.get(name, ""), {}) for name in tools},
            )
        return bound

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
        try:
            return self.current(name)
        except ConfigError:
            problems = await self._routes.discover()
            if problems:
                raise ConfigError("; ".join(problems)) from None
            return self.current(name)

    async def pinned(self, tenant: str, digest: str) -> tuple[BoundAgent | None, bool]:
        """Return the release a run was started with, and whether all of its tools are still there."""
        bound = self._bound.get(digest)
        if bound is None:
            release = next((r for r in self._loader.current.agents.values() if r.digest == digest), None)
            release = release or await self._catalogue.agent(tenant, digest)
            if release is None:
                return None, False
            bound = self._bind(release)
        return bound, len(bound.tools) == len(bound.release.tools)

    async def sources(self, tenant: str, digest: str) -> Mapping[str, str]:
        """Return where the tools of a release come from, by digest, whether or not it can run here."""
        bound = self._bound.get(digest)
        release = bound.release if bound is not None else await self._catalogue.agent(tenant, digest)
        return {tool.digest: tool.source for tool in release.tools} if release is not None else {}

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
        """Write the releases of the current files for a tenant, once; the channel `draft` follows."""
        if tenant in self._published:
            return
        async with self._publishing:
            if tenant in self._published:
                return
            tx = self._database.begin()
            await self._catalogue.publish(tx, tenant, actor, self._loader.current)
            await self._database.commit(tx)
            self._published.add(tenant)

    def changed(self) -> bool:
        """Tell whether files were changed since they were read."""
        return self._loader.changed()

    def reload(self) -> tuple[ConfigError, ...]:
        """Read the files again; with a problem the old set stays and the problems are returned."""
        problems = self._loader.reload()
        if not problems:
            self._bound.clear()
            self._published.clear()
        return problems
