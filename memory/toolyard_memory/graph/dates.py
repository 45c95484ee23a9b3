"""Dates as people write them in English and in ISO 8601, made absolute; knows no clock: `at` says when it was said.

A date is named as ISO 8601 does, as exactly as it was meant: `2026-05-03`, `2026-05`, `2026-w18`, `2026`; without a
year `--05-03`.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from msgspec import Struct

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY: Final = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?"
_COUNTS: Final = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "a couple of": 2,
}
_MANY: Final = "|".join(("\\d{1,3}", *(count.replace(" ", "\\ ") for count in _COUNTS)))

_WRITTEN: Final = re.compile(
    rf"""(?<![\w-])(?:
    (?P<iso>\d{{4}}-\d\d(?:-\d\d)?)(?![\d-])
    |(?P<day_first>(?i:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\ (?:of\ )?(?P<month>{_MONTH})(?:,?\ (?P<year>\d{{4}})\b)?))
    |(?P<month_first>(?=[A-Z])(?i:(?P<month_before>{_MONTH}))\ (?P<day_after>\d{{1,2}})(?:st|nd|rd|th)?\b
      (?:,?\ (?P<year_after>\d{{4}})\b)?)
    |(?P<month_of>(?=[A-Z])(?i:(?P<of_month>{_MONTH})),?\ (?P<of_year>(?:19|20)\d\d))\b
    |(?P<turned>(?i:(?P<which>last|past|next|coming|this|on)\ (?P<what>{_DAY}|weekend|week|month|year|{_MONTH})))\b
    |(?P<simple>(?i:today|tonight|this\ (?:morning|afternoon|evening)|yesterday|last\ night|tomorrow))\b
    |(?P<ago>(?i:(?P<many>{_MANY})\ (?P<unit>day|week|month|year)s?\ ago))\b
    |(?P<alone>(?i:in|since|until|during|by)\ (?=[A-Z])(?i:(?P<bare>{_MONTH}))(?!,?\ \d))
    |(?P<only_year>(?:19|20)\d\d)\b(?!-)
    )""",
    re.VERBOSE,
)


_Parts = dict[str, Any]
_Names = tuple[str, ...]


class Dated(Struct, frozen=True):
    """A date in a text: where it stands (characters), its names from the most exact to its month, and its words."""

    start: int
    stop: int
    names: tuple[str, ...]
    shown: str


def _month_number(word: str) -> int:
    return _MONTHS.index(word.casefold()[:3]) + 1


def _day(year: int, month: int, day: int) -> tuple[str, ...]:
    try:
        found = date(year, month, day)
    except ValueError:
        return ()
    return found.isoformat(), f"{found:%Y-%m}"


def _nearest(month: int, day: int, said: date | None) -> tuple[str, ...]:
    """Name a day without a year: the one that is closest to when it was said."""
    if said is None:
        return (f"--{month:02}-{day:02}",) if _day(2000, month, day) else ()
    near = [_day(said.year + step, month, day) for step in (-1, 0, 1)]
    found = [names for names in near if names]
    return min(found, key=lambda names: abs((date.fromisoformat(names[0]) - said).days), default=())


def _shifted(said: date, months: int) -> str:
    number = said.year * 12 + said.month - 1 + months
    return f"{number // 12:04}-{number % 12 + 1:02}"


def _exact(day: date) -> tuple[str, ...]:
    return day.isoformat(), f"{day:%Y-%m}"


def _week(day: date) -> tuple[str, ...]:
    year, week, _ = day.isocalendar()
    return (f"{year:04}-w{week:02}",)


def _weekday(said: date, which: str, wanted: int) -> date:
    """Return the day of the week that is meant: the last one before, the next one after, or the closest (`on`)."""
    back = (said.weekday() - wanted) % 7
    if which in ("last", "past"):
        return said - timedelta(days=back or 7)
    if which in ("next", "coming"):
        return said + timedelta(days=7 - back)
    if which == "this":
        return said - timedelta(days=back) + timedelta(days=7 if back else 0)
    return said - timedelta(days=back) if back <= 3 else said + timedelta(days=7 - back)  # noqa: PLR2004 - half a week


def _weekend(said: date, step: int) -> date:
    """Return the Saturday of this weekend, or of those before and after; on a Sunday it is the day before."""
    saturday = said - timedelta(days=said.weekday()) + timedelta(days=5)
    back = 7 if step == -1 and said < saturday else 7 * -step
    return saturday - timedelta(days=back)


def _month(said: date, which: str, step: int, month: int) -> str:
    year = said.year
    if (step < 0 and month >= said.month) or (step > 0 and month <= said.month):
        year += step
    return f"{year:04}-{month:02}" if which != "on" else ""


def _turned(part: _Parts, said: date) -> _Names:
    """Name what `last`, `next` or `this` of something is, seen from the day on which it was said."""
    which, what = part["which"].casefold(), part["what"].casefold()
    step = {"last": -1, "past": -1, "next": 1, "coming": 1}.get(which, 0)
    if what == "week":
        return _week(said + timedelta(days=7 * step))
    if what == "weekend":
        return _exact(_weekend(said, step))
    if re.fullmatch(_DAY, what):
        return _exact(_weekday(said, which, _DAYS.index(what[:3])))
    month = {"month": lambda: _shifted(said, step), "year": lambda: f"{said.year + step:04}"}.get(what)
    found = month() if month is not None else _month(said, which, step, _month_number(what))
    return (found,) if found else ()


def _ago(part: _Parts, said: date) -> _Names:
    many, unit = part["many"].casefold(), part["unit"].casefold()
    count = _COUNTS[many] if many in _COUNTS else int(many)
    if unit == "day":
        return _exact(said - timedelta(days=count))
    if unit == "week":
        return _week(said - timedelta(days=7 * count))
    return (_shifted(said, -count) if unit == "month" else f"{said.year - count:04}",)


def _simple(part: _Parts, said: date) -> _Names:
    step = {"yesterday": -1, "last night": -1, "tomorrow": 1}.get(part["simple"].casefold(), 0)
    return _exact(said + timedelta(days=step))


def _iso(part: _Parts, _: date | None) -> _Names:
    year, month, *rest = (int(number) for number in part["iso"].split("-"))
    return _day(year, month, *rest) if rest else _day(year, month, 1)[1:]


def _day_of_month(year: str | None, month: str, day: str, said: date | None) -> _Names:
    number = _month_number(month)
    return _day(int(year), number, int(day)) if year else _nearest(number, int(day), said)


def _alone(part: _Parts, said: date | None) -> _Names:
    month = _month_number(part["bare"])
    return _nearest(month, 1, said)[1:] if said else (f"--{month:02}",)


_ABSOLUTE: Final[dict[str, Callable[[_Parts, date | None], _Names]]] = {
    "iso": _iso,
    "day_first": lambda part, said: _day_of_month(part["year"], part["month"], part["day"], said),
    "month_first": lambda part, said: _day_of_month(part["year_after"], part["month_before"], part["day_after"], said),
    "month_of": lambda part, _: (f"{part['of_year']}-{_month_number(part['of_month']):02}",),
    "only_year": lambda part, _: (part["only_year"],),
    "alone": _alone,
}
_RELATIVE: Final[dict[str, Callable[[_Parts, date], _Names]]] = {"simple": _simple, "turned": _turned, "ago": _ago}


def _named(found: re.Match[str], said: date | None) -> _Names:
    form, part = found.lastgroup or "", found.groupdict()
    if form in _ABSOLUTE:
        return _ABSOLUTE[form](part, said)
    return _RELATIVE[form](part, said) if said is not None else ()


def dates_in(text: str, at: int = 0) -> tuple[Dated, ...]:
    """Return the dates of a text in order; `at` is when it was said (UTC microseconds), 0 when that is not known.

    What is relative ("last Tuesday") is left out without `at`. Never raises: dates come from strangers.
    """
    try:
        said = datetime.fromtimestamp(at / 1e6, UTC).date() if at else None
    except (OverflowError, OSError, ValueError):
        said = None
    found = []
    for match in _WRITTEN.finditer(text):
        try:
            names = _named(match, said)
        except (OverflowError, ValueError):  # a year before the first or after the last
            continue
        if names:
            found.append(Dated(match.start(), match.end(), names, match.group()))
    return tuple(found)
