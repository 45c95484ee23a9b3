"""Has files read for needles by a process of its own, and says which files there are below a folder; judges nothing."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from toolyard_memory.apart import ask_apart
from toolyard_memory.erasure.needles import Needle
from toolyard_memory.erasure.reading import Search, Searched

CHILD: Final = "toolyard_memory.erasure.reading"
PATIENCE: Final = 600.0
"""Seconds after which a search is given up: at some ten megabytes a second, of several gigabytes."""

_decode = msgspec.json.Decoder(Searched).decode


class NotSearched(Exception):
    """Files could not be searched: in words, why."""


def files_below(folder: Path, without: Collection[str] = ()) -> list[str]:
    """Return all files below a folder, links apart, but for those of these names."""
    found = (path for path in sorted(folder.rglob("*")) if path.name not in without)
    return [str(path) for path in found if path.is_file() and not path.is_symlink()]


async def searched(
    needles: Sequence[Needle], files: Iterable[str], database: str = "", tables: Iterable[str] = ()
) -> Searched:
    """Look for needles in files, and for what is found in these tables of a SQLite file; raises NotSearched."""
    wanted = msgspec.json.encode(Search(tuple(needles), tuple(files), database, tuple(tables)))
    try:
        _, said = await ask_apart(CHILD, said=wanted, seconds=PATIENCE)
    except TimeoutError as error:
        raise NotSearched(f"the files are more than can be searched in {PATIENCE:.0f} seconds") from error
    try:
        return _decode(said)
    except msgspec.MsgspecError as error:
        raise NotSearched("the process that searches files broke off: the machine may lack memory") from error
