"""What a client is told about a body that cannot be read, on both routes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from toolyard_runtime.run.segments import Ask
from toolyard_runtime.wire.chat import read_chat
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import quote
from toolyard_runtime.wire.responses import read_responses

Read = Callable[[bytes], Ask]
BOTH = pytest.mark.parametrize("read", [read_chat, read_responses])


def refused(read: Read, body: bytes | dict[str, Any]) -> RequestRefused:
    with pytest.raises(RequestRefused) as caught:
        read(body if isinstance(body, bytes) else json.dumps(body).encode())
    return caught.value


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "support", "messages": [{"role": "user", "content": "hi"}]} | fields


def responses(**fields: Any) -> dict[str, Any]:
    return {"model": "support", "input": "hi"} | fields


@BOTH
@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"", "invalid_json", "empty"),
        (b" \n", "invalid_json", "empty"),
        (b'{"model": "a",', "invalid_json", "ends at byte 14"),
        (b'{"model": "a",}', "invalid_json", "(byte 14)"),
        (b'{"model": NaN}', "invalid_json", "(byte 10)"),
        (b"{} x", "invalid_json", "trailing characters"),
        (b'{"model": "a\xff"}', "invalid_encoding", "byte 12 is 0xff"),
        (b'\xef\xbb\xbf{"model": "a"}', "invalid_json", "(byte 0)"),
        (b'{"model": "\\ud800"}', "invalid_encoding", "half of a surrogate pair at byte 11"),
        (b'{"model": "\\ud83d\\ude00 \\udc00"}', "invalid_encoding", "half of a surrogate pair at byte 24"),
        (b'{"model": "\\ud83d\\u0020"}', "invalid_encoding", "half of a surrogate pair at byte 11"),
        (b'{"metadata":' * 100_000, "invalid_json", "nested too deeply"),
        (b'{"metadata":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_json", "nested too deeply"),
        (b"[]", "invalid_type", "expected `object`, got `array`"),
        (b"null", "invalid_type", "expected `object`, got `null`"),
    ],
)
def test_a_body_that_is_no_request_is_refused_with_the_place(read: Read, body: bytes, code: str, words: str) -> None:
    error = refused(read, body)
    assert (error.status, error.code, error.param) == (400, code, None)
    assert words in error.message


def test_an_escaped_backslash_is_not_taken_for_a_surrogate() -> None:
    assert "byte 21" in refused(read_chat, b'{"model": "\\\\ud800", }').message


@pytest.mark.parametrize(
    ("body", "param", "code", "words"),
    [
        ({}, "model", "missing_required_parameter", "GET /v1/models"),
        ({"model": "a"}, "messages", "missing_required_parameter", '"role": "user"'),
        (chat(model=""), "model", "invalid_value", "GET /v1/models"),
        (chat(model=5), "model", "invalid_type", "expected `str`, got `int`"),
        (chat(messages="hi"), "messages", "invalid_type", '"role": "user"'),
        (chat(messages=["hi"]), "messages[0]", "invalid_type", '"role": "user"'),
        (chat(messages=[{"content": "hi"}]), "messages[0].role", "missing_required_parameter", "developer"),
        (chat(messages=[{"role": "bot", "content": "hi"}]), "messages[0].role", "invalid_value", "assistant or tool"),
        (chat(messages=[{"role": "user"}]), "messages[0].content", "missing_required_parameter", "a string"),
        (chat(temperature=3), "temperature", "invalid_value", "from 0 to 2"),
        (chat(temperature="hot"), "temperature", "invalid_type", "from 0 to 2"),
        (chat(max_tokens=0), "max_tokens", "invalid_value", ">= 1"),
        (chat(stop=["a"] * 5), "stop", "invalid_value", "up to four"),
        (chat(metadata={"a": 1}), "metadata[...]", "invalid_type", "got `int`"),
        (chat(metadata={"a": "b" * 513}), "metadata[...]", "invalid_value", "512"),
        (chat(user=""), "user", "invalid_value", "1 to 256"),
        (chat(stream="yes"), "stream", "invalid_type", "expected `bool | null`"),
        (chat(mesages=[]), "mesages", "unknown_parameter", "did you mean messages?"),
        (chat(max_token=1), "max_token", "unknown_parameter", "did you mean max_tokens?"),
        (chat(zzz=1), "zzz", "unknown_parameter", "leave it out"),
        (
            chat(messages=[{"role": "user", "contents": "hi"}]),
            "messages[0].contents",
            "unknown_parameter",
            "did you mean content?",
        ),
        (
            chat(tools=[{"type": "function", "function": {"name": "f", "paramaters": {}}}]),
            "tools[0].function.paramaters",
            "unknown_parameter",
            "did you mean parameters?",
        ),
    ],
)
def test_a_chat_field_that_cannot_be_read_is_named_with_the_fix(
    body: dict[str, Any], param: str, code: str, words: str
) -> None:
    error = refused(read_chat, body)
    assert (error.status, error.param, error.code) == (400, param, code)
    assert words in error.message
    assert param.split("[", maxsplit=1)[0] in error.message


@pytest.mark.parametrize(
    ("body", "param", "code", "words"),
    [
        ({"model": "a"}, "input", "missing_required_parameter", '"role": "user"'),
        (responses(input=5), "input", "invalid_type", "a string or a list"),
        (responses(input=[{"type": "song"}]), "input[0].type", "invalid_value", "function_call_output"),
        (
            responses(input=[{"role": "user", "content": [{"type": "x"}]}]),
            "input[0].content[0].type",
            "invalid_value",
            "input_text",
        ),
        (responses(tools=[{"type": "web_search"}]), "tools[0].type", "invalid_value", "use function"),
        (responses(tools=[{"type": "function", "name": "a b"}]), "tools[0].name", "invalid_value", "letters"),
        (responses(max_output_token=5), "max_output_token", "unknown_parameter", "did you mean max_output_tokens?"),
    ],
)
def test_a_responses_field_that_cannot_be_read_is_named_with_the_fix(
    body: dict[str, Any], param: str, code: str, words: str
) -> None:
    error = refused(read_responses, body)
    assert (error.status, error.param, error.code) == (400, param, code)
    assert words in error.message


def test_an_unknown_field_inside_a_message_is_left_out_and_named_in_a_warning() -> None:
    messages = [
        {"role": "user", "content": "hi", "timestamp": 5},
        {"role": "assistant", "content": "ho", "provider_specific_fields": None},
        {"role": "user", "content": [{"type": "text", "text": "again", "cache_control": {"type": "ephemeral"}}]},
    ]
    ask = read_chat(json.dumps(chat(messages=messages)).encode())
    assert [message.content for message in ask.messages] == ["hi", "ho", "again"]
    assert ask.warnings == (
        "messages[0].timestamp is unknown here and has no effect",
        "messages[1].provider_specific_fields is unknown here and has no effect",
        "messages[2].content[0].cache_control is unknown here and has no effect",
    )


def test_a_field_name_made_to_look_like_a_path_is_refused_like_any_other() -> None:
    error = refused(read_chat, chat(**{"x` - at `$.messages[0]": 1}))
    assert (error.status, error.code) == (400, "unknown_parameter")


def test_too_many_unknown_fields_are_refused() -> None:
    messages = [{"role": "user", "content": "hi"} | {f"zzz{n}": n for n in range(40)}]
    assert refused(read_chat, chat(messages=messages)).code == "unknown_parameter"


def test_what_a_client_wrote_is_quoted_as_short_printable_ascii() -> None:
    assert quote("a\r\nb`é\ud800") == "a\\r\\nb'\\xe9\\ud800"
    assert len(quote("x" * 1000)) == 67
