"""What to look for when somebody is said to be gone: bytes that nothing but their own content holds; opens no file.

A text is looked for in pieces, since a page of a database or a block of a file may keep only a part of it.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

PIECE: Final = 24
"""Bytes of a piece."""

STEP: Final = 12
"""Bytes between the beginnings of two pieces: whatever is left of a text that has `PIECE + STEP - 1` bytes is found."""

MOST_PIECES: Final = 200
"""Pieces of one text; of a longer one they are spread over it."""

LEAST: Final = 4
"""Bytes that can be looked for: fewer are found by chance (four in every 4 GB of noise)."""

NAME: Final = 8
"""Bytes of a name that is worth looking for: shorter ones are words, and parts of numbers."""

PLAIN: Final = 6
"""Different bytes that a piece has at least: rulers and runs of zeros are nobody's."""


class Needle(Struct, frozen=True):
    """Bytes to look for, and in a word what they are; `only` names the folder below which alone they are looked for."""

    what: str
    data: bytes
    only: str = ""


def whole(what: str, texts: Iterable[str], least: int = LEAST) -> Iterator[Needle]:
    """Yield short texts as they are; not those with fewer than `least` bytes."""
    for text in texts:
        data = text.encode()
        if len(data) >= least:
            yield Needle(what, data)


def pieces(what: str, texts: Iterable[bytes]) -> Iterator[Needle]:
    """Yield pieces of texts, each text as a whole where it is no longer than a piece."""
    for text in texts:
        if len(text) <= PIECE:
            if len(text) >= LEAST:
                yield Needle(what, text)
            continue
        last = len(text) - PIECE
        step = max(STEP, last // MOST_PIECES)
        for start in (*range(0, last, step), last):
            piece = text[start : start + PIECE]
            if len(set(piece)) >= PLAIN:
                yield Needle(what, piece)


def parts_of_vectors(vectors: Iterable[bytes]) -> Iterator[Needle]:
    """Yield a piece of each vector, from where it holds most: a vector tells a part of what its text meant."""
    for vector in vectors:
        starts = range(0, max(1, len(vector) - PIECE), PIECE)
        best = max((vector[start : start + PIECE] for start in starts), key=lambda piece: len(set(piece)), default=b"")
        if len(set(best)) >= 2 * PLAIN:
            yield Needle("vector", best)


def distinct(needles: Iterable[Needle]) -> tuple[Needle, ...]:
    """Return the needles, each of the same bytes once."""
    return tuple({(needle.data, needle.only): needle for needle in needles}.values())
