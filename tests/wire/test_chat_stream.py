"""The stream of a chat completion, chunk by chunk, as OpenAI's own client reads it."""

from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletionChunk
from toolyard_runtime.run.segments import Segment, TextDelta, TextOut
from toolyard_runtime.wire.chat import ChatStream, chat_completion

from tests.wire.samples import (
    CLIENT_CALL,
    EVERYTHING,
    PUBLIC_URL,
    SERVER_CALL,
    TEXT,
    WAITING,
    events_of,
    segment,
    stream,
    unknown_fields,
)


def encoded(final: Segment, cut: int = 4, **options: Any) -> bytes:
    return ChatStream(final, PUBLIC_URL, **options).encode(stream(final, cut))


def chunks(data: bytes) -> list[ChatCompletionChunk]:
    read = [
        ChatCompletionChunk.model_validate_json(msgspec.json.encode(chunk), strict=True) for _, chunk in events_of(data)
    ]
    assert all(unknown_fields(chunk) == set() for chunk in read)
    return read


def text_of(read: list[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in read if chunk.choices)


def test_the_role_comes_first_then_the_text_then_the_reason_then_done() -> None:
    data = encoded(segment("completed", TEXT))
    read = chunks(data)
    assert read[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].delta.content for chunk in read[1:-1]] == ["It i", "s fo", "ur."]
    assert [chunk.choices[0].finish_reason for chunk in read] == [None] * 4 + ["stop"]
    assert data.endswith(b"data: [DONE]\n\n")
    assert {chunk.id for chunk in read} == {read[0].id}
    assert b'"usage"' not in data


def test_usage_comes_in_a_last_chunk_without_choices_when_asked_for() -> None:
    read = chunks(encoded(segment("completed", TEXT), include_usage=True))
    assert all(chunk.usage is None for chunk in read[:-1])
    assert read[-1].choices == []
    assert read[-1].usage is not None
    assert read[-1].usage.total_tokens == 18


def test_any_batches_give_the_same_bytes() -> None:
    final = segment("completed", *EVERYTHING)
    whole = encoded(final)
    one_by_one = ChatStream(final, PUBLIC_URL)
    assert b"".join(one_by_one.encode([event]) for event in stream(final)) == whole


def test_a_client_call_is_one_delta_with_its_id_and_index() -> None:
    other = msgspec.structs.replace(CLIENT_CALL, n=9, call_id="call_a_9", name="news")
    read = chunks(encoded(segment("completed", SERVER_CALL, CLIENT_CALL, other, finish="client_tools")))
    calls = [call for chunk in read for call in chunk.choices[0].delta.tool_calls or []]
    assert [(call.index, call.id, call.function and call.function.name) for call in calls] == [
        (0, "call_a_6", "weather"),
        (1, "call_a_9", "news"),
    ]
    assert calls[0].function is not None
    assert calls[0].function.arguments == '{"city":"Oslo"}'
    assert read[-1].choices[0].finish_reason == "tool_calls"


def test_the_servers_own_calls_leave_no_trace() -> None:
    data = encoded(segment("completed", TEXT, SERVER_CALL, TextOut(9, "Yes.")))
    assert b"calculator" not in data
    assert b"tool_calls" not in data
    assert text_of(chunks(data)) == "It is four.\n\nYes."


@pytest.mark.parametrize(
    "final",
    [
        segment("completed", TEXT),
        segment("completed", TEXT, SERVER_CALL, TextOut(9, "Yes.")),
        segment("completed", WAITING, finish="approval"),
        segment("completed", TEXT, WAITING, finish="approval"),
        segment("completed", *EVERYTHING),
        segment("incomplete", SERVER_CALL, finish="max_turns"),
        segment("incomplete", TextOut(1, "It", "incomplete"), truncated=True),
        segment("completed", CLIENT_CALL),
    ],
)
def test_the_stream_says_what_the_whole_answer_says(final: Segment) -> None:
    read = chunks(encoded(final))
    ((_, completion),) = events_of(b"data: " + chat_completion(final, PUBLIC_URL) + b"\n\n")
    choice = completion["choices"][0]
    assert text_of(read) == (choice["message"]["content"] or "")
    assert read[-1].choices[0].finish_reason == choice["finish_reason"]


def test_a_failure_in_the_stream_is_an_error_object_that_names_the_run() -> None:
    data = encoded(segment("failed", TextOut(1, "It i", "incomplete"), error="broken_stream", finish="failed"))
    _, last = events_of(data)[-1]
    assert set(last) == {"error"}
    assert last["error"]["code"] == "broken_stream"
    assert "run_000102" in last["error"]["message"]
    assert data.endswith(b"data: [DONE]\n\n")


def test_text_is_escaped_so_that_no_line_ends_inside_an_event() -> None:
    wild = 'a\r\n\ndata: [DONE]\n\n"\\\u2028\U0001f600\x00'
    assert text_of(chunks(encoded(segment("completed", TextOut(1, wild)), cut=3))) == wild


def test_an_empty_delta_makes_no_chunk() -> None:
    assert ChatStream(segment("completed"), PUBLIC_URL).encode([TextDelta(1, 0, 1, "")]) == b""


def test_a_stream_that_the_server_breaks_off_ends_with_an_error_and_done() -> None:
    final = segment("completed", TEXT)
    encoder = ChatStream(final, PUBLIC_URL)
    encoder.encode(stream(final)[:3])
    data = encoder.broken("unavailable", "The store cannot be used now.")
    (error, done) = data.removesuffix(b"\n\n").split(b"\n\n")
    shown = msgspec.json.decode(error.removeprefix(b"data: "))["error"]
    assert (shown["type"], shown["code"]) == ("server_error", "unavailable")
    assert shown["message"].startswith("The store cannot be used now. (run_")
    assert done == b"data: [DONE]"
