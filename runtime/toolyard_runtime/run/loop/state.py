"""What the loop knows of a run: its phase, the calls of its turn and where they stand; knows no effect."""

from typing import Literal

import msgspec
from msgspec import Struct
from toolyard_sdk.events import (
    ApprovalRequested,
    CallHead,
    FinishReason,
    ItemRef,
    Limits,
    ParkReason,
    RunFinished,
    RunStarted,
)
from toolyard_sdk.messages import Usage

Stage = Literal[
    "flawed",  # a check found a problem: answer it with an error
    "proposed",  # policy has not spoken
    "rejected",  # policy said no
    "unasked",  # policy wants a person, who has not been asked
    "waiting",  # a person has been asked
    "denied",  # the person said no, or never answered
    "cleared",  # may be executed
    "running",  # was started, has not returned
    "aborting",  # is being stopped
    "lost",  # was started by a former owner and may have happened
    "dropped",  # will not be executed: the run is ending
    "client",  # the client shall execute it, once the server's own calls have settled
    "handed",  # the client has been asked
    "questioned",  # the tool waits for a person's input
    "answered",
]


Phase = Literal["new", "idle", "thinking", "acting", "parked", "finishing", "finished"]


class Call(Struct, frozen=True, gc=False):
    """One call of the current turn; `busy` while an effect for it is under way, `attempt` counts its starts.

    `warned` when whoever approved it was shown that the same call may already have happened.
    """

    head: CallHead
    stage: Stage
    busy: bool = False
    attempt: int = 0
    result: int = 0
    approved: bool = False
    warned: bool = False


class Doubt(Struct, frozen=True, gc=False):
    """A call of which nobody knows whether it happened."""

    call: int
    name: str
    arguments: bytes


class RunState(Struct, frozen=True):
    """Everything the loop knows of a run; ordinals are those of the journal's heads.

    `active_us` sums the time before the last wait, `active_since` is when the present stretch began: the wall time
    budget does not count waiting for people.
    `items` are the payload ordinals of the run's session items in window order; `repeats` counts the calls by
    commitment to (tool, arguments); `closing` is set once the run can only end. `decided` is set while the run goes on
    after a person's decision (or the lack of one in time), with no client of its own.
    """

    seq: int = 0
    phase: Phase = "new"
    resting: Phase = "new"
    started: RunStarted | None = None
    limits: Limits = Limits()
    epoch: int = 0
    segment: int = 0
    turn: int = 0
    attempt: int = 0
    asked: bool = False
    retry_at: int = 0
    variant: str = "plain"
    reasks: int = 0
    message: int = 0
    calls: tuple[Call, ...] = ()
    made: int = 0
    repeats: dict[tuple[str, bytes], int] = {}
    items: tuple[int, ...] = ()
    usage: Usage = Usage()
    offered: str = ""
    doubts: tuple[Doubt, ...] = ()
    approvals: dict[bytes, ApprovalRequested] = {}
    closing: FinishReason | None = None
    error: str = ""
    cancel: str = ""
    parked: ParkReason | None = None
    wake_at: int = 0
    decided: bool = False
    active_since: int = 0
    active_us: int = 0
    finish: RunFinished | None = None


PARKED_FOR: dict[Stage, ParkReason] = {"waiting": "approval", "handed": "client_tools", "questioned": "input"}
OUTSIDE = frozenset(PARKED_FOR)
"""Stages that wait for a person or the client: a run whose open calls are all here is parked."""


def flaw(head: CallHead, position: int, limits: Limits) -> CallHead:
    """Return the head with the budget problem it has, if any: `position` counts the turn's calls from 0."""
    if head.problem is None and position >= limits.calls_per_turn:
        return msgspec.structs.replace(head, problem="too_many_calls")
    if head.problem is None and head.side == "server" and head.repeats >= limits.repeats:
        return msgspec.structs.replace(head, problem="repeated")
    return head


def waits(state: RunState) -> bool:
    """Whether all that is left of the turn is up to a person or the client."""
    left = [call.stage for call in state.calls if call.stage != "answered"]
    return state.phase == "acting" and state.closing is None and bool(left) and OUTSIDE.issuperset(left)


def last_item(state: RunState) -> ItemRef | None:
    """Return the newest session item the run stands on: its own last one, or the one it started from."""
    if state.started is None:
        return None
    return ItemRef(state.started.run, state.items[-1]) if state.items else state.started.base
