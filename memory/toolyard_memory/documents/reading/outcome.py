"""What reading a file gives: its text with where headings and pages begin, or in words why there is none."""

from msgspec import Struct

LONGEST_TEXT = 4_000_000
"""Characters of a document's text: some 1,500 printed pages."""

TOO_LONG = f"it holds more than {LONGEST_TEXT} characters: split it"


class Bounds(Struct, frozen=True):
    """What a process that reads one file may take: bytes of address space (macOS does not hold it to them), seconds."""

    memory: int = 1 << 30
    cpu_seconds: int = 30
    wall_seconds: float = 90.0


class Heading(Struct, frozen=True):
    """A heading: where its line begins in the text, its level (1 the highest), and its words."""

    start: int
    level: int
    words: str


class Reading(Struct, frozen=True):
    """A file as text. Lines end in a line feed and hold no white space before it; there is none around the text.

    `pages` are the places where pages 1, 2, ... begin, none where there are no pages. `whole` are spans [start, stop)
    that lose their meaning when they are cut: code, tables.
    """

    text: str
    title: str = ""
    headings: tuple[Heading, ...] = ()
    pages: tuple[int, ...] = ()
    whole: tuple[tuple[int, int], ...] = ()


class Unreadable(Exception):
    """A file that cannot be read: in words why, and what to do instead."""


class Refused(Struct, frozen=True, tag="refused"):
    """Why a file was not read, as a process says it."""

    why: str
