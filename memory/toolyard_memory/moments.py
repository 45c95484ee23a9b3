"""Moments as people write them and as memory keeps them: UTC microseconds; knows no clock."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

_DAYS_BEFORE_1970: Final = date(1970, 1, 1).toordinal()
_FIRST: Final = date.min.toordinal() + 1 - _DAYS_BEFORE_1970
_LAST: Final = date.max.toordinal() - _DAYS_BEFORE_1970


def read_moment(text: str) -> int | None:
    """Return UTC microseconds of a date or a date and time (RFC 3339; without an offset UTC); None for other text.

    Also None for the first and the last day there are: in another zone they may be out of every calendar.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except OverflowError:  # an offset that leads out of the calendar
        return None
    if not _FIRST <= since.days < _LAST:
        return None
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def show_moment(at: int) -> str:
    """Write UTC microseconds as a person reads them: `3 May 2026`."""
    moment = datetime.fromtimestamp(at / 1e6, UTC)
    return f"{moment.day} {moment:%B %Y}"


def show_day(at: int) -> str:
    """Write the day of UTC microseconds as it is given: `2026-05-03`."""
    return (date(1970, 1, 1) + timedelta(microseconds=at)).isoformat()
