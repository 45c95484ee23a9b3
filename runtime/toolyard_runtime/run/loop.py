"""The loop, as a pure fold: `step(state, event) -> state, effects`; knows no clock, network, randomness or database.

A run thinks (a model call), acts (the calls of that turn), and thinks again until a turn has no calls. Every event
moves at most one call or the turn itself; `_advance` then reads the tables below and says what to do next. Effects
already asked for are marked `busy` in the state, so folding the same journal gives the same state and no effect
twice; `RunResumed` clears those marks, because whoever held them is gone.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec
from msgspec import Struct
from toolyard_sdk.events import (
    ApprovalDecided,
    ApprovalRequested,
    CallHead,
    CancelRequested,
    ClientToolsRequested,
    ClientToolsReturned,
    DeadlineReached,
    DoubtResolved,
    FinishReason,
    InputProvided,
    InputRequested,
    ItemRef,
    Limits,
    MemoryRecalled,
    MemoryWritten,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    ParkReason,
    PolicyDecided,
    RunEvent,
    RunFinished,
    RunParked,
    RunResumed,
    RunStarted,
    ToolInDoubt,
    ToolReturned,
    ToolsOffered,
    ToolStarted,
    WindowCompacted,
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


class Think(Struct, frozen=True, gc=False):
    """Call the model, not before `not_before`; `variant` "retry" re-asks without streaming and with strict schemas."""

    turn: int
    attempt: int
    not_before: int
    variant: str


class AbortModel(Struct, frozen=True, gc=False):
    """Stop the model call under way."""


class Judge(Struct, frozen=True, gc=False):
    """Ask the policy about a call."""

    call: CallHead


class Ask(Struct, frozen=True, gc=False):
    """Ask a person about a call."""

    call: CallHead


class Execute(Struct, frozen=True, gc=False):
    """Start a call; `approved` when a person agreed to it."""

    call: CallHead
    attempt: int
    approved: bool


class Abort(Struct, frozen=True, gc=False):
    """Stop a call under way and say what became of it."""

    call: CallHead


class Answer(Struct, frozen=True, gc=False):
    """Answer a call without executing it; `why` is the stage that kept it from running."""

    call: CallHead
    why: Literal["flawed", "rejected", "denied", "dropped"]


class Suspect(Struct, frozen=True, gc=False):
    """Put a call of a former owner in doubt."""

    call: CallHead


class HandOver(Struct, frozen=True, gc=False):
    """Ask the client to execute its calls."""

    calls: tuple[int, ...]


class Park(Struct, frozen=True, gc=False):
    """Let go of the run until somebody decides or answers."""

    why: ParkReason


class Finish(Struct, frozen=True, gc=False):
    """End the run."""

    reason: FinishReason
    error: str


Effect = Think | AbortModel | Judge | Ask | Execute | Abort | Answer | Suspect | HandOver | Park | Finish

WANTS: dict[Stage, Callable[[Call], Effect]] = {
    "flawed": lambda call: Answer(call.head, "flawed"),
    "proposed": lambda call: Judge(call.head),
    "rejected": lambda call: Answer(call.head, "rejected"),
    "unasked": lambda call: Ask(call.head),
    "denied": lambda call: Answer(call.head, "denied"),
    "cleared": lambda call: Execute(call.head, call.attempt + 1, call.approved),
    "aborting": lambda call: Abort(call.head),
    "lost": lambda call: Suspect(call.head),
    "dropped": lambda call: Answer(call.head, "dropped"),
}
"""What a call in each stage needs next; stages that are not here wait for somebody else."""

JUDGED: dict[str, Stage] = {"approve": "cleared", "ask": "unasked", "reject": "rejected"}
DECIDED: dict[str, Stage] = {"approve": "cleared", "deny": "denied", "expired": "denied"}
PARKED_FOR: dict[Stage, ParkReason] = {"waiting": "approval", "handed": "client_tools", "questioned": "input"}
OUTSIDE = frozenset(PARKED_FOR)
"""Stages that wait for a person or the client: a run whose open calls are all here is parked."""

DETACHED: dict[str, bool] = {"approval": True, "deadline": True, "input": True, "client_tools": False}
"""Whether a run goes on without a client after this; the other reasons change nothing about it."""


def step(state: RunState, event: RunEvent) -> tuple[RunState, tuple[Effect, ...]]:
    """Fold one event and say what follows; an event that does not apply changes nothing but the sequence number."""
    folded = FOLD[type(event)](state, event)
    return _advance(msgspec.structs.replace(folded, seq=state.seq + 1))


def fold(events: Iterable[RunEvent]) -> RunState:
    """Return the state after all events; effects on the way belong to whoever drove them."""
    state = RunState()
    for event in events:
        state, _ = step(state, event)
    return state


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


def _advance(state: RunState) -> tuple[RunState, tuple[Effect, ...]]:
    if state.phase in ("new", "parked", "finishing", "finished"):
        return state, ()
    if state.phase == "thinking":
        return _await_model(state)
    if state.phase == "acting":
        return _act(state)
    return _think_or_finish(state)


def _await_model(state: RunState) -> tuple[RunState, tuple[Effect, ...]]:
    if state.closing and state.asked and state.variant != "aborting":
        return msgspec.structs.replace(state, variant="aborting"), (AbortModel(),)
    if state.asked:
        return state, ()
    if state.closing:
        return _finish(state)
    think = Think(state.turn, state.attempt, state.retry_at, state.variant)
    return msgspec.structs.replace(state, asked=True), (think,)


def _act(state: RunState) -> tuple[RunState, tuple[Effect, ...]]:
    effects: list[Effect] = []
    calls = []
    for call in state.calls:
        wants = None if call.busy else WANTS.get(call.stage)
        if wants is not None:
            effects.append(wants(call))
            call = msgspec.structs.replace(call, busy=True)  # noqa: PLW2901 - the marked call replaces the unmarked
        calls.append(call)
    if effects:
        return msgspec.structs.replace(state, calls=tuple(calls)), tuple(effects)
    open_stages = [call.stage for call in state.calls if call.stage != "answered"]
    if not open_stages:
        results = tuple(call.result for call in state.calls)
        done = msgspec.structs.replace(state, phase="idle", calls=(), items=(*state.items, state.message, *results))
        return _think_or_finish(done)
    if any(call.busy for call in state.calls):
        return state, ()
    if "client" in open_stages:
        handed = tuple(call.head.call for call in state.calls if call.stage == "client")
        calls = [msgspec.structs.replace(c, busy=True) if c.stage == "client" else c for c in state.calls]
        return msgspec.structs.replace(state, calls=tuple(calls)), (HandOver(handed),)
    why: ParkReason = next((PARKED_FOR[stage] for stage in open_stages if stage in OUTSIDE), "approval")
    return state, (Park(why),)


def _think_or_finish(state: RunState) -> tuple[RunState, tuple[Effect, ...]]:
    if state.closing:
        return _finish(state)
    if state.turn >= state.limits.turns:
        return _finish(msgspec.structs.replace(state, closing="max_turns"))
    turn = state.turn + 1
    thinking = msgspec.structs.replace(
        state, phase="thinking", turn=turn, attempt=1, asked=True, retry_at=0, variant="plain", reasks=0
    )
    return thinking, (Think(turn, 1, 0, "plain"),)


def _finish(state: RunState) -> tuple[RunState, tuple[Effect, ...]]:
    return msgspec.structs.replace(state, phase="finishing"), (Finish(state.closing or "stop", state.error),)


# --- one function for each event: what it changes, nothing about what follows ---


def _on_started(state: RunState, event: RunStarted) -> RunState:
    if state.started is not None:
        return state
    return msgspec.structs.replace(
        state,
        phase="idle",
        started=event,
        limits=event.limits,
        epoch=event.epoch,
        active_since=event.at,
        items=tuple(content.n for content in event.inputs),
    )


def _on_offered(state: RunState, event: ToolsOffered) -> RunState:
    return msgspec.structs.replace(state, offered=event.digest)


def _on_compacted(state: RunState, event: WindowCompacted) -> RunState:
    if state.phase != "thinking" or event.turn != state.turn:
        return state
    usage = state.usage + event.usage
    spent = event.usage.total_tokens and state.limits.tokens and usage.total_tokens >= state.limits.tokens
    counted = msgspec.structs.replace(state, usage=usage)
    return _close(counted, "budget") if spent else counted


def _on_replied(state: RunState, event: ModelReplied) -> RunState:
    if state.phase != "thinking" or (event.turn, event.attempt) != (state.turn, state.attempt):
        return state
    usage = state.usage + event.usage
    spent = state.limits.tokens and usage.total_tokens >= state.limits.tokens
    useless = bool(event.malformed) or not (event.calls or event.text)
    closing = state.closing or ("budget" if spent and (event.calls or useless) else None)
    if useless:
        error = "malformed_turn" if event.malformed else "empty_response"
        if state.reasks or closing:
            return _lost_turn(msgspec.structs.replace(state, usage=usage, closing=closing), error)
        return msgspec.structs.replace(
            state, usage=usage, asked=False, attempt=state.attempt + 1, reasks=1, retry_at=0, variant="retry"
        )
    if not event.calls:
        return msgspec.structs.replace(
            state,
            phase="idle",
            usage=usage,
            message=event.message.n,
            items=(*state.items, event.message.n),
            closing=closing or "stop",
        )
    repeats = dict(state.repeats)
    for head in event.calls:
        key = (head.name, head.arguments.mac)
        repeats[key] = repeats.get(key, 0) + 1
    calls = tuple(Call(head, _first_stage(head, closing)) for head in event.calls)
    return msgspec.structs.replace(
        state,
        phase="acting",
        usage=usage,
        message=event.message.n,
        calls=calls,
        made=state.made + len(calls),
        repeats=repeats,
        closing=closing,
    )


def _first_stage(head: CallHead, closing: FinishReason | None) -> Stage:
    if head.problem is not None:
        return "flawed"
    if closing is not None:
        return "dropped"
    return "client" if head.side == "client" else "proposed"


def _on_failed(state: RunState, event: ModelFailed) -> RunState:
    if state.phase != "thinking" or (event.turn, event.attempt) != (state.turn, state.attempt):
        return state
    if state.closing or not event.retry_at or state.attempt >= state.limits.model_attempts:
        return _lost_turn(state, event.fault)
    return msgspec.structs.replace(state, asked=False, attempt=state.attempt + 1, retry_at=event.retry_at)


def _lost_turn(state: RunState, error: str) -> RunState:
    closing = state.closing or "failed"
    return msgspec.structs.replace(
        state, phase="idle", closing=closing, error=error if closing == "failed" else state.error
    )


def _with_call(state: RunState, number: int | None, change: Callable[[Call], Call | None]) -> RunState:
    for index, call in enumerate(state.calls):
        if call.head.call == number:
            changed = change(call)
            if changed is None:
                return state
            return msgspec.structs.replace(state, calls=(*state.calls[:index], changed, *state.calls[index + 1 :]))
    return state


def _on_policy(state: RunState, event: PolicyDecided) -> RunState:
    def change(call: Call) -> Call | None:
        if call.stage == "proposed":
            return msgspec.structs.replace(call, stage=JUDGED[event.decision], busy=False)
        if call.stage == "cleared" and event.decision != "approve":  # the check right before the start
            return msgspec.structs.replace(call, stage=JUDGED[event.decision], busy=False)
        return None

    return _with_call(state, event.call, change)


def _on_approval_requested(state: RunState, event: ApprovalRequested) -> RunState:
    def change(call: Call) -> Call | None:
        return msgspec.structs.replace(call, stage="waiting", busy=False) if call.stage == "unasked" else None

    waiting = _with_call(state, event.call, change)
    if waiting is state:
        return state
    return msgspec.structs.replace(waiting, approvals={**state.approvals, event.approval: event})


def _on_approval_decided(state: RunState, event: ApprovalDecided) -> RunState:
    request = state.approvals.get(event.approval)
    if request is None or request.call != event.call:
        return state

    def change(call: Call) -> Call | None:
        if call.stage != "waiting":
            return None
        agreed = event.verdict == "approve"
        return msgspec.structs.replace(
            call, stage=DECIDED[event.verdict], busy=False, approved=agreed, warned=agreed and request.doubt
        )

    left = {key: value for key, value in state.approvals.items() if key != event.approval}
    return msgspec.structs.replace(_with_call(state, event.call, change), approvals=left)


def _on_tool_started(state: RunState, event: ToolStarted) -> RunState:
    def change(call: Call) -> Call | None:
        if call.stage == "answered" or event.attempt <= call.attempt:
            return None
        stage: Stage = "running" if call.stage == "cleared" else call.stage
        return msgspec.structs.replace(call, stage=stage, attempt=event.attempt)

    return _with_call(state, event.call, change)


def _on_tool_returned(state: RunState, event: ToolReturned) -> RunState:
    def change(call: Call) -> Call | None:
        if call.stage == "answered":
            return None
        return msgspec.structs.replace(call, stage="answered", busy=False, result=event.result.n)

    return _with_call(state, event.call, change)


def _on_tool_in_doubt(state: RunState, event: ToolInDoubt) -> RunState:
    doubts = state.doubts

    def change(call: Call) -> Call | None:
        nonlocal doubts
        if call.stage == "answered":
            return None
        doubts = (*doubts, Doubt(event.call, call.head.name, call.head.arguments.mac))
        return msgspec.structs.replace(call, stage="answered", busy=False, result=event.result.n)

    changed = _with_call(state, event.call, change)
    return msgspec.structs.replace(changed, doubts=doubts)


def _on_doubt_resolved(state: RunState, event: DoubtResolved) -> RunState:
    left = tuple(doubt for doubt in state.doubts if doubt.call != event.call)
    return msgspec.structs.replace(state, doubts=left)


def _on_input_requested(state: RunState, event: InputRequested) -> RunState:
    def change(call: Call) -> Call | None:
        return msgspec.structs.replace(call, stage="questioned", busy=False) if call.stage == "running" else None

    return _with_call(state, event.call, change)


def _on_input_provided(state: RunState, event: InputProvided) -> RunState:
    def change(call: Call) -> Call | None:
        return msgspec.structs.replace(call, stage="cleared", busy=False) if call.stage == "questioned" else None

    return _with_call(state, event.call, change)


def _on_client_requested(state: RunState, event: ClientToolsRequested) -> RunState:
    calls = tuple(
        msgspec.structs.replace(call, stage="handed", busy=False)
        if call.stage == "client" and call.head.call in event.calls
        else call
        for call in state.calls
    )
    return msgspec.structs.replace(state, calls=calls)


def _on_client_returned(state: RunState, event: ClientToolsReturned) -> RunState:
    given = {result.call: result.result.n for result in event.results}
    calls = tuple(
        msgspec.structs.replace(call, stage="answered", busy=False, result=given[call.head.call])
        if call.stage == "handed" and call.head.call in given
        else call
        for call in state.calls
    )
    return msgspec.structs.replace(state, calls=calls)


def _on_parked(state: RunState, event: RunParked) -> RunState:
    if state.phase in ("new", "parked", "finished") or (event.why != "shutdown" and not waits(state)):
        return state
    return msgspec.structs.replace(
        state,
        phase="parked",
        resting=state.phase,
        parked=event.why,
        wake_at=event.until,
        active_us=state.active_us + event.at - state.active_since,
    )


def _on_resumed(state: RunState, event: RunResumed) -> RunState:
    """Take up what was in flight: harmless things are done again, a started call that may have happened is lost."""
    if state.phase in ("new", "finished") or event.epoch <= state.epoch:
        return state
    calls = tuple(_recovered(call, state) for call in state.calls)
    resting = state.resting if state.phase == "parked" else state.phase
    phase: Phase = "idle" if resting == "finishing" else resting
    attempt = state.attempt + (1 if state.asked and phase == "thinking" else 0)
    return msgspec.structs.replace(
        state,
        phase=phase,
        calls=calls,
        asked=False,
        attempt=attempt,
        variant="plain" if state.variant == "aborting" else state.variant,
        epoch=event.epoch,
        segment=state.segment + (1 if state.phase == "parked" and state.parked != "shutdown" else 0),
        parked=None,
        wake_at=0,
        decided=DETACHED.get(event.why, state.decided),
        active_since=event.at,
    )


def _recovered(call: Call, state: RunState) -> Call:
    """Say where a call stands under a new owner; one that ended every process it began in is given up."""
    if call.stage in ("running", "aborting") and call.attempt:
        if call.head.effect == "side_effect":
            return msgspec.structs.replace(call, stage="lost", busy=False)
        given_up = state.closing or call.attempt >= state.limits.tool_attempts
        return msgspec.structs.replace(call, stage="dropped" if given_up else "cleared", busy=False)
    if call.stage == "aborting":
        return msgspec.structs.replace(call, stage="dropped", busy=False)
    return msgspec.structs.replace(call, busy=False) if call.busy else call


def _close(state: RunState, reason: FinishReason) -> RunState:
    """Make the run end: what runs is stopped, what has not begun never will, what is being answered is let be."""
    if state.closing or state.phase in ("finishing", "finished", "new"):
        return state
    return msgspec.structs.replace(state, closing=reason, calls=tuple(map(_closed, state.calls)))


def _closed(call: Call) -> Call:
    if call.stage in ("answered", "flawed", "lost") or (call.stage in ("rejected", "denied") and call.busy):
        return call
    if call.stage == "running" or (call.stage == "cleared" and call.busy):
        return msgspec.structs.replace(call, stage="aborting", busy=False)
    return msgspec.structs.replace(call, stage="dropped", busy=False)


def _on_cancel(state: RunState, event: CancelRequested) -> RunState:
    closed = _close(state, "release_unavailable" if event.reason == "release_unavailable" else "cancelled")
    return msgspec.structs.replace(closed, cancel=closed.cancel or event.reason)


def _on_deadline(state: RunState, event: DeadlineReached) -> RunState:
    closed = _close(state, "budget")
    return closed if closed is state else msgspec.structs.replace(closed, error=event.budget)


def _on_finished(state: RunState, event: RunFinished) -> RunState:
    if state.phase != "finishing":
        return state
    return msgspec.structs.replace(state, phase="finished", finish=event)


def _unchanged(state: RunState, _event: MemoryRecalled | MemoryWritten | ModelCalled) -> RunState:
    return state


FOLD: dict[type, Callable[[RunState, Any], RunState]] = {
    RunStarted: _on_started,
    MemoryRecalled: _unchanged,
    ToolsOffered: _on_offered,
    WindowCompacted: _on_compacted,
    ModelCalled: _unchanged,
    ModelReplied: _on_replied,
    ModelFailed: _on_failed,
    PolicyDecided: _on_policy,
    ApprovalRequested: _on_approval_requested,
    ApprovalDecided: _on_approval_decided,
    ToolStarted: _on_tool_started,
    ToolReturned: _on_tool_returned,
    ToolInDoubt: _on_tool_in_doubt,
    DoubtResolved: _on_doubt_resolved,
    InputRequested: _on_input_requested,
    InputProvided: _on_input_provided,
    ClientToolsRequested: _on_client_requested,
    ClientToolsReturned: _on_client_returned,
    RunParked: _on_parked,
    RunResumed: _on_resumed,
    DeadlineReached: _on_deadline,
    CancelRequested: _on_cancel,
    MemoryWritten: _unchanged,
    RunFinished: _on_finished,
}
