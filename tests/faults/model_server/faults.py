"""What can go wrong with a model server, one named function each, and what must come of it.

`FAILS` lists faults that must end in a ModelError, `HEALS` oddities that must still give the right turn. Each row says
whether the request streams.
"""

from typing import Any

import msgspec
from toolyard_sdk.events import ModelFault
from toolyard_sdk.messages import Usage
from toolyard_sdk.ports import RawCall, Turn

from tests.faults.model_server.recorded import (
    CALL_EVENTS,
    TEXT_EVENTS,
    call_delta,
    chunk,
    completion,
    event_stream,
    usage_chunk,
)
from tests.faults.model_server.server import Fault, Peer

HTML = b"<!doctype html><html><head><title>Welcome</title></head><body><h1>nginx</h1></body></html>"
COUNTED = Usage(21, 9, 16)


def error_body(message: str, **fields: Any) -> bytes:
    return msgspec.json.encode({"error": {"message": message, **fields}})


async def rate_limited_with_seconds(peer: Peer) -> None:
    await peer.answer(error_body("slow down"), status="429 Too Many Requests", headers=("Retry-After: 7",))


async def rate_limited_with_milliseconds(peer: Peer) -> None:
    headers = ("Retry-After: 9", "retry-after-ms: 1500")
    await peer.answer(error_body("slow down"), status="429 Too Many Requests", headers=headers)


async def rate_limited_with_a_date(peer: Peer) -> None:
    headers = ("Date: Mon, 23 Nov 2026 01:00:00 GMT", "Retry-After: Mon, 23 Nov 2026 01:00:30 GMT")
    await peer.answer(error_body("slow down"), status="429 Too Many Requests", headers=headers)


async def rate_limited_without_a_word(peer: Peer) -> None:
    await peer.answer(b"", status="429 Too Many Requests")


async def server_error(peer: Peer) -> None:
    await peer.answer(error_body("CUDA error"), status="500 Internal Server Error")


async def overloaded(peer: Peer) -> None:
    await peer.answer(
        b"upstream full", status="503 Service Unavailable", kind="text/plain", headers=("Retry-After: 2",)
    )


async def gateway_html(peer: Peer) -> None:
    await peer.answer(HTML, status="502 Bad Gateway", kind="text/html")


async def gateway_timeout(peer: Peer) -> None:
    await peer.answer(HTML, status="504 Gateway Timeout", kind="text/html")


async def overloaded_529(peer: Peer) -> None:
    await peer.answer(error_body("Overloaded", type="overloaded_error"), status="529 Overloaded")


async def prompt_too_long(peer: Peer) -> None:
    text = "This model's maximum context length is 2048 tokens. However, you requested 2300 tokens."
    await peer.answer(error_body(text, type="BadRequestError", code=400), status="400 Bad Request")


async def prompt_too_long_by_code(peer: Peer) -> None:
    await peer.answer(error_body("no", code="context_length_exceeded"), status="400 Bad Request")


async def template_refuses(peer: Peer) -> None:
    await peer.answer(error_body("Can only get item pairs from a mapping."), status="400 Bad Request")


async def key_refused(peer: Peer) -> None:
    await peer.answer(error_body("Incorrect API key provided: sk-very-secret"), status="401 Unauthorized")


async def model_unknown(peer: Peer) -> None:
    await peer.answer(error_body("The model `nope` does not exist."), status="404 Not Found")


async def redirected(peer: Peer) -> None:
    await peer.answer(b"", status="307 Temporary Redirect", headers=("Location: http://elsewhere.example/v1",))


async def html_with_200(peer: Peer) -> None:
    await peer.answer(HTML, kind="text/html")


async def empty_answer(peer: Peer) -> None:
    await peer.answer(b"")


async def no_choices(peer: Peer) -> None:
    await peer.answer(b'{"id":"x","object":"chat.completion","choices":[]}')


async def error_object_with_200(peer: Peer) -> None:
    await peer.answer(error_body("engine died", code=500))


async def not_http(peer: Peer) -> None:
    await peer.send(b"SSH-2.0-OpenSSH_9.6\r\n")
    await peer.until_gone()


async def bad_events(peer: Peer) -> None:
    await peer.stream(chunk({"content": "Hel"}), b'{"choices":[{"delta":{"content":"lo}}', chunk({}, "stop"))


async def invalid_utf8_in_an_event(peer: Peer) -> None:
    await peer.stream(chunk({"content": "X"}).replace(b"X", b"\xc3\x28"), chunk({}, "stop"))


async def html_as_event_stream(peer: Peer) -> None:
    await peer.open_stream()
    await peer.chunk(HTML)
    await peer.end_stream()


async def no_done_and_no_finish(peer: Peer) -> None:
    await peer.stream(*TEXT_EVENTS[:3], done=False)


async def error_object_in_the_stream(peer: Peer) -> None:
    await peer.stream(TEXT_EVENTS[0], TEXT_EVENTS[1], error_body("engine died", type="InternalServerError", code=500))


async def old_error_object_in_the_stream(peer: Peer) -> None:
    await peer.stream(TEXT_EVENTS[1], b'{"object":"error","message":"prompt is too long","code":400}')


async def overloaded_in_the_stream(peer: Peer) -> None:
    await peer.stream(TEXT_EVENTS[1], error_body("busy", type="overloaded_error"))


async def silence(peer: Peer) -> None:
    await peer.until_gone()


async def silence_after_the_head(peer: Peer) -> None:
    await peer.open_stream()
    await peer.until_gone()


async def silence_in_mid_stream(peer: Peer) -> None:
    await peer.open_stream()
    await peer.chunk(b"data: " + TEXT_EVENTS[1] + b"\n\n")
    await peer.until_gone()


async def reset_in_the_head(peer: Peer) -> None:
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
    peer.reset()


async def reset_in_the_body(peer: Peer) -> None:
    await peer.open_stream()
    await peer.chunk(b"data: " + TEXT_EVENTS[1] + b"\n\n")
    peer.reset()


async def closed_without_an_answer(peer: Peer) -> None:
    peer.close()


async def content_length_too_long(peer: Peer) -> None:
    body = completion({"content": "Hello"})
    await peer.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (len(body) + 9)
    )
    await peer.send(body)
    peer.close()


async def content_length_too_short(peer: Peer) -> None:
    body = completion({"content": "Hello"})
    await peer.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (len(body) - 9)
    )
    await peer.send(body)


async def closed_in_a_body_without_length(peer: Peer) -> None:
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + completion({"content": "Hi"})[:80])
    peer.close()


async def broken_chunk_size(peer: Peer) -> None:
    await peer.open_stream()
    await peer.send(b"zz\r\nnonsense\r\n")
    await peer.until_gone()


async def endless_answer(peer: Peer) -> None:
    await peer.open_stream()
    for _ in range(200):
        await peer.chunk(b": " + b"x" * 65536 + b"\n\n")
    peer.close()


async def endless_event(peer: Peer) -> None:
    await peer.open_stream()
    for _ in range(200):
        await peer.chunk(b"x" * 65536)
    peer.close()


FAILS: tuple[tuple[Fault, bool, ModelFault], ...] = (
    (rate_limited_with_seconds, False, "rate_limited"),
    (rate_limited_with_milliseconds, False, "rate_limited"),
    (rate_limited_with_a_date, True, "rate_limited"),
    (rate_limited_without_a_word, True, "rate_limited"),
    (server_error, False, "server_error"),
    (server_error, True, "server_error"),
    (overloaded, False, "overloaded"),
    (gateway_html, True, "server_error"),
    (gateway_timeout, False, "timeout"),
    (overloaded_529, False, "overloaded"),
    (prompt_too_long, False, "too_long"),
    (prompt_too_long_by_code, True, "too_long"),
    (template_refuses, False, "bad_request"),
    (key_refused, False, "unauthorized"),
    (model_unknown, False, "not_found"),
    (redirected, False, "bad_answer"),
    (html_with_200, False, "bad_answer"),
    (html_with_200, True, "bad_answer"),
    (empty_answer, False, "bad_answer"),
    (no_choices, False, "bad_answer"),
    (error_object_with_200, False, "server_error"),
    (error_object_with_200, True, "server_error"),
    (not_http, False, "bad_answer"),
    (bad_events, True, "bad_answer"),
    (invalid_utf8_in_an_event, True, "bad_answer"),
    (html_as_event_stream, True, "broken_stream"),
    (no_done_and_no_finish, True, "broken_stream"),
    (error_object_in_the_stream, True, "server_error"),
    (old_error_object_in_the_stream, True, "too_long"),
    (overloaded_in_the_stream, True, "overloaded"),
    (silence, False, "timeout"),
    (silence_after_the_head, True, "timeout"),
    (silence_in_mid_stream, True, "timeout"),
    (reset_in_the_head, False, "broken_stream"),
    (reset_in_the_body, True, "broken_stream"),
    (closed_without_an_answer, False, "broken_stream"),
    (content_length_too_long, False, "broken_stream"),
    (content_length_too_short, False, "broken_stream"),
    (closed_in_a_body_without_length, False, "broken_stream"),
    (broken_chunk_size, True, "bad_answer"),
    (endless_answer, True, "bad_answer"),
    (endless_event, True, "bad_answer"),
)


async def whole_text(peer: Peer) -> None:
    await peer.stream(*TEXT_EVENTS)


async def whole_calls(peer: Peer) -> None:
    await peer.stream(*CALL_EVENTS)


async def half_characters(peer: Peer) -> None:
    await peer.open_stream()
    for byte in event_stream(TEXT_EVENTS):
        await peer.chunk(bytes((byte,)))
    await peer.end_stream()


async def carriage_returns_and_comments(peer: Peer) -> None:
    body = b": ping\n\n" + event_stream(TEXT_EVENTS).replace(b"data: ", b"id: 4\nevent: message\ndata:")
    await peer.open_stream()
    for part in body.replace(b"\n", b"\r\n").split(b"\r"):
        await peer.chunk(part + b"\r")
    await peer.end_stream()


async def no_done(peer: Peer) -> None:
    await peer.stream(*TEXT_EVENTS, done=False)


async def no_done_no_length_no_last_blank_line(peer: Peer) -> None:
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    await peer.send(event_stream(TEXT_EVENTS, done=False)[:-2])
    peer.close()


async def open_for_ever_after_done(peer: Peer) -> None:
    await peer.open_stream()
    await peer.chunk(event_stream(TEXT_EVENTS))
    await peer.until_gone()


async def reset_after_done(peer: Peer) -> None:
    await peer.open_stream()
    await peer.chunk(event_stream(TEXT_EVENTS))
    peer.reset()


async def interim_answers(peer: Peer) -> None:
    await peer.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    await peer.stream(*TEXT_EVENTS)


async def no_stream_although_asked(peer: Peer) -> None:
    await peer.answer(completion({"content": "Grüße aus Oslo 🌍!"}))


async def a_stream_although_not_asked(peer: Peer) -> None:
    await peer.stream(*TEXT_EVENTS)


async def running_totals(peer: Peer) -> None:
    usage = {"prompt_tokens": 21, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 16}}
    events = [event[:-1] + b',"usage":' + msgspec.json.encode(usage) + b"}" for event in TEXT_EVENTS[:-1]]
    await peer.stream(*events, TEXT_EVENTS[-1])


async def index_used_twice(peer: Peer) -> None:
    await peer.stream(
        chunk(call_delta(0, identity="a", name="add", arguments='{"a":1}')),
        chunk(call_delta(0, identity="b", name="add", arguments='{"a":2}')),
        chunk({}, "tool_calls"),
    )


async def late_id_and_name(peer: Peer) -> None:
    await peer.stream(
        chunk(call_delta(0, arguments="")),
        chunk(call_delta(0, name="add")),
        chunk(call_delta(0, identity="late", arguments='{"a":1}')),
        chunk(call_delta(0, identity="late", name="add")),
        chunk({}, "tool_calls"),
    )


async def no_index(peer: Peer) -> None:
    await peer.stream(
        chunk(call_delta(None, identity="a", name="add", arguments='{"a":')),
        chunk(call_delta(None, arguments="1}")),
        chunk(call_delta(None, identity="b", name="add", arguments='{"a":2}')),
        chunk({}, "tool_calls"),
    )


async def odd_arguments(peer: Peer) -> None:
    null = msgspec.json.encode(
        {
            "choices": [
                {"delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "now", "arguments": None}}]}}
            ]
        }
    )
    await peer.stream(
        null,
        chunk(call_delta(1, identity="b", name="now", arguments="")),
        chunk(call_delta(2, identity="c", name="add", arguments={"a": 1})),
        chunk(call_delta(3, identity="d", name="add", arguments='"{\\"a\\":1}"')),
        chunk({}, "tool_calls"),
    )


async def empty_list_of_calls(peer: Peer) -> None:
    await peer.stream(chunk({"content": "Hi", "tool_calls": []}), chunk({"tool_calls": None}, "tool_calls"))


async def named_choice_ends_in_stop(peer: Peer) -> None:
    await peer.answer(completion({"content": None, "tool_calls": [_call("add", '{"a":1}')]}, "stop"))


async def cut_in_the_arguments(peer: Peer) -> None:
    await peer.stream(
        chunk(call_delta(0, identity="a", name="add", arguments='{"a":1}')),
        chunk(call_delta(1, identity="b", name="wipe", arguments="")),
        chunk({}, "length"),
    )


async def glued_name(peer: Peer) -> None:
    await peer.answer(
        completion({"content": "", "tool_calls": [_call("add<|channel|>commentary", "{}")]}, "tool_calls")
    )


async def object_arguments_in_one_piece(peer: Peer) -> None:
    await peer.answer(completion({"content": None, "tool_calls": [_call("add", {"a": 1})]}, "tool_calls"))


async def content_in_parts(peer: Peer) -> None:
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    await peer.answer(completion({"content": parts, "tool_calls": None}))


async def markup_in_text(peer: Peer) -> None:
    pieces = ("I will ", "add. <too", 'l_call>\n{"name": "add", "arg', 'uments": {"a": 1}}\n</tool_call>')
    await peer.stream(*(chunk({"content": piece}) for piece in pieces), chunk({}, "stop"))


async def markup_in_one_piece(peer: Peer) -> None:
    await peer.answer(completion({"content": 'Yes. [TOOL_CALLS][{"name": "add", "arguments": {}}]'}))


async def thoughts_in_text(peer: Peer) -> None:
    pieces = ("<th", "ink>One and", " one.</thi", "nk>\n\n", "Two.")
    await peer.stream(*(chunk({"content": piece}) for piece in pieces), chunk({}, "stop"))


async def old_name_of_reasoning(peer: Peer) -> None:
    await peer.stream(chunk({"reasoning_content": "Hm."}), chunk({"content": "Two."}), chunk({}, "stop"))


async def nothing_at_all(peer: Peer) -> None:
    await peer.stream(chunk({"role": "assistant", "content": ""}), chunk({}, "stop"), usage_chunk())


def _call(name: str, arguments: Any) -> dict[str, Any]:
    return {"id": "call_a", "type": "function", "function": {"name": name, "arguments": arguments}}


_TEXT = Turn("Grüße aus Oslo 🌍!", finish="stop", usage=COUNTED, model="qwen3")
_CALLS = Turn(
    "Let me see. ",
    "Two sums.",
    (RawCall("add", '{"a": 1, "b": 2}'), RawCall("add", '{"a": "ø"}')),
    "tool_calls",
    COUNTED,
    "qwen3",
)


def _called(*calls: tuple[str, str], finish: str = "tool_calls", usage: Usage = Usage()) -> Turn:  # noqa: B008 - frozen
    return Turn(calls=tuple(RawCall(*call) for call in calls), finish=finish, usage=usage, model="qwen3")


HEALS: tuple[tuple[Fault, bool, Turn], ...] = (
    (whole_text, True, _TEXT),
    (whole_calls, True, _CALLS),
    (half_characters, True, _TEXT),
    (carriage_returns_and_comments, True, _TEXT),
    (no_done, True, _TEXT),
    (no_done_no_length_no_last_blank_line, True, _TEXT),
    (open_for_ever_after_done, True, _TEXT),
    (reset_after_done, True, _TEXT),
    (interim_answers, True, _TEXT),
    (no_stream_although_asked, True, _TEXT),
    (a_stream_although_not_asked, False, _TEXT),
    (running_totals, True, _TEXT),
    (index_used_twice, True, _called(("add", '{"a":1}'), ("add", '{"a":2}'))),
    (late_id_and_name, True, _called(("add", '{"a":1}'))),
    (no_index, True, _called(("add", '{"a":1}'), ("add", '{"a":2}'))),
    (odd_arguments, True, _called(("now", ""), ("now", ""), ("add", '{"a":1}'), ("add", '"{\\"a\\":1}"'))),
    (empty_list_of_calls, True, Turn("Hi", finish="tool_calls", model="qwen3")),
    (named_choice_ends_in_stop, False, _called(("add", '{"a":1}'), finish="stop", usage=COUNTED)),
    (cut_in_the_arguments, True, _called(("add", '{"a":1}'), ("wipe", "{"), finish="length")),
    (glued_name, False, _called(("add<|channel|>commentary", "{}"), usage=COUNTED)),
    (object_arguments_in_one_piece, False, _called(("add", '{"a":1}'), usage=COUNTED)),
    (content_in_parts, False, Turn("Hello", finish="stop", usage=COUNTED, model="qwen3")),
    (markup_in_text, True, Turn("I will add. ", finish="stop", model="qwen3", malformed="<tool_call")),
    (markup_in_one_piece, False, Turn("Yes. ", finish="stop", usage=COUNTED, model="qwen3", malformed="[TOOL_CALLS]")),
    (thoughts_in_text, True, Turn("Two.", "One and one.", finish="stop", model="qwen3")),
    (old_name_of_reasoning, True, Turn("Two.", "Hm.", finish="stop", model="qwen3")),
    (nothing_at_all, True, Turn(finish="stop", usage=COUNTED, model="qwen3")),
)
