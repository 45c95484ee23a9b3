"""Dates in texts: absolute ones as they stand, relative ones from the day on which they were said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.graph.dates import dates_in

from tests.memory.graph.world import DAY, MAY_10


def names(text: str, at: int = MAY_10) -> list[str]:
    """Return the most exact name of each date."""
    return [dated.names[0] for dated in dates_in(text, at)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("on 3 May", "2023-05-03"),
        ("the 3rd of May, 2021", "2021-05-03"),
        ("May 3rd, 2021", "2021-05-03"),
        ("Dec. 28", "2022-12-28"),
        ("29 February", "2024-02-29"),
        ("2021-02-03", "2021-02-03"),
        ("2021-02", "2021-02"),
        ("August 2021", "2021-08"),
        ("in August 2021", "2021-08"),
        ("since July 4", "2023-07-04"),
        ("back in 2019", "2019"),
        ("in March", "2023-03"),
        ("yesterday", "2023-05-09"),
        ("Last night", "2023-05-09"),
        ("this morning", "2023-05-10"),
        ("tomorrow", "2023-05-11"),
        ("last Tuesday", "2023-05-09"),
        ("last Wednesday", "2023-05-03"),
        ("next Friday", "2023-05-12"),
        ("next Wednesday", "2023-05-17"),
        ("this Sunday", "2023-05-14"),
        ("on Monday", "2023-05-08"),
        ("on Saturday", "2023-05-13"),
        ("last weekend", "2023-05-06"),
        ("this weekend", "2023-05-13"),
        ("next weekend", "2023-05-20"),
        ("last week", "2023-w18"),
        ("last month", "2023-04"),
        ("next month", "2023-06"),
        ("last year", "2022"),
        ("last June", "2022-06"),
        ("next June", "2023-06"),
        ("two days ago", "2023-05-08"),
        ("a couple of weeks ago", "2023-w17"),
        ("14 months ago", "2022-03"),
        ("3 years ago", "2020"),
    ],
)
def test_a_date_is_named_as_iso_8601_does(text: str, name: str) -> None:
    assert names(f"We met {text}, I think") == [name]


def test_a_day_is_also_of_its_month() -> None:
    assert dates_in("on 3 May", MAY_10)[0].names == ("2023-05-03", "2023-05")


@pytest.mark.parametrize(("text", "name"), [("3 May", "--05-03"), ("In May", "--05"), ("May 3, 2021", "2021-05-03")])
def test_without_a_time_of_saying_a_date_has_no_year_unless_it_says_one(text: str, name: str) -> None:
    assert names(text, 0) == [name]


@pytest.mark.parametrize("text", ["yesterday", "last Tuesday", "two weeks ago", "next month"])
def test_without_a_time_of_saying_nothing_relative_is_known(text: str) -> None:
    assert names(text, 0) == []


@pytest.mark.parametrize(
    "text", ["2023-02-30", "31st of June", "I may 5 times", "march on", "chapter 12", "12345", "room 2019b", "99-99"]
)
def test_what_is_no_date_is_left_alone(text: str) -> None:
    assert names(text) == []


def test_on_a_weekend_the_last_one_is_a_week_ago() -> None:
    saturday, sunday = MAY_10 + 3 * DAY, MAY_10 + 4 * DAY
    assert names("last weekend", saturday) == names("last weekend", sunday) == ["2023-05-06"]
    assert names("this weekend", saturday) == names("this weekend", sunday) == ["2023-05-13"]


def test_where_a_date_stands_is_told() -> None:
    (dated,) = dates_in("so on 3 May we met", MAY_10)
    assert "so on 3 May we met"[dated.start : dated.stop] == dated.shown == "3 May"


@given(st.text(), st.integers())
def test_no_text_and_no_time_is_too_strange(text: str, at: int) -> None:
    dates_in(text, at)


@given(
    st.integers(0, 10**9),
    st.sampled_from(["day", "week", "month", "year"]),
    st.sampled_from([-62_135_596_800_000_000, 1, 253_402_300_799_000_000, 1 << 62, -1]),
)
def test_the_ends_of_the_calendar_are_no_harm(count: int, unit: str, at: int) -> None:
    dates_in(f"{count} {unit}s ago, last {unit}, next {unit}, tomorrow, next Friday, 29 February", at)
