"""A well-behaved server of the SDK for tests, over stdio or HTTP: `python desk.py` or `python desk.py http PORT`."""

import asyncio
import os
import sys
from pathlib import Path

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ToolAnnotations
from pydantic import BaseModel

CANCELLED = Path(os.environ.get("CANCELLED", os.devnull))

server = MCPServer("desk", version="1.2.3")


class Sum(BaseModel):
    """A sum."""

    total: int


class Name(BaseModel):
    """A form with one field."""

    name: str


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def add(a: int, b: int) -> Sum:
    """Add two numbers."""
    return Sum(total=a + b)


@server.tool()
def echo(text: str) -> str:
    """Return the text."""
    return text


@server.tool()
def variables() -> list[str]:
    """Return the names of all variables of the environment, and the value of GREETING."""
    return [*sorted(os.environ), f"GREETING={os.environ.get('GREETING', '')}", str(Path.cwd())]


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("it broke")


def left() -> None:
    """Leave a sign that a call is over."""
    CANCELLED.touch()


@server.tool()
async def slow(seconds: float, ctx: Context) -> str:
    """Take time, and leave a sign when it is over."""
    try:
        for step in range(4):
            await ctx.report_progress(step, 4, f"step {step}")
            await asyncio.sleep(seconds / 4)
    finally:
        left()
    return "done"


@server.tool()
async def greet(ctx: Context) -> str:
    """Ask for a name."""
    answer = await ctx.elicit("What is your name?", Name)
    return f"{answer.action} {answer.data.name if answer.action == 'accept' else ''}".strip()


@server.tool()
async def grow(ctx: Context) -> str:
    """Offer one more tool."""

    def more() -> str:
        """Be new."""
        return "new"

    server.add_tool(more)
    await ctx.session.send_tool_list_changed()
    await ctx.notify_tools_changed()
    return "grown"


@server.tool()
def die() -> str:
    """End the process."""
    os._exit(3)


if __name__ == "__main__":
    if sys.argv[1:2] == ["http"]:
        server.run("streamable-http", port=int(sys.argv[2]))
    else:
        server.run("stdio")
