"""A server written with the SDK, as most are, for the tests: over stdio, in either revision of the protocol."""

import asyncio
import os
from pathlib import Path

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ToolAnnotations
from pydantic import BaseModel

SIGN = Path(os.environ.get("SIGN", os.devnull))

server = MCPServer("desk", version="1.2.3", title="Reading room", instructions="Lends books.")


class Sum(BaseModel):
    """A sum."""

    total: int


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def add(a: int, b: int) -> Sum:
    """Add two numbers."""
    return Sum(total=a + b)


@server.tool()
async def slow(seconds: float, ctx: Context) -> str:
    """Take time, and leave a sign when it is over."""
    try:
        await ctx.report_progress(0, 1, "begun")
        await asyncio.sleep(seconds)
    finally:
        leave()
    return "done"


def leave() -> None:
    """Leave a sign."""
    SIGN.touch()


@server.tool()
async def grow(ctx: Context) -> str:
    """Offer one more tool."""

    def more() -> str:
        """Be new."""
        return "new"

    server.add_tool(more)
    await ctx.notify_tools_changed()
    return "grown"


if __name__ == "__main__":
    server.run("stdio")
