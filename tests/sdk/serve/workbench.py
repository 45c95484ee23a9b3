"""A plugin that does what plugins do, and what they should not: served by the tests beside it."""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from toolyard_sdk import FunctionTool, ToolContext, ToolError, ToolResult, hookimpl, tool

print("a plugin that prints when it is imported")


class Sum(Struct):
    """A sum, and how many numbers are in it."""

    total: int
    count: int


@tool(read_only=True, open_world=False, title="Adder")
def add(numbers: list[int]) -> Sum:
    """Add numbers.

    Args:
        numbers: What to add.
    """
    print("a tool that prints")
    return Sum(sum(numbers), len(numbers))


@tool(read_only=True)
def words(text: str) -> list[str]:
    """Return the words of a text."""
    return text.split()


@tool
def who(context: ToolContext) -> dict[str, Any]:
    """Tell what this call knows of its caller."""
    return {
        "tenant": context.tenant,
        "end_user": context.end_user,
        "run": context.run,
        "session": context.session,
        "call": context.call,
        "key": context.idempotency_key,
        "deadline": context.deadline,
        "attempt": context.attempt,
        "settings": context.settings,
    }


@tool(idempotent=True)
async def climb(steps: int, context: ToolContext) -> str:
    """Take some steps, and report each."""
    for step in range(steps):
        context.progress(step + 1, steps, f"step {step + 1}")
        context.progress(step + 1, steps, "said twice")
        await asyncio.sleep(0)
    return f"took {steps}"


@tool(read_only=True)
def climb_in_a_thread(context: ToolContext) -> str:
    """Take two steps in a worker thread."""
    context.progress(1, 2, "one")
    context.progress(2, 2, "two")
    return "up"


@tool
async def wait(mark: str) -> str:
    """Wait for a long time, and leave a mark when it is told to stop."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        with open(mark, "w") as file:  # noqa: PTH123, ASYNC230 - a tool as people write them
            file.write("stopped")
        raise
    return "nobody stopped it"


@tool
def block() -> str:
    """Block a worker thread for a long time."""
    time.sleep(60)
    return "late"


@tool
def fail(how: str) -> str:
    """Fail in some way."""
    raise {
        "told": ToolError("Ask for something else."),
        "odd": ValueError("no such thing"),
        "timeout": TimeoutError("no answer"),
        "lost": ConnectionResetError("reset by peer"),
        "refused": ConnectionRefusedError("nobody listens"),
        "exit": SystemExit(3),
        "surrogate": ToolError("bad \udcff byte"),
    }[how]


@tool
def by_hand(text: str) -> ToolResult:
    """Return a result made by hand, with a structure that is no JSON."""
    return ToolResult(text, structured={"odd": object()})


@tool
async def reach(url: str, context: ToolContext) -> str:
    """Send a request."""
    reply = await context.egress.request("GET", url)
    return f"{reply.status} {reply.body.decode()}"


SIZE = {"type": "object", "properties": {"size": {"type": "string", "enum": ["S", "M"]}}, "required": ["size"]}
NESTED = {"type": "object", "properties": {"where": {"type": "object", "properties": {}}}}


@tool
async def measure(what: str, context: ToolContext) -> str:
    """Ask for a size, then whether that is sure."""
    size = await context.ask(f"Which size of {what}?", SIZE)
    if size.action != "accept":
        return f"no size: {size.action}"
    sure = await context.ask("Are you sure?")
    return f"{what}: {size.content['size']}, {sure.action}"


@tool
async def lead(context: ToolContext) -> str:
    """Ask a person to visit a page, and for what no form can hold."""
    seen = await context.ask("Go there.", url="https://example.org/pay")
    where = await context.ask("Where?", NESTED)
    return f"{seen.action}, {where.action}"


@hookimpl
def register_tools(register: Callable[[FunctionTool], None], settings: Mapping[str, Any]) -> None:
    """Offer all of them; a setting makes one more, and one makes it fail."""
    if settings.get("broken"):
        sys.exit("broken settings")
    for each in (add, words, who, climb, climb_in_a_thread, wait, block, fail, by_hand, reach, measure, lead):
        register(each)
    if "extra" in settings:
        register(tool(name=settings["extra"], description="One more.")(lambda: "extra"))
