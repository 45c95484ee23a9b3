"""The loop under any order of events: what must hold holds, whatever the world does."""

from random import Random
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toolyard_runtime.run import loop
from toolyard_sdk import events as e
from toolyard_sdk.events import decode_head, encode_head

from tests.runtime.puppet import Dice, Puppet

ENOUGH = 2_000

LIMITS = st.builds(
    e.Limits,
    turns=st.integers(1, 6),
    calls_per_turn=st.integers(1, 4),
    repeats=st.integers(1, 3),
    tokens=st.sampled_from((0, 0, 60, 200)),
    seconds=st.just(600.0),
    model_attempts=st.integers(1, 3),
)
WORLDS = st.binary(min_size=250, max_size=250) | st.integers(0, 2**63).map(lambda seed: Random(seed).randbytes(400))
"""Bytes that can be made simpler when a test fails, and bytes that leave nothing out."""


def whole_run(world: bytes, limits: e.Limits, *, hostile: bool) -> Puppet:
    """Drive a run to its end."""
    puppet = Puppet(Dice(world), limits, hostile=hostile)
    for _ in range(ENOUGH):
        if puppet.state.phase == "finished":
            return puppet
        puppet.go_on()
    pytest.fail(f"no end after {ENOUGH} steps: {puppet.state}")


def check(puppet: Puppet, limits: e.Limits) -> None:
    """Check what holds of every run that is over."""
    state = puppet.state
    assert loop.fold(puppet.journal) == state
    assert loop.fold(decode_head(encode_head(event)) for event in puppet.journal) == state
    assert state.finish is not None
    assert state.turn <= limits.turns
    assert set(puppet.answers) == set(range(1, state.made + 1))
    assert set(puppet.answers.values()) <= {1}
    assert not puppet.spent_and_asked, "the model was asked past the token budget"
    assert max(puppet.thoughts.values(), default=0) <= limits.model_attempts + 1 + puppet.resumes
    assert all(times <= limits.repeats for times in puppet.executed.values())
    for event in puppet.journal:
        if isinstance(event, e.ModelReplied):
            runnable = [head for head in event.calls if head.problem is None]
            assert len(runnable) <= limits.calls_per_turn


@given(world=WORLDS, limits=LIMITS)
@settings(max_examples=1500, deadline=None)
def test_every_call_is_answered_once_and_every_budget_holds_in_any_order(world: bytes, limits: e.Limits) -> None:
    puppet = whole_run(world, limits, hostile=False)
    check(puppet, limits)
    told: dict[int, int] = {}
    for event in puppet.journal:
        if isinstance(event, e.ToolReturned | e.ToolInDoubt):
            told[event.call] = told.get(event.call, 0) + 1
        elif isinstance(event, e.ClientToolsReturned):
            for result in event.results:
                told[result.call] = told.get(result.call, 0) + 1
    assert told == dict.fromkeys(range(1, puppet.state.made + 1), 1), "the journal tells each answer once"
    side_effects = {
        head.call
        for event in puppet.journal
        if isinstance(event, e.ModelReplied)
        for head in event.calls
        if head.effect == "side_effect"
    }
    assert all(puppet.starts[number] <= 1 for number in side_effects), "nobody starts a side effect twice"


@given(world=WORLDS, limits=LIMITS)
@settings(max_examples=1500, deadline=None)
def test_late_doubled_and_unknown_events_change_nothing_of_that(world: bytes, limits: e.Limits) -> None:
    check(whole_run(world, limits, hostile=True), limits)


@given(world=WORLDS, limits=LIMITS)
@settings(max_examples=300, deadline=None)
def test_a_fold_of_any_beginning_of_a_journal_is_the_state_it_had_then(world: bytes, limits: e.Limits) -> None:
    puppet = whole_run(world, limits, hostile=True)
    state = loop.RunState()
    for seq, event in enumerate(puppet.journal):
        assert state.seq == seq
        state, _ = loop.step(state, event)
    assert state == puppet.state


@given(world=WORLDS, limits=LIMITS)
@settings(max_examples=300, deadline=None)
def test_whatever_comes_after_the_end_changes_nothing(world: bytes, limits: e.Limits) -> None:
    puppet = whole_run(world, limits, hostile=False)
    ended = puppet.state
    for event in [*puppet.journal, e.CancelRequested(0, "x", "user"), e.RunResumed(0, 99, "recovered")]:
        state, effects = loop.step(ended, event)
        assert effects == ()
        assert state.phase == "finished"
        assert state.finish == ended.finish
        assert state.calls == ended.calls


def test_every_kind_of_event_has_a_place_in_the_fold() -> None:
    assert set(loop.FOLD) == set(get_args(e.RunEvent))


def test_a_call_that_was_cleared_and_came_into_doubt_is_asked_about_again() -> None:
    head = e.CallHead(1, "pay", e.Content(1, b"a"), effect="side_effect")
    state = loop.RunState(phase="acting", turn=1, calls=(loop.Call(head, "cleared", busy=True),))
    state, effects = loop.step(state, e.PolicyDecided(1, "ask", "doubt.unresolved", "", call=1))
    assert effects == (loop.Ask(head),)
    state, _ = loop.step(state, e.ApprovalRequested(2, b"a" * 16, 1, b"binding", 9, doubt=True))
    state, effects = loop.step(state, e.ApprovalDecided(3, b"a" * 16, 1, "approve", "somebody", b"binding"))
    assert effects == (loop.Execute(head, 1, approved=True),)
    assert state.calls[0].warned


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_call_that_ends_every_process_it_runs_in_is_given_up(most: int) -> None:
    head = e.CallHead(1, "boom", e.Content(1, b"a"), effect="read_only")
    limits = e.Limits(tool_attempts=most)
    state = loop.RunState(
        phase="acting", turn=1, epoch=1, limits=limits, calls=(loop.Call(head, "cleared", busy=True),)
    )
    for start in range(1, most + 1):
        state, effects = loop.step(state, e.ToolStarted(start, 1, "", b"a", start, "key"))
        assert effects == ()
        state, effects = loop.step(state, e.RunResumed(start, start + 1, "recovered"))
        given_up = start == most
        assert effects == (
            (loop.Answer(head, "dropped"),) if given_up else (loop.Execute(head, start + 1, approved=False),)
        )


def test_a_run_does_not_rest_while_a_call_is_under_way() -> None:
    waiting = loop.Call(e.CallHead(1, "a", e.Content(1, b"a")), "waiting")
    running = loop.Call(e.CallHead(2, "b", e.Content(1, b"b")), "running", busy=True)
    state = loop.RunState(phase="acting", turn=1, calls=(waiting, running))
    assert loop.step(state, e.RunParked(1, "approval"))[0].phase == "acting"
    assert loop.step(state, e.RunParked(1, "shutdown"))[0].phase == "parked"
    alone = loop.RunState(phase="acting", turn=1, calls=(waiting,))
    assert loop.step(alone, e.RunParked(1, "approval"))[0].phase == "parked"


def test_a_question_about_a_call_that_needs_none_is_not_kept() -> None:
    running = loop.Call(e.CallHead(1, "a", e.Content(1, b"a")), "running", busy=True)
    state = loop.RunState(phase="acting", turn=1, calls=(running,))
    asked, _ = loop.step(state, e.ApprovalRequested(1, b"a" * 16, 1, b"binding", 9))
    assert asked.approvals == {}
