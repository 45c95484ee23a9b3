"""Writes a segment as a response object; every field that OpenAI and Open Responses require is there."""

from typing import Any, Literal

import msgspec
from msgspec import Struct
from toolyard_sdk.messages import ToolSpec, Usage

from toolyard_runtime.run.segments import Ask, Segment
from toolyard_runtime.wire.errors import segment_fault
from toolyard_runtime.wire.responses.ids import response_id
from toolyard_runtime.wire.responses.items import Item, item_of

_encoder = msgspec.json.Encoder()


class EchoTool(Struct, frozen=True):
    """A client's function tool, as it was understood."""

    type: Literal["function"]
    name: str
    description: str
    parameters: dict[str, Any]
    strict: bool


class Echo(Struct, frozen=True, omit_defaults=True):
    """What a response repeats of its request; the defaults stand for a request that is no longer known."""

    instructions: str | None = None
    previous_response_id: str | None = None
    tools: tuple[EchoTool, ...] = ()
    temperature: float = 1.0
    top_p: float = 1.0
    max_output_tokens: int | None = None
    background: bool = False
    metadata: dict[str, str] = {}
    safety_identifier: str | None = None


class ResponseUsage(Struct, frozen=True):
    """Tokens of all the model calls of the segment."""

    input_tokens: int
    input_tokens_details: dict[str, int]
    output_tokens: int
    output_tokens_details: dict[str, int]
    total_tokens: int


class TextFormat(Struct, frozen=True):
    """Plain text."""

    type: str = "text"


class TextSettings(Struct, frozen=True):
    """How text is answered: as OpenAI's default."""

    format: TextFormat = TextFormat()
    verbosity: str = "medium"


class ReasoningSettings(Struct, frozen=True):
    """How the model reasons: as its release says, which is no client's business."""

    effort: None = None
    summary: None = None


class Response(Struct, frozen=True):
    """The whole object. What an agent's client cannot choose stands at its neutral value."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: str
    background: bool
    error: dict[str, str] | None
    incomplete_details: dict[str, str] | None
    instructions: str | None
    max_output_tokens: int | None
    model: str
    output: tuple[Item, ...]
    previous_response_id: str | None
    temperature: float
    tools: tuple[EchoTool, ...]
    top_p: float
    usage: ResponseUsage | None
    metadata: dict[str, str]
    safety_identifier: str | None
    max_tool_calls: None = None
    parallel_tool_calls: bool = True
    tool_choice: str = "auto"
    truncation: str = "disabled"
    store: bool = True
    service_tier: str = "default"
    text: TextSettings = TextSettings()
    reasoning: ReasoningSettings = ReasoningSettings()
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    top_logprobs: int = 0
    prompt_cache_key: None = None


_ERROR_CODES = {"too_long": "invalid_prompt", "rate_limited": "rate_limit_exceeded"}


def echo_of(ask: Ask) -> Echo:
    """Return what the response repeats of its request."""
    sampling = ask.sampling
    return Echo(
        instructions=ask.instructions or None,
        previous_response_id=response_id(*ask.previous) if ask.previous else None,
        tools=tuple(_tool(tool) for tool in ask.client_tools),
        temperature=1.0 if sampling.temperature is None else sampling.temperature,
        top_p=1.0 if sampling.top_p is None else sampling.top_p,
        max_output_tokens=sampling.max_output_tokens,
        background=ask.background,
        metadata=ask.metadata,
        safety_identifier=ask.end_user,
    )


def _tool(tool: ToolSpec) -> EchoTool:
    return EchoTool("function", tool.name, tool.description, tool.input_schema, strict=True)


def response_object(segment: Segment, echo: Echo) -> bytes:
    """Encode a response as it is now: of a running segment too, and of a failed one (status `failed`, with `error`)."""
    return _encoder.encode(response_of(segment, echo))


def response_of(segment: Segment, echo: Echo) -> Response:
    """Return the response as a struct, for streams that carry it inside an event."""
    run = segment.run
    running = segment.status == "in_progress"
    return Response(
        response_id(run, segment.index),
        "response",
        segment.created_at // 1_000_000,
        segment.completed_at // 1_000_000 if segment.completed_at and segment.status == "completed" else None,
        segment.status,
        echo.background,
        _error(segment),
        _incomplete(segment),
        echo.instructions,
        echo.max_output_tokens,
        segment.agent,
        tuple([item_of(output, run) for output in segment.outputs]),
        echo.previous_response_id,
        echo.temperature,
        echo.tools,
        echo.top_p,
        None if running else _usage(segment.usage),
        echo.metadata,
        echo.safety_identifier,
    )


def _error(segment: Segment) -> dict[str, str] | None:
    if segment.status != "failed":
        return None
    fault = segment_fault(segment)
    if fault is None:
        return None
    return {"code": _ERROR_CODES.get(fault.code, "server_error"), "message": f"{fault.code}: {fault.message}"}


def _incomplete(segment: Segment) -> dict[str, str] | None:
    """Tell why a response is incomplete, in the closest of OpenAI's words, ours beside it where they differ."""
    if segment.status != "incomplete":
        return None
    if segment.truncated or not segment.finish:
        return {"reason": "max_output_tokens"}
    return {"reason": "max_output_tokens", "finish": segment.finish}


def _usage(usage: Usage) -> ResponseUsage:
    return ResponseUsage(
        usage.input_tokens,
        {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        usage.output_tokens,
        {"reasoning_tokens": usage.reasoning_tokens},
        usage.total_tokens,
    )
