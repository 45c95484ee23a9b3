"""The event decoder: every way bytes can be cut gives the same events."""

from hypothesis import given
from hypothesis import strategies as st
from toolyard_runtime.cli.sse import EventDecoder, ServerSentEvent

STREAM = (
    ": a comment\n\n"
    'event: response.created\r\ndata: {"a":1}\r\n\r\n'
    "data: first line\ndata: zweite Zeile € ü\n\n"
    "event: dropped\n\n"
    "data:[DONE]\n\n"
).encode()
EVENTS = [
    ServerSentEvent("response.created", '{"a":1}'),
    ServerSentEvent("message", "first line\nzweite Zeile € ü"),
    ServerSentEvent("message", "[DONE]"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20).map(sorted))
def test_events_do_not_depend_on_where_the_bytes_were_cut(cuts: list[int]) -> None:
    decoder = EventDecoder()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True):
        found += decoder.feed(STREAM[start:end])
    assert found == EVENTS


def test_an_event_without_its_blank_line_is_not_given_out() -> None:
    assert EventDecoder().feed(b"data: half\n") == []
