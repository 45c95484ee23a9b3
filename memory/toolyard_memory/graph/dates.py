"""Dates as people write them in English and in ISO 8601, made absolute; knows no clock: `at` says when it was said.

A date is named as ISO 8601 does, as exactly as it was meant: `2026-05-03`, `2026-05`, `2026-w18`, `2026`; without a
year `--05-03`.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from msgspec import Struct

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY: Final = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?"
_COUNTS: Final = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}
_MANY: Final = rf"(?:\d{{1,3}}|{'|'.join(_COUNTS)}|a couple of|a few)"

_WRITTEN: Final = re.compile(
    rf"""(?<![\w-])(?:
    (?P<iso>\d{{4}}-\d\d(?:-\d\d)?)(?![\d-])
    |(?i:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\ (?:of\ )?(?P<month>{_MONTH})(?:,?\ (?P<year>\d{{4}})\b)?)
    |(?P<month_first>(?=[A-Z])(?i:{_MONTH}))\ (?P<day_after>\d{{1,2}})(?:st|nd|rd|th)?\b
      (?:,?\ (?P<year_after>\d{{4}})\b)?
    |(?P<month_of>(?=[A-Z])(?i:{_MONTH})),?\ (?P<of_year>(?:19|20)\d\d)\b
    |(?i:(?P<simple>today|tonight|this\ (?:morning|afternoon|evening)|yesterday|last\ night|tomorrow))\b
    |(?i:(?P<which>last|past|next|coming|this|on)\ (?P<what>{_DAY}|weekend|week|month|year|{_MONTH}))\b
    |(?i:(?P<many>{_MANY})\ (?P<unit>day|week|month|year)s?\ ago)\b
    |(?i:(?:in|since|until|during|by)\ )(?P<bare>(?=[A-Z])(?i:{_MONTH}))
    |(?P<only_year>(?:19|20)\d\d)\b(?!-)
    )""",
    re.VERBOSE,
)


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


def _turned(said: date, which: str, what: str) -> tuple[str, ...]:
    """Name what `last`, `next` or `this` of something is, seen from the day on which it was said."""
    step = {"last": -1, "past": -1, "next": 1, "coming": 1}.get(which, 0)
    if what == "week":
        return _week(said + timedelta(days=7 * step))
    if what == "weekend":
        saturday = said - timedelta(days=said.weekday()) + timedelta(days=5 + 7 * step)
        if step == -1 and said.weekday() >= 5:  # noqa: PLR2004 - on a Saturday the last weekend is a week ago
            saturday = said - timedelta(days=said.weekday() + 2)
        return _exact(saturday)
    if what == "month":
        return (_shifted(said, step),)
    if what == "year":
        return (f"{said.year + step:04}",)
    if not re.fullmatch(_DAY, what):
        if which == "on":
            return ()
        month = _month_number(what)
        year = said.year + (step if step * (said.month - month) >= 0 and step else 0)
        return (f"{year:04}-{month:02}",)
    return _exact(_weekday(said, which, _DAYS.index(what[:3])))


def _ago(said: date, many: str, unit: str) -> tuple[str, ...]:
    count = _COUNTS.get(many) or {"a couple of": 2, "a few": 0}.get(many)
    count = int(many) if count is None else count
    if count == 0:
        return ()
    if unit == "day":
        return _exact(said - timedelta(days=count))
    if unit == "week":
        return _week(said - timedelta(days=7 * count))
    if unit == "month":
        return (_shifted(said, -count),)
    return (f"{said.year - count:04}",)


def _simple(said: date, word: str) -> tuple[str, ...]:
    step = {"yesterday": -1, "last night": -1, "tomorrow": 1}.get(word, 0)
    return _exact(said + timedelta(days=step))


def _named(found: re.Match[str], said: date | None) -> tuple[str, ...]:
    part = found.groupdict()
    if part["iso"]:
        year, month, *rest = (int(number) for number in part["iso"].split("-"))
        return _day(year, month, *rest) if rest else _day(year, month, 1)[1:]
    if part["day"]:
        month, day = _month_number(part["month"]), int(part["day"])
        return _day(int(part["year"]), month, day) if part["year"] else _nearest(month, day, said)
    if part["month_first"]:
        month, day = _month_number(part["month_first"]), int(part["day_after"])
        return _day(int(part["year_after"]), month, day) if part["year_after"] else _nearest(month, day, said)
    if part["month_of"]:
        return (f"{part['of_year']}-{_month_number(part['month_of']):02}",)
    if part["only_year"]:
        return (part["only_year"],)
    if part["bare"]:
        month = _month_number(part["bare"])
        return _nearest(month, 1, said)[1:] if said else (f"--{month:02}",)
    if said is None:
        return ()
    if part["simple"]:
        return _simple(said, part["simple"].casefold())
    if part["which"]:
        return _turned(said, part["which"].casefold(), part["what"].casefold())
    return _ago(said, part["many"].casefold(), part["unit"].casefold())


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
