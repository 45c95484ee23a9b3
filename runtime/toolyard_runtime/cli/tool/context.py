"""The surroundings of a call that its author makes by hand: settings and a way out, but no run and no server."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from toolyard_sdk.context import ToolContext

from toolyard_runtime.cli.tool.workbench import Workbench


@asynccontextmanager
async def author_context(
    bench: Workbench, name: str, allow: tuple[str, ...], environment: Mapping[str, str]
) -> AsyncIterator[ToolContext]:
    """Give the context of a tool's calls; it ends with the block."""
    yield ToolContext(settings=bench.settings(name))
