"""Cuts a text into pieces of some 250 tokens that can be found and cited by themselves; pure, and the same every time.

A heading and a page begin a piece. What is longer is cut at its best borders, not at the first that come: of all
borders the best goes first (a paragraph before a sentence, and of equals the one that a checksum of the words around it
puts first), then the best of each side, until every piece is short enough. So where a cut lies depends on what is near
it: an edit moves the cuts around it and leaves those further away, and their pieces, as they were. Sizes are counted in
bytes of UTF-8, four of which are about a token, whatever the script.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, pairwise
from typing import Final
from zlib import crc32

from msgspec import Struct

from toolyard_memory.documents.borders import ITEM, SENTENCE, borders, splits, words
from toolyard_memory.documents.reading.outcome import Heading, Reading

CUTTING: Final = "1"
"""Which way of reading and cutting this is: a document that was cut in another is cut again when it comes again."""

MOST = 1_300
"""Bytes of a piece, what it repeats of the one before it not counted."""

LEAST = 400
"""Bytes that a cut leaves on both sides of it."""

OVERLAP = 160
"""Characters that a piece may repeat of the one before it, where the cut between them parts what is one thought."""

LONGEST_WORD = MOST // 4
"""Characters after which a word is cut that is longer than a piece: at most a piece's bytes, in any script."""

_AROUND = 12
"""Characters on both sides of a border that its checksum is of."""

_ONE, _TWO, _THREE = 0x80, 0x800, 0x10000

Size = Callable[[int, int], int]
"""Bytes of the text between two places."""


class Piece(Struct, frozen=True):
    """Characters [start, stop) of a text, the headings it is below, and the page it begins on (0: there are none).

    `above` are the headings that its own text does not begin with.
    """

    start: int
    stop: int
    heading: str = ""
    above: str = ""
    page: int = 0


class Section(Struct, frozen=True):
    """A part of a text [start, stop) with one heading path and on one page."""

    start: int
    stop: int
    path: tuple[Heading, ...] = ()
    page: int = 0


def cut(reading: Reading) -> list[Piece]:
    """Return the pieces of a text, in order: between two of them there is nothing but line ends, if that."""
    size = _sizes(reading.text)
    return [piece for section in _sections(reading) for piece in _pieces(reading, section, size)]


def words_of(text: str, piece: Piece) -> str:
    """Return what a piece is found by: the headings above it, and its text, which comes last."""
    own = text[piece.start : piece.stop]
    return f"{piece.above}\n\n{own}" if piece.above else own


def _pieces(reading: Reading, section: Section, size: Size) -> Iterator[Piece]:
    text = reading.text
    good = borders(text, section.start, section.stop, reading.whole)
    sentences = sorted(at for at, how in good.items() if how >= SENTENCE)
    cuts = _cuts(text, section, good, size)
    heading = _path(section.path)
    above = _path(one for one in section.path if one.start < section.start)
    before = section.start
    for begin, end in pairwise(cuts):
        start = begin
        if begin > section.start and good.get(begin, 0) < ITEM:
            n = bisect_left(sentences, max(begin - OVERLAP, before + 1))
            start = min(sentences[n], begin) if n < len(sentences) else begin
        stop = start + len(text[start:end].rstrip("\n"))
        yield Piece(start, stop, heading, above if begin == section.start else heading, section.page)
        before = begin


def _path(headings: Iterable[Heading]) -> str:
    return " > ".join(heading.words for heading in headings if heading.words)


def _cuts(text: str, section: Section, good: dict[int, int], size: Size) -> list[int]:
    """Return where a section is cut, its own ends among them."""
    cuts = [section.start, section.stop]
    _take(cuts, good, text, size)
    for begin, end in _too_long(cuts, size):
        _take(cuts, words(text, begin, end), text, size)
    for begin, end in _too_long(cuts, size):
        at = _after(text, begin + LONGEST_WORD)
        while at < end:
            insort(cuts, at)
            at = _after(text, at + LONGEST_WORD)
    return cuts


def _take(cuts: list[int], candidates: dict[int, int], text: str, size: Size) -> None:
    """Cut at the best of the candidates, then at the best of what is left, until all pieces are short or whole."""

    def order(at: int) -> tuple[int, int, int]:
        around = text[max(at - _AROUND, 0) : at + _AROUND]
        return -candidates[at], crc32(around.encode()), at

    for at in sorted(candidates, key=order):
        n = bisect_left(cuts, at)
        before, after = cuts[n - 1], cuts[n]
        if size(before, after) > MOST and size(before, at) >= LEAST and size(at, after) >= LEAST:
            cuts.insert(n, at)


def _too_long(cuts: list[int], size: Size) -> list[tuple[int, int]]:
    return [(begin, end) for begin, end in pairwise(cuts) if size(begin, end) > MOST]


def _after(text: str, at: int) -> int:
    """Return the first place from `at` on where a cut splits nothing."""
    while splits(text, at):
        at += 1
    return at


def _sections(reading: Reading) -> Iterator[Section]:
    """Yield the parts of a text that a heading or a page begins; a heading with nothing below it begins the next."""
    text = reading.text
    heads = {heading.start: heading for heading in reading.headings}
    places = sorted({0, *heads, *reading.pages, len(text)})
    path: tuple[Heading, ...] = ()
    begin = 0
    for start, stop in pairwise(places):
        heading, following = heads.get(start), heads.get(stop)
        if heading is not None:
            path = (*(above for above in path if above.level < heading.level), heading)
            alone = "\n" not in text[start:stop].strip("\n")
            if alone and following is not None and following.level > heading.level and stop not in reading.pages:
                continue
        if text[begin:stop].strip("\n"):
            yield Section(begin, stop, path, bisect_right(reading.pages, begin))
        begin = stop


def _sizes(text: str) -> Size:
    """Return what counts the bytes of UTF-8 between two places."""
    if text.isascii():
        return lambda start, stop: min(stop, len(text)) - start
    ends = array("Q", accumulate(_lengths(text), initial=0))
    return lambda start, stop: ends[min(stop, len(text))] - ends[start]


def _lengths(text: str) -> Iterable[int]:
    for character in map(ord, text):
        yield 1 if character < _ONE else 2 if character < _TWO else 3 if character < _THREE else 4
