"""What each event changes: one function for every kind, and nothing about what follows from it."""

from collections.abc import Callable
from typing import Any

import msgspec
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
    MemoryRecalled,
    MemoryWritten,
    ModelCalled,
    ModelFailed,
    ModelReplied,
    PolicyDecided,
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

from toolyard_runtime.run.loop.state import Call, Doubt, Phase, RunState, Stage, waits

JUDGED: dict[str, Stage] = {"approve": "cleared", "ask": "unasked", "reject": "rejected"}
DECIDED: dict[str, Stage] = {"approve": "cleared", "deny": "denied", "expired": "denied"}

DETACHED: dict[str, bool] = {"approval": True, "deadline": True, "input": True, "client_tools": False}
"""Whether a run goes on without a client after this; the other reasons change nothing about it."""


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
