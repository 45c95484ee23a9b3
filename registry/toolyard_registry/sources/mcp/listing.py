"""Reads a server's list of tools, page by page, within bounds, and makes specs of what can be named; makes no call."""

import asyncio
from collections.abc import Mapping
from typing import Any

import mcp_types as types
import msgspec
from mcp.client import ClientSession
from mcp.shared.exceptions import MCPError
from msgspec import Struct
from pydantic import ValidationError
from toolyard_sdk.messages import Annotations, ToolSpec

from toolyard_registry.names import NameInvalid, check_name
from toolyard_registry.sources.mcp.calling import first_fault
from toolyard_registry.sources.mcp.connection import Unreachable
from toolyard_registry.sources.mcp.settings import McpSettings

MOST_TOOLS = 10_000
MOST_BYTES = 32_000_000
"""Bounds of one source: what is beyond is left out and said so."""

_PAGES = 1_000
_DESCRIPTION = 20_000
_SCHEMA = 200_000
"""Characters of a description, bytes of a tool's schemas."""

_TOLD = 20
"""Problems of single tools that are told one by one."""


class Listed(Struct, frozen=True):
    """One tool of a server: its own name there, and how it is offered here."""

    name: str
    spec: ToolSpec


class Listing(Struct, frozen=True):
    """What a server offers, for how many seconds that holds (0: it does not say), and what was left out and why."""

    tools: tuple[Listed, ...]
    ttl: float
    problems: tuple[str, ...]


async def list_tools(session: ClientSession, settings: McpSettings, prefix: str) -> Listing:
    """Read the whole list; raises Unreachable when it cannot be had."""
    reading = _Reading(settings, prefix)
    cursor: str | None = None
    ttl = 0.0
    seen: set[str] = set()
    for _ in range(_PAGES):
        try:
            page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor) if cursor else None)
        except MCPError as error:
            raise Unreachable(f"its tools cannot be listed: {error.message[:500]}") from error
        except ValidationError as error:
            raise Unreachable(f"its list of tools does not conform to the protocol: {first_fault(error)}") from error
        ttl = page.ttl_ms / 1000 if cursor is None else min(ttl, page.ttl_ms / 1000)
        full = reading.take(page.tools)
        cursor = page.next_cursor
        if full or not cursor or cursor in seen:
            return reading.listing(ttl, "" if full or not cursor else "its list of tools goes round in a circle")
        seen.add(cursor)
        await asyncio.sleep(0)
    return reading.listing(ttl, f"its list of tools has more than {_PAGES} pages; the rest is left out")


class _Reading:
    """A list while it is being read."""

    def __init__(self, settings: McpSettings, prefix: str) -> None:
        self._settings = settings
        self._prefix = prefix
        self._tools: dict[str, Listed] = {}
        self._problems: list[str] = []
        self._bytes = 0
        self._full = ""

    def take(self, tools: list[types.Tool]) -> bool:
        """Add a page; return whether there is no room for more."""
        for tool in tools:
            if not self._settings.takes(tool.name):
                continue
            if len(self._tools) == MOST_TOOLS:
                self._full = f"it offers more than {MOST_TOOLS} tools"
            elif self._bytes > MOST_BYTES:
                self._full = f"its tools are described in more than {MOST_BYTES} bytes"
            if self._full:
                return True
            problem = self._take(tool)
            if problem:
                self._problems.append(f"the tool {tool.name[:80]!r} is left out: {problem}")
        return False

    def _take(self, tool: types.Tool) -> str:
        name = self._prefix + tool.name
        try:
            check_name(name, "tool name")
        except NameInvalid as error:
            return str(error)
        if name in self._tools:
            return "the server offers two of this name"
        schemas = [schema for schema in (tool.input_schema, tool.output_schema) if schema is not None]
        try:
            size = len(msgspec.json.encode(schemas))
        except (UnicodeEncodeError, RecursionError, TypeError, ValueError) as error:
            return f"its schema cannot be written as JSON: {error}"
        if size > _SCHEMA:
            return f"its schemas have {size} bytes, more than {_SCHEMA}"
        spec = _spec(name, tool)
        self._bytes += size + len(spec.description)
        self._tools[name] = Listed(tool.name, spec)
        return ""

    def listing(self, ttl: float, problem: str) -> Listing:
        problems = self._problems[:_TOLD]
        if len(self._problems) > _TOLD:
            problems.append(f"{len(self._problems) - _TOLD} more tools are left out for such reasons")
        if self._full:
            problems.append(f"{self._full}; the rest is left out: name those you need in `tools`")
        if problem:
            problems.append(problem)
        return Listing(tuple(self._tools.values()), ttl, tuple(problems))


def _spec(name: str, tool: types.Tool) -> ToolSpec:
    hints = tool.annotations or types.ToolAnnotations()
    title = tool.title or hints.title
    return ToolSpec(
        name=name,
        title=title[:200] if title else None,
        description=(tool.description or title or f"The tool {tool.name} of an MCP server.")[:_DESCRIPTION],
        input_schema=_object_schema(tool.input_schema),
        output_schema=tool.output_schema,
        annotations=_annotations(hints),
    )


def _object_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with the `type` and `properties` that models' servers insist on."""
    return {"type": "object", "properties": {}, **schema}


def _annotations(hints: types.ToolAnnotations) -> Annotations:
    """Return what the server claims, with the protocol's defaults."""
    read_only = bool(hints.read_only_hint)
    return Annotations(
        read_only=read_only,
        destructive=hints.destructive_hint is not False and not read_only,
        idempotent=bool(hints.idempotent_hint) or read_only,
        open_world=hints.open_world_hint is not False,
    )
