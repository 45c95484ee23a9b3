"""Every field of OpenAI's requests has one place in our tables, and no field is silently without effect."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params
from toolyard_runtime.run.segments import Ask
from toolyard_runtime.wire.chat import read_chat
from toolyard_runtime.wire.chat.request import ChatRequest
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.fields import CHAT, RESPONSES, Field, warning_header
from toolyard_runtime.wire.responses import read_responses
from toolyard_runtime.wire.responses.request import ResponsesRequest

CHAT_BODY = {"model": "support", "messages": [{"role": "user", "content": "hi"}]}
RESPONSES_BODY = {"model": "support", "input": "hi"}
ROUTES: list[tuple[Callable[[bytes], Ask], Mapping[str, Field], dict[str, Any]]] = [
    (read_chat, CHAT, CHAT_BODY),
    (read_responses, RESPONSES, RESPONSES_BODY),
]

LOUD: dict[str, Any] = {
    "frequency_penalty": 1,
    "presence_penalty": -1,
    "logit_bias": {"50": 1},
    "store": None,
    "parallel_tool_calls": False,
    "n": 2,
    "logprobs": True,
    "top_logprobs": 3,
    "include": ["reasoning.encrypted_content"],
    "max_tool_calls": 3,
}
"""A value that asks for something, where the type does not take just any."""


def judged(verdict: str) -> list[Any]:
    return [
        pytest.param(read, body, name, field, id=f"{read.__name__}-{name}")
        for read, table, body in ROUTES
        for name, field in table.items()
        if field.verdict == verdict
    ]


def loud(name: str, field: Field) -> Any:
    if name == "store":
        return not field.neutral[0]
    return LOUD.get(name, {"something": "else"})


def ask(read: Callable[[bytes], Ask], body: Mapping[str, Any], **fields: Any) -> Ask:
    return read(json.dumps({**body, **fields}).encode())


@pytest.mark.parametrize(
    ("table", "request_type", "params"),
    [
        (CHAT, ChatRequest, completion_create_params.CompletionCreateParamsStreaming),
        (RESPONSES, ResponsesRequest, response_create_params.ResponseCreateParamsStreaming),
    ],
)
def test_every_field_of_openais_client_is_in_the_table_and_in_the_request(
    table: Mapping[str, Field], request_type: type, params: Any
) -> None:
    known = {name for parent in params.__mro__ for name in getattr(parent, "__annotations__", {})}
    known |= params.__required_keys__ | params.__optional_keys__
    assert known - set(table) == set()
    assert {field.name for field in msgspec.structs.fields(request_type)} == set(table)


@pytest.mark.parametrize(("read", "body", "name", "field"), judged("ignored"))
def test_a_field_without_effect_is_named_in_a_warning(
    read: Callable[[bytes], Ask], body: dict[str, Any], name: str, field: Field
) -> None:
    (warning,) = ask(read, body, **{name: loud(name, field)}).warnings
    assert warning == f"{name} has no effect: {field.why}"


@pytest.mark.parametrize(("read", "body", "name", "field"), judged("refused"))
def test_a_field_that_cannot_be_served_is_refused_with_the_fix(
    read: Callable[[bytes], Ask], body: dict[str, Any], name: str, field: Field
) -> None:
    with pytest.raises(RequestRefused) as caught:
        ask(read, body, **{name: loud(name, field)})
    assert (caught.value.param, caught.value.status) == (name, 400)
    assert field.why
    assert field.why in caught.value.message


@pytest.mark.parametrize(("read", "body", "name", "field"), judged("ignored") + judged("refused"))
def test_neutral_values_ask_for_nothing_and_never_warn(
    read: Callable[[bytes], Ask], body: dict[str, Any], name: str, field: Field
) -> None:
    for value in (None, *field.neutral):
        assert ask(read, body, **{name: value}).warnings == ()


def test_a_request_with_every_neutral_value_at_once_says_nothing() -> None:
    for read, table, body in ROUTES:
        fields = {name: field.neutral[0] for name, field in table.items() if field.neutral}
        assert ask(read, body, **fields).warnings == ()


def test_the_warning_header_is_short_printable_ascii() -> None:
    header = warning_header(["a\r\nSet-Cookie: x", "é", "b" * 3000])
    assert header.startswith("a??Set-Cookie: x; ?; bbb")
    assert len(header) == 2048
    assert header.endswith("...")
    assert warning_header(["one", "two"]) == "one; two"
