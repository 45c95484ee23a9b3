"""What a chat request becomes: the conversation, the instructions, the client's tools and answers."""

import json
from typing import Any

import pytest
from toolyard_runtime.run.segments import Ask, ClientAnswer, Sampling
from toolyard_runtime.wire.chat import read_chat
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_sdk.messages import ImagePart, Message, TextPart, ToolCall, ToolSpec

USER = {"role": "user", "content": "hi"}


def ask(messages: list[Any] | None = None, **fields: Any) -> Ask:
    body = {"model": "support", "messages": [USER] if messages is None else messages} | fields
    return read_chat(json.dumps(body).encode())


def refused(messages: list[Any] | None = None, **fields: Any) -> RequestRefused:
    with pytest.raises(RequestRefused) as caught:
        ask(messages, **fields)
    return caught.value


def called(*ids: str) -> dict[str, Any]:
    function = {"name": "weather", "arguments": "{}"}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": call, "type": "function", "function": function} for call in ids],
    }


def result(call: str, content: Any = "sun") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call, "content": content}


def test_the_smallest_request() -> None:
    assert ask() == Ask(agent="support", messages=(Message("user", "hi"),), resends=True)


def test_sampling_is_what_the_client_sent_and_nothing_else() -> None:
    sampling = ask(temperature=0, top_p=0.5, max_tokens=9, seed=-1, stop="END").sampling
    assert sampling == Sampling(0.0, 0.5, 9, -1, ("END",))
    assert ask(max_tokens=9, max_completion_tokens=7, stop=["a", "b"]).sampling == Sampling(
        max_output_tokens=7, stop=("a", "b")
    )


def test_system_and_developer_messages_become_instructions_wherever_they_stand() -> None:
    read = ask(
        [
            {"role": "system", "content": "Be brief."},
            USER,
            {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "kind."}]},
        ]
    )
    assert read.instructions == "Be brief.\n\nBe kind."
    assert read.messages == (Message("user", "hi"),)


def test_a_single_text_part_is_a_string_and_several_parts_stay_parts() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}
    read = ask(
        [
            {"role": "user", "content": [{"type": "text", "text": "one"}]},
            {"role": "user", "content": [{"type": "text", "text": "look"}, image]},
        ]
    )
    assert read.messages == (
        Message("user", "one"),
        Message(
            "user",
            (TextPart("look"), ImagePart({"url": "data:image/png;base64,AA==", "detail": "low"})),
        ),
    )


def test_the_answers_of_earlier_turns_are_history_as_clients_resend_them() -> None:
    resent: dict[str, Any] = {
        "role": "assistant",
        "content": "ho",
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "tool_calls": None,
        "reasoning_content": "hm",
    }
    read = ask([USER, resent, USER])
    assert read.messages[1] == Message("assistant", "ho", reasoning="hm")
    assert read.warnings == ()


def test_results_after_the_last_assistant_message_answer_the_client_calls() -> None:
    read = ask(
        [USER, called("a"), result("a"), called("b", "c"), result("c", [{"type": "text", "text": "rain"}]), result("b")]
    )
    assert read.client_answers == (ClientAnswer("c", "rain"), ClientAnswer("b", "sun"))
    assert read.messages[3:] == (
        Message("assistant", None, (ToolCall("b", "weather", "{}"), ToolCall("c", "weather", "{}"))),
        Message("tool", "rain", tool_call_id="c"),
        Message("tool", "sun", tool_call_id="b"),
    )


def test_results_of_earlier_turns_are_history_only() -> None:
    assert ask([USER, called("a"), result("a"), {"role": "assistant", "content": "sun"}, USER]).client_answers == ()


def test_a_result_without_its_call_is_refused() -> None:
    error = refused([USER, called("a"), result("b")])
    assert error.param == "messages[2].tool_call_id"
    assert "send the assistant message" in error.message


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([], "messages"),
        ([{"role": "system", "content": "Be brief."}], "messages"),
        ([USER, {"role": "assistant", "content": "ho"}], "messages"),
        ([USER, {"role": "assistant"}, USER], "messages[1]"),
        ([USER, {"role": "assistant", "content": "a", "function_call": {}}, USER], "messages[1].function_call"),
        ([{"role": "user", "content": []}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}], "messages[0].content[0].type"),
        ([{"role": "user", "content": [{"type": "file", "file": {}}]}], "messages[0].content[0].type"),
        (
            [USER, {"role": "assistant", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, USER],
            "messages[1].content[0].type",
        ),
    ],
)
def test_a_conversation_that_cannot_be_answered_is_refused(messages: list[Any], param: str) -> None:
    error = refused(messages)
    assert (error.status, error.param) == (400, param)
    assert param.split(".", maxsplit=1)[0] in error.message


def function(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name} | more}


def test_function_tools_become_the_clients_tools() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = ask(tools=[function("weather", description="Tells.", parameters=schema, strict=True), function("ping")])
    assert tools.client_tools == (
        ToolSpec("weather", "Tells.", schema),
        ToolSpec("ping", "", {"type": "object", "properties": {}}),
    )


@pytest.mark.parametrize(
    ("tools", "param"),
    [
        ([{"type": "custom", "custom": {"name": "x"}}], "tools[0].type"),
        ([{"type": "web_search"}], "tools[0].type"),
        ([function("a"), function("a")], "tools[1]"),
        ([function("a.b")], "tools[0].function.name"),
        ([function("a\n")], "tools[0].function.name"),
        ([function("a", parameters={"type": "array"})], "tools[0].function.parameters"),
        ([function(f"t{n}") for n in range(129)], "tools"),
    ],
)
def test_tools_that_cannot_be_offered_are_refused(tools: list[Any], param: str) -> None:
    assert refused(tools=tools).param == param


def test_the_end_user_is_the_safety_identifier_before_the_user() -> None:
    assert ask(user="u").end_user == "u"
    assert ask(user="u", safety_identifier="s").end_user == "s"


def test_streaming_and_its_options() -> None:
    read = ask(stream=True, stream_options={"include_usage": True})
    assert (read.stream, read.include_usage, read.warnings) == (True, True, ())
    assert ask(stream=True, stream_options={"include_obfuscation": False}).warnings == ()
    assert "include_obfuscation" in ask(stream=True, stream_options={"include_obfuscation": True}).warnings[0]
    unused = ask(stream_options={"include_usage": True})
    assert not unused.include_usage
    assert "needs stream" in unused.warnings[0]


def test_metadata_is_kept_and_a_name_is_not() -> None:
    assert ask(metadata={"team": "a"}).metadata == {"team": "a"}
    assert "messages[0].name" in ask([{**USER, "name": "Ann"}]).warnings[0]
