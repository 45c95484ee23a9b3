"""The tools of the suite that a Toolyard server can have: text, errors, progress, and schemas of all kinds."""

import asyncio
from typing import Any

from toolyard_sdk import ToolContext, ToolError, ToolResult, ToolSpec, hookimpl, tool
from toolyard_sdk.messages import Annotations

HARMLESS = Annotations(read_only=True, destructive=False, idempotent=True, open_world=False)
STEP = 0.05

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
MIRRORED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "priority": {"type": "integer", "x-mcp-header": "Priority"},
        "verbose": {"type": "boolean", "x-mcp-header": "Verbose"},
        "query": {"type": "string"},
    },
    "required": ["region"],
}


class Echo:
    """A tool with a schema written by hand, which repeats what it is given."""

    def __init__(self, name: str, schema: dict[str, Any]) -> None:
        self._spec = ToolSpec(name, "Repeat the arguments.", schema, annotations=HARMLESS)

    @property
    def spec(self) -> ToolSpec:
        """How it presents itself."""
        return self._spec

    def check(self, arguments: bytes) -> None:
        """Take anything."""

    async def call(self, arguments: bytes, context: ToolContext) -> ToolResult:
        """Return the arguments."""
        return ToolResult(arguments.decode())


@tool(read_only=True)
def test_simple_text() -> str:
    """Return a text."""
    return "This is a simple text response for testing."


@tool(read_only=True)
def test_error_handling() -> str:
    """Fail."""
    raise ToolError("This tool intentionally returns an error for testing")


@tool(read_only=True)
async def test_tool_with_progress(context: ToolContext) -> str:
    """Report progress three times."""
    for done in (0, 50, 100):
        context.progress(done, 100, f"{done} of 100")
        await asyncio.sleep(STEP)
    return "done"


@hookimpl
def register_tools(register: Any, settings: Any) -> None:
    """Offer them."""
    for each in (test_simple_text, test_error_handling, test_tool_with_progress):
        register(each)
    register(Echo("json_schema_2020_12_tool", SCHEMA))
    register(Echo("test_custom_headers", MIRRORED))
