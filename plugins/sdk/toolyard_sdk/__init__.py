"""What a Toolyard tool or extension imports; knows no server, no database and no network."""

from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import ArgumentsInvalid, CallInDoubt, ConfigError, Conflict, ModelError, ToolError
from toolyard_sdk.hooks import hookimpl
from toolyard_sdk.messages import Annotations, Message, ToolCall, ToolResult, ToolSpec, Usage
from toolyard_sdk.tools import FunctionTool, tool

__all__ = [
    "Annotations",
    "ArgumentsInvalid",
    "CallInDoubt",
    "ConfigError",
    "Conflict",
    "FunctionTool",
    "Message",
    "ModelError",
    "ToolCall",
    "ToolContext",
    "ToolError",
    "ToolResult",
    "ToolSpec",
    "Usage",
    "hookimpl",
    "tool",
]
