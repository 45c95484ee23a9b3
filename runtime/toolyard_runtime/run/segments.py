"""A run as its readers see it: segments made of outputs, and the stream that builds one; knows no wire format.

A *segment* is the part of a run between two waits: one HTTP answer. A run that asks for an approval or for client
tools ends a segment, and the decision or the results begin the next one. The wire encoders (Chat Completions,
Responses) are pure functions of what is defined here.
"""

from typing import Literal

from msgspec import Struct
from toolyard_sdk.messages import Message, ToolSpec, Usage

SegmentStatus = Literal["in_progress", "completed", "incomplete", "failed", "cancelled"]


class TextOut(Struct, frozen=True):
    """Text for the user. `incomplete` when the turn broke after some of it had left the server."""

    n: int
    text: str
    status: Literal["in_progress", "completed", "incomplete"] = "completed"


class ServerCallOut(Struct, frozen=True):
    """A call that the server executes; `error` is set when the model was answered with an error."""

    n: int
    call_id: str
    source: str
    name: str
    arguments: str
    output: str | None = None
    error: str | None = None
    status: Literal["in_progress", "completed", "failed", "in_doubt"] = "in_progress"


class ClientCallOut(Struct, frozen=True):
    """A call that the client is asked to execute."""

    n: int
    call_id: str
    name: str
    arguments: str


class ApprovalOut(Struct, frozen=True):
    """A call that waits for a person; `doubt` tells that the same call may already have happened once."""

    n: int
    approval: bytes
    call_id: str
    source: str
    name: str
    arguments: str
    expires_at: int
    doubt: bool = False


Output = TextOut | ServerCallOut | ClientCallOut | ApprovalOut


class Segment(Struct, frozen=True):
    """One answer. `finish` is the reason a run ended with, or `client_tools` / `approval` when it waits.

    `truncated` tells that the model ran into its token limit; `error` is a code, `error_message` words for a person.
    Times are UTC microseconds.
    """

    run: bytes
    index: int
    session: bytes
    agent: str
    created_at: int
    status: SegmentStatus
    outputs: tuple[Output, ...] = ()
    usage: Usage = Usage()
    finish: str = ""
    truncated: bool = False
    error: str = ""
    error_message: str = ""
    completed_at: int = 0


class Opened(Struct, frozen=True):
    """The stream begins."""

    position: int
    segment: Segment


class OutputAdded(Struct, frozen=True):
    """A new output, at `index` among the segment's outputs; a text one is still empty."""

    position: int
    index: int
    output: Output


class TextDelta(Struct, frozen=True):
    """More text of the output at `index`; its position is that of its last character."""

    position: int
    index: int
    n: int
    text: str


class OutputDone(Struct, frozen=True):
    """The output at `index` is whole (or incomplete, and says so)."""

    position: int
    index: int
    output: Output


class Closed(Struct, frozen=True):
    """The segment is over; nothing follows."""

    position: int
    segment: Segment


StreamEvent = Opened | OutputAdded | TextDelta | OutputDone | Closed
"""`position` grows strictly; a reader that comes back names the last one it saw and gets what came after."""


class Sampling(Struct, frozen=True, omit_defaults=True):
    """What a request may ask of the model; None leaves the agent's own setting."""

    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] | None = None


class ApprovalAnswer(Struct, frozen=True):
    """A person's decision that came in with a request; `saw` is the binding they were shown, in hex."""

    approval: bytes
    approve: bool
    reason: str | None = None
    saw: str | None = None


class ClientAnswer(Struct, frozen=True):
    """The client's result of one call it was asked to execute."""

    call_id: str
    output: str


class Ask(Struct, frozen=True):
    """A request on either `/v1` route, read but not yet looked up.

    `messages` is what the client sent: the whole visible conversation in Chat (`resends` is true), only what is new in
    Responses. `previous` is (run, segment index) of `previous_response_id`.
    """

    agent: str
    messages: tuple[Message, ...]
    resends: bool
    instructions: str = ""
    client_tools: tuple[ToolSpec, ...] = ()
    sampling: Sampling = Sampling()
    stream: bool = False
    background: bool = False
    end_user: str | None = None
    previous: tuple[bytes, int] | None = None
    client_answers: tuple[ClientAnswer, ...] = ()
    approvals: tuple[ApprovalAnswer, ...] = ()
    metadata: dict[str, str] = {}
    include_usage: bool = False
    warnings: tuple[str, ...] = ()
