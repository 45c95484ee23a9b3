from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_clock import clock_tools, register_tools
from toolyard_clock.durations import Duration, add_months, between, iso, read_duration
from toolyard_clock.times import resolved
from toolyard_clock.zones import Zones
from toolyard_sdk import ConfigError, FunctionTool, ToolError, ToolResult
from toolyard_sdk.testing import FixedClock, call

CLOCK = FixedClock(round(datetime(2026, 11, 23, 1, 30, tzinfo=UTC).timestamp() * 1_000_000))
TOOLS = {each.spec.name: each for each in clock_tools(CLOCK.now, "Oslo")}
EPOCH = datetime.fromtimestamp(0, UTC).replace(tzinfo=None)
OSLO = ZoneInfo("Europe/Oslo")

naive = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None))


async def _ask(tool: str, **arguments: str) -> dict[str, object]:
    answer = await call(TOOLS[tool], arguments)
    assert not answer.is_error, answer.text
    assert isinstance(answer.structured, dict)
    return answer.structured


async def _refused(tool: str, **arguments: str) -> str:
    answer: ToolResult = await call(TOOLS[tool], arguments)
    assert answer.is_error
    assert "Error" not in answer.text
    return answer.text


async def test_the_current_time_is_told_in_the_servers_zone_unless_another_is_named() -> None:
    assert await _ask("current_time") == {
        "time": "2026-11-23T02:30:00+01:00",
        "zone": "Europe/Oslo",
        "weekday": "Monday",
        "utc": "2026-11-23T01:30:00Z",
    }
    assert (await _ask("current_time", zone="New York"))["time"] == "2026-11-22T20:30:00-05:00"


async def test_time_passes_between_two_calls() -> None:
    clock = FixedClock(0)
    current = clock_tools(clock.now)[0]
    before = (await call(current)).text
    clock.advance(90)
    assert '"1970-01-01T00:00:00+00:00"' in before
    assert '"1970-01-01T00:01:30+00:00"' in (await call(current)).text


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("Oslo", "Europe/Oslo"),
        ("oslo", "Europe/Oslo"),
        (" new   york ", "America/New_York"),
        ("New_York", "America/New_York"),
        ("europe/berlin", "Europe/Berlin"),
        ("Munich", "Europe/Berlin"),
        ("San Francisco", "America/Los_Angeles"),
        ("Buenos Aires", "America/Buenos_Aires"),
        ("Norway", "Europe/Oslo"),
        ("Georgia", "Asia/Tbilisi"),
        ("Sydney", "Australia/Sydney"),
        ("St. Petersburg", "Europe/Moscow"),
        ("Z", "UTC"),
        ("utc", "UTC"),
        ("+05:30", "UTC+05:30"),
        ("-0330", "UTC-03:30"),
        ("UTC-3", "UTC-03:00"),
        ("GMT+2", "UTC+02:00"),
    ],
)
def test_a_zone_is_found_by_its_name_a_city_a_country_or_an_offset(written: str, zone: str) -> None:
    name, found = Zones().find(written)
    same = {"America/Buenos_Aires": {"America/Argentina/Buenos_Aires", "America/Buenos_Aires"}}
    assert name in same.get(zone, {zone})
    assert found.utcoffset(EPOCH) is not None


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("Olso", "Europe/Oslo"),
        ("Europe/Olso", "Europe/Oslo"),
        ("Berlon", "Europe/Berlin"),
        ("CST", "America/Chicago"),
        ("Germany", "Europe/Berlin, Europe/Busingen"),
        ("United States", "America/New_York"),
        ("nowhere at all", "write a city"),
        ("+25:00", "between -14:00 and +14:00"),
        ("../../etc/passwd", "no time zone"),
        ("x" * 100_000, "no time zone"),
    ],
)
def test_an_unknown_zone_is_refused_with_the_nearest_ones(written: str, words: str) -> None:
    with pytest.raises(ToolError, match=r"zone|abbreviation|offset") as refused:
        Zones().find(written)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 1_500


async def test_a_time_that_the_clock_skips_is_moved_on_and_the_result_says_so() -> None:
    answer = await _ask("convert_time", time="2026-03-29T02:30", to_zone="UTC")
    assert answer["time"] == "2026-03-29T01:30:00+00:00"
    assert "does not exist in Europe/Oslo" in str(answer["note"])


async def test_of_a_time_that_happens_twice_the_first_is_taken_and_the_result_says_so() -> None:
    answer = await _ask("convert_time", time="2026-10-25T02:30", to_zone="UTC")
    assert answer["time"] == "2026-10-25T00:30:00+00:00"
    assert "happens twice" in str(answer["note"])


async def test_of_a_time_that_happens_twice_either_can_be_chosen_by_its_offset() -> None:
    first = await _ask("convert_time", time="2026-10-25T02:30+02:00", to_zone="Oslo")
    second = await _ask("convert_time", time="2026-10-25T02:30+01:00", to_zone="Oslo")
    assert (first["utc"], second["utc"]) == ("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z")
    assert "note" not in first
    assert "note" not in second


async def test_a_day_that_a_country_left_out_is_told() -> None:
    answer = await _ask("convert_time", time="2011-12-30T12:00", from_zone="Apia", to_zone="Apia")
    assert answer["time"] == "2011-12-31T12:00:00+14:00"
    assert "does not exist" in str(answer["note"])


async def test_an_offset_in_the_time_wins_over_the_zone_and_the_result_says_so() -> None:
    answer = await _ask("convert_time", time="2026-07-01T12:00+09:00", from_zone="Oslo", to_zone="UTC")
    assert answer["time"] == "2026-07-01T03:00:00+00:00"
    assert "+09:00" in str(answer["note"])


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("now", "2026-11-23T02:30:00+01:00"),
        ("today", "2026-11-23T00:00:00+01:00"),
        ("tomorrow 9am", "2026-11-24T09:00:00+01:00"),
        ("tomorrow at 12 pm", "2026-11-24T12:00:00+01:00"),
        ("yesterday 12:15 a.m.", "2026-11-22T00:15:00+01:00"),
        ("14:30", "2026-11-23T14:30:00+01:00"),
        ("noon", "2026-11-23T12:00:00+01:00"),
        ("2026-07-01 5:05 pm", "2026-07-01T17:05:00+02:00"),
        ("2026-07-01t12:00z", "2026-07-01T14:00:00+02:00"),
        ("20260701", "2026-07-01T00:00:00+02:00"),
        ("2026-W27-3", "2026-07-01T00:00:00+02:00"),
    ],
)
async def test_a_time_is_read_as_people_write_it(written: str, time: str) -> None:
    assert (await _ask("convert_time", time=written, to_zone="Oslo"))["time"] == time


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("03/04/2026", "could be two dates"),
        ("4.3.2026", "could be two dates"),
        ("next friday", "ISO 8601"),
        ("25:00", "ISO 8601"),
        ("13 pm", "ISO 8601"),
        ("9", "ISO 8601"),
        ("2026-02-30", "ISO 8601"),
        ("\x00", "ISO 8601"),
    ],
)
async def test_a_time_that_cannot_be_read_is_refused_with_an_example(written: str, words: str) -> None:
    assert words in await _refused("convert_time", time=written, to_zone="UTC")


async def test_the_31st_of_a_shorter_month_becomes_its_last_day_and_the_result_says_so() -> None:
    answer = await _ask("add_duration", time="2026-01-31", duration="P1M")
    assert str(answer["time"]).startswith("2026-02-28")
    assert "no day 31" in str(answer["note"])


async def test_a_day_keeps_the_clocks_time_and_24_hours_do_not_when_the_clocks_change() -> None:
    day = await _ask("add_duration", time="2026-03-28T12:00", duration="1 day")
    hours = await _ask("add_duration", time="2026-03-28T12:00", duration="24 hours")
    assert day["time"] == "2026-03-29T12:00:00+02:00"
    assert hours["time"] == "2026-03-29T13:00:00+02:00"


async def test_adding_days_may_land_where_the_clock_skips() -> None:
    answer = await _ask("add_duration", time="2026-03-28T02:30", duration="1 day")
    assert answer["time"] == "2026-03-29T03:30:00+02:00"
    assert "does not exist" in str(answer["note"])


async def test_adding_nothing_to_the_second_of_two_equal_times_stays_there() -> None:
    answer = await _ask("add_duration", time="2026-10-25T02:30+01:00", duration="PT0S")
    assert answer["utc"] == "2026-10-25T01:30:00Z"


@pytest.mark.parametrize(
    ("written", "duration"),
    [
        ("P1Y2M10DT2H30M", Duration(14, 10, 9_000)),  # type: ignore[arg-type]  # whole seconds equal their Fraction
        ("-P2W", Duration(0, -14)),
        ("p1d", Duration(0, 1)),
        ("PT0.5S", Duration(0, 0, read_duration("0.5 seconds").seconds)),
        ("3 days", Duration(0, 3)),
        ("2 weeks and 4 hours ago", Duration(0, -14, -14_400)),  # type: ignore[arg-type]  # the record takes what adds up
        ("1.5 hours", Duration(0, 0, 5_400)),  # type: ignore[arg-type]
        ("1h30m", Duration(0, 0, 5_400)),  # type: ignore[arg-type]
        ("a month", Duration(1)),
        ("half an hour", Duration(0, 0, 1_800)),  # type: ignore[arg-type]  # the record takes what adds up
        ("twelve days from now", Duration(0, 12)),
        ("in 1 year, 6 months", Duration(18)),
        ("1.5 days", Duration(0, 1, 43_200)),  # type: ignore[arg-type]  # the record takes what adds up
        ("-3 days", Duration(0, -3)),
    ],
)
def test_a_duration_is_read_from_iso_8601_or_words(written: str, duration: Duration) -> None:
    assert read_duration(written) == duration


@pytest.mark.parametrize(
    "written",
    ["", "P", "PT", "P1", "1", "days", "3 fortnights", "soon", "3 days of rain", "1.5 months", "P1.5Y", "1e5 d"],
)
def test_what_is_no_duration_is_refused_with_examples(written: str) -> None:
    with pytest.raises(ToolError, match=r"ISO 8601|no fixed length"):
        read_duration(written)


@pytest.mark.parametrize(
    "duration", ["P9999Y", "-P2027Y", "999999999999 days", "9999999999999 seconds", "P1000000000000M"]
)
async def test_what_leaves_the_calendar_is_refused(duration: str) -> None:
    text = await _refused("add_duration", time="now", duration=duration)
    assert "years 1 to 9999" in text


@pytest.mark.parametrize("arguments", [("0001-01-01", "Los Angeles"), ("9999-12-31T23:59", "Kiritimati")])
async def test_the_ends_of_the_calendar_are_refused_in_words(arguments: tuple[str, str]) -> None:
    text = await _refused("convert_time", time=arguments[0], to_zone=arguments[1], from_zone="UTC")
    assert "years 1 to 9999" in text


@given(naive, naive)
def test_adding_the_duration_between_two_times_to_the_first_gives_the_second(one: datetime, other: datetime) -> None:
    start, end = sorted((one, other))
    found = between(start, end)
    moved = add_months(start, found.months) + timedelta(days=found.days, seconds=float(found.seconds))
    assert moved == end
    assert found.days < 31
    assert read_duration(iso(found)) == found


@given(naive)
def test_a_wall_clock_time_is_placed_so_that_its_own_zone_shows_it_or_it_is_said(wall: datetime) -> None:
    reading = resolved(wall, OSLO, "Europe/Oslo")
    shown = reading.at.astimezone(UTC).astimezone(OSLO).replace(tzinfo=None, fold=0)
    assert shown == wall or "does not exist" in reading.notes[0]


async def test_the_time_between_two_dates_is_told_by_the_calendar_and_elapsed() -> None:
    answer = await _ask("time_between", start="2024-02-29", end="2026-11-23")
    assert answer == {
        "duration": "P2Y8M25D",
        "words": "2 years, 8 months and 25 days",
        "days": 998.0,
        "seconds": 998 * 86_400.0,
    }


async def test_when_the_clocks_change_in_between_calendar_and_elapsed_time_differ_and_the_result_says_so() -> None:
    answer = await _ask("time_between", start="2026-03-28", end="2026-03-30")
    assert (answer["duration"], answer["days"], answer["seconds"]) == ("P2D", 2.0, 47 * 3_600.0)
    assert "clocks change" in str(answer["note"])


async def test_an_end_before_the_start_is_negative() -> None:
    answer = await _ask("time_between", start="2026-03-30T12:00", end="2026-03-29T11:00")
    assert (answer["duration"], answer["words"]) == ("-P1DT1H", "1 day and 1 hour earlier")
    assert answer["seconds"] == -90_000.0


@pytest.mark.parametrize(
    ("date", "weekday", "week", "day"),
    [
        ("2026-12-24", "Thursday", "2026-W52", 358),
        ("2027-01-01", "Friday", "2026-W53", 1),
        ("2024-12-31", "Tuesday", "2025-W01", 366),
        ("today", "Monday", "2026-W48", 327),
    ],
)
async def test_a_date_has_its_weekday_its_iso_week_and_its_number(date: str, weekday: str, week: str, day: int) -> None:
    answer = await _ask("day_of_week", date=date)
    assert (answer["weekday"], answer["week"], answer["day_of_year"]) == (weekday, week, day)


def _registered(settings: Mapping[str, object]) -> list[FunctionTool]:
    found: list[FunctionTool] = []
    keep: Callable[[FunctionTool], None] = found.append
    register_tools(register=keep, settings=settings)
    return found


async def test_the_servers_zone_is_a_setting_and_utc_without_it() -> None:
    for settings, zone in (({}, "UTC"), ({"zone": "Tokyo"}, "Asia/Tokyo")):
        answer = (await call(_registered(settings)[0])).structured
        assert isinstance(answer, dict)
        assert answer["zone"] == zone


@pytest.mark.parametrize("settings", [{"zone": "Olso"}, {"zone": 1}, {"timezone": "Oslo"}])
def test_settings_that_cannot_be_used_are_refused_with_the_fix(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"\[plugins.clock\].*zone"):
        _registered(settings)
