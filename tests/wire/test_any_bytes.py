"""Whatever a stranger sends, reading it ends in an `Ask` or in a refusal that can be sent back."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_runtime.run.segments import Ask
from toolyard_runtime.wire.chat import read_chat
from toolyard_runtime.wire.errors import RequestRefused, problem, refusal
from toolyard_runtime.wire.fields import CHAT, RESPONSES, warning_header
from toolyard_runtime.wire.responses import echo_of, read_responses

Read = Callable[[bytes], Ask]

FULL: dict[Read, dict[str, Any]] = {
    read_chat: {
        "model": "support",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "x"}}],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "a", "content": "sun"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "metadata": {"a": "b"},
    },
    read_responses: {
        "model": "support",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "sun"},
            {"type": "mcp_approval_response", "approval_request_id": "mcpr_" + "0" * 32, "approve": True},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        "text": {"format": {"type": "text"}},
        "metadata": {"a": "b"},
    },
}
BOTH = pytest.mark.parametrize("read", [read_chat, read_responses])

NAMES = st.one_of(st.sampled_from(sorted({*CHAT, *RESPONSES, "type", "role", "content", "id"})), st.text(max_size=8))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def answered(read: Read, body: bytes) -> None:
    refused: RequestRefused | None = None
    try:
        ask = read(body)
    except RequestRefused as error:
        refused = error
    else:
        warning_header(ask.warnings).encode("ascii")
        echo_of(ask)
    if refused is not None:
        told = json.loads(refusal(refused))["error"]
        assert told["message"]
        assert 400 <= refused.status < 500
        assert json.loads(problem(refused))["detail"] == told["message"]


@BOTH
@given(body=st.binary(max_size=200))
def test_any_bytes(read: Read, body: bytes) -> None:
    answered(read, body)


@BOTH
@given(value=JSON)
def test_any_json(read: Read, value: Any) -> None:
    answered(read, json.dumps(value).encode())


@BOTH
@given(data=st.data())
def test_a_request_with_something_else_anywhere_in_it(read: Read, data: st.DataObject) -> None:
    body = copy.deepcopy(FULL[read])
    place: Any = body
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        place = inner
    if isinstance(place, dict) and data.draw(st.booleans()):
        place[data.draw(NAMES)] = data.draw(JSON)
    else:
        place[key] = data.draw(JSON)
    answered(read, json.dumps(body).encode())


@BOTH
@given(data=st.data())
def test_a_request_with_a_damaged_byte(read: Read, data: st.DataObject) -> None:
    body = bytearray(json.dumps(FULL[read]).encode())
    at = data.draw(st.integers(0, len(body) - 1))
    body[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    answered(read, bytes(body))


@BOTH
def test_the_whole_request_is_read(read: Read) -> None:
    assert read(json.dumps(FULL[read]).encode()).warnings == ()
