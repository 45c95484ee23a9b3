"""What runs while its process is killed: a model that follows a script, and tools that leave their mark on disk."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from toolyard_sdk import events as e
from toolyard_sdk.context import ToolContext
from toolyard_sdk.messages import Usage
from toolyard_sdk.ports import Delta, RawCall, Turn
from toolyard_sdk.tools import FunctionTool, tool

Side = Literal["before", "after"]


class Scenario(Struct, frozen=True):
    """`turns` are the model's calls by turn, after which it answers; `asks` lets a person be asked about `wipe`.

    With a `window` of so many tokens, results are so long that some are put away.
    """

    name: str
    turns: tuple[tuple[str, ...], ...]
    mode: e.Mode = "background"
    asks: bool = False
    record_first: bool = False
    window: int = 0

    @property
    def source(self) -> str:
        """Where the tools come from: an agent with a stranger's can read results back."""
        return "mcp:lab" if self.window else "workshop"

    @property
    def more(self) -> str:
        """What else the agent's file says."""
        return f"[limits]\nwindow_tokens = {self.window}\n" if self.window else ""


SCENARIOS = (
    Scenario("one after the other", (("look",), ("put",), ("wipe",), ("look",))),
    Scenario("side by side", (("look", "put", "wipe"), ("look",))),
    Scenario("a person is asked", (("look",), ("wipe", "put")), asks=True),
    Scenario("in foreground", (("look",), ("put", "wipe"), ("look",)), mode="foreground"),
    Scenario("recorded first", (("look",), ("put", "wipe"), ("look",)), mode="foreground", record_first=True),
    Scenario("a window that fills", (("look",), ("put",), ("look",), ("wipe", "look"), ("put",)), window=2400),
)

ANSWER = "all done"


class Kill(Struct, frozen=True):
    """Where the process dies: at the commit, or in the tool call, of this number (from 1)."""

    what: Literal["commit", "tool"]
    number: int
    side: Side

    def __str__(self) -> str:
        return f"{self.side} {self.what} {self.number}"


class Marks:
    """What a process does is counted, written down durably, and ended where it was told to end."""

    def __init__(self, folder: Path, kill: Kill | None) -> None:
        self.kill = kill
        self.counts = {"commit": 0, "tool": 0}
        self._file = os.open(folder / "marks", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, *words: str) -> None:
        """Append one line in one write: it is there whatever happens next."""
        os.write(self._file, (" ".join(words) + "\n").encode())

    def enter(self, what: Literal["commit", "tool"]) -> int:
        """Count a place and return its number; die if it is the one before which the process dies."""
        self.counts[what] += 1
        number = self.counts[what]
        self._die_at(Kill(what, number, "before"))
        return number

    def leave(self, what: Literal["commit", "tool"], number: int) -> None:
        """Die if this is the place after which the process dies."""
        self._die_at(Kill(what, number, "after"))

    def _die_at(self, place: Kill) -> None:
        if self.kill == place:
            os.kill(os.getpid(), signal.SIGKILL)


def make_tools(marks: Marks, padding: str = "") -> tuple[FunctionTool, ...]:
    """Return a read-only, an idempotent and a destructive tool."""

    def effect(name: str, context: ToolContext) -> str:
        number = marks.enter("tool")
        marks.write(name, context.idempotency_key)
        marks.leave("tool", number)
        return f"{name} done{padding}"

    @tool(read_only=True)
    async def look(context: ToolContext) -> str:
        """Look."""
        return effect("look", context)

    @tool(idempotent=True)
    async def put(context: ToolContext) -> str:
        """Put."""
        return effect("put", context)

    @tool(destructive=True)
    async def wipe(context: ToolContext) -> str:
        """Wipe."""
        return effect("wipe", context)

    return look, put, wipe


class Follower:
    """A model without memory: which turn it is, it reads from the request, so every process gets the same answers."""

    def __init__(self, scenario: Scenario, marks: Marks) -> None:
        self._turns = scenario.turns
        self._marks = marks

    async def reply(
        self,
        body: bytes,
        *,
        timeout: float,  # noqa: ASYNC109 - the port's own
        on_delta: Callable[[Delta], None] | None = None,
        request_id: str = "",
    ) -> Turn:
        """Give the script's next turn."""
        messages: list[dict[str, Any]] = json.loads(body)["messages"]
        done = sum(message["role"] == "assistant" for message in messages)
        doubtful = sum("In doubt" in str(message["content"]) for message in messages if message["role"] == "tool")
        self._marks.write("model", str(done), str(doubtful))
        usage = Usage(1, 1)
        if done >= len(self._turns):
            return Turn(text=ANSWER, finish="stop", usage=usage)
        return Turn(calls=tuple(RawCall(name, "{}") for name in self._turns[done]), finish="tool_calls", usage=usage)

    async def close(self) -> None:
        """Let go of nothing."""
