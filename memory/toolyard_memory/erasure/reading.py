"""Reads files for needles, in a process of its own: `python -m toolyard_memory.erasure.reading`.

What to look for and where comes on standard input, what was found goes to standard output, both as JSON. A process of
its own, because whoever closes a file of SQLite lets go of all locks that the same process holds on it.
"""

import os
import sys
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from toolyard_memory.erasure.needles import Needle
from toolyard_memory.erasure.scanning import BLOCK, Scanner


class Search(Struct, frozen=True):
    """What to look for, in which files (by the path that opens them)."""

    needles: tuple[Needle, ...]
    files: tuple[str, ...]


class Place(Struct, frozen=True):
    """Where a needle lies first in a file, in bytes from its beginning; `needle` is its number in the search."""

    needle: int
    file: str
    at: int


class Searched(Struct, frozen=True):
    """What was found; `missed` are files that could not be read, with why. Files that have gone meanwhile are none."""

    places: tuple[Place, ...]
    files: int
    bytes: int
    missed: tuple[str, ...] = ()


def search(wanted: Search) -> Searched:
    """Look for all needles in all files."""
    everywhere = [number for number, needle in enumerate(wanted.needles) if not needle.only]
    scanners: dict[tuple[str, ...], tuple[list[int], Scanner]] = {}
    places: list[Place] = []
    missed: list[str] = []
    files = size = 0
    for file in wanted.files:
        within = tuple(sorted({one.only for one in wanted.needles if one.only and file.startswith(one.only)}))
        if within not in scanners:
            numbers = everywhere + [n for n, one in enumerate(wanted.needles) if one.only and one.only in within]
            scanners[within] = numbers, Scanner([wanted.needles[n].data for n in numbers])
        numbers, scanner = scanners[within]
        try:
            found = scanner.scan(_blocks(file))
            size += os.stat(file).st_size  # noqa: PTH116 - this process loads as little as it can
        except FileNotFoundError:
            continue
        except OSError as error:
            missed.append(f"{file}: {error.strerror}")
            continue
        files += 1
        places += [Place(numbers[number], file, at) for number, at in sorted(found.items())]
    return Searched(tuple(places), files, size, tuple(missed))


def _blocks(file: str) -> Iterator[bytes]:
    with open(file, "rb", buffering=0) as opened:  # noqa: PTH123 - as above
        while block := opened.read(BLOCK):
            yield block


def main() -> None:
    """Do one search."""
    wanted = msgspec.json.decode(sys.stdin.buffer.read(), type=Search)
    sys.stdout.buffer.write(msgspec.json.encode(search(wanted)))


if __name__ == "__main__":
    main()
