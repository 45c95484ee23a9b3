"""`RunEvent`: the closed union of what can happen to a run, as heads; no content, only references and commitments.

A head is written once and never rewritten. Content (messages, arguments, results, reasons in words) lies in payloads
that `Content` points to; erasing a payload leaves every head, and so every fold and proof, as it was. All times are
UTC microseconds. Heads hold nothing that could refer back to them, so the garbage collector need not look at them
(`gc=False`). Ordinals (`call`, `Content.n`) count within one run, so a head needs no global id.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from toolyard_sdk.messages import EffectClass, Usage

Mode = Literal["foreground", "background"]
Decision = Literal["approve", "ask", "reject"]
Verdict = Literal["approve", "deny", "expired"]
Outcome = Literal["happened", "did_not", "unknown"]
FinishReason = Literal["stop", "max_turns", "budget", "cancelled", "failed", "release_unavailable"]
Budget = Literal["tokens", "time"]
ParkReason = Literal["approval", "client_tools", "input", "shutdown"]

Problem = Literal[
    "unknown_tool",
    "invalid_json",
    "invalid_arguments",
    "too_many_calls",
    "repeated",
]
"""What is wrong with a call before anybody is asked: found by the pure checks, told to the model as an error."""

AnswerSource = Literal["tool", "client", "check", "policy", "approval", "timeout", "cancelled", "doubt", "unavailable"]
"""Who answered a call: the tool itself, or the part of the server that kept it from running."""

ResumeReason = Literal["approval", "client_tools", "input", "recovered", "cancel", "deadline", "started_again"]
CancelReason = Literal[
    "user",
    "operator",
    "disconnected",
    "crashed",
    "erased",
    "superseded",
    "stopped",
    "shutdown",
    "release_unavailable",
    "abandoned",
]

DoubtReason = Literal["crashed", "timeout", "cancelled", "connection_lost"]
"""Why nobody knows whether a call happened."""

ModelFault = Literal[
    "connect",
    "timeout",
    "rate_limited",
    "overloaded",
    "server_error",
    "bad_request",
    "too_long",
    "unauthorized",
    "not_found",
    "bad_answer",
    "broken_stream",
    "cancelled",
]
"""How a model call failed, in words that say whether trying again can help."""


class Content(Struct, frozen=True, gc=False, array_like=True):
    """A reference to a payload of the same run and the commitment to its bytes (HMAC-SHA256 under the run's salt)."""

    n: int
    mac: bytes


class ItemRef(Struct, frozen=True, gc=False, array_like=True):
    """A session item: the run that wrote it (16 bytes) and the payload ordinal within that run."""

    run: bytes
    n: int


class Limits(Struct, frozen=True, omit_defaults=True):
    """The budgets a run was started with; `tokens` counts input and output of all model calls, 0 means no bound.

    `tool_attempts` bounds the starts of one harmless call, each ended by the end of its process.
    """

    turns: int = 16
    calls_per_turn: int = 16
    repeats: int = 3
    tokens: int = 0
    seconds: float = 600.0
    model_attempts: int = 4
    tool_attempts: int = 5


Because = Literal["", "always", "called", "found", "ranked"]
"""Why a tool is on a shortlist: the agent always has it, it was called before, asked for, or ranked among the first."""


class Candidate(Struct, frozen=True, omit_defaults=True):
    """A tool that could have been offered, its score where one was computed, and why it was not offered.

    `because` is why a shortlist holds it: "" where there was no need for one, or it is not on it.
    """

    name: str
    release: str
    score: float | None = None
    left_out: Literal["", "stopped", "budget", "not_granted"] = ""
    because: Because = ""


class CallHead(Struct, frozen=True, gc=False, omit_defaults=True):
    """One call a model asked for: `side` says who executes it, `problem` why nobody will.

    `arguments` commits to the canonical arguments, which lie inside the turn's message (payload `n`); where they
    could not be read, to the raw text in a payload of its own. Of invalid arguments, `field` names the one at fault as
    the tool's schema does, or "?" for one that the schema does not have; it never holds a model's words.
    """

    call: int
    name: str
    arguments: Content
    side: Literal["server", "client"] = "server"
    release: str = ""
    effect: EffectClass = "side_effect"
    problem: Problem | None = None
    repeats: int = 0
    field: str = ""


class ClientResult(Struct, frozen=True):
    """A client's answer to one call it was asked to execute."""

    call: int
    result: Content
    is_error: bool = False


class Recalled(Struct, frozen=True, omit_defaults=True):
    """One memory that was brought to mind: its id, where it came from and the parts of its score."""

    id: str
    provenance: str
    scores: dict[str, float]
    used: bool = True


class RunStarted(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """A run begins: who asked, which release answers, from which item, with which input and budgets."""

    at: int
    run: bytes
    session: bytes
    tenant: str
    caller: str
    agent: str
    release: str
    inputs: tuple[Content, ...]
    limits: Limits
    mode: Mode = "foreground"
    base: ItemRef | None = None
    end_user: bytes | None = None
    instructions: Content | None = None
    client_tools: Content | None = None
    sampling: Content | None = None
    echo: Content | None = None
    parent: bytes | None = None
    roles: tuple[str, ...] = ()
    epoch: int = 1


class MemoryRecalled(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """What long-term memory contributed to the next turn, and what was left out for budget.

    `tokens` estimates what the text takes of the window, `room` how much it might have taken. `degraded` says that a
    part of it was not asked, or lags behind: `vectors`.
    """

    at: int
    turn: int
    recalled: tuple[Recalled, ...]
    text: Content | None = None
    degraded: str = ""
    tokens: int = 0
    room: int = 0


class ToolsOffered(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """The tools the model may call from `turn` on, and those it was not shown.

    `unlisted` counts granted tools left out for budget that scored no more than any that is listed.
    """

    at: int
    turn: int
    candidates: tuple[Candidate, ...]
    digest: str
    unlisted: int = 0


class WindowCompacted(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """What a model is shown of the session is less from here on; `after` is the newest item there was.

    The items from `start` to `end` are shown no more, but for the first `pinned` messages of the user and those that
    began the last exchange; `summary` stands for `messages` of them (None: nothing does). `source` commits to the
    SHA-256 of what was summarised, `model` is who did (`extractive:v1` is no model), `prompt` a digest of what it was
    told, `usage` what it took, `fault` why a model's summary could not be had. Tool results of more than `above` tokens
    up to `until` are placeholders now, `results` more of them than before. Token counts are the model server's where
    `counted`, else estimates; `room` is how many were left free for what comes to mind, always an estimate.
    """

    at: int
    turn: int
    after: ItemRef
    tokens_before: int
    tokens_after: int
    counted: bool = False
    room: int = 0
    start: ItemRef | None = None
    end: ItemRef | None = None
    messages: int = 0
    pinned: int = 0
    above: int = 0
    until: ItemRef | None = None
    results: int = 0
    summary: Content | None = None
    source: bytes = b""
    model: str = ""
    prompt: str = ""
    usage: Usage = Usage()
    fault: str = ""
    duration_us: int = 0


class ModelCalled(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """A request leaves for the model: all that is needed to rebuild its bytes, and a commitment to their SHA-256.

    The request is the encoder's head for (release, model, offered, variant), then the session's items from
    `window_start` to `window_end`, both included. `message` is the payload ordinal kept for the answer.
    """

    at: int
    turn: int
    attempt: int
    model: str
    encoder: int
    window_start: ItemRef
    window_end: ItemRef
    offered: str
    request: bytes
    message: int
    variant: str = "plain"


class ModelReplied(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """A whole turn arrived. `text` says whether it holds text for the user; `malformed` why it was not taken.

    `leaked` is what readers had already been sent of a turn that was not taken.
    """

    at: int
    turn: int
    attempt: int
    message: Content
    calls: tuple[CallHead, ...] = ()
    text: bool = False
    usage: Usage = Usage()
    finish: str = ""
    response_model: str = ""
    fingerprint: str = ""
    malformed: str = ""
    margin: float | None = None
    first_token_us: int = 0
    duration_us: int = 0
    leaked: Content | None = None


class ModelFailed(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """A turn was lost. `retry_at` is when to try again (0: no use), `leaked` the text already sent."""

    at: int
    turn: int
    attempt: int
    fault: ModelFault
    status: int = 0
    retry_at: int = 0
    detail: Content | None = None
    leaked: Content | None = None


class PolicyDecided(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """A rule spoke about a call (or an input or output), under a policy named by digest."""

    at: int
    decision: Decision
    rule: str
    policy: str
    subject: Literal["input", "call", "output"] = "call"
    call: int | None = None
    reason: Content | None = None


class ApprovalRequested(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """A person is asked about one call; `binding` commits to (tool release, canonical arguments, run)."""

    at: int
    approval: bytes
    call: int
    binding: bytes
    expires_at: int
    doubt: bool = False


class ApprovalDecided(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """A person (or the clock) answered; `by` is an actor, `saw` the binding of what was shown to whoever asked.

    `confirmed` when the decision itself named that binding: it was made by somebody who had been shown it.
    """

    at: int
    approval: bytes
    call: int
    verdict: Verdict
    by: str
    saw: bytes
    reason: Content | None = None
    confirmed: bool = False


class ToolStarted(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """A call is about to happen: durable before any call that may have side effects."""

    at: int
    call: int
    release: str
    arguments: bytes
    attempt: int
    key: str


class ToolReturned(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """A call is answered, by the tool or by whoever kept it from running.

    `found` names the tools that a call of `find_tools` found: the next turn offers them. `whole` is the result before
    it was cut, where the rest can be read.
    """

    at: int
    call: int
    result: Content
    is_error: bool = False
    source: AnswerSource = "tool"
    duration_us: int = 0
    cut: bool = False
    found: tuple[str, ...] = ()
    whole: Content | None = None


class ToolInDoubt(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """We do not know whether a call happened; `result` is what the model is told."""

    at: int
    call: int
    why: DoubtReason
    result: Content


class DoubtResolved(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """A person looked and says what became of a call in doubt."""

    at: int
    call: int
    outcome: Outcome
    by: str
    note: Content | None = None


class InputRequested(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """A tool asks a person a question with a schema (MCP elicitation)."""

    at: int
    call: int
    request: bytes
    question: Content


class InputProvided(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """The person's answer to a question."""

    at: int
    call: int
    request: bytes
    action: Literal["accept", "decline", "cancel"]
    by: str
    answer: Content | None = None


class ClientToolsRequested(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """Function tools of the client are to be executed by the client."""

    at: int
    calls: tuple[int, ...]


class ClientToolsReturned(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """The client's results."""

    at: int
    results: tuple[ClientResult, ...]


class RunParked(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """The run waits and holds no task and no connection; `until` is when the clock will wake it (0: never)."""

    at: int
    why: ParkReason
    until: int = 0


class RunResumed(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """A new owner drives the run; what was in flight under the former epoch is taken up again or in doubt."""

    at: int
    epoch: int
    why: ResumeReason


class DeadlineReached(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """A budget is used up."""

    at: int
    budget: Budget


class CancelRequested(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """Somebody wants the run to end; `reason` is a code, never words."""

    at: int
    by: str
    reason: CancelReason


class MemoryWritten(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """Facts that this run added, superseded or forgot, by id."""

    at: int
    added: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()


class RunFinished(Struct, frozen=True, gc=False, tag_field="event", omit_defaults=True):
    """The run is over; `answer` is the ordinal of the message that answers, `error` a code when it failed."""

    at: int
    reason: FinishReason
    usage: Usage
    turns: int
    calls: int
    answer: int | None = None
    error: str = ""


RunEvent = (
    RunStarted
    | MemoryRecalled
    | ToolsOffered
    | WindowCompacted
    | ModelCalled
    | ModelReplied
    | ModelFailed
    | PolicyDecided
    | ApprovalRequested
    | ApprovalDecided
    | ToolStarted
    | ToolReturned
    | ToolInDoubt
    | DoubtResolved
    | InputRequested
    | InputProvided
    | ClientToolsRequested
    | ClientToolsReturned
    | RunParked
    | RunResumed
    | DeadlineReached
    | CancelRequested
    | MemoryWritten
    | RunFinished
)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RunEvent).decode


class UnknownEvent(Exception):
    """A stored head this version cannot read: the node that meets it leaves the run alone."""


def encode_head(event: RunEvent) -> bytes:
    """Encode an event as the bytes that are stored, chained and proved."""
    return _encode(event)


def decode_head(head: bytes | str) -> RunEvent:
    """Decode a stored head; raises UnknownEvent for a kind or shape this version does not know."""
    try:
        event: RunEvent = _decode(head)
    except msgspec.DecodeError as error:
        raise UnknownEvent(f"cannot read a journal head: {error}") from error
    return event
