"""Reads and shows points in time, and says when a wall clock skips one or strikes it twice; knows no clock itself."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from msgspec import Struct
from toolyard_sdk import ToolError

_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_HOUR = re.compile(r"(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?\s*(am|pm|a\.m\.|p\.m\.)?\Z")
_SLASHES = re.compile(r"\d{1,4}[/.]\d{1,2}[/.]\d{1,4}")
WEEKDAYS = "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"
NOON = 12
HOURS = 24


class Reading(Struct, frozen=True):
    """A point in time as it was read, what has to be said about it, and its own offset where that is not the zone's."""

    at: datetime
    notes: tuple[str, ...] = ()
    offset: str = ""


def read_time(text: str, zone: tzinfo, name: str, now: datetime) -> Reading:
    """Read an ISO 8601 date or time, `now`, or `tomorrow 9am`; without an offset of its own it is in `zone`.

    A date alone is its midnight, a time alone is today's. Raises ToolError with an example.
    """
    words = text.strip().lower()
    if words in ("now", ""):
        return Reading(now.astimezone(zone))
    try:
        at = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        return resolved(_in_words(words, text, now.astimezone(zone).date()), zone, name)
    if at.tzinfo is None:
        return resolved(at, zone, name)
    there = at.astimezone(zone)
    return Reading(there, offset="" if there.utcoffset() == at.utcoffset() else _offset(at))


def _in_words(words: str, text: str, today: date) -> datetime:
    """Read `tomorrow 9am`, `2026-03-29 9:30 pm`, `14:30`, `today`, `noon`."""
    if _SLASHES.search(words):
        raise ToolError(f"{text[:60]!r} could be two dates: write year-month-day, for example 2026-04-03.")
    first, _, rest = words.replace(" at ", " ").partition(" ")
    day = today
    if first in _DAYS:
        day = today + timedelta(days=_DAYS[first])
    else:
        try:
            day = date.fromisoformat(first)
        except ValueError:
            rest = words
    return datetime.combine(day, _hour(rest.strip(), text))


def _hour(words: str, text: str) -> time:
    named = {"": 0, "midnight": 0, "noon": NOON}
    if words in named:
        return time(named[words])
    match = _HOUR.match(words)
    if match is None or (match.group(2) is None and match.group(4) is None):
        raise _unreadable(text)
    hour, half = int(match.group(1)), (match.group(4) or "")[:1]
    if half:
        if not 1 <= hour <= NOON:
            raise _unreadable(text)
        hour = hour % NOON + (NOON if half == "p" else 0)
    try:
        return time(hour, int(match.group(2) or 0), int(match.group(3) or 0))
    except ValueError as error:
        raise _unreadable(text) from error


def _unreadable(text: str) -> ToolError:
    return ToolError(
        f"{text[:60]!r} is no date or time: write ISO 8601 such as 2026-03-29, 2026-03-29T14:30 or "
        "2026-03-29T14:30+02:00, or 'now', '14:30', 'tomorrow 9am'."
    )


def resolved(wall: datetime, zone: tzinfo, name: str) -> Reading:
    """Place what a wall clock shows in its zone; a time the clock skips or strikes twice is resolved, and said.

    A skipped time is read with the offset before the change, which makes it as much later as the clock jumps; of a time
    that happens twice the first is taken (both are RFC 5545's rules).
    """
    first, second = wall.replace(tzinfo=zone, fold=0), wall.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return Reading(first)
    shown = wall.isoformat(" ", "minutes")
    moved = first.astimezone(UTC).astimezone(zone)
    if moved.replace(tzinfo=None, fold=0) != wall:
        at = moved.isoformat(" ", "minutes")
        return Reading(moved, (f"{shown} does not exist in {name}: clocks go forward then; it was read as {at}",))
    both = f"first at {_offset(first)}, then at {_offset(second)}"
    advice = "the first was taken; write the offset to choose"
    return Reading(first, (f"{shown} happens twice in {name}, {both}: {advice}",))


def _offset(at: datetime) -> str:
    """Return the offset as `+02:00`."""
    return at.isoformat()[-6:]


class Moment(Struct, frozen=True, omit_defaults=True):
    """A point in time: `time` and `utc` in ISO 8601, the zone's name, the day of the week, and what must be known."""

    time: str
    zone: str
    weekday: str
    utc: str
    daylight_saving_time: bool = False
    note: str | None = None


def moment(at: datetime, zone: str, notes: tuple[str, ...] = ()) -> Moment:
    """Show a point in time that carries its zone."""
    return Moment(
        time=at.isoformat(),
        zone=zone,
        weekday=WEEKDAYS[at.weekday()],
        utc=at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        daylight_saving_time=bool(at.dst()),
        note="; ".join(notes) or None,
    )
