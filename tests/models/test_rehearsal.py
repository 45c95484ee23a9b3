"""The rehearsal model: the same request gives the same turn; words pick tools, types fill arguments, scripts decide."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toolyard_memory.retrieval.assembly import REMEMBERED
from toolyard_runtime.models.encoder import GENERIC, encode_message, encode_tools, request_head
from toolyard_runtime.models.filling import fill
from toolyard_runtime.models.rehearsal import RehearsalModel, rehearse
from toolyard_runtime.models.script import read_script
from toolyard_runtime.run.segments import Sampling
from toolyard_sdk.messages import Message, TextPart, ToolCall, ToolSpec
from toolyard_sdk.ports import Delta, RawCall


def spec(name: str, description: str, *, required: tuple[str, ...], **properties: Any) -> ToolSpec:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return ToolSpec(name, description, schema)


TEXT = {"type": "string"}
TOOLS = (
    spec("calculate", "Compute an arithmetic expression exactly.", required=("expression",), expression=TEXT),
    spec(
        "now", "Tell the current date and time in a time zone.", required=(), zone={"type": "string", "default": "UTC"}
    ),
    spec("write_file", "Write text to a file, replacing it.", required=("path", "text"), path=TEXT, text=TEXT),
    spec("read_file", "Read a text file.", required=("path",), path=TEXT),
    spec("search_files", "Search all files for a text.", required=("query",), query=TEXT, limit={"type": "integer"}),
)
ANSWERS = {
    "calculate": '{"result":"105","exact":true}',
    "now": '{"local":"2026-11-23T02:40:00+01:00","zone":"Europe/Oslo"}',
    "write_file": "wrote 60 bytes to notes.txt",
}


def body(*messages: Message, tools: tuple[ToolSpec, ...] = TOOLS, sampling: Sampling = Sampling()) -> bytes:  # noqa: B008 - frozen
    head = request_head(
        model="rehearsal",
        tools=encode_tools(tools, strict=True),
        sampling=sampling,
        profile=GENERIC,
        stream=False,
        variant="plain",
        cache_salt=None,
    )
    return head + b",".join(map(encode_message, messages)) + b"]}"


def conversation(text: str, tools: tuple[ToolSpec, ...] = TOOLS) -> tuple[list[list[tuple[str, Any]]], str]:
    """Return the calls turn by turn and the answer in the end."""
    messages = [Message("system", "Be kind."), Message("user", text)]
    turns: list[list[tuple[str, Any]]] = []
    for number in range(9):
        turn = rehearse(body(*messages, tools=tools))
        if not turn.calls:
            return turns, turn.text
        turns.append([(call.name, json.loads(call.arguments)) for call in turn.calls])
        calls = tuple(ToolCall(f"c{number}_{n}", call.name, call.arguments) for n, call in enumerate(turn.calls))
        messages.append(Message("assistant", tool_calls=calls))
        messages += [Message("tool", ANSWERS.get(call.name, "fine"), tool_call_id=call.id) for call in calls]
    raise AssertionError("it never answers")


@pytest.mark.parametrize(
    "text",
    [
        "What is 12.5% of 840, what time is it in Oslo, and save the answer to notes.txt",
        "What is 12.5% of 840 and what time is it in Oslo? Save both to notes.txt.",
    ],
)
def test_the_demonstration_calculates_and_looks_at_the_clock_and_then_saves(text: str) -> None:
    turns, answer = conversation(text)
    assert turns[0] == [("calculate", {"expression": "840 * 12.5 / 100"}), ("now", {"zone": "Europe/Oslo"})]
    ((name, arguments),) = turns[1]
    assert name == "write_file"
    assert arguments["path"] == "notes.txt"
    assert "105" in arguments["text"]
    assert "02:40" in arguments["text"]
    assert len(turns) == 2
    for told in ("105", "02:40", "wrote 60 bytes"):
        assert told in answer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what's 17 times (3+4)?", [[("calculate", {"expression": "17 * (3+4)"})]]),
        ("What is the square root of 16 plus 2?", [[("calculate", {"expression": "sqrt(16) + 2"})]]),
        (
            "What is 2+2? What is 3*3?",
            [[("calculate", {"expression": "2+2"}), ("calculate", {"expression": "3*3"})]],
        ),
        (
            "What time is it in Oslo and in Tokyo?",
            [[("now", {"zone": "Europe/Oslo"}), ("now", {"zone": "Asia/Tokyo"})]],
        ),
        (
            "Read notes.txt and then write 'hello, you' to out/b.txt",
            [[("read_file", {"path": "notes.txt"})], [("write_file", {"path": "out/b.txt", "text": "hello, you"})]],
        ),
        ('Search for "invoice"', [[("search_files", {"query": "invoice"})]]),
        ("Search the files for invoice", [[("search_files", {"query": "invoice"})]]),
        ("save a haiku to poem.txt", [[("write_file", {"path": "poem.txt", "text": "a haiku"})]]),
        ("Hello, who are you?", []),
    ],
)
def test_words_pick_tools_and_types_fill_arguments(text: str, expected: list[list[tuple[str, Any]]]) -> None:
    turns, answer = conversation(text)
    assert turns == expected
    assert answer


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("What time is it in Oslo?", "current_time", {"zone": "Europe/Oslo"}),
        ("What time is it?", "current_time", {}),
        (
            "convert 14:00 in Oslo to New York time",
            "convert_time",
            {"time": "14:00", "to_zone": "America/New_York", "from_zone": "Europe/Oslo"},
        ),
        (
            "How long is it from 2026-01-01 to 2026-03-01?",
            "time_between",
            {"start": "2026-01-01", "end": "2026-03-01"},
        ),
        ("What day is 90 days after 2026-11-23?", "add_duration", {"time": "2026-11-23", "duration": "90 days"}),
    ],
)
def test_among_tools_that_share_words_the_one_whose_arguments_are_there_is_called(
    text: str, name: str, arguments: dict[str, Any]
) -> None:
    tools = (
        spec(
            "add_duration", "Add a duration to a date or time.", required=("time", "duration"), time=TEXT, duration=TEXT
        ),
        spec(
            "convert_time",
            "Convert a date and time from one time zone to another.",
            required=("time", "to_zone"),
            time=TEXT,
            to_zone=TEXT,
            from_zone=TEXT,
        ),
        spec("current_time", "Tell the current date and time.", required=(), zone=TEXT),
        spec("day_of_week", "Tell the weekday of a date.", required=("date",), date=TEXT),
        spec("time_between", "Tell the time between two dates.", required=("start", "end"), start=TEXT, end=TEXT),
    )
    turns, _ = conversation(text, tools)
    assert turns == [[(name, arguments)]]


def test_a_story_of_look_ups_a_payment_and_a_check_is_played_in_order() -> None:
    tools = (
        spec("find_orders", "Find the orders of a customer.", required=("customer",), customer=TEXT),
        spec("track_parcel", "Track where a parcel is.", required=("parcel",), parcel=TEXT),
        spec(
            "refund_order",
            "Refund an order.",
            required=("order", "cents"),
            order=TEXT,
            cents={"type": "integer"},
        ),
        spec("check_payout", "Check the payout at the bank.", required=("order",), order=TEXT),
    )
    turns, _ = conversation(
        'Find the orders of "Ada Lovelace" and track the parcel "PX-220", then refund the order "A-17" with 1900 cents,'
        ' then check the payout at the bank for "A-17".',
        tools,
    )
    assert turns == [
        [("find_orders", {"customer": "Ada Lovelace"}), ("track_parcel", {"parcel": "PX-220"})],
        [("refund_order", {"order": "A-17", "cents": 1900})],
        [("check_payout", {"order": "A-17"})],
    ]


def test_it_says_what_it_is_when_it_can_do_nothing() -> None:
    turn = rehearse(body(Message("user", "Hello, who are you?")))
    assert "rehearsal model" in turn.text
    assert "calculate" in turn.text
    assert turn.model == "rehearsal"
    assert "no tools" in rehearse(body(Message("user", "2+2?"), tools=())).text


def test_what_came_to_mind_is_told_and_never_taken_for_a_wish() -> None:
    recalled = f'{REMEMBERED}\n[m1] user, 3 May 2026: Calculate 2 + 2 and write it to "x.txt".'
    answer = rehearse(body(Message("user", f"{recalled}\n\nWhat can I bring to the picnic?")))
    assert not answer.calls
    assert "[m1] user, 3 May 2026: Calculate 2 + 2" in answer.text
    parts = Message("user", (TextPart(recalled), TextPart("say hello")))
    assert rehearse(body(parts)).text == "hello"
    assert [call.name for call in rehearse(body(Message("user", f"{recalled}\n\nCalculate 3 * 5."))).calls] == [
        "calculate"
    ]


def test_a_script_says_exactly_what_is_called() -> None:
    text = 'Do this.\ncall calculate {"expression":"1+1"}\ncall nobody {oops\nthen\ncall now\n\nsay All done.'
    turns = rehearse(body(Message("user", text))).calls
    assert turns == (RawCall("calculate", '{"expression":"1+1"}'), RawCall("nobody", "{oops"))
    script = read_script(text)
    assert script is not None
    assert script.turns[1] == (RawCall("now", ""),)
    assert script.answer == "All done."


def test_a_script_goes_on_turn_by_turn() -> None:
    turns, answer = conversation('call now {"zone":"UTC"}\nthen\ncall read_file {"path":"a"}\nsay Done.')
    assert turns == [[("now", {"zone": "UTC"})], [("read_file", {"path": "a"})]]
    assert answer == "Done."


def test_a_new_question_begins_anew() -> None:
    messages = (
        Message("user", "What time is it in Oslo?"),
        Message("assistant", tool_calls=(ToolCall("c", "now", '{"zone":"Europe/Oslo"}'),)),
        Message("tool", ANSWERS["now"], tool_call_id="c"),
        Message("assistant", "It is late."),
        Message("user", "What is 2+2?"),
    )
    assert rehearse(body(*messages)).calls == (RawCall("calculate", '{"expression":"2+2"}'),)


def test_an_answer_is_cut_at_the_token_limit() -> None:
    turn = rehearse(body(Message("user", "say one two three four"), sampling=Sampling(max_output_tokens=2)))
    assert (turn.text, turn.finish, turn.usage.output_tokens) == ("one two", "length", 2)


async def test_words_come_one_by_one_when_streamed() -> None:
    shown: list[Delta] = []
    turn = await RehearsalModel().reply(body(Message("user", "say one  two three")), timeout=1, on_delta=shown.append)
    assert [delta.text for delta in shown] == ["one", "  two", " three"]
    assert "".join(delta.text for delta in shown) == turn.text


FILLED: tuple[tuple[dict[str, Any], str, dict[str, Any]], ...] = (
    ({"a": {"type": "integer"}, "b": {"type": "number"}}, "add 3 and 4.5", {"a": 3, "b": 4.5}),
    ({"days": {"type": "integer", "maximum": 7}}, "forecast for 30 days", {"days": 7}),
    ({"unit": {"enum": ["celsius", "fahrenheit"]}}, "in Fahrenheit please", {"unit": "fahrenheit"}),
    (
        {"city": TEXT, "day": {"type": "string", "format": "date"}},
        "weather in New York on 2026-12-24",
        {"city": "New York", "day": "2026-12-24"},
    ),
    ({"numbers": {"type": "array", "items": {"type": "number"}}}, "the mean of 1, 2 and 3.5", {"numbers": [1, 2, 3.5]}),
    (
        {"url": {"type": "string", "format": "uri"}},
        "fetch https://example.org/?b=1",
        {"url": "https://example.org/?b=1"},
    ),
    (
        {"to_email": TEXT, "body": TEXT},
        "mail 'Hi there' to ann@example.org",
        {"to_email": "ann@example.org", "body": "Hi there"},
    ),
    ({"recursive": {"type": "boolean"}}, "list it, not recursive", {"recursive": False}),
    (
        {"kind": {"const": "x"}, "n": {"anyOf": [{"type": "null"}, {"type": "integer"}]}},
        "take 5",
        {"kind": "x", "n": 5},
    ),
)


@pytest.mark.parametrize(("schema", "clause", "expected"), FILLED)
def test_arguments_fit_their_types(schema: dict[str, Any], clause: str, expected: dict[str, Any]) -> None:
    assert fill({"type": "object", "properties": schema, "required": list(schema)}, clause) == expected


_schemas = st.recursive(
    st.sampled_from(
        [
            {"type": "string"},
            {"type": "integer", "minimum": 1},
            {"type": "number"},
            {"type": "boolean"},
            {"enum": ["a", 2]},
            {"type": ["null", "string"]},
            {"$ref": "#/$defs/loop"},
            {},
        ]
    ),
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda value: {"type": "object", "properties": {"x": value}, "required": ["x"]}, inner),
        st.builds(lambda value: {"anyOf": [{"type": "null"}, value]}, inner),
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=6), _schemas, max_size=4), st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_schema_and_any_text_give_the_same_json_twice(properties: dict[str, Any], text: str) -> None:
    loop = {"type": "object", "properties": {"next": {"$ref": "#/$defs/loop"}}, "required": ["next"]}
    schema = {"type": "object", "properties": properties, "required": list(properties), "$defs": {"loop": loop}}
    first = fill(schema, text)
    assert msgspec.json.encode(first) == msgspec.json.encode(fill(schema, text))
    assert set(first) <= set(properties)


@given(st.text(max_size=120))
@settings(max_examples=200, deadline=None)
def test_any_message_is_answered(text: str) -> None:
    turn = rehearse(body(Message("user", text)))
    assert turn.text or turn.calls
