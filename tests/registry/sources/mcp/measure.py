"""Measures a call on an open server, by the bare SDK and by a source's tool.

python -m tests.registry.sources.mcp.measure
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from toolyard_sdk.context import ToolContext
from toolyard_sdk.testing import FixedClock

from tests.registry.sources.mcp.opened import opened, puppet

CALLS = 200
ROUNDS = 9
ALLOWED = 0.3
"""Milliseconds of CPU that a call through a source may cost more than the SDK's own."""


async def cost(call: Callable[[], Awaitable[object]]) -> float:
    """Return the CPU milliseconds of one call in this process, of many in a row."""
    began = time.process_time()
    for _ in range(CALLS):
        await call()
    return (time.process_time() - began) * 1000 / CALLS


async def main() -> int:
    """Measure both in turns, so that a busy machine is busy for both, and print the medians."""
    print(f"{'era':8} {'bare SDK':>10} {'source':>10} {'added':>10}   (CPU ms per call, median of {ROUNDS})")
    worst = 0.0
    for era in ("modern", "legacy"):
        command, *arguments = puppet(era, "normal")
        mode = "2026-07-28" if era == "modern" else "legacy"
        async with (
            Client(StdioServerParameters(command=command, args=arguments), mode=mode) as client,
            opened({"command": puppet(era, "normal")}, clock=FixedClock()) as it,
        ):
            await client.list_tools()
            tool, context = it.tool("add"), ToolContext()

            async def bare(client: Client = client) -> None:
                await client.call_tool("add", {"a": 1, "b": 2})

            async def ours(tool: object = tool, context: ToolContext = context) -> None:
                tool.check(b'{"a": 1, "b": 2}')  # type: ignore[attr-defined] # a tool
                await tool.call(b'{"a": 1, "b": 2}', context)  # type: ignore[attr-defined] # a tool

            pairs = [(await cost(bare), await cost(ours)) for _ in range(ROUNDS)]
        sdk, source = (statistics.median(column) for column in zip(*pairs, strict=True))
        added = statistics.median(source - sdk for sdk, source in pairs)
        worst = max(worst, added)
        print(f"{era:8} {sdk:10.3f} {source:10.3f} {added:10.3f}")
    print(f"allowed: {ALLOWED} ms more; {'kept' if worst <= ALLOWED else 'NOT KEPT'}")
    return int(worst > ALLOWED)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
