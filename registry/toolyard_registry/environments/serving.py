"""Tools of releases that are not installed: each release's plugins run as MCP servers in its own environment.

A tool is there at once, by its pinned definition; what serves it is made and started when it is first wanted.
"""

import asyncio
import contextlib
import importlib
import random
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from toolyard_sdk.asking import Answering, Answers, InputNeeded, answering
from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import ToolError
from toolyard_sdk.messages import ToolResult, ToolSpec
from toolyard_sdk.ports import Clock, Tool, ToolSource
from toolyard_sdk.serve.meta import PARENT, SETTINGS

from toolyard_registry.environments.building import Environments
from toolyard_registry.environments.gate import Gate
from toolyard_registry.environments.running import DEFAULT, Crowded, Limits, Running, Sources
from toolyard_registry.environments.uv import BuildFailed
from toolyard_registry.published.wheels import WheelRefused, inspect_wheel
from toolyard_registry.releases import ToolRelease
from toolyard_registry.schemas.checking import Validator, compile_schema
from toolyard_registry.sources.mcp.settings import McpSettings

LONGEST_CALL = 86_400.0
"""Seconds; whoever calls has a time-out of their own."""

MARGIN = 1.0
"""Seconds before a call's deadline at which it is given up while its environment is still being made."""

MOST_QUESTIONS = 8
"""What one call may ask somebody who answers at once."""

PATIENCE = 30.0
"""Seconds that a call without a deadline waits for that."""


class NotServed(Exception):
    """A release that cannot be served: why, in words for an operator."""


class OtherReleases:
    """Serves releases by their wheels: one process for each plugin of each wheel that is wanted.

    `settings` are the `[plugins.NAME]` tables, `folder` is where the processes run; `limits` say how many, and for how
    long without a call.
    """

    def __init__(
        self,
        environments: Environments,
        settings: Mapping[str, Mapping[str, Any]],
        folder: Path,
        clock: Clock,
        limits: Limits = DEFAULT,
    ) -> None:
        self._environments = environments
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._gate = Gate()
        self._opening = asyncio.Lock()
        self._running = Running(self._start, limits)

    def now(self) -> int:
        """Return UTC microseconds."""
        return self._clock.now()

    @property
    def using(self) -> frozenset[str]:
        """The wheels whose environments processes run in, by their SHA-256."""
        return self._running.wheels

    def tool(self, release: ToolRelease, wheel: Path, sha256: str) -> "OtherRelease":
        """Return a tool of a release whose wheel this is; what serves it begins to be made where there is room."""
        self._running.foresee(wheel, sha256)
        return OtherRelease(release, wheel, sha256, self)

    @contextlib.asynccontextmanager
    async def served(self, release: ToolRelease, wheel: Path, sha256: str) -> AsyncIterator[Tool]:
        """Give the tool in its process, which stays meanwhile; raises NotServed and Crowded."""
        name = f"{release.spec.name} {release.version}"
        async with self._using(wheel, sha256, name) as sources:
            yield _found(release, wheel, sources)

    async def offered(self, wheel: Path, sha256: str) -> tuple[ToolSpec, ...]:
        """Return what a wheel's plugins offer, as its processes present it; raises NotServed and Crowded."""
        async with self._using(wheel, sha256, wheel.name) as sources:
            problems = [problem for source in sources for problem in source.supply.problems]
            if problems:
                raise NotServed(f"{wheel.name}: {problems[0]}")
            return tuple(tool.spec for source in sources for tool in source.supply.tools)

    async def close(self) -> None:
        """End every process."""
        await self._running.close()
        await self._gate.close()

    @contextlib.asynccontextmanager
    async def _using(self, wheel: Path, sha256: str, name: str) -> AsyncIterator[Sources]:
        async with contextlib.AsyncExitStack() as used:
            try:
                sources = await used.enter_async_context(self._running.using(wheel, sha256))
            except (BuildFailed, WheelRefused, OSError) as error:
                raise NotServed(f"{name} cannot be served: {error}") from error
            yield sources

    async def _start(self, wheel: Path, sha256: str) -> Sources:
        made = await self._environments.ready(wheel, sha256)
        inspected = await asyncio.to_thread(lambda: inspect_wheel(wheel.read_bytes(), wheel.name))
        async with self._opening:
            if not self._gate.path:
                await self._gate.open()
        await asyncio.to_thread(_load)
        sources = [self._source(f"{inspected.name}-{plugin}", plugin, made.python) for plugin in inspected.plugins]
        try:
            async with asyncio.TaskGroup() as opening:
                for source in sources:
                    opening.create_task(source.open(_nothing))
        except BaseException:
            for source in sources:
                await source.close()
            raise
        return tuple(sources)

    def _source(self, name: str, plugin: str, python: Path) -> ToolSource:
        """Make the source of one plugin."""
        from toolyard_registry.sources.mcp.source import McpSource  # noqa: PLC0415 - see _load

        settings = McpSettings(
            command=(str(python), "-I", "-m", "toolyard_sdk.serve", plugin),
            env={
                PARENT: self._gate.path,
                SETTINGS: msgspec.json.encode(self._settings.get(plugin, {})).decode(),
            },
            cwd=str(self._folder),
            prefix="",
            timeout=LONGEST_CALL,
        )
        return McpSource(
            name,
            settings,
            secrets=_NoSecrets(),
            clock=self._clock,
            jitter=random.SystemRandom().random,
            beside=self._gate,
        )


class OtherRelease:
    """Implements `Tool` by a release in a process of its own; it presents what was published."""

    def __init__(self, release: ToolRelease, wheel: Path, sha256: str, house: OtherReleases) -> None:
        self._release = release
        self._wheel = wheel
        self._sha256 = sha256
        self._house = house
        self._validator: Validator = compile_schema(release.spec.input_schema)

    @property
    def spec(self) -> ToolSpec:
        """What was published."""
        return self._release.spec

    def check(self, arguments: bytes) -> None:
        """Raise ArgumentsInvalid, naming the field, unless `arguments` fit the input schema."""
        self._validator.check(arguments)

    async def call(self, arguments: bytes, context: ToolContext) -> ToolResult:
        """Call it in its process; raises ToolError while it cannot be served, and ConnectionRefusedError unsent."""
        left = (context.deadline - self._house.now()) / 1e6 - MARGIN if context.deadline else PATIENCE
        async with contextlib.AsyncExitStack() as used:
            tool = await self._served(used, max(left, 0.0))
            return await _asking(tool, arguments, context)

    async def _served(self, used: contextlib.AsyncExitStack, seconds: float) -> Tool:
        name = f"{self.spec.name} {self._release.version}"
        try:
            async with asyncio.timeout(seconds):
                return await used.enter_async_context(self._house.served(self._release, self._wheel, self._sha256))
        except TimeoutError:
            raise ConnectionRefusedError(
                f"the environment of {name} is still being made; call it again later"
            ) from None
        except Crowded:
            raise ConnectionRefusedError(
                f"{name} finds no room: as many environments are in use as `[environments]` most_running allows; "
                "call it again later"
            ) from None
        except NotServed as error:
            raise ToolError(str(error)) from error


async def _asking(tool: Tool, arguments: bytes, context: ToolContext) -> ToolResult:
    """Call a tool, and again with each answer of whoever is asked here; raises InputNeeded where nobody has answered.

    What has been answered before goes with the first call already: only who answers at once is asked in between.
    """
    if isinstance(context.ask, Answering):
        return await tool.call(arguments, context)
    said: Answers = ()
    while True:
        try:
            return await tool.call(arguments, msgspec.structs.replace(context, ask=answering(said)))
        except InputNeeded as needed:
            if len(said) >= MOST_QUESTIONS:
                raise ToolError(f"{tool.spec.name} asks more than {MOST_QUESTIONS} questions in one call") from None
            asked = needed.question
            said = (*said, (asked, await context.ask(asked.message, asked.schema, asked.url)))


class _NoSecrets:
    """Implements Secrets for processes that are told none."""

    async def reveal(self, tenant: str, end_user: str | None, name: str) -> None:
        """Return None."""
        del tenant, end_user, name


def _nothing() -> None:
    """Take the news that a plugin's tools are others: those of one process stay."""


def _found(release: ToolRelease, wheel: Path, sources: Sources) -> Tool:
    """Return the tool of a release among what its wheel offers; raises NotServed."""
    name = release.spec.name
    problems: list[str] = []
    for source in sources:
        problems += source.supply.problems
        found = next((tool for tool in source.supply.tools if tool.spec.name == name), None)
        if found is None:
            continue
        if found.spec.input_schema != release.spec.input_schema:
            raise NotServed(f"{name} {release.version} takes other arguments than it was published with")
        return found
    raise NotServed(f"{wheel.name} does not offer {name}: {'; '.join(problems) or 'it has no such tool'}")


def _load() -> None:
    """Load what needs the SDK: about a second of work, which no event loop should wait for."""
    importlib.import_module("toolyard_registry.sources.mcp.source")
