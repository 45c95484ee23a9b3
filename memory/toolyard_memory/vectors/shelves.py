"""Where an owner's nearest vectors are looked for: one by one in SQL, or on a shelf of the index; embeds nothing.

Up to `FLAT` passages of an owner are looked at one by one: exact, never behind, and cheaper than an index that has to
filter one owner's vectors out of everybody's. A larger owner gets a shelf of their own, built from SQL. When a shelf is
lost or does not answer, SQL answers in its place.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from heapq import nlargest
from operator import itemgetter

from msgspec import Struct
from toolyard_sdk.ports import Clock, Database, Transaction

from toolyard_memory.vectors import exact
from toolyard_memory.vectors.exact import Row
from toolyard_memory.vectors.index import IndexDown, Shelf, ShelfLost, VectorIndex
from toolyard_memory.vectors.statements import (
    EVERY_TENANT,
    HOW_MANY,
    INDEXED,
    LARGE,
    LIVING,
    OF_OWNER,
    PAGE,
    STATE,
    STATES,
    UNSTATE,
    VECTORS_OF,
    WITH_VECTORS,
)

FLAT = 2_000
"""Passages of an owner up to which all of them are looked at: 20 ms of CPU in a thread, and every one is found."""

MOST = 20_000
MOST_BY_HAND = 4_000
"""Vectors looked at one by one when a larger owner has no shelf, the newest; with numpy, and without it."""

Advance = Callable[[int], None]
"""Is told how many more passages have been gone through."""

TAIL = 256
"""New vectors of an owner that wait to be put on their shelf together: one alone costs Chroma 7 ms, 256 half a
millisecond each. They are looked at beside the shelf until then."""

TAIL_SECONDS = 60.0
"""After which they are put there however few they are."""

PROBES = 8
"""Vectors that a shelf is asked for before it is trusted, from its oldest to its newest."""

ITSELF = 0.999
"""How similar a vector is to itself at least, as an index reckons it."""

_AT_ONCE = 500
_SHELF = "shelf:"
_QUICK = 100


class State(Struct, frozen=True):
    """A row of `index_state`: of a shelf, `position` is how many vectors were deleted in it since it was built."""

    position: int
    generation: int
    state: str


States = Mapping[str, State]
"""All of a tenant's, by `index`."""


class _Tail(Struct, frozen=True):
    """New vectors that are not on their shelf yet, and since when there are any."""

    since: int
    rows: dict[bytes, bytes]


class Shelves:
    """The shelves of every tenant: searched, followed and built."""

    def __init__(self, database: Database, index: VectorIndex | None, clock: Clock, flat: int = FLAT) -> None:
        self._database = database
        self._index = index
        self._clock = clock
        self._flat = flat
        self.trouble: dict[str, str] = {}
        """By tenant, what is wrong with a shelf of it, in words."""
        self._tails: dict[Shelf, _Tail] = {}
        self._loaded = False

    async def warm_up(self) -> None:
        """Load what looks at vectors, in threads, and open a shelf where there is one: Chroma takes a second for it."""
        await self._load()
        if self._index is None:
            return
        for (tenant,) in await self._database.scan(EVERY_TENANT):
            for _, shelf in shelves_of(await self.states(tenant), tenant):
                of = {"of_scope": shelf.scope, "of_embedder": shelf.embedder, "most": 1}
                for _, vector in await self._database.scan(OF_OWNER, of):
                    with contextlib.suppress(ShelfLost, IndexDown):  # whoever searches it is told
                        await self._index.nearest(shelf, vector, 1)
                    return

    async def states(self, tenant: str) -> States:
        """Return how far every index of a tenant is."""
        rows = await self._database.read(STATES, {"of_tenant": tenant})
        return {index: State(position, generation, state) for index, position, generation, state in rows}

    def note(self, tx: Transaction, tenant: str, index: str, state: State) -> None:
        """Write a state in the place of what there was."""
        tx.write(UNSTATE, (tenant, index))
        tx.write(STATE, (tenant, index, state.position, state.generation, state.state, self._clock.now()))

    async def nearest(
        self, shelf: Shelf | None, scope: str, embedder: str, vector: bytes, limit: int
    ) -> list[tuple[bytes, float]]:
        """Return an owner's passages most similar to a vector, best first, with their cosine similarity."""
        await self._load()
        if shelf is not None and self._index is not None:
            try:
                found = await self._index.nearest(shelf, vector, limit)
            except (ShelfLost, IndexDown) as error:
                self.trouble[shelf.tenant] = str(error)  # SQL answers in its place
            else:
                self.trouble.pop(shelf.tenant, None)
                tail = self._tails.get(shelf)
                if tail is not None:
                    both = dict(found) | dict(exact.nearest(vector, tuple(tail.rows.items()), limit))
                    return nlargest(limit, both.items(), key=itemgetter(1))
                return found
        most = MOST if exact.by_numpy() else MOST_BY_HAND
        rows = await self._database.scan(OF_OWNER, {"of_scope": scope, "of_embedder": embedder, "most": most})
        kept: list[Row] = [(row[0], row[1]) for row in rows]
        if len(kept) <= _QUICK:
            return exact.nearest(vector, kept, limit)
        return await asyncio.to_thread(exact.nearest, vector, kept, limit)

    async def put(self, tenant: str, states: States, embedder: str, rows: Mapping[str, Sequence[Row]]) -> set[str]:
        """Take new vectors of some owners for their shelves; return the owners whose shelf is to be built.

        Raises IndexDown.
        """
        unbuilt: set[str] = set()
        if self._index is None:
            return unbuilt
        for scope, added in rows.items():
            shelf = shelf_of(states, tenant, scope, embedder)
            if shelf is not None:
                tail = self._tails.setdefault(shelf, _Tail(self._clock.now(), {}))
                tail.rows.update(added)
                if len(tail.rows) >= TAIL and not await self._put_down(self._index, shelf):
                    unbuilt.add(scope)
            elif await self._large(scope):
                unbuilt.add(scope)
        return unbuilt

    async def soiled(self, tenant: str, states: States, gone: Sequence[bytes]) -> States:
        """Return the states of the shelves that hold any of these, as they are to be noted before `drop`.

        Noted first, a crash in between cannot hide that bytes of a deleted vector are still there. Raises IndexDown.
        """
        found: dict[str, State] = {}
        if self._index is None or not gone:
            return found
        for index, shelf in shelves_of(states, tenant):
            try:
                held = await self._index.held(shelf, gone)
            except ShelfLost:
                continue  # `whole` will tell
            if held:
                known = states[index]
                found[index] = State(known.position + held, known.generation, known.state)
        return found

    async def drop(self, tenant: str, states: States, gone: Sequence[bytes]) -> None:
        """Take vectors off these shelves; raises IndexDown."""
        if self._index is None:
            return
        for tail in [tail for shelf, tail in self._tails.items() if shelf.tenant == tenant]:
            for id_ in gone:
                tail.rows.pop(id_, None)
        for _, shelf in shelves_of(states, tenant):
            with contextlib.suppress(ShelfLost):  # a shelf that is not there holds nothing
                await self._index.drop(shelf, gone)

    async def put_down(self, *, older_than: float = 0.0) -> None:
        """Put on their shelves what waits for it since so many seconds; raises IndexDown."""
        until = self._clock.now() - older_than * 1e6
        for shelf in [shelf for shelf, tail in self._tails.items() if tail.since <= until]:
            if self._index is not None:
                await self._put_down(self._index, shelf)

    async def mended(self, shelf: Shelf) -> bool:
        """Put on a shelf what SQL has and it has not; return whether it is whole then; raises IndexDown.

        Its ids are compared, and not how many there are: a directory that was put back, or is another owner's, may hold
        as many others. And it is asked for some: files of it may be gone that no list of ids needs.
        """
        if self._index is None:
            return True
        of = {"of_scope": shelf.scope, "of_embedder": shelf.embedder}
        ids = [row[0] for row in await self._database.scan(WITH_VECTORS, of)]
        tail = self._tails.get(shelf)
        down = [id_ for id_ in ids if tail is None or id_ not in tail.rows]
        try:
            if await self._index.held(shelf, down) < len(down):
                await self._fill(self._index, shelf, None, only_new=True)
                self._tails.pop(shelf, None)
                down = ids
            if await self._index.held(shelf, down) != await self._index.count(shelf):
                return False
            return await self._finds(self._index, shelf, down)
        except ShelfLost:
            return False

    async def _finds(self, index: VectorIndex, shelf: Shelf, ids: Sequence[bytes]) -> bool:
        """Tell whether a shelf finds the vectors that lie there: most of a few, as no such index is exact."""
        some = ids[:: max(1, len(ids) // PROBES)][:PROBES]
        rows = await self._database.read(VECTORS_OF, {"of_embedder": shelf.embedder, "ids": some})
        missed = 0
        for row in rows:
            nearest = await index.nearest(shelf, row[0], 1)
            missed += not nearest or nearest[0][1] < ITSELF
        return missed * 2 <= len(rows)

    async def build(self, tenant: str, scope: str, embedder: str, advance: Advance | None = None) -> None:
        """Build an owner's shelf in a new generation from what SQL holds, then remove the old one; raises IndexDown.

        An owner who is not large any more has none. A crash in between leaves the old one as it was.
        """
        if self._index is None:
            return
        index = f"{_SHELF}{scope}:{embedder}"
        known = (await self.states(tenant)).get(index)
        tx = self._database.begin()
        if await self._large(scope):
            shelf = Shelf(tenant, scope, embedder, known.generation + 1 if known is not None else 1)
            await self._index.make(shelf)
            try:
                await self._fill(self._index, shelf, advance)
            except ShelfLost as error:
                raise IndexDown(f"a shelf went away while it was filled: {error}") from error
            self.note(tx, tenant, index, State(0, shelf.generation, "serving"))
        else:
            tx.write(UNSTATE, (tenant, index))
        await self._database.commit(tx)
        for shelf in [shelf for shelf in self._tails if (shelf.scope, shelf.embedder) == (scope, embedder)]:
            del self._tails[shelf]  # what waited for the old one is on the new one
        await self.tidy(tenant)

    async def tidy(self, tenant: str) -> None:
        """Remove what no state names: old generations, and what a crash has left; raises IndexDown."""
        if self._index is not None:
            await self._index.keep_only(tenant, {shelf for _, shelf in shelves_of(await self.states(tenant), tenant)})

    async def untidy(self) -> list[str]:
        """Return the tenants for whom something lies in the index that no state names; raises IndexDown.

        Of tenants of whom SQL knows nothing there is none: what lies there may be that of another database.
        """
        if self._index is None:
            return []
        lying: dict[str, set[str]] = {}
        for home, name in await self._index.names():
            lying.setdefault(home, set()).add(name)
        found: list[str] = []
        for (tenant,) in await self._database.scan(INDEXED) if lying else ():
            names = lying.get(Shelf(tenant, "", "", 0).home, set())
            if names and names - {shelf.name for _, shelf in shelves_of(await self.states(tenant), tenant)}:
                found.append(tenant)
        return found

    async def large(self, tenant: str) -> dict[str, int]:
        """Return the owners of a tenant that are to have a shelf, with how many passages they have."""
        if self._index is None:
            return {}
        rows = await self._database.scan(LARGE, {"of_tenant": tenant, "more_than": self._flat})
        return {row[0]: row[1] for row in rows}

    async def strays(self, tenant: str) -> tuple[int, int]:
        """Return how many vectors lie on a tenant's shelves, and how many of no passage there is; raises IndexDown."""
        held = strays = 0
        if self._index is None:
            return held, strays
        for _, shelf in shelves_of(await self.states(tenant), tenant):
            with contextlib.suppress(ShelfLost):  # a shelf that is not there holds nothing
                ids = await self._index.ids(shelf)
                held += len(ids)
                for start in range(0, len(ids), _AT_ONCE):
                    part = ids[start : start + _AT_ONCE]
                    known = await self._database.scan(LIVING, {"of_scope": shelf.scope, "ids": part})
                    strays += len(part) - len(known)
        return held, strays

    async def close(self) -> None:
        """Put down what waits, as far as that can be done, and let go of the index."""
        if self._index is not None:
            with contextlib.suppress(IndexDown):  # SQL has it, and the next start notices what is missing
                await self.put_down()
            await self._index.close()

    async def _load(self) -> None:
        """Load what looks at vectors, once: in a thread, since it takes a tenth of a second."""
        if not self._loaded:
            await asyncio.to_thread(exact.load)
            self._loaded = True

    async def _large(self, scope: str) -> bool:
        rows = await self._database.read(HOW_MANY, {"of_scope": scope, "most": self._flat + 1})
        return bool(rows[0][0] > self._flat)

    async def _put_down(self, index: VectorIndex, shelf: Shelf) -> bool:
        """Put a shelf's tail on it; return whether it is there to take it."""
        rows = tuple(self._tails[shelf].rows.items())
        try:
            await index.put(shelf, rows)
        except ShelfLost:
            return False
        self._tails.pop(shelf, None)
        return True

    async def _fill(self, index: VectorIndex, shelf: Shelf, advance: Advance | None, *, only_new: bool = False) -> None:
        """Put an owner's vectors on a shelf, all or those that are not there; raises ShelfLost, IndexDown."""
        after = 0
        while True:
            page = await self._database.scan(
                PAGE, {"of_scope": shelf.scope, "of_embedder": shelf.embedder, "after": after, "most": _AT_ONCE}
            )
            if not page:
                return
            after = page[-1][0]
            rows = [(id_, vector) for _, id_, vector in page if vector is not None]
            if rows and not (only_new and await index.held(shelf, [id_ for id_, _ in rows]) == len(rows)):
                await index.put(shelf, rows)
            if advance is not None:
                advance(len(page))


def shelf_of(states: States, tenant: str, scope: str, embedder: str) -> Shelf | None:
    """Return the shelf of an owner that serves; None when there is none."""
    state = states.get(f"{_SHELF}{scope}:{embedder}")
    return Shelf(tenant, scope, embedder, state.generation) if state is not None else None


def shelves_of(states: States, tenant: str) -> list[tuple[str, Shelf]]:
    """Return all shelves of a tenant, each with its name in `index_state`."""
    found = []
    for index, state in states.items():
        if index.startswith(_SHELF):
            scope, _, embedder = index.removeprefix(_SHELF).partition(":")
            found.append((index, Shelf(tenant, scope, embedder, state.generation)))
    return found
