"""A sample of the places where a process can die; `python -m tests.faults.crash` takes them all."""

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.crash.points import Point, examine, first_points, kills
from tests.faults.crash.scenario import SCENARIOS, Scenario

EVERY = 3
"""The default run kills at every third place, another third for each scenario, and inside every tool call."""


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> list[Point]:
    return first_points(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_killed_process_loses_nothing_repeats_nothing_and_says_what_is_in_doubt(
    scenario: Scenario, points: list[Point], tmp_path: Path
) -> None:
    mine = [point for point in points if point.scenario == scenario]
    first = SCENARIOS.index(scenario) % EVERY
    chosen = [p for index, p in enumerate(mine) if index % EVERY == first or p.kill.what == "tool"]
    seen: Counter[str] = Counter()
    for number, point in enumerate(chosen):
        examine(tmp_path / str(number), point, seen)
    assert seen["points"] == len(chosen) > 8
    assert seen["calls in doubt"] >= 2, "killed inside the destructive call, before and after its effect"
    assert seen["calls in doubt that had happened"] >= 1


@pytest.mark.slow
def test_a_process_that_dies_while_it_takes_up_a_run_changes_nothing_of_that(
    points: list[Point], tmp_path: Path
) -> None:
    point = next(p for p in points if p.scenario.name == "side by side" and str(p.kill) == "after tool 3")
    seen: Counter[str] = Counter()
    for number, again in enumerate(kills(examine(tmp_path / "once", point, seen))):
        examine(tmp_path / str(number), Point(point.scenario, point.kill, again), seen)
    assert seen["background runs that reached their answer"] == seen["points"] > 5
