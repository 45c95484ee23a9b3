"""Tools of the agent that clients talk to: one that only reads, one that fails, one that a person has to approve."""

import asyncio
from pathlib import Path

from toolyard_sdk import ToolError, tool

NOTES = Path(__file__).resolve().parent.parent / "notes"


@tool(read_only=True)
def add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


@tool(read_only=True)
def fail(why: str) -> str:
    """Fail for the reason given."""
    raise ToolError(why)


@tool()
def write_note(name: str, text: str) -> str:
    """Write a note, one line more each time."""
    NOTES.mkdir(exist_ok=True)
    with (NOTES / name).open("a") as file:
        file.write(text + "\n")
    return f"{name} is written"


@tool(read_only=True)
async def wait(seconds: float) -> str:
    """Wait for some seconds."""
    await asyncio.sleep(seconds)
    return "waited"
