"""The events of a response: their order, their numbers, and coming back after any of them."""

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from toolyard_runtime.run.segments import Segment, SegmentStatus, TextDelta, TextOut
from toolyard_runtime.run.transcript import cut as past
from toolyard_runtime.wire.responses import Echo, ResponseStream, position_of, response_object

from tests.wire.samples import (
    CLIENT_CALL,
    DOUBTED_CALL,
    EVERYTHING,
    FAILED_CALL,
    SERVER_CALL,
    TEXT,
    WAITING,
    events_of,
    segment,
    stream,
    unknown_fields,
)

EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
ECHO = Echo(instructions="Be brief.")


def wire(final: Segment, cut: int = 4, after: int = -1) -> list[dict[str, Any]]:
    """Encode a stream as a client reads it that has seen `after`, fed only what the rule asks for."""
    fed = past(stream(final, cut), position_of(after)) if after >= 0 else stream(final, cut)
    read = events_of(ResponseStream(final, ECHO, starting_after=after).encode(fed))
    assert all(kind == data["type"] for kind, data in read)
    return [data for _, data in read]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_a_text_goes_through_all_its_stages() -> None:
    events = wire(segment("completed", TEXT))
    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert "".join(event["delta"] for event in events if "delta" in event) == TEXT.text
    assert events[0]["response"]["status"] == "in_progress"
    assert events[2]["item"]["content"] == []


def test_a_server_call_goes_through_all_its_stages() -> None:
    assert kinds(wire(segment("completed", SERVER_CALL)))[2:-1] == [
        "output_item.added",
        "mcp_call.in_progress",
        "mcp_call_arguments.delta",
        "mcp_call_arguments.done",
        "mcp_call.completed",
        "output_item.done",
    ]
    assert "mcp_call.failed" in kinds(wire(segment("completed", FAILED_CALL)))
    assert "mcp_call.failed" in kinds(wire(segment("completed", DOUBTED_CALL)))


def test_a_client_call_and_an_approval_request_go_through_all_their_stages() -> None:
    assert kinds(wire(segment("completed", CLIENT_CALL, WAITING)))[2:-1] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "output_item.done",
    ]


@pytest.mark.parametrize(
    ("status", "last"),
    [
        ("completed", "response.completed"),
        ("failed", "response.failed"),
        ("incomplete", "response.incomplete"),
        ("cancelled", "response.incomplete"),
    ],
)
def test_the_last_event_holds_the_whole_response(status: SegmentStatus, last: str) -> None:
    final = segment(status, *EVERYTHING)
    event = wire(final)[-1]
    assert event["type"] == last
    assert event["response"] == msgspec.json.decode(response_object(final, ECHO))


def test_every_event_is_one_of_openais() -> None:
    for event in wire(segment("completed", *EVERYTHING)):
        read = EVENT.validate_json(msgspec.json.encode(event), strict=True)
        assert unknown_fields(read) <= {
            "response.presence_penalty",
            "response.frequency_penalty",
            "name",
            "response.store",
        }


def test_openais_client_puts_the_stream_together_again() -> None:
    final = segment("completed", *EVERYTHING)
    state: Any = ResponseStreamState(input_tools=[], text_format=omit)
    for event in wire(final, cut=1):
        state.handle_event(EVENT.validate_python(event))
    assert state._completed_response.output_text == "Let me see.Nearly "


def test_sequence_numbers_grow_strictly_and_item_ids_agree() -> None:
    events = wire(segment("completed", *EVERYTHING))
    numbers = [event["sequence_number"] for event in events]
    assert all(before < after for before, after in itertools.pairwise(numbers))
    ids: dict[int, set[str]] = {}
    for event in events:
        if "output_index" in event:
            ids.setdefault(event["output_index"], set()).add(event.get("item_id") or event["item"]["id"])
    assert [len(found) for found in ids.values()] == [1] * len(EVERYTHING)
    assert [item["id"] for item in events[-1]["response"]["output"]] == [next(iter(found)) for found in ids.values()]


def test_any_batches_give_the_same_bytes() -> None:
    final = segment("completed", *EVERYTHING)
    one_by_one = ResponseStream(final, ECHO)
    assert b"".join(one_by_one.encode([event]) for event in stream(final)) == ResponseStream(final, ECHO).encode(
        stream(final)
    )


@given(
    texts=st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=3),
    live=st.integers(1, 12),
    replayed=st.integers(1, 12),
    data=st.data(),
)
def test_a_client_that_comes_back_gets_exactly_what_follows(
    texts: list[str], live: int, replayed: int, data: st.DataObject
) -> None:
    outputs = [TextOut(10 + n, text) for n, text in enumerate(texts)]
    final = segment("completed", SERVER_CALL, *outputs, CLIENT_CALL)
    whole = wire(final, live)
    last = data.draw(st.integers(0, len(whole) - 1))
    seen, missed = whole[: last + 1], whole[last + 1 :]
    again = wire(final, replayed, after=whole[last]["sequence_number"])
    assert joined(seen + again) == joined(seen + missed)
    if live == replayed:
        assert again == missed


def joined(events: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    """Return the events with neighbouring text deltas put together."""
    merged: list[tuple[str, Any]] = []
    for event in events:
        if event["type"] == "response.output_text.delta":
            if merged and merged[-1][0] == event["item_id"]:
                merged[-1] = (event["item_id"], merged[-1][1] + event["delta"])
            else:
                merged.append((event["item_id"], event["delta"]))
        else:
            merged.append((event["type"], event))
    return merged


def test_a_position_is_recovered_from_any_sequence_number() -> None:
    assert [position_of(n) for n in (-1, 0, 7, 8, 15, 16)] == [-2, -1, -1, 0, 0, 1]


def test_an_empty_delta_makes_no_event() -> None:
    assert ResponseStream(segment("completed"), ECHO).encode([TextDelta(1, 0, 1, "")]) == b""


@pytest.mark.parametrize("upto", range(len(stream(segment("completed", TEXT, SERVER_CALL))) - 1))
def test_a_stream_that_the_server_breaks_off_ends_as_failed_and_can_be_taken_up_again(upto: int) -> None:
    final = segment("completed", TEXT, SERVER_CALL)
    encoder = ResponseStream(final, ECHO)
    before = [data for _, data in events_of(encoder.encode(stream(final)[:upto]))]
    ((kind, broken),) = events_of(encoder.broken("unavailable", "The store cannot be used now."))
    EVENT.validate_json(msgspec.json.encode(broken), strict=True)
    assert kind == broken["type"] == "response.failed"
    assert broken["response"]["status"] == "failed"
    assert "The store cannot be used now." in broken["response"]["error"]["message"]
    seen = [event["sequence_number"] for event in before]
    assert all(number < broken["sequence_number"] for number in seen)
    rest = wire(final, after=broken["sequence_number"])
    assert rest == wire(final)[len(before) :]
