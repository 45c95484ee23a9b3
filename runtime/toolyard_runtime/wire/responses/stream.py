"""Writes a segment's stream as the events of the Responses route, each with its sequence number; knows no connection.

One `StreamEvent` makes up to four wire events. A wire event's sequence number is

    position * 8 + sub     sub: its ordinal (0-7) among the wire events of one StreamEvent

A delta's position is that of its last character, and its characters' positions follow one another. So numbers grow
strictly, do not depend on how text was cut into deltas, and name the last thing a client has seen. A client that comes
back with `starting_after=N` gets exactly what follows: the encoder is fed everything past `position_of(N)` (a delta
that reaches past it, too), and leaves out what the client has seen, inside a delta as well.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from toolyard_runtime.run.segments import (
    ApprovalOut,
    ClientCallOut,
    Closed,
    Opened,
    Output,
    OutputAdded,
    OutputDone,
    Segment,
    ServerCallOut,
    StreamEvent,
    TextDelta,
    TextOut,
)
from toolyard_runtime.wire.responses.answer import Echo, Response, response_of
from toolyard_runtime.wire.responses.ids import item_id
from toolyard_runtime.wire.responses.items import Item, OutputText, item_of, opening_item, output_id

_encode = msgspec.json.Encoder().encode

SUBS = 8
_CLOSING = {
    "completed": "response.completed",
    "failed": "response.failed",
    "incomplete": "response.incomplete",
    # OpenAI has no event for it; the response inside says `cancelled`.
    "cancelled": "response.incomplete",
    "in_progress": "response.incomplete",
}


def position_of(sequence_number: int) -> int:
    """Return the stream position past which a client that has seen `sequence_number` may miss something."""
    return sequence_number // SUBS - 1


class _ResponseEvent(Struct, frozen=True):
    type: str
    sequence_number: int
    response: Response


class _ItemEvent(Struct, frozen=True):
    type: str
    sequence_number: int
    output_index: int
    item: Item


class _PartEvent(Struct, frozen=True):
    type: str
    sequence_number: int
    item_id: str
    output_index: int
    content_index: int
    part: OutputText


class _TextDoneEvent(Struct, frozen=True):
    type: str
    sequence_number: int
    item_id: str
    output_index: int
    content_index: int
    text: str
    logprobs: tuple[str, ...] = ()


class _ArgumentsDeltaEvent(Struct, frozen=True):
    type: str
    sequence_number: int
    item_id: str
    output_index: int
    delta: str


class _ArgumentsDoneEvent(Struct, frozen=True):
    type: str
    sequence_number: int
    item_id: str
    output_index: int
    arguments: str
    name: str


class _CallEvent(Struct, frozen=True):
    type: str
    sequence_number: int
    item_id: str
    output_index: int


_Event = (
    _ResponseEvent | _ItemEvent | _PartEvent | _TextDoneEvent | _ArgumentsDeltaEvent | _ArgumentsDoneEvent | _CallEvent
)


class ResponseStream:
    """Encodes one stream, from its beginning or after the sequence number a client has seen (-1: nothing yet).

    Feed it any part of the stream that holds what the client misses, in batches of any size; what it returns is one
    write. It keeps no state but the prefix of the message that is being written, and the last number it has sent.
    """

    def __init__(self, segment: Segment, echo: Echo, *, starting_after: int = -1) -> None:
        self._segment = segment
        self._run = segment.run
        self._echo = echo
        self._seen = starting_after
        self._last = starting_after
        self._message: tuple[int, int] | None = None
        self._prefix = b""

    def encode(self, events: Sequence[StreamEvent]) -> bytes:
        """Return the bytes of all the events that the client has not seen."""
        chunks: list[bytes] = []
        for event in events:
            match event:
                case TextDelta():
                    self._delta(event, chunks)
                case OutputAdded():
                    self._emit(self._added(event), chunks)
                case OutputDone():
                    self._emit(self._done(event), chunks)
                case Opened(position=position, segment=segment):
                    response = response_of(segment, self._echo)
                    at = position * SUBS
                    self._emit(
                        (
                            _ResponseEvent("response.created", at, response),
                            _ResponseEvent("response.in_progress", at + 1, response),
                        ),
                        chunks,
                    )
                case Closed(position=position, segment=segment):
                    response = response_of(segment, self._echo)
                    self._emit((_ResponseEvent(_CLOSING[segment.status], position * SUBS, response),), chunks)
        return b"".join(chunks)

    def broken(self, code: str, message: str) -> bytes:
        """Return the end of a stream that the server itself broke off, with words for a person.

        Its number lies between two positions: a client that comes back with it misses nothing.
        """
        fault = {"status": "failed", "error": code, "error_message": message}
        response = response_of(msgspec.structs.replace(self._segment, **fault), self._echo)
        chunks: list[bytes] = []
        self._emit((_ResponseEvent("response.failed", self._last + 1, response),), chunks)
        return b"".join(chunks)

    def _emit(self, events: Sequence[_Event], chunks: list[bytes]) -> None:
        for event in events:
            if event.sequence_number > self._seen:
                self._last = event.sequence_number
                chunks += (b"event: ", event.type.encode(), b"\ndata: ", _encode(event), b"\n\n")

    def _delta(self, event: TextDelta, chunks: list[bytes]) -> None:
        text = event.text
        sequence = event.position * SUBS
        if not text or sequence <= self._seen:
            return
        self._last = sequence
        seen = self._seen // SUBS - (event.position - len(text))
        if seen > 0:  # the client has these of its characters
            text = text[seen:]
        if self._message != (event.index, event.n):
            self._message = (event.index, event.n)
            self._prefix = (
                'event: response.output_text.delta\ndata: {"type":"response.output_text.delta",'
                f'"item_id":"{item_id("msg", self._run, event.n)}","output_index":{event.index},"content_index":0,'
                '"logprobs":[],"sequence_number":'
            ).encode()
        chunks += (self._prefix, b'%d,"delta":' % sequence, _encode(text), b"}\n\n")

    def _added(self, event: OutputAdded) -> tuple[_Event, ...]:
        at, index, output = event.position * SUBS, event.index, event.output
        item = output_id(output, self._run)
        added = _ItemEvent("response.output_item.added", at, index, opening_item(output, self._run))
        match output:
            case TextOut():
                part = _PartEvent("response.content_part.added", at + 1, item, index, 0, OutputText("output_text", ""))
                return added, part
            case ServerCallOut(name=name, arguments=arguments):
                kind = "response.mcp_call_arguments"
                return (
                    added,
                    _CallEvent("response.mcp_call.in_progress", at + 1, item, index),
                    _ArgumentsDeltaEvent(f"{kind}.delta", at + 2, item, index, arguments),
                    _ArgumentsDoneEvent(f"{kind}.done", at + 3, item, index, arguments, name),
                )
            case ClientCallOut(name=name, arguments=arguments):
                kind = "response.function_call_arguments"
                return (
                    added,
                    _ArgumentsDeltaEvent(f"{kind}.delta", at + 1, item, index, arguments),
                    _ArgumentsDoneEvent(f"{kind}.done", at + 2, item, index, arguments, name),
                )
            case ApprovalOut():
                return (added,)

    def _done(self, event: OutputDone) -> tuple[_Event, ...]:
        at, index, output = event.position * SUBS, event.index, event.output
        item = output_id(output, self._run)
        before = self._before_done(at, index, output, item)
        return *before, _ItemEvent("response.output_item.done", at + len(before), index, item_of(output, self._run))

    def _before_done(self, at: int, index: int, output: Output, item: str) -> tuple[_Event, ...]:
        match output:
            case TextOut(text=text):
                part = OutputText("output_text", text)
                return (
                    _TextDoneEvent("response.output_text.done", at, item, index, 0, text),
                    _PartEvent("response.content_part.done", at + 1, item, index, 0, part),
                )
            case ServerCallOut(status="completed"):
                return (_CallEvent("response.mcp_call.completed", at, item, index),)
            case ServerCallOut():
                return (_CallEvent("response.mcp_call.failed", at, item, index),)
            case ClientCallOut() | ApprovalOut():
                return ()
