"""Tools and results in MCP's words; imports the `mcp` SDK's types, and nothing of a server."""

from typing import Any

import mcp_types as mcp
import msgspec
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from toolyard_sdk.messages import ToolResult, ToolSpec

_PLAIN = frozenset({"object", "array", "string", "number", "integer", "boolean"})
"""Types of a root schema whose every value can be told from no value at all."""


def tool_of(spec: ToolSpec, protocol: str) -> mcp.Tool:
    """Return a tool as a client of that protocol version may see it."""
    hints = spec.annotations
    return mcp.Tool(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        input_schema=spec.input_schema,
        output_schema=spec.output_schema if _promises(spec, protocol) else None,
        annotations=mcp.ToolAnnotations(
            title=spec.title,
            read_only_hint=hints.read_only,
            destructive_hint=hints.destructive,
            idempotent_hint=hints.idempotent,
            open_world_hint=hints.open_world,
        ),
    )


def result_of(
    result: ToolResult, spec: ToolSpec, protocol: str, meta: dict[str, Any] | None = None
) -> mcp.CallToolResult:
    """Return a result: text for the model, the structured value where that protocol version may carry it.

    A structured value that is no JSON is left out; a tool that had promised one then gives an error instead, since its
    client would take the result for broken.
    """
    structured = None if result.is_error else _json(result.structured)
    is_error, text = result.is_error, result.text
    if not (isinstance(structured, dict) or protocol in MODERN_PROTOCOL_VERSIONS):
        structured = None
    if structured is None and not is_error and _promises(spec, protocol):
        is_error, text = True, f"{spec.name} gave no structured result, which its output schema promises: {text}"
    return mcp.CallToolResult(
        content=[mcp.TextContent(text=text.encode(errors="replace").decode())],
        structured_content=structured,
        is_error=is_error,
        _meta=meta,
    )


def _promises(spec: ToolSpec, protocol: str) -> bool:
    """Whether the output schema is shown: up to 2025-11-25 it had to be that of an object."""
    kind = (spec.output_schema or {}).get("type")
    return kind == "object" or (protocol in MODERN_PROTOCOL_VERSIONS and isinstance(kind, str) and kind in _PLAIN)


def _json(value: Any) -> Any:
    if value is None:
        return None
    try:
        return msgspec.json.decode(msgspec.json.encode(value))
    except (TypeError, ValueError, RecursionError, OverflowError):
        return None
