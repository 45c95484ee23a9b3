"""Opens real MCP sources on the servers beside this file, and waits for what they offer."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from toolyard_registry.sources.mcp.settings import read_settings
from toolyard_registry.sources.mcp.source import McpSource
from toolyard_registry.sources.mcp.tokens import TokenStore
from toolyard_sdk.context import ToolContext
from toolyard_sdk.egress import CLOSED, Egress
from toolyard_sdk.messages import ToolResult
from toolyard_sdk.ports import Clock
from toolyard_sdk.testing import FixedClock

SERVERS = Path(__file__).with_name("servers")
SECONDS = 20.0
CONTEXT = ToolContext()


class Known:
    """Implements Secrets by a table: (tenant, end user, name), or the name alone for everybody."""

    def __init__(self, **secrets: str) -> None:
        self.secrets: dict[Any, str] = dict(secrets)

    async def reveal(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Return one."""
        return self.secrets.get((tenant, end_user, name), self.secrets.get(name))


class Held:
    """The system's clock, whose sleeps end only when the test ends: what waits, waits."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> int:
        """Return UTC microseconds: the SDK reads the same clock for when a token ends."""
        return time.time_ns() // 1000

    async def sleep(self, seconds: float) -> None:
        """Remember and wait."""
        self.slept.append(seconds)
        await asyncio.Event().wait()


class Opened:
    """An open source: call its tools by the server's own names, and wait until it offers something."""

    def __init__(self, source: McpSource, clock: Clock) -> None:
        self.source = source
        self.clock = clock
        self.changes = 0
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Be told of another supply."""
        self.changes += 1
        self._changed.set()

    @property
    def names(self) -> list[str]:
        return [tool.spec.name for tool in self.source.supply.tools]

    @property
    def problem(self) -> str:
        return "\n".join(self.source.supply.problems)

    def tool(self, name: str) -> Any:
        """Return a tool by its name here."""
        return {tool.spec.name: tool for tool in self.source.supply.tools}[name]

    async def call(self, name: str, arguments: bytes = b"{}", context: ToolContext = CONTEXT) -> ToolResult:
        """Call a tool."""
        async with asyncio.timeout(SECONDS):
            result: ToolResult = await self.tool(name).call(arguments, context)
            return result

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a supply of which something holds."""
        async with asyncio.timeout(SECONDS):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds that nobody tells: a file of another process, or the inside of a source."""
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.005)


def puppet(era: str, behaviour: str) -> list[str]:
    """Return the command of the obedient server."""
    return [sys.executable, "-I", "-S", str(SERVERS / "puppet.py"), era, behaviour]


@asynccontextmanager
async def opened(
    table: dict[str, Any],
    *,
    secrets: Known | None = None,
    clock: Clock | None = None,
    start: float = SECONDS,
    egress: Egress = CLOSED,
    tokens: TokenStore | None = None,
) -> AsyncIterator[Opened]:
    """Open the source that a table describes, with tools named as the server names them, and close it in the end."""
    settings = read_settings("it", {"prefix": "", **table}, Path(__file__).parent)
    clock = clock or FixedClock()
    source = McpSource(
        "it",
        settings,
        secrets=secrets or Known(),
        egress=egress,
        tokens=tokens,
        clock=clock,
        jitter=lambda: 1.0,
        start_seconds=start,
    )
    it = Opened(source, clock)
    async with asyncio.timeout(2 * SECONDS):
        await source.open(it.changed)
    try:
        yield it
    finally:
        async with asyncio.timeout(SECONDS):
            await source.close()
