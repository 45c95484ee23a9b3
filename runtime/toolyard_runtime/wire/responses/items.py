"""Writes outputs as items of a response: messages, the server's calls, the client's calls and approval requests.

Server-side calls are `mcp_call` items whatever their tool is made of: it is the one item by which OpenAI's clients
know that a call was executed elsewhere. Knows no response around the items.
"""

from typing import Any, Literal

from msgspec import Struct

from toolyard_runtime.run.segments import ApprovalOut, ClientCallOut, Output, ServerCallOut, TextOut
from toolyard_runtime.wire.responses.ids import approval_request_id, item_id

IN_DOUBT = "It is not known whether this call happened."


class OutputText(Struct, frozen=True):
    """Text in a message."""

    type: Literal["output_text"]
    text: str
    annotations: tuple[Any, ...] = ()
    logprobs: tuple[Any, ...] = ()


class MessageItem(Struct, frozen=True):
    """Text for the user."""

    id: str
    type: Literal["message"]
    status: str
    role: Literal["assistant"]
    content: tuple[OutputText, ...]


class ErrorText(Struct, frozen=True):
    """Words of an error, as MCP's content."""

    type: Literal["text"]
    text: str


class CallError(Struct, frozen=True):
    """A call that was answered with an error."""

    type: Literal["mcp_tool_execution_error"]
    content: tuple[ErrorText, ...]


class McpCallItem(Struct, frozen=True):
    """A call the server executes."""

    id: str
    type: Literal["mcp_call"]
    server_label: str
    name: str
    arguments: str
    output: str | None
    error: CallError | None
    status: str
    approval_request_id: str | None = None


class FunctionCallItem(Struct, frozen=True):
    """A call the client is asked to execute."""

    id: str
    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str
    status: str


class ApprovalRequestItem(Struct, frozen=True):
    """A call that waits for a person; answered by an `mcp_approval_response` item."""

    id: str
    type: Literal["mcp_approval_request"]
    server_label: str
    name: str
    arguments: str


Item = MessageItem | McpCallItem | FunctionCallItem | ApprovalRequestItem


def output_id(output: Output, run: bytes) -> str:
    """Return the id of an output's item."""
    match output:
        case TextOut(n=n):
            return item_id("msg", run, n)
        case ServerCallOut(n=n):
            return item_id("mcp", run, n)
        case ClientCallOut(n=n):
            return item_id("fc", run, n)
        case ApprovalOut(approval=approval):
            return approval_request_id(approval)


def item_of(output: Output, run: bytes) -> Item:
    """Write an output as it is now."""
    match output:
        case TextOut(n=n, text=text, status=status):
            return MessageItem(
                item_id("msg", run, n), "message", status, "assistant", (OutputText("output_text", text),)
            )
        case ServerCallOut():
            return _server_call(output, run)
        case ClientCallOut(n=n, call_id=call_id, name=name, arguments=arguments):
            return FunctionCallItem(item_id("fc", run, n), "function_call", call_id, name, arguments, "completed")
        case ApprovalOut(approval=approval, source=source, name=name, arguments=arguments):
            return ApprovalRequestItem(approval_request_id(approval), "mcp_approval_request", source, name, arguments)


def opening_item(output: Output, run: bytes) -> Item:
    """Write an output as a stream introduces it: a message without text, a call without arguments."""
    match output:
        case TextOut(n=n):
            return MessageItem(item_id("msg", run, n), "message", "in_progress", "assistant", ())
        case ServerCallOut(n=n, source=source, name=name):
            return McpCallItem(item_id("mcp", run, n), "mcp_call", source, name, "", None, None, "in_progress")
        case ClientCallOut(n=n, call_id=call_id, name=name):
            return FunctionCallItem(item_id("fc", run, n), "function_call", call_id, name, "", "in_progress")
        case ApprovalOut():
            return item_of(output, run)


def _server_call(call: ServerCallOut, run: bytes) -> McpCallItem:
    words = call.error
    if call.status == "in_doubt":
        words = words or IN_DOUBT
    return McpCallItem(
        item_id("mcp", run, call.n),
        "mcp_call",
        call.source,
        call.name,
        call.arguments,
        call.output,
        None if words is None else CallError("mcp_tool_execution_error", (ErrorText("text", words),)),
        "incomplete" if call.status == "in_doubt" else call.status,
    )
