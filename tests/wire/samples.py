"""Segments and streams to encode, and the reading side of server-sent events."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from openai import BaseModel
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
from toolyard_sdk.messages import Usage

RUN = bytes(range(16))
APPROVAL = bytes(range(16, 32))
PUBLIC_URL = "http://127.0.0.1:8700"

TEXT = TextOut(1, "It is four.")
SERVER_CALL = ServerCallOut(2, "call_a_2", "calculator", "evaluate", '{"expression":"2+2"}', "4", status="completed")
FAILED_CALL = ServerCallOut(3, "call_a_3", "files", "read", '{"path":"x"}', error="There is no x.", status="failed")
DOUBTED_CALL = ServerCallOut(4, "call_a_4", "files", "write", "{}", status="in_doubt")
RUNNING_CALL = ServerCallOut(5, "call_a_5", "clock", "now", "{}")
CLIENT_CALL = ClientCallOut(6, "call_a_6", "weather", '{"city":"Oslo"}')
WAITING = ApprovalOut(7, APPROVAL, "call_a_7", "files", "write", '{"path":"a.txt"}', 1_800_000_000_000_000)

EVERYTHING: tuple[Output, ...] = (
    TextOut(1, "Let me see."),
    SERVER_CALL,
    FAILED_CALL,
    DOUBTED_CALL,
    TextOut(8, "Nearly "),
    CLIENT_CALL,
    WAITING,
)


def segment(status: SegmentStatus, *outputs: Output, **changes: Any) -> Segment:
    """Return a segment with the outputs."""
    made = Segment(
        run=RUN,
        index=1,
        session=bytes(16),
        agent="support",
        created_at=1_700_000_000_000_000,
        status=status,
        outputs=outputs,
        usage=Usage(11, 7, 3, 2),
        finish="stop",
        completed_at=1_700_000_002_000_000,
    )
    return msgspec.structs.replace(made, **changes)


def stream(final: Segment, cut: int = 4) -> list[StreamEvent]:
    """Return the stream that builds a segment, its texts cut into pieces of `cut` characters."""
    opened = msgspec.structs.replace(final, status="in_progress", outputs=(), usage=Usage(), completed_at=0)
    events: list[StreamEvent] = [Opened(1, opened)]
    at = 1
    for index, output in enumerate(final.outputs):
        at += 1
        events.append(OutputAdded(at, index, _opening(output)))
        if isinstance(output, TextOut):
            for start in range(0, len(output.text), cut):
                piece = output.text[start : start + cut]
                at += len(piece)
                events.append(TextDelta(at, index, output.n, piece))
        at += 1
        events.append(OutputDone(at, index, output))
    return [*events, Closed(at + 1, final)]


def _opening(output: Output) -> Output:
    match output:
        case TextOut(n=n):
            return TextOut(n, "", "in_progress")
        case ServerCallOut():
            return msgspec.structs.replace(output, output=None, error=None, status="in_progress")
        case _:
            return output


def events_of(data: bytes) -> list[tuple[str | None, dict[str, Any]]]:
    """Read server-sent events: (event, data); raises on lines that are neither `event:` nor `data:`."""
    read: list[tuple[str | None, dict[str, Any]]] = []
    for block in data.decode().split("\n\n")[:-1]:
        kind: str | None = None
        for line in block.split("\n"):
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            else:
                assert name == "data", line
                if value != "[DONE]":
                    read.append((kind, json.loads(value)))
    assert data.endswith(b"\n\n") or not data
    return read


def unknown_fields(model: Any, where: str = "") -> set[str]:
    """Return the paths of fields that OpenAI's own types do not know."""
    if isinstance(model, BaseModel):
        found = {f"{where}{name}" for name in model.model_extra or {}}
        for name in type(model).model_fields:
            found |= unknown_fields(getattr(model, name, None), f"{where}{name}.")
        return found
    if isinstance(model, Sequence) and not isinstance(model, str | bytes):
        return {path for entry in model for path in unknown_fields(entry, where)}
    return set()
