"""The bytes of requests: stable, spliced from fragments, and never more than the provider knows."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_runtime.models import encoder
from toolyard_runtime.models.encoder import (
    GENERIC,
    LLAMA_CPP,
    OLLAMA,
    OPENAI,
    VLLM,
    Profile,
    decode_message,
    encode_message,
    encode_tools,
    request_head,
    without_reasoning,
)
from toolyard_runtime.run.segments import Sampling
from toolyard_sdk.messages import ImagePart, Message, TextPart, ToolCall, ToolSpec

GOLDEN = {
    b'{"role":"user","content":"Hi \\"you\\""}': Message("user", 'Hi "you"'),
    b'{"role":"system","content":"Be kind."}': Message("system", "Be kind."),
    b'{"role":"user","content":[{"type":"text","text":"Look"},'
    b'{"type":"image_url","image_url":{"url":"data:"}}]}': Message(
        "user", (TextPart("Look"), ImagePart({"url": "data:"}))
    ),
    b'{"role":"assistant","content":"Yes."}': Message("assistant", "Yes."),
    b'{"role":"assistant","content":""}': Message("assistant"),
    b'{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"add",'
    b'"arguments":"{\\"a\\":1}"}}]}': Message("assistant", tool_calls=(ToolCall("call_1", "add", '{"a":1}'),)),
    b'{"role":"assistant","content":"Well.","reasoning":"Hm."}': Message("assistant", "Well.", reasoning="Hm."),
    b'{"role":"tool","tool_call_id":"call_1","content":"3"}': Message("tool", "3", tool_call_id="call_1"),
}


@pytest.mark.parametrize(("fragment", "message"), GOLDEN.items(), ids=lambda value: str(value)[:40])
def test_encoder_1_writes_these_bytes_for_ever(fragment: bytes, message: Message) -> None:
    assert encoder.ENCODER == 1
    assert encode_message(message) == fragment
    assert encode_message(decode_message(fragment)) == fragment


_text = st.text(max_size=20)
_messages = st.one_of(
    st.builds(Message, st.sampled_from(["user", "system"]), _text),
    st.builds(
        Message,
        st.just("assistant"),
        st.none() | _text,
        st.lists(st.builds(ToolCall, _text, _text, _text), max_size=3).map(tuple),
        st.none(),
        st.none() | _text,
    ),
    st.builds(Message, st.just("tool"), _text, st.just(()), _text),
)


@given(_messages)
def test_a_fragment_is_json_and_decodes_to_what_encodes_to_it(message: Message) -> None:
    fragment = encode_message(message)
    assert json.loads(fragment)["role"] == message.role
    again = decode_message(fragment)
    assert encode_message(again) == fragment
    assert (again.content or "", again.tool_calls, again.tool_call_id or None) == (
        message.content or "",
        message.tool_calls,
        message.tool_call_id or None,
    )


@given(_messages)
def test_reasoning_is_taken_out_and_nothing_else(message: Message) -> None:
    bare = without_reasoning(encode_message(message))
    assert bare == encode_message(msgspec.structs.replace(message, reasoning=None))
    assert "reasoning" not in json.loads(bare)


def test_words_that_look_like_reasoning_stay() -> None:
    fragment = encode_message(Message("user", 'a,"reasoning":"b"'))
    assert without_reasoning(fragment) == fragment


def spec(name: str, **schema: object) -> ToolSpec:
    return ToolSpec(name, f"The tool {name}.", {"type": "object", **schema})


def test_tools_are_sorted_and_do_not_depend_on_the_order_of_anything() -> None:
    one = spec(
        "b", properties={"y": {"type": "string"}, "x": {"type": "integer", "default": {"q": 1, "p": 2}}}, required=["y"]
    )
    turned = {key: one.input_schema[key] for key in reversed(one.input_schema)}
    turned["properties"] = {"x": {"default": {"p": 2, "q": 1}, "type": "integer"}, "y": {"type": "string"}}
    two = msgspec.structs.replace(one, input_schema=turned)
    assert encode_tools((one, spec("a")), True) == encode_tools((spec("a"), two), True)
    encoded = json.loads(encode_tools((one, spec("a")), True))
    assert [tool["function"]["name"] for tool in encoded] == ["a", "b"]
    assert encoded[1]["function"]["parameters"] == one.input_schema
    assert list(encoded[1]["function"]["parameters"]) == ["type", "properties", "required"]


def test_required_properties_come_first_in_their_own_order() -> None:
    properties = {name: {"type": "string"} for name in ("alpha", "zone", "body", "to")}
    encoded = json.loads(encode_tools((spec("send", properties=properties, required=["to", "body"]),), False))
    assert list(encoded[0]["function"]["parameters"]["properties"]) == ["to", "body", "alpha", "zone"]


def test_a_property_named_like_a_keyword_is_a_property() -> None:
    schema = {"properties": {"required": {"type": "string"}, "enum": {"type": "integer"}, "type": {"const": 1}}}
    encoded = json.loads(encode_tools((spec("odd", **schema),), False))
    assert encoded[0]["function"]["parameters"]["properties"] == schema["properties"]


def test_strict_is_sent_only_when_wanted() -> None:
    assert json.loads(encode_tools((spec("a"),), True))[0]["function"]["strict"] is True
    assert "strict" not in json.loads(encode_tools((spec("a"),), False))[0]["function"]


FULL = Sampling(temperature=0.2, top_p=0.9, max_output_tokens=100, seed=7, stop=("END",))
KNOWN = {"model", "stream", "stream_options", "temperature", "top_p", "stop", "tools", "messages"}


@pytest.mark.parametrize(
    ("profile", "more"),
    [
        (VLLM, {"max_tokens", "seed", "cache_salt", "priority"}),
        (OPENAI, {"max_completion_tokens", "seed"}),
        (LLAMA_CPP, {"max_tokens", "seed"}),
        (OLLAMA, {"max_tokens", "seed"}),
        (GENERIC, {"max_tokens"}),
    ],
)
def test_only_fields_the_provider_knows_are_sent(profile: Profile, more: set[str]) -> None:
    tools = encode_tools((spec("a"),), profile.strict)
    head = request_head(
        model="m", tools=tools, sampling=FULL, profile=profile, stream=True, variant="plain", cache_salt="s", priority=3
    )
    fragments = [encode_message(Message("user", "Hi")), encode_message(Message("assistant", "Yes."))]
    body = json.loads(head + b",".join(fragments) + b"]}")
    known = KNOWN if profile.include_usage else KNOWN - {"stream_options"}
    assert body.keys() == known | more
    assert [message["role"] for message in body["messages"]] == ["user", "assistant"]
    assert body["tools"] == json.loads(tools)


def test_a_plain_request_holds_nothing_that_was_not_asked_for() -> None:
    head = request_head(
        model="m", tools=b"[]", sampling=Sampling(), profile=VLLM, stream=False, variant="plain", cache_salt=None
    )
    assert head == b'{"model":"m","stream":false,"messages":['


def test_a_retry_never_streams() -> None:
    head = request_head(
        model="m", tools=b"[]", sampling=Sampling(), profile=VLLM, stream=True, variant="retry", cache_salt=None
    )
    assert b'"stream":false' in head
    assert b"stream_options" not in head


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="plain and retry"):
        request_head(
            model="m", tools=b"[]", sampling=Sampling(), profile=VLLM, stream=True, variant="new", cache_salt=None
        )


def test_parallel_calls_are_only_forbidden_where_there_are_tools() -> None:
    profile = Profile(parallel_tool_calls=False)
    for tools, expected in ((b"[]", False), (encode_tools((spec("a"),), False), True)):
        head = request_head(
            model="m", tools=tools, sampling=Sampling(), profile=profile, stream=False, variant="plain", cache_salt=None
        )
        assert (b'"parallel_tool_calls":false' in head) is expected
