"""Durations: read from ISO 8601 or plain words, added to a date, found between two; knows months, but no clock."""

import calendar
import re
from datetime import datetime, timedelta
from fractions import Fraction

from msgspec import Struct
from toolyard_sdk import ToolError

_ISO = re.compile(
    r"([+-])?P(?=[\dT])(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)W)?(?:(\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?=\d)(?:(\d+(?:[.,]\d+)?)H)?(?:(\d+(?:[.,]\d+)?)M)?(?:(\d+(?:[.,]\d+)?)S)?)?\Z",
    re.IGNORECASE | re.ASCII,
)
_PART = re.compile(r"([+-]?\d+(?:\.\d+)?|[a-z]+(?:\s+an?\b)?)\s*([a-z]+)", re.ASCII)
_GLUE = re.compile(r"(?:\s|,|\band\b|\bin\b|\bafter\b|\blater\b|\bfrom now\b)*")
_UNITS = frozenset(
    {
        "year",
        "years",
        "yr",
        "yrs",
        "y",
        "month",
        "months",
        "mo",
        "mos",
        "week",
        "weeks",
        "wk",
        "wks",
        "w",
        "day",
        "days",
    }
    | {"d", "hour", "hours", "hr", "hrs", "h", "minute", "minutes", "min", "mins", "m"}
    | {"second", "seconds", "sec", "secs", "s"}
)
_SIZE = {"y": 12, "mo": 1, "w": 7, "d": 1, "h": 3600, "m": 60, "s": 1}
_WORDS = "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"
_NUMBERS = {"a": Fraction(1), "an": Fraction(1), "half a": Fraction(1, 2), "half an": Fraction(1, 2)}
LARGEST = 10**12
DAY = 86_400


class Duration(Struct, frozen=True):
    """Months and days of the calendar, and seconds of elapsed time: three things that do not convert."""

    months: int = 0
    days: int = 0
    seconds: Fraction = Fraction(0)


def read_duration(text: str) -> Duration:
    """Read `P1Y2M10DT2H30M`, `-P2W`, `3 days`, `2 weeks and 4 hours ago`; raises ToolError with examples."""
    if len(text) > 200:  # noqa: PLR2004 - nobody writes a longer one
        raise _unreadable(text)
    match = _ISO.match(text.strip())
    if match:
        sign = -1 if match.group(1) == "-" else 1
        units = zip(("y", "mo", "w", "d", "h", "m", "s"), match.groups()[1:], strict=True)
        parts = [(Fraction(number.replace(",", ".")), unit) for unit, number in units if number]
        return _added(text, [(sign * number, unit) for number, unit in parts])
    words = text.strip().lower()
    ago = words.endswith(("ago", "earlier", "before"))
    words = re.sub(r"(ago|earlier|before)\Z", "", words)
    parts, at = [], _end(words, 0)
    while at < len(words):
        part = _PART.match(words, at)
        if part is None:
            raise _unreadable(text)
        parts.append((_number(part.group(1), text), _unit(part.group(2), text)))
        at = _end(words, part.end())
    return _added(text, [(-number if ago else number, unit) for number, unit in parts])


def _end(words: str, at: int) -> int:
    """Return where the glue between two parts ends."""
    glue = _GLUE.match(words, at)
    return glue.end() if glue else at


def _number(word: str, text: str) -> Fraction:
    word = " ".join(word.split())
    if word in _NUMBERS:
        return _NUMBERS[word]
    if word in _WORDS:
        return Fraction(_WORDS.index(word))
    try:
        return Fraction(word)
    except ValueError as error:
        raise _unreadable(text) from error


def _unit(word: str, text: str) -> str:
    """Return the key of `_SIZE` that a unit's name means; `m` alone is minutes."""
    if word not in _UNITS:
        raise _unreadable(text)
    return "mo" if word.startswith("mo") else word[0]


def _added(text: str, parts: list[tuple[Fraction, str]]) -> Duration:
    months = sum((number * _SIZE[unit] for number, unit in parts if unit in ("y", "mo")), Fraction(0))
    days = sum((number * _SIZE[unit] for number, unit in parts if unit in ("w", "d")), Fraction(0))
    seconds = sum((number * _SIZE[unit] for number, unit in parts if unit in ("h", "m", "s")), Fraction(0))
    if not parts:
        raise _unreadable(text)
    if months.denominator != 1:
        raise ToolError(f"{text[:60]!r}: parts of a month have no fixed length; write them in days.")
    whole = int(days)
    duration = Duration(int(months), whole, seconds + (days - whole) * DAY)
    if max(abs(duration.months), abs(duration.days), int(abs(duration.seconds))) > LARGEST:
        raise ToolError(f"{text[:60]!r} is too long: only the years 1 to 9999 can be computed with.")
    return duration


def _unreadable(text: str) -> ToolError:
    return ToolError(
        f"{text[:60]!r} is no duration: write ISO 8601 such as P1M, P2W or PT90M, or words such as '3 days', "
        "'2 hours 30 minutes', '1 year and 2 months', '2 weeks ago'."
    )


def add_months(at: datetime, months: int) -> datetime:
    """Move by whole months; a day that the month does not have becomes its last one. Raises OverflowError."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    if not 1 <= year <= 9999:  # noqa: PLR2004 - the years a datetime can hold
        raise OverflowError("date value out of range")
    return at.replace(year=year, month=month + 1, day=min(at.day, calendar.monthrange(year, month + 1)[1]))


def between(start: datetime, end: datetime) -> Duration:
    """Return the calendar duration between two wall-clock times without a zone, `start` not after `end`.

    Whole months are counted first, then days, then seconds, so that adding it to `start` gives `end`.
    """
    months = (end.year - start.year) * 12 + end.month - start.month
    while add_months(start, months) > end:
        months -= 1
    rest = end - add_months(start, months)
    return Duration(months, rest.days, Fraction(rest // timedelta(microseconds=1), 1_000_000) - rest.days * DAY)


def iso(duration: Duration, *, negative: bool = False) -> str:
    """Write a duration whose parts are not negative in ISO 8601."""
    hours, minutes, seconds = _clock(duration)
    years, months = divmod(duration.months, 12)
    dates = [(years, "Y"), (months, "M"), (duration.days, "D")]
    times: list[tuple[float, str]] = [(hours, "H"), (minutes, "M"), (seconds, "S")]
    date = "".join(f"{number}{unit}" for number, unit in dates if number)
    time = "".join(f"{number}{unit}" for number, unit in times if number)
    return ("-" if negative else "") + "P" + (date + ("T" + time if time else "") or "T0S")


def words(duration: Duration) -> str:
    """Write a duration whose parts are not negative for a person: `1 year, 2 months and 3 days`."""
    hours, minutes, seconds = _clock(duration)
    years, months = divmod(duration.months, 12)
    counted: list[tuple[float, str]] = [(years, "year"), (months, "month"), (duration.days, "day")]
    counted += [(hours, "hour"), (minutes, "minute"), (seconds, "second")]
    parts = [f"{number} {unit}" + ("" if number == 1 else "s") for number, unit in counted if number]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts) or "no time"


def _clock(duration: Duration) -> tuple[int, int, float]:
    minutes, seconds = divmod(duration.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return hours, minutes, int(seconds) if seconds.denominator == 1 else float(seconds)
