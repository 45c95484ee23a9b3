"""Which tools a turn is offered: places, reasons, order."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.search.documents import document
from toolyard_registry.search.meaning import Near
from toolyard_registry.search.searching import Search
from toolyard_registry.search.shortlist import Choice, scores_of, shortlist
from toolyard_sdk.messages import ToolSpec

PLACES = ("harbour", "library", "museum", "station", "theatre")
NAMES = [f"{verb}_{place}" for verb in ("open", "close", "paint", "count") for place in PLACES]
SEARCH = Search()
for each in NAMES:
    SEARCH.add(each, document(ToolSpec(each, f"It can {each.replace('_', ' the ')}.", {}), "town"))


def chosen(*texts: str, budget: int = 4, most: int = 100, **more: Any) -> list[Choice]:
    return [one for one in shortlist(SEARCH, texts, budget, most=most, **more) if one.because]


def names(choices: list[Choice]) -> list[str]:
    return [one.name for one in choices]


def test_what_fits_best_comes_first_and_all_others_follow_by_score() -> None:
    found = shortlist(SEARCH, ["paint the museum"], 4, most=100)
    assert found[0] == Choice("paint_museum", found[0].score, "ranked")
    assert [one.because for one in found] == ["ranked"] * 4 + [""] * 16
    assert sorted(one.name for one in found) == sorted(NAMES)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_what_is_always_offered_has_its_place_whatever_is_asked() -> None:
    found = chosen("paint the museum", always=["close_theatre", "close_harbour"])
    assert [(one.name, one.because) for one in found[:3]] == [
        ("close_harbour", "always"),
        ("close_theatre", "always"),
        ("paint_museum", "ranked"),
    ]


def test_what_was_called_before_has_at_most_half_of_the_places_the_latest_first() -> None:
    found = chosen("paint the museum", called=["open_station", "open_library", "open_harbour"])
    assert names(found)[:3] == ["open_station", "open_library", "paint_museum"]
    assert [one.because for one in found] == ["called", "called", "ranked", "ranked"]


def test_an_earlier_request_counts_less_than_the_present_one() -> None:
    found = chosen("the museum", "paint the station, paint the theatre", budget=1)
    assert found[0].name.endswith("_museum")
    assert chosen("once more", "paint the station", budget=1)[0].name == "paint_station"


def test_what_has_worked_decides_between_equals_and_does_not_beat_words() -> None:
    assert names(chosen("the museum", budget=1)) == ["close_museum"]
    assert names(chosen("the museum", budget=1, worked={"open_museum": 2})) == ["open_museum"]
    assert names(chosen("the museum", budget=1, worked={"open_harbour": 500})) != ["open_harbour"]


def test_vectors_are_fused_with_words() -> None:
    near = Near({"count_theatre": 0.8, "open_museum": 0.9, "close_library": 0.1})
    found = chosen("the museum", budget=2, near=[near])
    assert found[0] == Choice("open_museum", 2.0, "ranked")
    assert names(chosen("nothing that is there", budget=1, near=[Near({"count_theatre": 0.8, "x": 0.1})])) == [
        "count_theatre"
    ]


def test_what_vectors_count_is_given_with_them() -> None:
    scores = {"count_theatre": 0.8, "close_library": 0.1}
    assert names(chosen("paint the museum", budget=1, near=[Near(scores, 0.1)])) == ["paint_museum"]
    assert names(chosen("paint the museum", budget=1, near=[Near(scores, 5.0)])) == ["count_theatre"]
    assert scores_of(SEARCH, "paint the museum", Near(scores, 5.0))["count_theatre"] > 5.0


def test_vectors_of_an_earlier_request_count_less_than_those_of_the_present_one() -> None:
    near = [Near({"count_theatre": 0.5, "x": 0.1}), Near({"open_station": 0.9, "x": 0.1})]
    assert names(chosen("hello", "hello", budget=2, near=near)) == ["count_theatre", "open_station"]


def test_without_vectors_scores_are_those_of_words() -> None:
    assert scores_of(SEARCH, "paint the museum") == SEARCH.scores("paint the museum")
    assert chosen("the museum", near=[Near({})]) == chosen("the museum")


def test_what_has_nothing_to_do_with_the_request_takes_no_place() -> None:
    assert chosen("hello") == []
    assert chosen() == []


def test_what_is_hidden_is_not_there_however_it_would_come_on_the_list() -> None:
    gone = {"paint_museum", "open_station"}
    found = shortlist(SEARCH, ["paint the museum"], 4, most=100, always=gone, called=gone, hidden=gone)
    assert len(found) == 18
    assert not gone.intersection(one.name for one in found)


def test_names_that_are_no_tools_are_passed_over() -> None:
    found = shortlist(SEARCH, [], 4, most=100, always=["x"], called=["y"], worked={"z": 3}, near=[Near({"v": 1.0})])
    assert sorted(one.name for one in found) == sorted(NAMES)


def test_at_most_so_many_are_listed_but_never_fewer_than_are_offered() -> None:
    assert len(shortlist(SEARCH, ["paint the museum"], 4, most=7)) == 7
    assert len(shortlist(SEARCH, ["paint the museum"], 4, most=1)) == 4


some = st.lists(st.sampled_from([*NAMES, "unknown"]), max_size=8)


@given(st.integers(1, 12), some, some, some, st.dictionaries(st.sampled_from(NAMES), st.integers(1, 99)))
def test_a_list_is_within_its_budget_names_each_tool_once_and_is_always_the_same(
    budget: int, always: list[str], called: list[str], hidden: list[str], worked: dict[str, int]
) -> None:
    kept = always[: budget - 1]
    given: dict[str, Any] = {"always": kept, "called": called, "hidden": frozenset(hidden), "worked": worked}
    found = shortlist(SEARCH, ["open a library"], budget, most=100, **given)
    assert len([one for one in found if one.because]) <= budget
    assert sorted(one.name for one in found) == sorted(set(NAMES) - set(hidden))
    assert found == shortlist(SEARCH, ["open a library"], budget, most=100, **given)
