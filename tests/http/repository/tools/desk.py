"""Tools of the agents under test: two that only read, one that waits to be let go, two that a person has to approve."""

import asyncio
from pathlib import Path

from toolyard_sdk import ToolContext, ToolError, tool
from toolyard_sdk.egress import secret

HERE = Path(__file__).resolve().parent.parent


@tool(read_only=True)
def add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


@tool(read_only=True)
def fail(why: str) -> str:
    """Fail for the reason given."""
    raise ToolError(why)


@tool(read_only=True)
async def wait(name: str) -> str:
    """Return once the file `name` is there."""
    while not (HERE / name).exists():  # noqa: ASYNC110 - a file has no event to wait for
        await asyncio.sleep(0.005)
    return f"{name} is there"


@tool()
async def hang(name: str) -> str:
    """Never return."""
    await asyncio.Event().wait()
    return name


@tool()
def write_note(name: str, text: str) -> str:
    """Write a note, one line more each time."""
    (HERE / "notes").mkdir(exist_ok=True)
    with (HERE / "notes" / name).open("a") as file:
        file.write(text + "\n")
    return f"{name} is written"


SIZE = {"type": "object", "properties": {"size": {"enum": ["S", "M", "L"]}}, "required": ["size"]}


@tool(read_only=True)
async def measure(what: str, context: ToolContext) -> str:
    """Measure something, by asking a person."""
    answer = await context.ask(f"Which size has {what}?", SIZE)
    return f"{what}: {answer.action} {answer.content.get('size', '')}"


@tool(read_only=True)
async def visit(url: str, context: ToolContext) -> str:
    """Fetch a page with the key of this server, which the tool never sees; say what came, and log it."""
    reply = await context.egress.request("GET", url, headers={"x-key": secret("page_key")})
    context.logger.warning("it said %s", reply.body.decode())
    context.progress(1, 1, reply.body.decode())
    spelled = "".join(reply.body.decode().split("-"))
    if "fail" in url:
        raise RuntimeError(spelled)
    return spelled
