"""How near tools are to a request, by vectors that somebody else has made of their texts; it embeds nothing itself.

Vectors have unit length, in little-endian float32. numpy is used where it is installed, and not needed.
"""

import importlib
import importlib.util
from array import array
from collections.abc import Mapping, Sequence
from operator import mul
from statistics import fmean
from sys import byteorder
from typing import Any

from msgspec import Struct

from toolyard_registry.search.clauses import clauses
from toolyard_registry.search.documents import Document

LONGEST = 2_000
"""Characters of a tool that become a vector: more than most models read."""

STEPS = 6
"""Steps of a task that are looked at by themselves, beside the whole of it."""

MOST_BY_HAND = 1_000
"""Tools of which, without numpy, more than the whole of a request is compared: it takes some 10 microseconds each."""

DIGITS = 4
"""Digits of a similarity that count: the last ones of a vector may be others when it is made again."""

MEANING = 1.0
SPELLING = 0.05
"""What vectors count beside words at 1: those of a model, and those of an embedder that knows no meaning."""


class Near(Struct, frozen=True):
    """How near tools are to a text, by key; `share` is what that counts beside words at 1."""

    scores: Mapping[str, float]
    share: float = MEANING


NOTHING_NEAR = Near({}, 0.0)


def share_of(embedder: str) -> float:
    """Return what the vectors of an embedder count, by its id."""
    return SPELLING if embedder.startswith("hashing:") else MEANING


def text_of(document: Document) -> str:
    """Return what a tool's vector is made of: its name as words, its description, where it comes from."""
    name = document.name.replace("_", " ").replace("-", " ")
    return f"{name}: {document.text}\n{document.source}: {document.about}"[:LONGEST]


def parts_of(text: str) -> tuple[str, ...]:
    """Return the texts whose vectors stand for a request: the whole of it, and its steps where it has several."""
    steps = clauses(text)
    return (text, *steps[:STEPS]) if len(steps) > 1 else (text,)


class Meaning:
    """The vectors of tools, all of one embedder, by key."""

    def __init__(self, vectors: Mapping[str, bytes], *, by_hand: bool | None = None) -> None:
        """Take the vectors, to be compared `by_hand` or by numpy (None: by numpy where it is installed)."""
        self._keys = tuple(sorted(vectors))
        by_hand = importlib.util.find_spec("numpy") is None if by_hand is None else by_hand
        self._numpy: Any = None if by_hand or not self._keys else importlib.import_module("numpy")
        if self._numpy is not None:
            packed = b"".join(vectors[key] for key in self._keys)
            self._matrix: Any = self._numpy.frombuffer(packed, "<f4").reshape(len(self._keys), -1)
        else:
            self._rows = [_numbers(vectors[key]) for key in self._keys]

    def __len__(self) -> int:
        return len(self._keys)

    def near(self, parts: Sequence[bytes]) -> dict[str, float]:
        """Return by how much each tool is nearer to a request, or to the best of its parts, than most tools are.

        What everything has in common with everything depends on the embedder, so that only what a tool has above the
        mean counts; who is below it is left out.
        """
        if not parts or not self._keys:
            return {}
        found = self._by_hand(parts) if self._numpy is None else self._by_numpy(parts)
        rounded = ((key, round(each, DIGITS)) for key, each in zip(self._keys, found, strict=True) if each > 0)
        return {key: each for key, each in rounded if each}

    def _by_numpy(self, parts: Sequence[bytes]) -> list[float]:
        numpy = self._numpy
        wanted = numpy.frombuffer(b"".join(parts), "<f4").reshape(len(parts), -1)
        similar = self._matrix @ wanted.T
        found: list[float] = (similar - similar.mean(axis=0, dtype="f8")).max(axis=1).tolist()
        return found

    def _by_hand(self, parts: Sequence[bytes]) -> list[float]:
        found = [0.0] * len(self._keys)
        for part in parts if len(self._keys) <= MOST_BY_HAND else parts[:1]:
            wanted = _numbers(part)
            similar = [sum(map(mul, wanted, row)) for row in self._rows]
            level = fmean(similar)
            found = [max(best, each - level) for best, each in zip(found, similar, strict=True)]
        return found


def _numbers(raw: bytes) -> "array[float]":
    found = array("f", raw)
    if byteorder == "big":
        found.byteswap()
    return found
