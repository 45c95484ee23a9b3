"""Finds any of many byte strings in a stream of bytes, also across the borders of its blocks; knows no meaning of them.

A stream is not compared with every needle. Of each needle the words at its first offsets are kept in a table; wherever
it lies in a block, one of them stands at a multiple of the word's length, so that only those places are looked up.
Needles of 23 bytes and more are known by two words of 8 bytes, those of 15 by one. Of those of 4 and more only the word
of 4 bytes they begin with is known, and looked up at every place; shorter ones are looked for one by one.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Final, Literal

from msgspec import Struct

BLOCK: Final = 1 << 20
"""Bytes that are looked at together; a multiple of every word."""


class _Way(Struct, frozen=True):
    """How needles of `least` bytes and more are known: by `count` words of `size` bytes, at their first `offsets`.

    They are looked up at the multiples of a word's length, from as many first places as `offsets` leaves out.
    """

    least: int
    size: int
    code: Literal["Q", "I"]
    count: int
    offsets: int
    shifts: int


_WAYS: Final = (_Way(23, 8, "Q", 2, 8, 1), _Way(15, 8, "Q", 1, 8, 1), _Way(4, 4, "I", 1, 1, 4))


class _Table:
    """Needles by the words that they are known by: for each, which needle, its bytes, and where in it they stand."""

    def __init__(self, way: _Way, needles: Iterable[tuple[int, bytes]]) -> None:
        self._way = way
        self._first: set[int] = set()
        self._places: dict[bytes, list[tuple[int, bytes, int]]] = {}
        for number, data in needles:
            for offset in range(way.offsets):
                self._first.add(memoryview(data[offset : offset + way.size]).cast(way.code)[0])
                known = data[offset : offset + way.count * way.size]
                self._places.setdefault(known, []).append((number, data, offset))

    def found_in(self, block: bytes, known: Container[int]) -> Iterator[tuple[int, int]]:
        """Yield which needles lie where in a block, but for those that are known already."""
        first, size, long, places = self._first, self._way.size, self._way.size * self._way.count, self._places
        for shift in range(self._way.shifts if first else 0):
            end = shift + (len(block) - shift) // size * size
            words = memoryview(block)[shift : max(shift, end)].cast(self._way.code)
            for at in [shift + at * size for at, word in enumerate(words) if word in first]:
                for number, data, offset in places.get(block[at : at + long], ()):
                    if number not in known and at >= offset and block.startswith(data, at - offset):
                        yield number, at - offset


class Scanner:
    """Looks for needles, which it knows by their numbers; none of them is empty."""

    def __init__(self, needles: Sequence[bytes]) -> None:
        if not all(needles):
            raise ValueError("a needle without bytes is everywhere")
        numbered = list(enumerate(needles))
        self._tables = []
        for way in _WAYS:
            self._tables.append(_Table(way, [one for one in numbered if len(one[1]) >= way.least]))
            numbered = [one for one in numbered if len(one[1]) < way.least]
        self._short = numbered
        self._longest = max(map(len, needles), default=1)

    def scan(self, blocks: Iterable[bytes]) -> dict[int, int]:
        """Return which needles a stream holds, each with where it lies first, in bytes from its beginning."""
        found: dict[int, int] = {}
        carried, passed = b"", 0
        for fresh in blocks:
            block = carried + fresh
            fresh_found: dict[int, int] = {}
            for number, start in self._in(block, found):
                fresh_found[number] = min(start, fresh_found.get(number, start))
            found.update((number, passed + start) for number, start in fresh_found.items())
            carried = block[max(0, len(block) - self._longest + 1) :]
            passed += len(block) - len(carried)
        return found

    def _in(self, block: bytes, known: Container[int]) -> Iterator[tuple[int, int]]:
        for table in self._tables:
            yield from table.found_in(block, known)
        for number, data in self._short:
            start = block.find(data) if number not in known else -1
            if start >= 0:
                yield number, start
