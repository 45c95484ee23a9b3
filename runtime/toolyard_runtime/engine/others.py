"""Finds the wheels of releases that are not the installed ones, and has them served; nothing is loaded before that."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from toolyard_registry.agents.locks import FILE as LOCK
from toolyard_registry.agents.locks import read_lock
from toolyard_registry.environments.building import Environment, Environments, Index
from toolyard_registry.environments.running import Crowded, Limits
from toolyard_registry.published.wheels import WheelRefused, inspect_wheel
from toolyard_registry.publishing.submissions import Unchecked
from toolyard_registry.releases import ToolRelease
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.ports import Clock, Tool

from toolyard_runtime.engine.registry import Registry

if TYPE_CHECKING:  # about a second of work, for a server that may never need it
    from toolyard_registry.environments.serving import OtherReleases

CHECK_SECONDS = 20.0
"""How long whoever publishes waits for a wheel to be loaded: less than their client waits for an answer."""

LONGEST = 500
"""Characters that are kept of why a wheel was not loaded."""

_log = logging.getLogger("toolyard.registry")

FOLDER = "environments"
"""Below the state folder."""


class Other(Struct, frozen=True):
    """A tool of a release that is not installed, and the plugin whose settings and way out are its own."""

    tool: Tool
    plugin: str


class Others:
    """The releases that this server can serve beside those that are installed."""

    def __init__(
        self,
        registry: Registry,
        environments: Environments,
        settings: Mapping[str, Mapping[str, Any]],
        folder: Path,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._registry = registry
        self._environments = environments
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._limits = limits
        self._house: OtherReleases | None = None
        self._plugins: dict[str, str] = {}

    def find(self, wanted: ToolRelease) -> Other | None:
        """Return a release as a tool; None when nobody has published it here."""
        for entry in self._registry.shelf.entries(wanted.spec.name):
            if not entry.wheel or entry.text != wanted.version:
                continue
            published = self._registry.shelf.release(entry)
            if (published.source, published.spec.input_schema) != (wanted.source, wanted.spec.input_schema):
                continue
            wheel = self._registry.wheels.path(entry.wheel, entry.file)
            return Other(self._serving().tool(wanted, wheel, entry.wheel), self._plugin(wheel, entry.wheel))
        return None

    async def definitions(self, wheel: Path) -> tuple[ToolSpec, ...] | Unchecked:
        """Load a kept wheel in an environment of its own and return what it registers, or why that was not done.

        What cannot be loaded here (no uv, no index, a dependency that is missing) is logged: its calls would say so.
        """
        from toolyard_registry.environments.serving import NotServed  # noqa: PLC0415 - see above

        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await self._serving().offered(wheel, wheel.parent.name)
        except TimeoutError:
            why = f"its wheel was not loaded within {CHECK_SECONDS:.0f} s"
        except Crowded:
            why = "its wheel was not loaded: no environment was free"
        except NotServed as error:
            why = str(error)
        _log.warning("%s is published unchecked: %s", wheel.name, why)
        return Unchecked(why[:LONGEST])

    async def prune(self, *, dry_run: bool = False) -> tuple[Environment, ...]:
        """Remove the environments that nothing published or locked refers to, and return them.

        Those that processes run in stay. With `dry_run` nothing is removed. Raises ConfigError for a lock that nobody
        can read.
        """
        keep = await self._registry.publications.wheels() | await asyncio.to_thread(self._locked)
        using = self._house.using if self._house is not None else frozenset()
        if dry_run:
            unwanted = await asyncio.to_thread(self._environments.unwanted, keep)
            return tuple(made for made in unwanted if made.sha256 not in using)
        return await asyncio.to_thread(self._environments.prune, keep, using)

    def _locked(self) -> frozenset[str]:
        """Return the wheels that agent.lock names."""
        path = self._folder / LOCK
        if not path.exists():
            return frozenset()
        lock = read_lock(path.read_text())
        tools = (tool for agent in lock.agents.values() for tool in agent.tools.values())
        return frozenset(tool.wheel.removeprefix("sha256:") for tool in tools if tool.wheel)

    async def close(self) -> None:
        """End every process, and stop making environments."""
        if self._house is not None:
            await self._house.close()
        await self._environments.close()

    def _serving(self) -> "OtherReleases":
        from toolyard_registry.environments.serving import OtherReleases  # noqa: PLC0415 - see above

        if self._house is None:
            self._house = OtherReleases(self._environments, self._settings, self._folder, self._clock, self._limits)
        return self._house

    def _plugin(self, wheel: Path, sha256: str) -> str:
        """Return the plugin of a wheel, the first of several; "" when it cannot be read, which its calls tell."""
        if sha256 not in self._plugins:
            try:
                names = inspect_wheel(wheel.read_bytes(), wheel.name).plugins
            except (OSError, WheelRefused):
                return ""
            self._plugins[sha256] = next(iter(names), "")
        return self._plugins[sha256]


@contextlib.asynccontextmanager
async def other_releases(
    registry: Registry,
    state_dir: Path,
    repository: Path,
    index: Index,
    environment: Mapping[str, str],
    settings: Mapping[str, Mapping[str, Any]],
    clock: Clock,
    limits: Limits,
) -> AsyncIterator[Others]:
    """Give what serves other releases; their processes end with it. `environment` is what uv is run with."""
    environments = Environments(state_dir / FOLDER, index, environment, clock)
    others = Others(registry, environments, settings, repository, clock, limits)
    try:
        yield others
    finally:
        await others.close()
