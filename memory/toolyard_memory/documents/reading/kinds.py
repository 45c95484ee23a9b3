"""Which files are read, and by what: one table of media types; knows neither processes nor stores.

A media type is the file's own word where it has one, else what its name ends in.
"""

from collections.abc import Callable
from pathlib import PurePosixPath

from msgspec import Struct

from toolyard_memory.documents.cutting import Piece, cut
from toolyard_memory.documents.reading.html import read_html
from toolyard_memory.documents.reading.markdown import read_markdown
from toolyard_memory.documents.reading.outcome import LONGEST_TEXT, TOO_LONG, Reading, Unreadable
from toolyard_memory.documents.reading.pdf import read_pdf
from toolyard_memory.documents.reading.plain import read_plain

READERS: dict[str, Callable[[bytes], Reading]] = {
    "text/plain": read_plain,
    "text/markdown": read_markdown,
    "text/html": read_html,
    "application/pdf": read_pdf,
}
"""What reads a file of each media type; a reader raises Unreadable, and whatever a parser may."""

PARSED = frozenset({"text/html", "application/pdf"})
"""Kinds that a stranger's file can make slow or large to read."""

SUFFIXES = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".rst": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    ".pdf": "application/pdf",
}
"""What files are by the end of their names."""

_ALSO = {"text/x-markdown": "text/markdown", "application/xhtml+xml": "text/html", "text/x-rst": "text/plain"}
_SAYS_NOTHING = ("", "application/octet-stream", "application/x-www-form-urlencoded")
"""What programs send that do not know what a file is; curl says the last of any body."""

MOST_PIECES = 10_000


class Read(Struct, frozen=True, tag="read"):
    """A file that was read and cut."""

    title: str
    text: str
    pieces: tuple[Piece, ...]


def kind_of(name: str, declared: str) -> str | None:
    """Return the media type that a file is read as, by its declared one or by its name; None for one that is not."""
    kind = declared.partition(";")[0].strip().lower()
    if kind in _SAYS_NOTHING:
        return SUFFIXES.get(PurePosixPath(name).suffix.lower())
    kind = _ALSO.get(kind, kind)
    return kind if kind in READERS else None


def read(data: bytes, kind: str) -> Read:
    """Read and cut a file of a kind that `READERS` knows; raises Unreadable."""
    reading = READERS[kind](data)
    if not reading.text:
        raise Unreadable("it holds no text")
    if len(reading.text) > LONGEST_TEXT:
        raise Unreadable(TOO_LONG)
    pieces = cut(reading)
    if len(pieces) > MOST_PIECES:
        raise Unreadable(f"it falls into {len(pieces)} pieces, and at most {MOST_PIECES} are kept: split it")
    return Read(reading.title, reading.text, tuple(pieces))
