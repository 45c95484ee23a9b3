"""What the conformance suite speaks in: the subject under test, the checks, and what they find."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

import msgspec
from msgspec import Struct

from toolyard_sdk.context import ToolContext
from toolyard_sdk.ports import Tool

Level = Literal["error", "advice"]
"""`error`: an agent or the server will stumble over it. `advice`: it works, but less well than it could."""


class Finding(Struct, frozen=True):
    """One thing a check has against a tool: what is wrong, and what to do."""

    tool: str
    check: str
    level: Level
    message: str

    def __str__(self) -> str:
        return f"{self.tool}: {self.level}: {self.message} [{self.check}]"


class Subject(Struct, frozen=True):
    """A tool under test.

    `example` is arguments that work. A tool that is not read-only is called by the suite only when an example is given:
    the author then vouches that calling it in `context` does no harm. With `calls=False` it is never called.
    """

    tool: Tool
    example: dict[str, Any] | None = None
    context: ToolContext = msgspec.field(default_factory=ToolContext)
    calls: bool = True

    def __str__(self) -> str:
        return self.tool.spec.name

    @property
    def may_call(self) -> bool:
        """Whether the suite may execute the tool."""
        return self.calls and (self.example is not None or self.tool.spec.annotations.read_only)


class Check(Struct, frozen=True):
    """One rule of the suite: a sentence in `name`, and the function that yields what breaks it."""

    name: str
    find: Callable[[Subject], AsyncIterator[tuple[Level, str]]]

    def __str__(self) -> str:
        return self.name

    async def run(self, subject: Subject) -> tuple[Finding, ...]:
        """Return what this check finds, in the order it was found; empty when the tool conforms."""
        name = subject.tool.spec.name
        return tuple([Finding(name, self.name, level, message) async for level, message in self.find(subject)])
