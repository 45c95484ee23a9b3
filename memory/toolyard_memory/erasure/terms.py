"""Reads the terms that the pages of SQLite's full-text index hold, whatever the index says of them; runs no SQL.

FTS5 marks what is deleted and goes on holding its terms until it merges its segments, and it holds most of a term as
what differs from the term before: a plain search for the bytes of a word finds it by luck. The form of a page is that
of "FTS5 Data Structures" at the beginning of SQLite's ext/fts5/fts5_index.c.
"""

from collections.abc import Iterator
from typing import Final

FIRST_PAGE: Final = 1 << 37
"""The least id of a row of `passage_text_data` that is a page of a segment; below are averages and the structure."""

_LEAF: Final = 0x3F
_HEAD: Final = 4


def is_leaf(id_: int) -> bool:
    """Tell whether a row of `passage_text_data` holds terms: others lead to those that do."""
    return id_ >= FIRST_PAGE and not (id_ >> 31) & _LEAF


def terms_in(page: bytes) -> Iterator[bytes]:
    """Yield the terms that begin on a page, without the byte that says which index they are of.

    Raises ValueError for a page that cannot be read.
    """
    if len(page) < _HEAD:
        raise ValueError("a page that is too short")
    size = int.from_bytes(page[2:4])
    at, start, term = size, 0, b""
    while at < len(page):
        more, at = _number(page, at)
        first = not start
        start += more
        if first:
            kept, place = 0, start
        else:
            kept, place = _number(page, start)
        fresh, place = _number(page, place)
        if kept > len(term) or place + fresh > size:
            raise ValueError("a term that leaves its page")
        term = term[:kept] + page[place : place + fresh]
        yield term[1:]


def _number(page: bytes, at: int) -> tuple[int, int]:
    """Return a number of SQLite's variable length, and where the next byte is; raises ValueError."""
    value = 0
    for n in range(9):
        if at >= len(page):
            raise ValueError("a number that leaves its page")
        byte = page[at]
        at += 1
        if n == 8:  # noqa: PLR2004 - the ninth byte has no mark of an end
            return value << 8 | byte, at
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the mark that another byte follows
            break
    return value, at
