"""Recorded answers of model servers, as bytes: the material that faults damage."""

from typing import Any

import msgspec

USAGE = {
    "prompt_tokens": 21,
    "completion_tokens": 9,
    "total_tokens": 30,
    "prompt_tokens_details": {"cached_tokens": 16},
}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> bytes:
    """Return one chunk as vLLM writes it."""
    choices = [{"index": 0, "delta": delta if delta is not None else {}, "logprobs": None, "finish_reason": finish}]
    return msgspec.json.encode(
        {
            "id": "chatcmpl-8f1",
            "object": "chat.completion.chunk",
            "created": 1790000000,
            "model": "qwen3",
            "choices": choices,
            **fields,
        }
    )


def call_delta(
    index: int | None = 0, *, identity: str | None = None, name: str | None = None, arguments: Any = None
) -> dict[str, Any]:
    """Return a delta that adds to a tool call; what is None is left out."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    call = {"index": index, "id": identity, "type": "function" if identity else None, "function": function}
    return {"tool_calls": [{key: value for key, value in call.items() if value is not None}]}


def usage_chunk() -> bytes:
    """Return the last chunk of a stream with `include_usage`."""
    return msgspec.json.encode(
        {"id": "chatcmpl-8f1", "object": "chat.completion.chunk", "model": "qwen3", "choices": [], "usage": USAGE}
    )


def completion(message: dict[str, Any], finish: str = "stop", **fields: Any) -> bytes:
    """Return a whole completion."""
    return msgspec.json.encode(
        {
            "id": "chatcmpl-8f1",
            "object": "chat.completion",
            "created": 1790000000,
            "model": "qwen3",
            "choices": [
                {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": finish}
            ],
            "usage": USAGE,
            **fields,
        }
    )


TEXT_EVENTS = (
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Grüße "}),
    chunk({"content": "aus Oslo 🌍"}),
    chunk({"content": "!"}),
    chunk({}, "stop"),
    usage_chunk(),
)
"""An answer in text with characters of two and four bytes."""

CALL_EVENTS = (
    chunk({"role": "assistant", "content": "", "reasoning": "Two sums."}),
    chunk({"content": "Let me see. "}),
    chunk(call_delta(0, identity="call_a", name="add", arguments="")),
    chunk(call_delta(0, arguments='{"a": 1, ')),
    chunk(call_delta(0, arguments='"b": 2}')),
    chunk(call_delta(1, identity="call_b", name="add", arguments="")),
    chunk(call_delta(1, arguments='{"a": "ø"}')),
    chunk({}, "tool_calls"),
    usage_chunk(),
)
"""Reasoning, text and two parallel calls."""


def event_stream(events: tuple[bytes, ...], *, done: bool = True) -> bytes:
    """Return the body of a stream."""
    body = b"".join(b"data: " + event + b"\n\n" for event in events)
    return body + b"data: [DONE]\n\n" if done else body
