"""Time zones, dates and durations for agents: five tools over the IANA database; the clock is handed in."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec
from msgspec import Struct
from toolyard_sdk import ConfigError, FunctionTool, ToolError, hookimpl, tool

from toolyard_clock.durations import Duration, add_months, between, iso, read_duration, words
from toolyard_clock.times import Moment, Reading, moment, read_time, resolved
from toolyard_clock.zones import Zones

Now = Callable[[], int]
"""Returns UTC microseconds."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[plugins.clock]`: `zone` is meant where a call names none."""

    zone: str = "UTC"


class Between(Struct, frozen=True, omit_defaults=True):
    """The time between two points: by the calendar in ISO 8601, in words and in days, and as elapsed seconds."""

    duration: str
    words: str
    days: float
    seconds: float
    note: str | None = None


class Day(Struct, frozen=True):
    """A date's place in its week and year; `week` is ISO 8601's."""

    date: str
    weekday: str
    week: str
    day_of_year: int
    days_in_year: int


def clock_tools(now: Now, home: str = "UTC") -> tuple[FunctionTool, ...]:
    """Return the tools over a clock: `now` gives UTC microseconds, `home` is the zone of calls that name none."""
    zones = Zones()

    def read(text: str, zone: str) -> tuple[Reading, str, tzinfo]:
        name, found = zones.find(zone or home)
        return read_time(text, found, name, EPOCH + timedelta(microseconds=now())), name, found

    @tool(title="Current time", read_only=True, open_world=False)
    def current_time(zone: str = "") -> Moment:
        """Tell the current date and time, with weekday and UTC offset. Ask again whenever it matters: time passes.

        Args:
            zone: City or time zone, for example Oslo, New York, Europe/Berlin, UTC or +02:00; empty: the server's zone.
        """
        name, found = zones.find(zone or home)
        seconds = now() // 1_000_000
        return moment((EPOCH + timedelta(seconds=seconds)).astimezone(found), name)

    @tool(title="Convert time", read_only=True, open_world=False)
    def convert_time(time: str, to_zone: str, from_zone: str = "") -> Moment:
        """Convert a date and time from one time zone to another, daylight saving time included.

        Args:
            time: ISO 8601 such as 2026-03-29T14:30 (or with its own offset, 2026-03-29T14:30+02:00), or 'now', '14:30',
                'tomorrow 9am'.
            to_zone: City or time zone to convert to, for example Tokyo or America/New_York.
            from_zone: City or time zone that the time is in, when it has no offset; empty: the server's zone.
        """
        with _within_the_calendar():
            reading, source, _ = read(time, from_zone)
            name, found = zones.find(to_zone)
            notes = reading.notes
            if from_zone and reading.offset:
                notes = (*notes, f"the offset {reading.offset} written in the time was used, not that of {source}")
            return moment(reading.at.astimezone(found), name, notes)

    @tool(title="Add a duration", read_only=True, open_world=False)
    def add_duration(time: str, duration: str, zone: str = "") -> Moment:
        """Add a duration to a date or time (or subtract a negative one), and tell the time and weekday it leads to.

        Years, months, weeks and days move the calendar (the clock shows the same time); hours, minutes and seconds
        elapse (across a change to daylight saving time, the clock shows another).

        Args:
            time: ISO 8601 date or time such as 2026-01-31 or 2026-01-31T09:00, or 'now', 'today', 'tomorrow 9am'.
            duration: ISO 8601 such as P1M, -P2W or PT90M, or words such as '3 days', '2 weeks and 4 hours', '1 month
                ago'.
            zone: City or time zone that the time is in; empty: the server's zone.
        """
        with _within_the_calendar():
            start, name, found = read(time, zone)
            return _moved(start, read_duration(duration), name, found)

    @tool(title="Time between", read_only=True, open_world=False)
    def time_between(start: str, end: str, zone: str = "") -> Between:
        """Tell how much time lies between two dates or times: by the calendar and in elapsed seconds.

        The result is negative when the end comes before the start.

        Args:
            start: ISO 8601 date or time such as 2026-01-31 or 2026-01-31T09:00, or 'now', 'today'.
            end: Like start.
            zone: City or time zone of times without an offset; empty: the server's zone.
        """
        with _within_the_calendar():
            return _between(read(start, zone)[0], read(end, zone)[0])

    @tool(title="Day of the week", read_only=True, open_world=False)
    def day_of_week(date: str, zone: str = "") -> Day:
        """Tell the weekday of a date, its ISO week, and its number in the year.

        Args:
            date: ISO 8601 date such as 2026-12-24, or 'today', 'tomorrow'.
            zone: City or time zone in which 'today' is meant; empty: the server's zone.
        """
        with _within_the_calendar():
            reading, _, _ = read(date, zone)
            year, week, _ = reading.at.isocalendar()
            days = reading.at.replace(month=12, day=31).timetuple().tm_yday
            shown = moment(reading.at, "")
            return Day(shown.time[:10], shown.weekday, f"{year}-W{week:02}", reading.at.timetuple().tm_yday, days)

    return current_time, convert_time, add_duration, time_between, day_of_week


def _moved(start: Reading, duration: Duration, zone: str, found: tzinfo) -> Moment:
    """Move the calendar first, then let time elapse; say where a month is too short or a clock skips or repeats."""
    notes = list(start.notes)
    wall = start.at.replace(tzinfo=None, fold=0)
    moved = add_months(wall, duration.months)
    if moved.day != wall.day:
        notes.append(f"{moved:%B %Y} has no day {wall.day}: its last day was taken")
    moved += timedelta(days=duration.days)
    landed = Reading(start.at) if moved == wall else resolved(moved, found, zone)
    microseconds = round(duration.seconds * 1_000_000)
    at = (landed.at.astimezone(UTC) + timedelta(microseconds=microseconds)).astimezone(found)
    return moment(at, zone, (*notes, *landed.notes))


def _between(first: Reading, last: Reading) -> Between:
    """Compare by the wall clock of the first one's zone for the calendar, by elapsed time for the numbers."""
    elapsed = last.at.astimezone(UTC) - first.at.astimezone(UTC)
    start, end = first.at.replace(tzinfo=None), last.at.replace(tzinfo=None)
    negative = end < start or (end == start and elapsed < timedelta(0))
    duration = between(end, start) if negative else between(start, end)
    notes = [*first.notes, *last.notes]
    if end - start != elapsed:
        notes.append("the clocks change in between: the calendar and the elapsed seconds differ")
    seconds = elapsed.total_seconds()
    said = words(duration) + (" earlier" if negative else "")
    return Between(
        iso(duration, negative=negative),
        said,
        round((end - start) / timedelta(days=1), 6),
        seconds,
        "; ".join(notes) or None,
    )


@contextmanager
def _within_the_calendar() -> Iterator[None]:
    try:
        yield
    except OverflowError as error:
        raise ToolError("the result lies outside the years 1 to 9999.") from error


@hookimpl
def register_tools(register: Callable[[FunctionTool], None], settings: Mapping[str, Any]) -> None:
    """Offer the tools over the machine's clock; raises ConfigError for settings that cannot be used."""
    try:
        read = msgspec.convert(dict(settings), Settings)
        Zones().find(read.zone)
    except (msgspec.ValidationError, ToolError) as error:
        raise ConfigError(f'[plugins.clock]: {error} The only setting is zone, for example zone = "Oslo".') from error
    for each in clock_tools(lambda: time.time_ns() // 1000, read.zone):
        register(each)
