"""What documents said in versions that are retired by now, for who asks as of a moment; knows no ranking and no index.

Only the pieces of current versions are passages. So those of the versions that were current then are looked at one by
one: asking so is rare, and nothing has to be kept for it. Who may recall a piece must have been allowed to then, and be
allowed to recall its document now.
"""

import asyncio
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import and_, bindparam, func, select
from toolyard_sdk.ports import Database

from toolyard_memory.passages import readable, sight
from toolyard_memory.records import Owner, Passage, documents_of
from toolyard_memory.retrieval.asking import LOOKED_AT, Roots, plain, words_of
from toolyard_memory.retrieval.assembly import Place
from toolyard_memory.retrieval.fulltext import Sought, rarity_of
from toolyard_memory.tables.documents import CHUNK, DOCUMENT, FORMER_PIECE
from toolyard_memory.tables.passages import PASSAGE

MOST: Final = 10_000
"""Pieces that are looked at, of the newest versions first: some 40 us of a thread each."""

BEST: Final = 60
"""Pieces that may come to mind."""

_NEWER = DOCUMENT.alias("newer")
_NEWEST = DOCUMENT.alias("newest")
_LAST = (
    select(func.max(_NEWER.c.version))
    .where(_NEWER.c.tenant == DOCUMENT.c.tenant, _NEWER.c.name == DOCUMENT.c.name)
    .correlate(DOCUMENT)
    .scalar_subquery()
)
PIECES = (
    select(
        CHUNK.c.id,
        func.coalesce(PASSAGE.c.text, FORMER_PIECE.c.text),
        DOCUMENT.c.added_at,
        DOCUMENT.c.id,
        CHUNK.c.ordinal,
        DOCUMENT.c.agents,
        _NEWEST.c.agents,
        DOCUMENT.c.name,
        DOCUMENT.c.version,
        DOCUMENT.c.title,
        CHUNK.c.heading,
        CHUNK.c.page,
    )
    .select_from(
        DOCUMENT.join(
            _NEWEST,
            and_(
                _NEWEST.c.tenant == DOCUMENT.c.tenant,
                _NEWEST.c.name == DOCUMENT.c.name,
                _NEWEST.c.version == _LAST,
            ),
        )
        .join(CHUNK, CHUNK.c.document == DOCUMENT.c.id)
        .outerjoin(PASSAGE, and_(PASSAGE.c.id == CHUNK.c.id, PASSAGE.c.tenant == DOCUMENT.c.tenant))
        .outerjoin(FORMER_PIECE, and_(FORMER_PIECE.c.id == CHUNK.c.id, FORMER_PIECE.c.tenant == DOCUMENT.c.tenant))
    )
    .where(
        DOCUMENT.c.tenant == bindparam("of_tenant"),
        DOCUMENT.c.added_at <= bindparam("recorded"),
        DOCUMENT.c.retired_at > bindparam("recorded"),
    )
    .order_by(DOCUMENT.c.added_at.desc(), CHUNK.c.document, CHUNK.c.ordinal)
    .limit(bindparam("most"))
)
"""The pieces of the versions that were current at a moment and are not any more, of one tenant."""


class Former(Struct, frozen=True):
    """Pieces of former versions as they may come to mind, by id, and where they stand."""

    passages: Mapping[bytes, Passage] = {}
    places: Mapping[bytes, Place] = {}


async def former_pieces(database: Database, sought: Sought, roots: Sequence[str], now: int) -> Former:
    """Return the pieces with the rarest and most of these stems that documents had at the moment looked from.

    None where that is now, or no documents are sought; `now` is UTC microseconds.
    """
    wanted = sought.documents and (sought.kinds is None or "chunk" in sought.kinds)
    if sought.as_of.recorded is None or not wanted or not roots:
        return Former()
    recorded = sight(sought.reader, sought.as_of, now)["seen_recorded"]
    looked = {"of_tenant": sought.reader.owner.tenant, "recorded": recorded, "most": MOST}
    rows = [row for row in await database.scan(PIECES, looked) if _admitted(row, sought)]
    best = await asyncio.to_thread(_best, rows, roots) if rows else []
    ground = documents_of(sought.reader.owner.tenant)
    return Former(
        {row[0]: _passage(ground, *row[:5]) for row in best},
        {row[0]: Place(f"{row[7]}, version {row[8]}", *row[9:]) for row in best},
    )


def _passage(ground: Owner, id_: bytes, text: str, at: int, document: bytes, ordinal: int) -> Passage:
    return Passage(id_, ground, "chunk", text, at, trust="page", position=ordinal, source=document)


def _admitted(row: Sequence[Any], sought: Sought) -> bool:
    then, now, name = row[5:8]
    seen = readable(then, sought.reader) and readable(now, sought.reader)
    return seen and row[1] is not None and any(fnmatchcase(name, glob) for glob in sought.documents)


def _best(rows: Sequence[Sequence[Any]], wanted: Sequence[str]) -> list[Sequence[Any]]:
    """Return the rows whose texts have the rarest and most of the stems, the best first."""
    roots = Roots(wanted)
    having = [roots.count(words_of(plain(row[1][:LOOKED_AT]))).keys() for row in rows]
    rarity = {root: rarity_of(sum(root in found for found in having)) for root in wanted}
    scores = [sum(rarity[root] for root in found) for found in having]
    order = sorted((at for at, score in enumerate(scores) if score), key=lambda at: (-scores[at], at))
    return [rows[at] for at in order[:BEST]]
