"""From a run's events to what its readers see: outputs, segments and the stream; pure, the same live and replayed.

A stream position is (turn attempt, offset): each model call opens a new attempt, a structural event counts one and a
text delta counts its characters. So a finished turn replayed from the journal in one piece ends where the live one
did, and what follows a crash lies after everything that was ever sent.
"""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from toolyard_sdk import events as e
from toolyard_sdk.asking import Question
from toolyard_sdk.messages import Usage

from toolyard_runtime.models.encoder import calls_of, text_of
from toolyard_runtime.run.questions import put
from toolyard_runtime.run.segments import (
    ApprovalOut,
    ClientCallOut,
    Closed,
    Opened,
    Output,
    OutputAdded,
    OutputDone,
    Segment,
    SegmentStatus,
    ServerCallOut,
    StreamEvent,
    TextDelta,
    TextOut,
)

ATTEMPT_BITS = 24
"""A position is attempt << 24 | offset: up to 16 million characters in one turn."""

ERASED = "[erased]"
WAITS = "It asks a person, and begins again with the answer."

Lookup = Callable[[int], bytes | None]
"""Returns a payload of the run by ordinal; None when it was erased."""

SourceOf = Callable[[str], str]
"""Names the source of a tool by its release's digest."""

FINISH_STATUS: dict[str, SegmentStatus] = {
    "stop": "completed",
    "max_turns": "incomplete",
    "budget": "incomplete",
    "cancelled": "cancelled",
    "failed": "failed",
    "release_unavailable": "failed",
}


def call_id(run: bytes, number: int) -> str:
    """Return the public id of a run's call: unique everywhere, since models repeat theirs between turns."""
    return f"call_{run.hex()}_{number}"


def read_call_id(text: str) -> tuple[bytes, int] | None:
    """Read an id written by `call_id`; None when it is not one."""
    prefix, _, rest = text.partition("_")
    run, _, number = rest.partition("_")
    if prefix != "call" or len(run) != 32 or not number.isdecimal() or len(number) > 9:  # noqa: PLR2004 - 16 bytes in hex
        return None
    try:
        return bytes.fromhex(run), int(number)
    except ValueError:
        return None


class Transcript:
    """Folds events into outputs; `lookup` gives payloads. `source` names the source of a tool by release digest."""

    def __init__(self, lookup: Lookup, source_of: SourceOf) -> None:
        self._lookup = lookup
        self._source_of = source_of
        self._calls: dict[int, tuple[e.CallHead, str]] = {}
        self._asking: dict[bytes, ApprovalOut] = {}
        self._questions: dict[int, TextOut] = {}
        self._started: e.RunStarted | None = None
        self._attempt = 0
        self._offset = 0
        self._parked: e.RunParked | None = None
        self.message = 0
        self.usage = Usage()
        self.index = 0
        self.outputs: list[Output] = []
        self._open: int | None = None
        self._parts: list[str] = []
        self._created_at = 0
        self._truncated = False
        self._finish: e.RunFinished | None = None
        self._closed_at = 0

    @property
    def position(self) -> int:
        """The position of the newest stream event."""
        return self._attempt << ATTEMPT_BITS | self._offset

    @property
    def leaked(self) -> str:
        """The text of the current turn that has already been handed to readers."""
        return "".join(self._parts) if self._open is not None else ""

    def fold(self, event: e.RunEvent) -> list[StreamEvent]:
        """Take one event of the journal and return what it adds to the stream."""
        handler = FOLD.get(type(event))
        return handler(self, event) if handler else []

    def delta(self, text: str) -> list[StreamEvent]:
        """Take text of the turn under way: shown at once, journalled only when the turn is whole."""
        made: list[StreamEvent] = []
        if self._open is None:
            made.append(self._add(TextOut(self.message, "", "in_progress")))
            self._open = len(self.outputs) - 1
            self._parts = []
        self._offset += len(text)
        self._parts.append(text)
        made.append(TextDelta(self.position, self._open, self.message, text))
        return made

    def segment(self) -> Segment:
        """Return the current segment as far as it has come."""
        started, finish = self._started, self._finish
        if started is None:
            raise ValueError("a transcript has no segment before RunStarted")
        status: SegmentStatus = "in_progress"
        reason = ""
        if finish is not None:
            status, reason = FINISH_STATUS[finish.reason], finish.reason
        elif self._parked is not None and self._parked.why != "shutdown":
            status, reason = "completed", self._parked.why
        if self._truncated and status == "completed" and reason == "stop":
            status = "incomplete"
        outputs = self.outputs
        if self._open is not None:
            opened = outputs[self._open]
            outputs = [*outputs]
            outputs[self._open] = TextOut(opened.n, self.leaked, "in_progress")
        return Segment(
            run=started.run,
            index=self.index,
            session=started.session,
            agent=started.agent,
            created_at=self._created_at,
            status=status,
            outputs=tuple(outputs),
            usage=self.usage,
            finish=reason,
            truncated=self._truncated,
            error=finish.error if finish is not None else "",
            completed_at=self._closed_at,
        )

    def _tick(self) -> int:
        self._offset += 1
        return self.position

    def _add(self, output: Output) -> OutputAdded:
        self.outputs.append(output)
        return OutputAdded(self._tick(), len(self.outputs) - 1, output)

    def _done(self, index: int, output: Output) -> OutputDone:
        self.outputs[index] = output
        return OutputDone(self._tick(), index, output)

    def _on_started(self, event: e.RunStarted) -> list[StreamEvent]:
        self._started = event
        self._created_at = event.at
        return [Opened(self._tick(), self.segment())]

    def _on_resumed(self, event: e.RunResumed) -> list[StreamEvent]:
        parked, self._parked = self._parked, None
        if parked is None or parked.why == "shutdown":
            return self._break() if self._open is not None else []
        self.index += 1
        self.outputs = []
        self.usage = Usage()
        self._created_at, self._closed_at = event.at, 0
        return [Opened(self._tick(), self.segment())]

    def _on_called(self, event: e.ModelCalled) -> list[StreamEvent]:
        made = self._break() if self._open is not None else []
        self._attempt += 1
        self._offset = 0
        self.message = event.message
        return made

    def _break(self) -> list[StreamEvent]:
        """End the open text as incomplete."""
        index, self._open = self._open, None
        if index is None:
            return []
        opened = self.outputs[index]
        n = opened.n if isinstance(opened, TextOut) else self.message
        return [self._done(index, TextOut(n, "".join(self._parts), "incomplete"))]

    def _on_compacted(self, event: e.WindowCompacted) -> list[StreamEvent]:
        self.usage = self.usage + event.usage
        return []

    def _on_replied(self, event: e.ModelReplied) -> list[StreamEvent]:
        self.usage = self.usage + event.usage
        made: list[StreamEvent] = []
        if event.malformed:
            return self._leak(event.leaked)
        if event.text:
            text = self._text(event.message.n)
            rest = text[len(self.leaked) :]
            if rest:
                made += self.delta(rest)
            index, self._open = self._open, None
            if index is not None:
                self._truncated = event.finish == "length" and not event.calls
                whole: Literal["incomplete", "completed"] = "incomplete" if self._truncated else "completed"
                made.append(self._done(index, TextOut(event.message.n, text, whole)))
        else:
            made += self._break()
        if event.calls:
            self._remember(event)
        return made

    def _remember(self, event: e.ModelReplied) -> None:
        payload = self._lookup(event.message.n)
        written = calls_of(payload) if payload is not None else ()
        for index, head in enumerate(event.calls):
            name, arguments = written[index] if index < len(written) else (head.name, "{}")
            if head.name != name:
                head = msgspec.structs.replace(head, name=name)  # noqa: PLW2901 - what the model wrote is what is shown
            self._calls[head.call] = (head, arguments)

    def _text(self, n: int) -> str:
        payload = self._lookup(n)
        return ERASED if payload is None else text_of(payload)

    def _on_failed(self, event: e.ModelFailed) -> list[StreamEvent]:
        return self._leak(event.leaked)

    def _leak(self, leaked: e.Content | None) -> list[StreamEvent]:
        """End what readers had been sent of a turn that came to nothing; a replay gives it first."""
        made: list[StreamEvent] = []
        if leaked is not None and self._open is None:
            payload = self._lookup(leaked.n)
            made += self.delta(ERASED if payload is None else payload.decode())
        return made + self._break()

    def _find_call(self, number: int) -> int | None:
        wanted = call_id(self._run, number)
        for index, output in enumerate(self.outputs):
            if isinstance(output, ServerCallOut) and output.call_id == wanted:
                return index
        return None

    @property
    def _run(self) -> bytes:
        return self._started.run if self._started is not None else b""

    def _server_call(self, number: int) -> ServerCallOut:
        head, arguments = self._calls[number]
        return ServerCallOut(
            number,
            call_id(self._run, number),
            self._source_of(head.release),
            head.name,
            arguments,
        )

    def _on_tool_started(self, event: e.ToolStarted) -> list[StreamEvent]:
        if event.call not in self._calls or self._find_call(event.call) is not None:
            return []
        return [self._add(self._server_call(event.call))]

    def _answered(self, number: int, **changes: Any) -> list[StreamEvent]:
        if number not in self._calls:
            return []
        made: list[StreamEvent] = []
        index = self._find_call(number)
        if index is None:
            made.append(self._add(self._server_call(number)))
            index = len(self.outputs) - 1
        made.append(self._done(index, msgspec.structs.replace(self.outputs[index], **changes)))
        return made

    def _on_tool_returned(self, event: e.ToolReturned) -> list[StreamEvent]:
        if event.call in self._calls and self._calls[event.call][0].side == "client":
            return []
        text = self._text(event.result.n)
        if event.is_error:
            return self._answered(event.call, error=text, status="failed")
        return self._answered(event.call, output=text, status="completed")

    def _on_tool_in_doubt(self, event: e.ToolInDoubt) -> list[StreamEvent]:
        return self._answered(event.call, error=self._text(event.result.n), status="in_doubt")

    def _on_input_requested(self, event: e.InputRequested) -> list[StreamEvent]:
        if event.call not in self._calls:
            return []
        payload = self._lookup(event.question.n)
        text = ERASED if payload is None else put(self._run, event.call, msgspec.json.decode(payload, type=Question))
        made = self._answered(event.call, output=WAITS, status="completed")
        output = TextOut(event.question.n, text)
        self._questions[event.call] = output
        return [*made, self._add(output), self._done(len(self.outputs) - 1, output)]

    def _on_input_provided(self, event: e.InputProvided) -> list[StreamEvent]:
        self._questions.pop(event.call, None)
        return []

    def _on_approval_requested(self, event: e.ApprovalRequested) -> list[StreamEvent]:
        if event.call not in self._calls:
            return []
        head, arguments = self._calls[event.call]
        output = ApprovalOut(
            event.call,
            event.approval,
            call_id(self._run, event.call),
            self._source_of(head.release),
            head.name,
            arguments,
            event.expires_at,
            event.doubt,
        )
        self._asking[event.approval] = output
        return [self._add(output), self._done(len(self.outputs) - 1, output)]

    def _on_approval_decided(self, event: e.ApprovalDecided) -> list[StreamEvent]:
        self._asking.pop(event.approval, None)
        return []

    def _on_client_requested(self, event: e.ClientToolsRequested) -> list[StreamEvent]:
        made: list[StreamEvent] = []
        for number in event.calls:
            head, arguments = self._calls[number]
            output = ClientCallOut(number, call_id(self._run, number), head.name, arguments)
            made += [self._add(output), self._done(len(self.outputs) - 1, output)]
        return made

    def _on_parked(self, event: e.RunParked) -> list[StreamEvent]:
        self._parked = event
        if event.why == "shutdown":
            return []
        made: list[StreamEvent] = []
        waiting: list[Output] = [*self._asking.values(), *self._questions.values()]
        for output in waiting:  # what was asked in an earlier answer, and still waits
            if output not in self.outputs:
                made += [self._add(output), self._done(len(self.outputs) - 1, output)]
        self._closed_at = event.at
        return [*made, Closed(self._tick(), self.segment())]

    def _on_finished(self, event: e.RunFinished) -> list[StreamEvent]:
        made = self._break()
        self._finish = event
        self._closed_at = event.at
        return [*made, Closed(self._tick(), self.segment())]


FOLD: dict[type, Callable[[Transcript, Any], list[StreamEvent]]] = {
    e.RunStarted: Transcript._on_started,  # noqa: SLF001 - the table belongs to the class above it
    e.RunResumed: Transcript._on_resumed,  # noqa: SLF001
    e.ModelCalled: Transcript._on_called,  # noqa: SLF001
    e.WindowCompacted: Transcript._on_compacted,  # noqa: SLF001
    e.ModelReplied: Transcript._on_replied,  # noqa: SLF001
    e.ModelFailed: Transcript._on_failed,  # noqa: SLF001
    e.ApprovalDecided: Transcript._on_approval_decided,  # noqa: SLF001 - as above
    e.ApprovalRequested: Transcript._on_approval_requested,  # noqa: SLF001
    e.InputRequested: Transcript._on_input_requested,  # noqa: SLF001
    e.InputProvided: Transcript._on_input_provided,  # noqa: SLF001
    e.ToolStarted: Transcript._on_tool_started,  # noqa: SLF001
    e.ToolReturned: Transcript._on_tool_returned,  # noqa: SLF001
    e.ToolInDoubt: Transcript._on_tool_in_doubt,  # noqa: SLF001
    e.ClientToolsRequested: Transcript._on_client_requested,  # noqa: SLF001
    e.RunParked: Transcript._on_parked,  # noqa: SLF001
    e.RunFinished: Transcript._on_finished,  # noqa: SLF001
}


def stream_of(
    events: tuple[e.RunEvent, ...], lookup: Lookup, source_of: SourceOf, segment: int, after: int = -1
) -> list[StreamEvent]:
    """Return the stream of one segment as the journal tells it, from the first event past position `after`."""
    transcript = Transcript(lookup, source_of)
    made: list[StreamEvent] = []
    for event in events:
        new = transcript.fold(event)
        if transcript.index == segment:
            made += new
    return cut(made, after)


def cut(stream: list[StreamEvent], after: int) -> list[StreamEvent]:
    """Drop what a reader that saw position `after` already has; a delta it saw in part is given from there on."""
    left: list[StreamEvent] = []
    for event in stream:
        if event.position <= after:
            continue
        if isinstance(event, TextDelta):
            begins = event.position - len(event.text)
            if begins < after:
                event = TextDelta(event.position, event.index, event.n, event.text[after - begins :])  # noqa: PLW2901 - the shortened event takes its place
        left.append(event)
    return left


def segments_of(events: tuple[e.RunEvent, ...], lookup: Lookup, source_of: SourceOf) -> list[Segment]:
    """Return all segments of a run, the last one as far as it has come."""
    transcript = Transcript(lookup, source_of)
    found: dict[int, Segment] = {}
    for event in events:
        transcript.fold(event)
        found[transcript.index] = transcript.segment()
    return [found[index] for index in sorted(found)]
