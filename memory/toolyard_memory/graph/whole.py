"""A tenant's whole graph in a sparse form, for what needs all of it at once; holds ids and numbers and no words.

It is kept for the next question until the tenant's graph has moved on. What it answers is joined with SQL again, so
that an answer from a form that lags behind lacks something new and never names what was forgotten.
"""

import asyncio
from array import array
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from toolyard_sdk.ports import Clock, Database

from toolyard_memory.graph import statements
from toolyard_memory.graph.neighbourhood import HUB, Entity
from toolyard_memory.records import Owner

PAGE: Final = 250
"""Entities read at once."""

KEPT: Final = 4
"""Tenants whose form is kept."""

OLDEST_US: Final = 3600 * 1_000_000
"""Microseconds after which a form is made anew, even if nothing seems to have changed."""

DAMPING: Final = 0.85
ROUNDS: Final = 30
"""Of PageRank (Page, Brin, Motwani and Winograd 1998): how much of the walk goes on, and how often at most."""

CLOSE: Final = 1e-6

WIDTH: Final = 16
"""Bytes of an id."""


class Sparse(Struct, frozen=True):
    """Entities (rows) and the passages that speak of them (columns), compressed by rows (CSR).

    Row n is the entity `ids[16n:16n+16]`; its columns are `columns[starts[n]:starts[n+1]]`. An owner's rows lie
    together: `rows[owner]` is [from, to). `mark` is what the tenant's graph looked like, `at` when, in microseconds.
    """

    ids: bytes
    starts: "array[int]"
    columns: "array[int]"
    rows: dict[str, tuple[int, int]]
    mark: tuple[int, int]
    at: int

    def id_of(self, row: int) -> bytes:
        """Return the entity of a row."""
        return self.ids[row * WIDTH : (row + 1) * WIDTH]


class Island(Struct, frozen=True):
    """Entities that hang together and with nothing else, unless through a hub: how many, and the most spoken of."""

    size: int
    entities: tuple[Entity, ...]


class Wholes:
    """Answers about all that one owner's passages speak of, from the tenant's sparse form."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._kept: dict[str, Sparse] = {}
        self._making: dict[str, asyncio.Task[Sparse]] = {}

    async def of(self, tenant: str) -> Sparse:
        """Return the tenant's form: the kept one while the graph looks as it did, else a new one."""
        kept = self._kept.get(tenant)
        mark = await self._mark(tenant)
        if kept is not None and kept.mark == mark and self._clock.now() - kept.at < OLDEST_US:
            return kept
        making = self._making.get(tenant)
        if making is None:
            making = self._making[tenant] = asyncio.ensure_future(self._make(tenant, mark))
            making.add_done_callback(lambda _: self._making.pop(tenant, None))
        return await asyncio.shield(making)

    async def _mark(self, tenant: str) -> tuple[int, int]:
        rows = await self._database.scan(statements.MARK, {"tenant": tenant})
        return rows[0][0], rows[0][1]

    async def _make(self, tenant: str, mark: tuple[int, int]) -> Sparse:
        ids = bytearray()
        starts, columns = array("q"), array("i")
        rows: dict[str, tuple[int, int]] = {}
        column: dict[int, int] = {}
        after = {"after_owner": "", "after_name": ""}
        while page := await self._database.scan(statements.PAGE_OF_ENTITIES, {"tenant": tenant, "most": PAGE, **after}):
            after = {"after_owner": page[-1][0], "after_name": page[-1][1]}
            of = await self._database.scan(
                statements.MENTIONS_OF, {"tenant": tenant, "ids": [id_ for _, _, id_ in page]}
            )
            spoken: dict[bytes, list[int]] = {}
            for entity, key in of:
                spoken.setdefault(entity, []).append(column.setdefault(key, len(column)))
            for owner, _, id_ in page:
                if id_ in spoken:
                    row = len(starts)
                    rows[owner] = (rows.get(owner, (row, row))[0], row + 1)
                    starts.append(len(columns))
                    ids += id_
                    columns.extend(spoken[id_])
        starts.append(len(columns))
        made = Sparse(bytes(ids), starts, columns, rows, mark, self._clock.now())
        self._kept.pop(tenant, None)
        self._kept[tenant] = made
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return made

    def forget(self, tenant: str) -> None:
        """Let go of a tenant's form, as its erasure does."""
        self._kept.pop(tenant, None)

    async def central(self, owner: Owner, limit: int = 20) -> list[tuple[Entity, float]]:
        """Return the entities with the highest PageRank among all of the owner's, and it; summing to at most 1."""
        whole = await self.of(owner.tenant)
        ranks = await asyncio.to_thread(page_rank, whole, owner.end_user)
        best = sorted(ranks, key=lambda row: (-ranks[row], row))[:limit]
        named = await self._named(owner, whole, best)
        return [(named[row], ranks[row]) for row in best if row in named]

    async def islands(self, owner: Owner, limit: int = 20, *, names: int = 5) -> list[Island]:
        """Return what hangs together, the largest first, each with the names most spoken of; hubs join nothing."""
        whole = await self.of(owner.tenant)
        found = (await asyncio.to_thread(components, whole, owner.end_user))[:limit]
        named = await self._named(owner, whole, [row for rows in found for row in rows[:names]])
        islands = (Island(len(rows), tuple(named[row] for row in rows[:names] if row in named)) for rows in found)
        return [island for island in islands if island.entities]

    async def _named(self, owner: Owner, whole: Sparse, rows: Sequence[int]) -> dict[int, Entity]:
        row_of = {whole.id_of(row): row for row in rows}
        whose: dict[str, Any] = {"tenant": owner.tenant, "owners": [owner.end_user]}
        found = await self._database.scan(statements.ENTITIES, {"ids": list(row_of), **whose})
        return {
            row_of[id_]: Entity(id_, name, shown, kind, _degree(whole, row_of[id_]))
            for id_, _, name, shown, kind in found
        }


def _degree(whole: Sparse, row: int) -> int:
    return whole.starts[row + 1] - whole.starts[row]


def page_rank(whole: Sparse, owner: str) -> dict[int, float]:
    """Return the PageRank of an owner's entities by row, of a walk between entities and passages; sums to 1 at most."""
    first, last = whole.rows.get(owner, (0, 0))
    spoken = {row: whole.columns[whole.starts[row] : whole.starts[row + 1]] for row in range(first, last)}
    speaks: dict[int, int] = {}
    for columns in spoken.values():
        for column in columns:
            speaks[column] = speaks.get(column, 0) + 1
    if not speaks:
        return {}
    again = (1 - DAMPING) / (len(spoken) + len(speaks))
    ranks = dict.fromkeys(spoken, 1 / (len(spoken) + len(speaks)))
    passages = dict.fromkeys(speaks, 1 / (len(spoken) + len(speaks)))
    for _ in range(ROUNDS):
        shares = {column: DAMPING * rank / speaks[column] for column, rank in passages.items()}
        passages = dict.fromkeys(speaks, again)
        moved = 0.0
        for row, columns in spoken.items():
            share = DAMPING * ranks[row] / len(columns)
            rank = again
            for column in columns:
                passages[column] += share
                rank += shares[column]
            moved += abs(rank - ranks[row])
            ranks[row] = rank
        if moved < CLOSE:
            break
    return ranks


def components(whole: Sparse, owner: str) -> list[list[int]]:
    """Return the rows of an owner's entities that hang together, the largest first, each the most spoken of first.

    A hub (more than `HUB` mentions) is an island of its own.
    """
    first, last = whole.rows.get(owner, (0, 0))
    above = list(range(last - first))

    def top(row: int) -> int:
        while above[row] != row:
            above[row] = above[above[row]]
            row = above[row]
        return row

    seen: dict[int, int] = {}
    for row in range(first, last):
        if _degree(whole, row) <= HUB:
            for column in whole.columns[whole.starts[row] : whole.starts[row + 1]]:
                above[top(row - first)] = top(seen.setdefault(column, row - first))
    found: dict[int, list[int]] = {}
    for row in range(first, last):
        found.setdefault(top(row - first), []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: (-_degree(whole, row), row))
    return sorted(found.values(), key=lambda rows: (-len(rows), -_degree(whole, rows[0]), rows[0]))
