"""What a journal's heads say of a tool's use."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_runtime.usage.counting import STEPS, Tally, across, bucket, count, quantile
from toolyard_runtime.usage.telling import told
from toolyard_sdk import events as e

from tests.usage.journals import AT, CONTENT, RELEASE, head, offered, replied, returned


def tally(*events: e.RunEvent, name: str = "weather") -> Tally:
    tallies: dict[str, Tally] = {}
    count(events, name, tallies)
    assert tallies.keys() <= {RELEASE}
    return Tally({cell: number for cell, number in tallies.get(RELEASE, Tally()).items() if number})


def test_a_turn_counts_once_however_often_it_calls_the_tool() -> None:
    found = tally(
        offered("weather", "news"),
        replied(head(1, "weather"), head(2, "weather"), head(3, "news")),
        replied(),
    )
    assert found == {("offered", ""): 2, ("chosen", ""): 1, ("calls", ""): 2}


def test_a_turn_in_which_others_were_called_is_lost_to_each_of_them_once() -> None:
    found = tally(offered("weather", "news", "map"), replied(head(1, "news"), head(2, "news"), head(3, "map")))
    assert found == {("offered", ""): 1, ("lost", "news"): 1, ("lost", "map"): 1}


def test_a_call_that_somebody_made_directly_was_not_chosen_but_counts_with_what_became_of_it() -> None:
    tallies: dict[str, Tally] = {}
    events = (offered("weather"), replied(head(1, "weather")), returned(1, is_error=True), replied())
    count(events, "weather", tallies, by_model=False)
    found = {cell: number for cell, number in tallies[RELEASE].items() if number and cell[0] != "took"}
    assert found == {("calls", ""): 1, ("ran", ""): 1, ("error", ""): 1}


def test_a_name_that_a_model_made_up_is_nobody_to_lose_to() -> None:
    assert tally(offered("weather"), replied(head(1, "unknown", "unknown_tool"))) == {("offered", ""): 1}


def test_what_was_not_shown_and_turns_that_were_not_taken_count_nothing() -> None:
    assert tally(offered("news", weather="stopped"), replied(head(1, "news"))) == {}
    assert tally(offered("weather"), replied(malformed="<tool")) == {}
    assert tally(replied(head(1, "weather"))) == {}


def test_a_later_offer_takes_the_place_of_the_one_before() -> None:
    found = tally(offered("weather"), replied(), offered("news", weather="budget"), replied(head(1, "news")))
    assert found == {("offered", ""): 1}


def test_arguments_that_do_not_fit_are_counted_by_field_and_unreadable_ones_apart() -> None:
    calls = (
        head(1, "weather", "invalid_arguments", "city"),
        head(2, "weather", "invalid_arguments", "city"),
        head(3, "weather", "invalid_arguments"),
        head(4, "weather", "invalid_json"),
        head(5, "weather", "repeated"),
    )
    answered = [returned(number, source="check", is_error=True) for number in range(1, 6)]
    found = tally(offered("weather"), replied(*calls), *answered)
    assert found["invalid", "city"] == 2
    assert found["invalid", ""] == 1
    assert found["unreadable", ""] == 1
    assert found["not_run", "check"] == 5
    assert "ran" not in {what for what, _ in found}


def test_what_ran_is_counted_with_its_errors_time_and_doubts_and_what_did_not_by_who_kept_it() -> None:
    found = tally(
        offered("weather"),
        replied(*(head(number, "weather") for number in range(1, 6))),
        returned(1, 1_000),
        returned(2, 2_000, is_error=True),
        returned(3, 30_000_000, "timeout", is_error=True),
        e.ToolInDoubt(AT, 4, "timeout", CONTENT),
        returned(5, 0, "policy", is_error=True),
        returned(6),
    )
    assert (found["ran", ""], found["error", ""], found["timeout", ""]) == (3, 2, 1)
    assert (found["in_doubt", ""], found["not_run", "policy"]) == (1, 1)
    assert quantile(found, 0.5) == pytest.approx(2_000, rel=0.05)
    assert quantile(found, 1.0) == pytest.approx(30_000_000, rel=0.05)


@given(st.lists(st.integers(1, 3_600_000_000), min_size=1, max_size=50), st.sampled_from([0.01, 0.5, 0.95, 1.0]))
def test_a_quantile_is_within_five_per_cent(durations: list[int], share: float) -> None:
    found = Tally()
    for each in durations:
        found["took", str(bucket(each))] += 1
    exact = sorted(durations)[max(0, -(-len(durations) * round(share * 100) // 100) - 1)]
    assert quantile(found, share) == pytest.approx(exact, rel=2 ** (0.5 / STEPS) - 1 + 0.01, abs=1)


def test_nothing_has_no_quantile() -> None:
    assert quantile(Tally(), 0.5) is None


def tenants(number: int, *cells: tuple[str, str]) -> Iterable[Tally]:
    return [Tally(dict.fromkeys(cells, 10)) for _ in range(number)]


def test_a_number_that_four_tenants_stand_behind_is_not_told() -> None:
    assert across(tenants(4, ("offered", "")), 5) == {}
    assert across(tenants(5, ("offered", "")), 5) == {("offered", ""): 50}


def test_every_number_needs_tenants_of_its_own() -> None:
    common = [("offered", ""), ("ran", ""), ("took", "9")]
    found = across([*tenants(4, *common, ("lost", "secret_tool"), ("error", "")), *tenants(1, *common)], 5)
    assert found == {("offered", ""): 50, ("ran", ""): 50, ("took", "9"): 50}
    shown = told(found, tokens=100, hidden=True)
    assert (shown["offered"], shown["tokens"], shown["lost_to"]) == (50, 5_000, [])
    assert (shown["errors"], shown["error_rate"]) == (None, None)


def test_a_count_of_nothing_stands_behind_nothing() -> None:
    assert across([Tally({("error", ""): 0}) for _ in range(9)], 5) == {}


def test_one_call_of_each_of_few_tenants_shows_no_durations() -> None:
    found = across([*tenants(4, ("ran", ""), ("took", "9")), *tenants(9, ("offered", ""))], 5)
    assert {what for what, _ in found} == {"offered"}


def test_ones_own_zero_is_told_as_zero() -> None:
    shown = told(tally(offered("weather"), replied()), tokens=None, hidden=False)
    assert (shown["offered"], shown["chosen"], shown["errors"], shown["error_rate"]) == (1, 0, 0, None)
    assert shown["tokens"] is None


def test_the_largest_comes_first() -> None:
    found = Tally({("lost", "b"): 1, ("lost", "a"): 1, ("lost", "z"): 9})
    assert [each["tool"] for each in told(found, tokens=1, hidden=False)["lost_to"]] == ["z", "a", "b"]
