"""Finds any of many byte strings in a stream of bytes, also across the borders of its blocks; knows no meaning of them.

A stream is not compared with every needle. Of each needle the words at its first offsets are kept in a table; wherever
it lies in a block, one of them stands at a multiple of the word's length, so that only those places are looked up.
Needles of 23 bytes and more are known by two words of 8 bytes, those of 15 by one, those of 7 by one of 4; shorter ones
are looked for one by one.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

BLOCK: Final = 1 << 20
"""Bytes that are looked at together; a multiple of every word."""

Code = Literal["Q", "I"]

_WORDS: Final[tuple[tuple[int, Code, int], ...]] = ((8, "Q", 2), (8, "Q", 1), (4, "I", 1))
"""Bytes of a word, how it is read, and by how many of them a needle is known."""


class _Table:
    """Needles by the words that they are known by: for each, which needle, its bytes, and where in it they stand."""

    def __init__(self, size: int, code: Code, count: int, needles: Iterable[tuple[int, bytes]]) -> None:
        self._size = size
        self._code = code
        self._count = count
        self._first: set[int] = set()
        self._places: dict[bytes, list[tuple[int, bytes, int]]] = {}
        for number, data in needles:
            for offset in range(size):
                self._first.add(memoryview(data[offset : offset + size]).cast(code)[0])
                self._places.setdefault(data[offset : offset + count * size], []).append((number, data, offset))

    def found_in(self, block: bytes) -> Iterator[tuple[int, int]]:
        """Yield which needles lie where in a block."""
        first, size, long, places = self._first, self._size, self._size * self._count, self._places
        if not first:
            return
        words = memoryview(block)[: len(block) // size * size].cast(self._code)
        for at in [at * size for at, word in enumerate(words) if word in first]:
            for number, data, offset in places.get(block[at : at + long], ()):
                if at >= offset and block.startswith(data, at - offset):
                    yield number, at - offset


class Scanner:
    """Looks for needles, which it knows by their numbers; none of them is empty."""

    def __init__(self, needles: Sequence[bytes]) -> None:
        if not all(needles):
            raise ValueError("a needle without bytes is everywhere")
        numbered = list(enumerate(needles))
        self._tables = []
        for size, code, count in _WORDS:
            least = (count + 1) * size - 1
            self._tables.append(_Table(size, code, count, [one for one in numbered if len(one[1]) >= least]))
            numbered = [one for one in numbered if len(one[1]) < least]
        self._short = numbered
        self._longest = max(map(len, needles), default=1)

    def scan(self, blocks: Iterable[bytes]) -> dict[int, int]:
        """Return which needles a stream holds, each with where it lies first, in bytes from its beginning."""
        found: dict[int, int] = {}
        carried, passed = b"", 0
        for fresh in blocks:
            block = carried + fresh
            for number, start in self._in(block):
                found.setdefault(number, passed + start)
            carried = block[max(0, len(block) - self._longest + 1) :]
            passed += len(block) - len(carried)
        return found

    def _in(self, block: bytes) -> Iterator[tuple[int, int]]:
        for table in self._tables:
            yield from table.found_in(block)
        for number, data in self._short:
            start = block.find(data)
            if start >= 0:
                yield number, start
