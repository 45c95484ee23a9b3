"""`find_tools`, the server's own tool: searches what an agent may call; that the next turn offers it is the run's."""

from collections.abc import Awaitable, Callable, Collection
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from toolyard_registry.names import FIND_TOOLS
from toolyard_registry.search.finding import SPEC
from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import ArgumentsInvalid
from toolyard_sdk.messages import ToolResult, ToolSpec

SHOWN = 300
"""Characters of a description in a result: enough to choose by, and the offer holds the whole of it."""

Find = Callable[[str, Collection[str]], Awaitable[tuple[tuple[str, str], ...]]]
"""Returns (name, description) of what fits a query best, less what is hidden."""


class _Arguments(Struct, frozen=True, forbid_unknown_fields=True):
    query: Annotated[str, Meta(min_length=1, max_length=1000)]


class FindTools:
    """Implements the Tool port; `without` hides what an operator has stopped."""

    spec: ToolSpec = SPEC

    def __init__(self, find: Find, hidden: frozenset[str] = frozenset()) -> None:
        self._find = find
        self._hidden = hidden

    def without(self, hidden: frozenset[str]) -> "FindTools":
        """Return one that finds none of `hidden`."""
        return FindTools(self._find, hidden)

    def check(self, arguments: bytes) -> None:
        """Raise ArgumentsInvalid unless there is a query and nothing else."""
        _read(arguments)

    async def call(self, arguments: bytes, context: ToolContext) -> ToolResult:
        """Return the names and descriptions of what was found, best first."""
        del context
        found = await self._find(_read(arguments).query, self._hidden)
        if not found:
            return ToolResult("No tool was found. Try other words, or go on without one.", structured={"tools": []})
        tools = [{"name": name, "description": _short(description)} for name, description in found]
        told = {"tools": tools, "note": "You can call these from your next turn on."}
        return ToolResult(msgspec.json.encode(told).decode(), structured=told)


def names_found(structured: Any) -> tuple[str, ...]:
    """Return the tools that a result of `find_tools` names; of a call that failed, none."""
    return tuple(tool["name"] for tool in structured["tools"]) if structured else ()


def _read(arguments: bytes) -> _Arguments:
    try:
        return msgspec.json.decode(arguments, type=_Arguments)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArgumentsInvalid(f"{error}. The arguments of {FIND_TOOLS} are: query (string).") from error


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
