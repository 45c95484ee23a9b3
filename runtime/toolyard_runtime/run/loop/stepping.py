"""One step: an event is folded into the state, and what a run does next is read off it.

Effects already asked for are marked `busy` in the state, so folding the same journal gives the same state and no
effect twice; `RunResumed` clears those marks, because whoever held them is gone.
"""

from collections.abc import Iterable

import msgspec
from toolyard_sdk.events import ParkReason, RunEvent

from toolyard_runtime.run.loop.effects import WANTS, AbortModel, Effect, Finish, HandOver, Park, Think
from toolyard_runtime.run.loop.folding import FOLD
from toolyard_runtime.run.loop.state import OUTSIDE, PARKED_FOR, RunState


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
