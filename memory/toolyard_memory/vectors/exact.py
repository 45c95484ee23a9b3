"""Nearest vectors by looking at every one: exact, and quick enough for some thousands; knows no table and no index.

numpy is used where it is installed, and not needed.
"""

import importlib
import importlib.util
from array import array
from collections.abc import Sequence
from heapq import nlargest
from operator import mul
from sys import byteorder
from typing import Any

Row = tuple[bytes, bytes]
"""An id and its vector."""


def by_numpy() -> bool:
    """Tell whether numpy is there, with which four times as many are looked at in the same time."""
    return importlib.util.find_spec("numpy") is not None


def load() -> None:
    """Import numpy where it is installed: a tenth of a second, which no event loop has."""
    if by_numpy():
        importlib.import_module("numpy")


def nearest(vector: bytes, rows: Sequence[Row], limit: int) -> list[tuple[bytes, float]]:
    """Return the `limit` ids most similar to `vector`, best first, with their cosine similarity.

    Vectors have unit length, in little-endian float32; those of another dimension are left out. Ties go by id.
    """
    rows = [row for row in rows if len(row[1]) == len(vector)]
    if not rows or limit < 1:
        return []
    scores = (_by_numpy if by_numpy() else _by_hand)(vector, rows)
    best = nlargest(limit, range(len(rows)), key=lambda n: (scores[n], rows[n][0]))
    return [(rows[n][0], scores[n]) for n in best]


def _by_numpy(vector: bytes, rows: Sequence[Row]) -> list[float]:
    numpy: Any = importlib.import_module("numpy")
    matrix = numpy.frombuffer(b"".join([row[1] for row in rows]), "<f4").reshape(len(rows), -1)
    scores: list[float] = (matrix @ numpy.frombuffer(vector, "<f4")).tolist()
    return scores


def _by_hand(vector: bytes, rows: Sequence[Row]) -> list[float]:
    wanted = numbers(vector)
    return [sum(map(mul, wanted, numbers(row[1]))) for row in rows]


def numbers(raw: bytes) -> "array[float]":
    """Return the numbers of a vector as it is kept."""
    found = array("f", raw)
    if byteorder == "big":
        found.byteswap()
    return found
