"""The stream decoder and the decoder of whole answers: the same turn from any cut, and from either form."""

import itertools
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toolyard_runtime.models.stream import TurnDecoder
from toolyard_runtime.models.turn import _assembled, _plain, decode_turn
from toolyard_runtime.models.wire import read_chunk
from toolyard_sdk.errors import ModelError
from toolyard_sdk.messages import Usage
from toolyard_sdk.ports import Delta, RawCall, Turn

from tests.faults.model_server.recorded import (
    CALL_EVENTS,
    TEXT_EVENTS,
    call_delta,
    chunk,
    completion,
    event_stream,
    usage_chunk,
)

BODIES = (
    event_stream(TEXT_EVENTS),
    event_stream(CALL_EVENTS),
    event_stream(CALL_EVENTS).replace(b"\n", b"\r\n"),
    event_stream(TEXT_EVENTS).replace(b"\n", b"\r"),
    b": hello\n\n\xef\xbb\xbf" + event_stream(TEXT_EVENTS).replace(b"data: ", b"data:"),
    event_stream((chunk({"content": "a <tool_call>{}"}), chunk({}, "stop"))),
    event_stream((chunk({"content": "<think>hm</think> a < b [T"}), chunk({}, "stop"))),
)


def decode(body: bytes, cuts: list[int]) -> tuple[Turn, list[Delta]]:
    decoder = TurnDecoder()
    deltas = []
    edges = [0, *sorted(cuts), len(body)]
    for start, end in itertools.pairwise(edges):
        deltas.append(decoder.feed(body[start:end]))
    turn, rest = decoder.finish()
    return turn, [delta for delta in (*deltas, rest) if delta is not None]


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_cut_gives_the_same_turn_and_shows_the_same_text(data: st.DataObject) -> None:
    body = data.draw(st.sampled_from(BODIES))
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=30))
    whole, _ = decode(body, [])
    turn, deltas = decode(body, cuts)
    assert turn == whole
    assert "".join(delta.text for delta in deltas) == whole.text
    assert "".join(delta.reasoning for delta in deltas) == whole.reasoning


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
@settings(max_examples=200, deadline=None)
def test_noise_is_an_error_and_never_anything_else(noise: bytes, cuts: list[int]) -> None:
    with pytest.raises(ModelError):
        decode(noise, [min(cut, len(noise)) for cut in cuts])
    with pytest.raises(ModelError):
        decode(b"data: " + noise.replace(b"\n", b"").replace(b"\r", b"") + b"\n\n", [])
    with pytest.raises(ModelError):
        decode_turn(noise)


KEYS = set(
    re.findall(
        r"\w+",
        """choices delta message content tool_calls function name arguments index id usage prompt_tokens finish_reason
        logprobs model error code reasoning top_logprobs prompt_tokens_details cached_tokens token""",
    )
)
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 500)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(sorted(KEYS)),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["choices", "usage", "error", "model", "message"]), _json, max_size=4))
@settings(max_examples=150, deadline=None)
def test_json_of_any_shape_gives_a_turn_or_an_error(value: dict[str, object]) -> None:
    body = msgspec.json.encode(value)
    try:
        turn = decode_turn(body)
    except ModelError:
        pass
    else:
        assert isinstance(turn, Turn)
    try:
        turn, _ = decode(b"data: " + body + b"\n\ndata: [DONE]\n\n", [])
    except ModelError:
        pass
    else:
        assert isinstance(turn, Turn)


def test_all_events_of_one_read_are_shown_as_one_delta() -> None:
    decoder = TurnDecoder()
    delta = decoder.feed(event_stream(TEXT_EVENTS))
    assert delta == Delta("Grüße aus Oslo 🌍!")
    assert decoder.done


def test_half_an_event_shows_nothing() -> None:
    decoder = TurnDecoder()
    assert decoder.feed(b"data: " + TEXT_EVENTS[1]) is None
    assert decoder.feed(b"\n") is None
    assert decoder.feed(b"\n") == Delta("Grüße ")


def test_what_comes_after_done_is_ignored() -> None:
    decoder = TurnDecoder()
    decoder.feed(event_stream(TEXT_EVENTS))
    assert decoder.feed(event_stream((chunk({"content": "more"}),))) is None
    assert decoder.finish()[0].text == "Grüße aus Oslo 🌍!"


def test_an_event_over_several_data_lines_is_one_event() -> None:
    body = (
        b'data: {"choices":[{"index":0,\ndata: "delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    )
    assert decode(body, [])[0].text == "Hi"


def test_a_stream_and_a_whole_answer_give_the_same_turn() -> None:
    message = {
        "content": "Let me see. ",
        "reasoning": "Two sums.",
        "tool_calls": [
            {"id": "call_a", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}},
            {"id": "call_b", "type": "function", "function": {"name": "add", "arguments": '{"a": "ø"}'}},
        ],
    }
    assert decode_turn(completion(message, "tool_calls")) == decode(event_stream(CALL_EVENTS), [])[0]


@pytest.mark.parametrize(
    "text",
    ["plain", "a < b", "x [1] y", "<think>hm</think>\n\nyes", "go <tool_call>{}</tool_call>", "<|im_end|>", "a <"],
)
def test_text_is_treated_alike_streamed_or_not(text: str) -> None:
    events = tuple(chunk({"content": character}) for character in text)
    streamed, _ = decode(event_stream((*events, chunk({}, "stop"), usage_chunk())), [])
    assert decode_turn(completion({"content": text})) == streamed


def test_usage_is_counted_once_even_when_every_chunk_reports_it() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 2}}
    event = chunk({"content": "x"}, "stop", usage=usage)
    assert decode(event_stream((event, event, event)), [])[0].usage == Usage(10, 5, 0, 2)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, Usage()),
        ({}, Usage()),
        ({"prompt_tokens": None, "completion_tokens": 3}, Usage(0, 3)),
        ({"prompt_tokens": "12", "completion_tokens": 3.0}, Usage(12, 3)),
        ({"prompt_tokens": -4, "completion_tokens": True}, Usage()),
        ({"prompt_tokens": 8, "prompt_cache_hit_tokens": 6}, Usage(8, 0, 6)),
        ({"prompt_tokens": 8, "prompt_tokens_details": None, "completion_tokens_details": None}, Usage(8)),
    ],
)
def test_usage_of_any_shape_is_read(usage: object, expected: Usage) -> None:
    assert decode_turn(completion({"content": "x"}, usage=usage)).usage == expected


def test_the_source_of_the_answer_is_kept() -> None:
    turn = decode_turn(completion({"content": "x"}, system_fingerprint="fp_1"))
    assert (turn.model, turn.fingerprint) == ("qwen3", "fp_1")
    events = (chunk({"content": "x"}, system_fingerprint="fp_1"), chunk({}, "stop"))
    assert decode(event_stream(events), [])[0].fingerprint == "fp_1"


def test_a_refusal_is_shown_as_text() -> None:
    assert decode_turn(completion({"content": None, "refusal": "I will not."})).text == "I will not."


def test_the_margin_is_taken_where_the_name_of_the_first_call_begins() -> None:
    def token(text: str, first: float, second: float) -> dict[str, object]:
        top = [{"token": text, "logprob": first}, {"token": "?", "logprob": second}]
        return {"token": text, "logprob": first, "top_logprobs": top}

    logprobs = {"content": [token('{"name": "', 0.0, -9.0), token("add", -0.5, -2.0), token('", ', 0.0, -7.0)]}
    body = msgspec.json.decode(
        completion({"content": None, "tool_calls": [{"id": "a", "function": {"name": "add", "arguments": "{}"}}]})
    )
    body["choices"][0]["logprobs"] = logprobs
    assert decode_turn(msgspec.json.encode(body)).margin == 1.5
    body["choices"][0]["logprobs"] = {"content": None}
    assert decode_turn(msgspec.json.encode(body)).margin is None


def test_a_second_choice_is_ignored() -> None:
    other = msgspec.json.encode({"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"}]})
    turn, _ = decode(event_stream((chunk({"content": "yes"}), other, chunk({}, "stop"))), [])
    assert turn.text == "yes"


def test_a_name_in_pieces_is_one_name() -> None:
    events = (
        chunk(call_delta(0, identity="a", name="get_")),
        chunk(call_delta(0, name="weather", arguments="{}")),
        chunk({}, "tool_calls"),
    )
    assert decode(event_stream(events), [])[0].calls == (RawCall("get_weather", "{}"),)


def test_an_event_without_end_is_refused_before_it_fills_the_memory() -> None:
    decoder = TurnDecoder()
    decoder.feed(b"x" * 4_000_000)
    with pytest.raises(ModelError, match="larger than"):
        decoder.feed(b"x" * 1_000_000)


def test_calls_of_one_name_without_id_and_index_are_several_calls() -> None:
    calls = [{"function": {"name": "add", "arguments": f'{{"a":{n}}}'}} for n in range(3)]
    expected = tuple(RawCall("add", f'{{"a":{n}}}') for n in range(3))
    for text in ("plain", "with [brackets]"):
        assert decode_turn(completion({"content": text, "tool_calls": calls})).calls == expected
        together = (chunk({"content": text, "tool_calls": calls}), chunk({}, "stop"))
        assert decode(event_stream(together), [])[0].calls == expected
        apart = (*(chunk({"tool_calls": [call]}) for call in calls), chunk({}, "stop"))
        assert decode(event_stream(apart), [])[0].calls == expected


_call = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["", "a", "b"]) | st.none(),
        "index": st.integers(0, 2) | st.none(),
        "function": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["", "add", "sub"]) | st.none(),
                "arguments": st.sampled_from(["", "{}", '{"a":1}', "{"]) | st.none() | st.just({"a": 1}),
            },
        ),
    },
)
_message = st.fixed_dictionaries(
    {},
    optional={
        "content": st.sampled_from(["", " ", "text", " text", "a < b", "[1]", "<think>x</think>y", "<|im_end|>"])
        | st.none(),
        "reasoning": st.sampled_from(["", "hm"]) | st.none(),
        "reasoning_content": st.sampled_from(["", "old"]) | st.none(),
        "refusal": st.sampled_from(["", "no"]) | st.none(),
        "tool_calls": st.lists(_call, max_size=3) | st.none(),
    },
)


@given(_message, st.sampled_from(["stop", "length", "tool_calls", None]))
@settings(max_examples=250, deadline=None)
def test_the_short_way_and_the_long_way_give_the_same_turn(message: dict[str, object], finish: str) -> None:
    whole = read_chunk(completion(message, finish))
    short = _plain(whole)
    assert short is None or short == _assembled(whole)
