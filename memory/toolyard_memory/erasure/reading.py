"""Reads files for needles, in a process of its own: `python -m toolyard_memory.erasure.reading`.

What to look for and where comes on standard input, what was found goes to standard output, both as JSON. A process of
its own, because whoever closes a file of SQLite lets go of all locks that the same process holds on it. What was found
in files is then looked for in the rows of a database: what stands in one that stays lies there by right.
"""

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from toolyard_memory.erasure.needles import Needle
from toolyard_memory.erasure.scanning import BLOCK, Scanner

BETWEEN: Final = b"\0\xff\0"
"""Stands between two values, so that no needle lies across them."""


class Search(Struct, frozen=True):
    """What to look for, in which files (by the path that opens them), and a SQLite database with tables that stay."""

    needles: tuple[Needle, ...]
    files: tuple[str, ...]
    database: str = ""
    tables: tuple[str, ...] = ()


class Place(Struct, frozen=True):
    """Where a needle lies first in a file, in bytes from its beginning; `needle` is its number in the search."""

    needle: int
    file: str
    at: int


class Searched(Struct, frozen=True):
    """What was found; `missed` are files that could not be read, with why. Files that have gone meanwhile are none.

    `stays` names, for each needle that was found, the tables with rows that hold it.
    """

    places: tuple[Place, ...]
    files: int
    bytes: int
    missed: tuple[str, ...] = ()
    stays: dict[int, tuple[str, ...]] = {}


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
    stays = _staying(wanted, sorted({place.needle for place in places}))
    return Searched(tuple(places), files, size, tuple(missed), stays)


def _staying(wanted: Search, numbers: list[int]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    if not wanted.database or not numbers:
        return found
    scanner = Scanner([wanted.needles[number].data for number in numbers])
    with contextlib.closing(sqlite3.connect(f"file:{quote(wanted.database)}?mode=ro", uri=True)) as database:
        database.text_factory = bytes
        for table in wanted.tables:
            for at in scanner.scan(_values(database, table)):
                found[numbers[at]] = (*found.get(numbers[at], ()), table)
    return found


def _values(database: sqlite3.Connection, table: str) -> Iterator[bytes]:
    """Yield all texts and bytes in a table, many at a time."""
    name = table.replace('"', '""')
    values: list[bytes] = []
    size = 0
    for row in database.execute(f'SELECT * FROM "{name}"'):  # noqa: S608 - no parameter can be a table's name
        for value in row:
            if isinstance(value, bytes):
                values.append(value)
                size += len(value)
        if size >= BLOCK:
            yield BETWEEN.join((*values, b""))
            values, size = [], 0
    yield BETWEEN.join((*values, b""))


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
