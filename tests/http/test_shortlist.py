"""Agents with hundreds of tools, over HTTP: the right one is picked, the journal shows scores, more is asked for."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.http.serving import Client, Server, serving

TOOLS = '''
"""Three hundred small tools."""

from toolyard_sdk import hookimpl, tool

THINGS = ("invoice", "parcel", "ticket", "contract", "meeting", "garden", "engine", "recipe", "lecture", "passport")
PLACES = ("harbour", "library", "hospital", "museum", "station", "theatre")
VERBS = {
    "archive": "Put away",
    "check": "Verify",
    "count": "Tell how many there are of",
    "print": "Put on paper",
    "sign": "Put a signature under",
}


def made(name, description):
    def function(number: int) -> str:
        return f"{name} {number}"

    return tool(name=name, description=description, read_only=True)(function)


@hookimpl
def register_tools(register):
    for verb, words in VERBS.items():
        for thing in THINGS:
            for place in PLACES:
                register(made(f"{verb}_{thing}_{place}", f"{words} the {thing} of the {place}."))
'''

BUREAU = """
instructions = "You work at the bureau."
tools = ["*_harbour", "*_library", "*_hospital", "*_museum", "*_station", "*_theatre"]

[limits]
tools_per_turn = 20
"""

NARROW = """
instructions = "You work at the bureau, too."
tools = ["*_harbour", "*_library", "*_hospital", "*_museum", "*_station", "*_theatre"]
always = ["archive_invoice_harbour"]

[limits]
tools_per_turn = 2
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    files = {"tools/bureau.py": TOOLS, "agents/bureau.toml": BUREAU, "agents/narrow.toml": NARROW}
    with serving(tmp_path_factory.mktemp("shortlist"), files=files) as started:
        yield started


def events(client: Client, run: str, kind: str) -> list[dict[str, Any]]:
    """Return a run's events of one kind."""
    all_of_it: list[dict[str, Any]] = client.get(f"/api/v1/runs/{run}/events?limit=100")["data"]
    return [event for event in all_of_it if event["event"] == kind]


def test_of_three_hundred_tools_the_right_one_is_picked_and_the_journal_shows_scores(user: Client) -> None:
    run = user.start("Please sign passport 7 at the museum.", agent="bureau")
    assert user.finished(run)["reason"] == "stop"
    (offer,) = events(user, run, "ToolsOffered")
    assert len(offer["candidates"]) == 301
    shown = [one for one in offer["candidates"] if not one.get("left_out")]
    assert len(shown) == 20
    scores = {one["name"]: one["score"] for one in offer["candidates"] if "score" in one}
    assert len(scores) == 300
    assert max(scores, key=lambda name: scores[name]) == "sign_passport_museum"
    assert {one["left_out"] for one in offer["candidates"] if one not in shown} == {"budget"}
    (replied, _) = events(user, run, "ModelReplied")
    assert [call["name"] for call in replied["calls"]] == ["sign_passport_museum"]
    assert "sign_passport_museum 7" in str(user.get(f"/api/v1/runs/{run}"))


def test_the_model_gets_a_tool_that_was_not_offered_by_asking_for_it(user: Client) -> None:
    script = """
call find_tools {"query": "count the lectures of a library"}
then
call count_lecture_library {"number": 3}
"""
    run = user.start(script, agent="narrow")
    assert user.finished(run)["reason"] == "stop"
    first, second = events(user, run, "ToolsOffered")
    shown = {one["name"] for one in first["candidates"] if not one.get("left_out")}
    assert shown == {"find_tools", "archive_invoice_harbour"}
    because = {one["name"]: one.get("because") for one in second["candidates"] if not one.get("left_out")}
    assert because["count_lecture_library"] == "found"
    found, counted = events(user, run, "ToolReturned")
    assert found["found"][0] == "count_lecture_library"
    assert not counted.get("is_error")
    assert "count_lecture_library 3" in str(user.get(f"/api/v1/runs/{run}"))


def test_without_asking_a_tool_that_was_not_offered_is_unknown(user: Client) -> None:
    run = user.start('call count_lecture_library {"number": 3}', agent="narrow")
    user.finished(run)
    (replied, _) = events(user, run, "ModelReplied")
    assert replied["calls"][0]["problem"] == "unknown_tool"


def test_why_tells_what_was_found_and_counts_what_was_left_out(user: Client) -> None:
    run = user.start('call find_tools {"query": "print a recipe"}', agent="narrow")
    user.finished(run)
    told = str(user.get(f"/api/v1/runs/{run}/why"))
    assert "and 287 more" in told
    assert "tools found" in told
    assert "print_recipe_harbour" in told
