"""All places where a process can die around a run, and what must be true after each; counts what it has seen."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from toolyard_sdk import events as e

from tests.faults.crash.lives import Durable, durable, final_state, live
from tests.faults.crash.scenario import SCENARIOS, Kill, Scenario, Side

SIDES: tuple[Side, ...] = ("before", "after")


class Point(Struct, frozen=True):
    """A scenario and where its process dies; `again` is where the one that takes the run up dies too."""

    scenario: Scenario
    kill: Kill
    again: Kill | None = None

    def __str__(self) -> str:
        return f"{self.scenario.name}: {self.kill}" + (f", then {self.again}" if self.again else "")


def kills(counts: dict[str, int]) -> Iterator[Kill]:
    """Return every place of a life that passed them so often."""
    for what in ("commit", "tool"):
        for number in range(1, counts[what] + 1):
            for side in SIDES:
                yield Kill(what, number, side)


def first_points(folder: Path) -> list[Point]:
    """Live each scenario undisturbed and return every place where its process could have died."""
    found = []
    for index, scenario in enumerate(SCENARIOS):
        home = folder / f"undisturbed-{index}"
        home.mkdir()
        counts = live(home, scenario, "begin", None)
        seen = durable(home)
        assert (seen.status, seen.reason) == ("finished", "stop"), (scenario, seen)
        put_away = sum(event.results for event in seen.events if isinstance(event, e.WindowCompacted))
        assert put_away > 1 if scenario.window else not put_away, (scenario, put_away)
        found += [Point(scenario, kill) for kill in kills(counts)]
    return found


def examine(folder: Path, point: Point, seen: Counter[str]) -> dict[str, int]:
    """Kill, take up, and check everything; returns how often the life that took the run up passed each place."""
    folder.mkdir()
    scenario = point.scenario
    assert live(folder, scenario, "begin", point.kill) == {}, f"{point}: nobody died"
    counts: dict[str, int] = {}
    left = Counter(_marks(folder)), durable(folder)
    _journalled_before(point, left[1], left[0])
    if point.again is not None:
        counts = live(folder, scenario, "take up", point.again)
        _nothing_twice(point, left[1], left[0], Counter(_marks(folder)))
        left = Counter(_marks(folder)), durable(folder)
        _journalled_before(point, left[1], left[0])
    counts = live(folder, scenario, "take up", None) or counts
    marks, found = Counter(_marks(folder)), durable(folder)
    _nothing_twice(point, left[1], left[0], marks)
    _well_ended(point, found, marks, seen)
    return counts


def _journalled_before(point: Point, found: Durable, marks: "Counter[str]") -> None:
    """Whatever left the process was durable before it did: requests to the model, and calls that change anything.

    A foreground run that has changed nothing may lose its first requests with itself.
    """
    asked = sum(times for mark, times in marks.items() if mark.startswith("model "))
    called = sum(isinstance(event, e.ModelCalled) for event in found.events)
    changed = any(mark.startswith(("put", "wipe")) for mark in marks)
    if changed or point.scenario.mode == "background" or point.scenario.record_first:
        assert asked <= called, f"{point}: {asked} requests of {called} that are durable"
    keys = {event.key for event in found.events if isinstance(event, e.ToolStarted)}
    for mark in marks:
        name, _, key = mark.partition(" ")
        assert name not in ("put", "wipe") or key in keys, f"{point}: {mark} came before its ToolStarted was durable"


def _marks(folder: Path) -> list[str]:
    return (folder / "marks").read_text().splitlines()


def _nothing_twice(point: Point, durable_then: Durable, then: "Counter[str]", now: "Counter[str]") -> None:
    """No step that was durable when the process died was done again by the next one."""
    keys = {event.call: event.key for event in durable_then.events if isinstance(event, e.ToolStarted)}
    for event in durable_then.events:
        if isinstance(event, e.ToolReturned) and event.call in keys:
            for mark in now:
                if mark.endswith(keys[event.call]):
                    assert now[mark] == then[mark], f"{point}: {mark} again, though its result was durable"
    turns = sum(isinstance(event, e.ModelReplied) for event in durable_then.events)
    for mark in now - then:
        if mark.startswith("model "):
            assert int(mark.split()[1]) >= turns, f"{point}: turn {mark} asked again, though it was durable"


def _well_ended(point: Point, found: Durable, marks: "Counter[str]", seen: "Counter[str]") -> None:
    scenario = point.scenario
    acknowledged = any(mark.startswith("acknowledged") for mark in marks)
    seen["points"] += 1
    assert found.chain_broken_at is None, f"{point}: the chain is broken at {found.chain_broken_at}"
    if not found.heads:
        assert not acknowledged or scenario.mode == "foreground", f"{point}: an acknowledged run is gone"
        seen["died before anything was durable"] += 1
        return
    events, state = found.events, final_state(found)
    assert found.status == "finished", f"{point}: {found.status} {found.reason}"
    if scenario.mode == "background":
        assert found.reason == "stop", f"{point}: {found.reason} {state.error}"
        seen["background runs that reached their answer"] += 1
    else:
        assert found.reason in ("cancelled", "stop"), f"{point}: {found.reason}"
        seen[f"foreground runs that ended as {found.reason}"] += 1
    answered = Counter(event.call for event in events if isinstance(event, e.ToolReturned | e.ToolInDoubt))
    assert answered == Counter(range(1, state.made + 1)), f"{point}: {answered} of {state.made} calls"
    _told_in_doubt(point, events, marks, seen)
    for mark, times in marks.items():
        name = mark.split()[0]
        if name == "wipe":
            assert times == 1, f"{point}: the destructive effect happened {times} times"
            seen["destructive effects"] += 1
        if name in ("look", "put") and times > 1:
            seen["harmless effects repeated with the same key"] += times - 1


def _told_in_doubt(point: Point, events: list[e.RunEvent], marks: "Counter[str]", seen: "Counter[str]") -> None:
    """A destructive call that was begun is told of as done or in doubt; the model reads of every doubt."""
    wipes = {
        head.call
        for event in events
        if isinstance(event, e.ModelReplied)
        for head in event.calls
        if head.name == "wipe"
    }
    begun = {event.call for event in events if isinstance(event, e.ToolStarted)} & wipes
    done = {event.call for event in events if isinstance(event, e.ToolReturned) and event.source == "tool"} & wipes
    doubted = {event.call for event in events if isinstance(event, e.ToolInDoubt)}
    assert doubted == begun - done, f"{point}: begun {begun}, done {done}, in doubt {doubted}"
    happened = sum(times for mark, times in marks.items() if mark.startswith("wipe "))
    assert len(done) <= happened <= len(begun), f"{point}: {happened} effects of {begun}"
    seen["calls in doubt"] += len(doubted)
    if doubted and happened:
        seen["calls in doubt that had happened"] += 1
    if doubted and point.scenario.mode == "background":
        assert any(mark.startswith("model ") and mark.split()[2] != "0" for mark in marks), f"{point}: nobody was told"
