"""The tables of the loop in docs/concepts.md are those of the code, so that a reader of one has read the other."""

from typing import get_args

from toolyard_runtime.run import loop
from toolyard_sdk.events import CallHead, Content

from tests.docs.pages import ROOT, codes, read

CALL = CallHead(1, "weather", Content(1, bytes(32)))


def rows(first_cell: str) -> dict[str, tuple[str, ...]]:
    """Return the table whose heading begins with a cell, by what stands as code in the first column."""
    found: dict[str, tuple[str, ...]] = {}
    for section in read([ROOT / "docs" / "concepts.md"]):
        inside = False
        for row in section.rows:
            if not codes(row[0]):
                inside = row[0] == first_cell
            elif inside:
                found[codes(row[0])[0]] = row[1:]
    return found


def test_the_stages_of_a_call_are_told_in_order_with_what_the_loop_asks_for() -> None:
    told = rows("stage")
    stages = get_args(loop.Stage)
    assert tuple(told) == stages
    asked = {stage: wants(loop.Call(CALL, stage)) for stage, wants in loop.WANTS.items()}
    assert {stage: "".join(codes(row[1])) for stage, row in told.items()} == {
        stage: type(asked[stage]).__name__ if stage in asked else "" for stage in stages
    }
    assert {stage: "".join(codes(row[2])) for stage, row in told.items()} == {
        stage: loop.PARKED_FOR.get(stage, "") for stage in stages
    }


def test_what_a_decision_makes_of_a_call_is_told() -> None:
    assert {said: codes(row[0])[0] for said, row in rows("the policy says").items()} == loop.JUDGED
    assert {said: codes(row[0])[0] for said, row in rows("the person says").items()} == loop.DECIDED
