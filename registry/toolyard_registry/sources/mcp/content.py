"""Turns the parts of a server's answer into text that a model can read; cuts nothing and fetches nothing."""

import msgspec
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)
from toolyard_sdk.messages import ToolResult

_BASE64_QUANTUM = 4


def tool_result(answer: CallToolResult, faults: tuple[str, ...] = ()) -> ToolResult:
    """Return an answer as a result; `faults` say where the structured value does not fit the tool's own schema."""
    parts = [_text(part) for part in answer.content]
    if not parts and answer.structured_content is not None:
        parts.append(msgspec.json.encode(answer.structured_content).decode())
    if faults:
        parts.append(f"[the structured value does not fit the tool's output schema: {'; '.join(faults)}]")
    structured = None if faults else answer.structured_content
    return ToolResult("\n".join(parts), structured=structured, is_error=answer.is_error)


def _text(part: ContentBlock) -> str:
    match part:
        case TextContent():
            return part.text
        case ImageContent() | AudioContent():
            return f"[{part.type}, {part.mime_type}, {_bytes(part.data)} bytes: it is not shown]"
        case ResourceLink():
            size = f", {part.size} bytes" if part.size is not None else ""
            about = f": {part.description}" if part.description else ""
            return f"[resource {part.title or part.name} at {part.uri}{_kind(part.mime_type)}{size}{about}]"
        case EmbeddedResource():
            return _embedded(part.resource)


def _embedded(resource: TextResourceContents | BlobResourceContents) -> str:
    told = f"resource {resource.uri}{_kind(resource.mime_type)}"
    if isinstance(resource, TextResourceContents):
        return f"[{told}]\n{resource.text}"
    return f"[{told}, {_bytes(resource.blob)} bytes: it is not shown]"


def _kind(mime_type: str | None) -> str:
    return f", {mime_type}" if mime_type else ""


def _bytes(base64: str) -> int:
    """Return how many bytes base64 stands for."""
    return len(base64) // _BASE64_QUANTUM * 3 - base64[-2:].count("=")
