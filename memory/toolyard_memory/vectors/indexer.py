"""Follows what is said and dropped: vectors into SQL first, then onto shelves; ranks nothing and answers nobody.

The outbox is the list of what is left to do. Every step looks at what is true now, so that doing it again, after a
crash or an error at any point, comes to the same end.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, NamedTuple

from toolyard_sdk.errors import Conflict, EmbedderError
from toolyard_sdk.ports import Clock, Database, Transaction

from toolyard_memory.vectors.embedding import Embedding
from toolyard_memory.vectors.index import IndexDown, Shelf
from toolyard_memory.vectors.shelves import TAIL_SECONDS, Shelves, State, States, shelf_of, shelves_of
from toolyard_memory.vectors.statements import (
    BUILDING,
    EVERY_TENANT,
    FOLLOWED,
    FORGET_OTHERS,
    GONE,
    HOW_MANY_WAIT,
    KEEP,
    NEWEST_CHANGE,
    NEWLY_EMBEDDED,
    NEXT_TENANT,
    REFOLLOW,
    RENEW,
    RENEW_ALL,
    SETTLED,
    UNFOLLOWED,
    UNKEEP,
    UNSTATE,
    WAITING,
)

LOOK_EVERY = 5.0
"""Seconds after which `run` looks by itself for what is left to do, and the longest it waits after a failure."""

GATHERED_FOR = 1.0
"""Seconds that what was said waits for what is said after it: following one change alone costs five times its share of
a batch, and until then it is found by its words. Who searches meanwhile has it followed (`catch_up`)."""

FEW = 16
"""Changes of a tenant up to which a search has them followed first."""

CATCHING_UP = 0.25
"""Seconds that a search waits for them; they are followed to the end all the same."""

Progress = Callable[[int, int], None]
"""Is told how many passages of how many have been gone through."""

LOG = logging.getLogger("toolyard.memory")
_PREFIX = "vectors:"


def followed_by(embedder: str) -> str:
    """Return the name under which `index_state` says how far an embedder has come."""
    return _PREFIX + embedder


class _CatchingUp(NamedTuple):
    """What a search has followed for a tenant, and until when (in the loop's time) searches wait for it."""

    task: asyncio.Task[None]
    until: float


class Indexer:
    """The one follower of the outbox, for every tenant; `trouble` says by tenant why it does not get on."""

    def __init__(self, database: Database, embedding: Embedding, shelves: Shelves, clock: Clock) -> None:
        self._database = database
        self._embedding = embedding
        self._shelves = shelves
        self._clock = clock
        self._id = embedding.embedder.id
        self._locks: dict[str, asyncio.Lock] = {}
        self._builds: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._catching_up: dict[str, _CatchingUp] = {}
        self._whole: set[Shelf] = set()
        self._begun = False
        self._woken = asyncio.Event()
        self._following = False
        self.trouble: dict[str, str] = {}

    async def run(self) -> None:
        """Follow for ever."""
        self._following = True
        try:
            await self._follow_for_ever()
        finally:
            self._following = False

    async def _follow_for_ever(self) -> None:
        tidy = False
        while True:
            self._woken.clear()
            try:
                tidy = tidy or await self._tidied()
                while await self.follow():
                    pass
                await self._shelves.put_down(older_than=TAIL_SECONDS)
            except (EmbedderError, IndexDown, Conflict) as error:
                LOG.warning("vectors are not followed for now: %s", error)
                await self._clock.sleep(LOOK_EVERY)
                continue
            except Exception:  # a full disk or a defect of one adapter must not end this for good
                LOG.exception("vectors are not followed for now: it is tried again")
                await self._clock.sleep(LOOK_EVERY)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._woken.wait()
                await self._clock.sleep(GATHERED_FOR)

    def wake(self) -> None:
        """Say that there is something to follow."""
        self._woken.set()

    async def catch_up(self, tenant: str) -> None:
        """Follow what a tenant has just said, where that is little and `run` would come to it in a moment.

        Raises nothing: whatever is wrong is told by `run`. Who searches next does not wait for the same again.
        """
        if not self._following or tenant in self.trouble:
            return
        ((waiting,),) = await self._database.read(HOW_MANY_WAIT, {"of_tenant": tenant, "most": FEW + 1})
        if not 0 < waiting <= FEW:
            return
        now = asyncio.get_running_loop().time()
        known = self._catching_up.get(tenant)
        if known is None:
            known = _CatchingUp(asyncio.create_task(self._catch_up(tenant)), now + CATCHING_UP)
            self._catching_up[tenant] = known
        if now < known.until:
            await asyncio.wait((known.task,), timeout=known.until - now)

    async def _catch_up(self, tenant: str) -> None:
        try:
            async with self._lock(tenant):
                await self._batch(tenant)
        except Exception:  # noqa: BLE001 - `run` comes to the same, and tells of it
            return
        finally:
            del self._catching_up[tenant]

    async def follow(self) -> int:
        """Follow a batch of every tenant's changes; one tenant's trouble holds up no other's."""
        if not self._begun:
            await self._begin()
        done, tenant = 0, ""
        failure: Exception | None = None
        while rows := await self._database.read(NEXT_TENANT, {"after": tenant}):
            tenant = rows[0][0]
            if self._lock(tenant).locked():
                continue  # its shelves are being built, and what it waits for is not lost
            try:
                async with self._lock(tenant):
                    done += await self._batch(tenant)
            except (EmbedderError, IndexDown) as error:
                self.trouble[tenant] = str(error)
                failure = error
            else:
                self.trouble.pop(tenant, None)
        if failure is not None and not done:
            raise failure
        return done

    async def rebuild(self, tenant: str, progress: Progress | None) -> None:
        """Build all shelves of a tenant that it is to have."""
        async with self._lock(tenant):
            states = await self._shelves.states(tenant)
            known = {(shelf.scope, shelf.embedder) for _, shelf in shelves_of(states, tenant)}
            large = {(scope, self._id) for scope in await self._shelves.large(tenant)}
            await self._build(tenant, known | large, progress)

    async def forget(self, tenant: str, progress: Progress | None) -> None:
        """Build the shelves anew in which anything was deleted."""
        async with self._lock(tenant):
            ((newest,),) = await self._database.scan(NEWEST_CHANGE, {"of_tenant": tenant})
            gone = [row[0] for row in await self._database.scan(GONE, {"of_tenant": tenant})]
            states = await self._shelves.states(tenant)
            await self._shelves.drop(tenant, {}, gone)  # of what waits to be put down
            states = {**states, **await self._shelves.soiled(tenant, states, gone)}
            soiled = {
                (shelf.scope, shelf.embedder) for index, shelf in shelves_of(states, tenant) if states[index].position
            }
            await self._build(tenant, soiled, progress)
            await self._shelves.tidy(tenant)
            tx = self._database.begin()
            tx.write(SETTLED, (tenant, newest))
            await self._database.commit(tx, "full")  # in a thread: there may be very many rows

    async def settle(self) -> None:
        """Return when no shelf is being built."""
        while self._builds:
            await asyncio.wait(self._builds.values())

    async def close(self) -> None:
        """End what is being built; it is begun again at the next start."""
        catching_up = [each.task for each in self._catching_up.values()]
        for task in (*self._builds.values(), *catching_up):
            task.cancel()
        await asyncio.gather(*catching_up, return_exceptions=True)
        await self.settle()

    def _lock(self, tenant: str) -> asyncio.Lock:
        return self._locks.setdefault(tenant, asyncio.Lock())

    async def _tidied(self) -> bool:
        """Remove shelves of which SQL knows nothing, and return whether that could be done.

        They are of a crash, of an embedder before this one, or of an old copy that was put back.
        """
        try:
            for tenant in await self._shelves.untidy():
                async with self._lock(tenant):
                    await self._shelves.tidy(tenant)
        except IndexDown:
            return False  # a server that is away, or another process that has the folder
        return True

    async def _begin(self) -> None:
        """Have all embedded that only other embedders have, or nobody has followed; go on with what was begun."""
        unfollowed = bool(await self._database.read(UNFOLLOWED))
        followed = {"of_index": followed_by(self._id)}
        rows = await (
            self._database.scan(EVERY_TENANT) if unfollowed else self._database.scan(NEWLY_EMBEDDED, followed)
        )
        tenants = [row[0] for row in rows]
        if tenants or unfollowed:
            tx = self._database.begin()
            if unfollowed:
                tx.write(RENEW_ALL, ())
                tx.write(REFOLLOW, ())
            else:
                tx.write(RENEW, (followed_by(self._id),))
            for tenant in tenants:
                self._shelves.note(tx, tenant, followed_by(self._id), State(0, 0, "building"))
            await self._database.commit(tx, "full")  # in a thread: there may be very many rows
        for row in await self._database.scan(BUILDING, followed):
            async with self._lock(row[0]):
                await self._batch(row[0])  # also where nothing waits: it serves then
        self._begun = True

    async def _batch(self, tenant: str) -> int:
        """Follow a tenant's oldest changes: vectors into SQL, onto shelves, and only then off the outbox."""
        most = self._embedding.at_once
        rows = await self._database.read(WAITING, {"of_tenant": tenant, "of_embedder": self._id, "most": most})
        texts = {id_: text for _, id_, scope, text, vector in rows if scope is not None and vector is None}
        vectors = await self._embedding.of_texts(tenant, texts)
        gone = list(dict.fromkeys(id_ for _, id_, scope, _, _ in rows if scope is None))
        states = await self._shelves.states(tenant)
        soiled = await self._shelves.soiled(tenant, states, gone)
        tx = self._database.begin()
        for id_, vector in vectors.items():
            tx.write(KEEP, (id_, self._id, vector))
        for id_ in gone:
            tx.write(UNKEEP, (id_,))
        for index, state in soiled.items():
            self._shelves.note(tx, tenant, index, state)
        if shelves_of(states, tenant):  # without any, all of it is one transaction
            await self._database.commit(tx)
            tx = self._database.begin()

        added: dict[str, dict[bytes, bytes]] = {}
        for _, id_, scope, _, vector in rows:
            known = vector or vectors.get(id_)
            if scope is not None and known:
                added.setdefault(scope, {})[id_] = known
        unbuilt = await self._shelves.put(
            tenant, states, self._id, {of: tuple(new.items()) for of, new in added.items()}
        )
        await self._shelves.drop(tenant, soiled, gone)
        await self._done(tx, tenant, states, rows, last=len(rows) < most)
        for scope in unbuilt:
            self._in_background(tenant, scope, self._build(tenant, {(scope, self._id)}, None))
        for scope in added:
            shelf = shelf_of(states, tenant, scope, self._id)
            if shelf is not None:
                self.look_at(shelf)
        return len(rows)

    async def _done(
        self, tx: Transaction, tenant: str, states: States, rows: Sequence[tuple[Any, ...]], *, last: bool
    ) -> None:
        """Take changes off the outbox; with the last one a new embedder serves, and the vectors of others go."""
        own = states.get(followed_by(self._id), State(0, 0, "serving"))
        for row in rows:
            tx.write(FOLLOWED, (row[0],))
        position = rows[-1][0] if rows else own.position
        retired = last and own.state == "building"
        if retired:
            for index in states:
                if index.startswith(_PREFIX):
                    tx.write(UNSTATE, (tenant, index))
            for index, shelf in shelves_of(states, tenant):
                if shelf.embedder != self._id:
                    tx.write(UNSTATE, (tenant, index))
            tx.write(FORGET_OTHERS, (tenant, self._id))
        self._shelves.note(tx, tenant, followed_by(self._id), State(position, 0, "serving" if last else own.state))
        await self._database.commit(tx, "full" if retired else "normal")  # in a thread: there may be very many rows
        if retired:
            await self._shelves.tidy(tenant)

    def look_at(self, shelf: Shelf) -> None:
        """Have a shelf, once, compared with SQL in background, and mended or built again where it lacks anything."""
        if shelf not in self._whole:
            self._in_background(shelf.tenant, shelf.scope, self._mend(shelf))

    def _in_background(self, tenant: str, scope: str, work: Coroutine[Any, Any, None]) -> None:
        key = (tenant, scope)
        if key in self._builds:
            work.close()  # one at a time: it will be asked for again
            return
        task = self._builds[key] = asyncio.create_task(self._told(tenant, work))
        task.add_done_callback(lambda _: self._builds.pop(key, None))

    async def _told(self, tenant: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            async with self._lock(tenant):
                await work
        except IndexDown as error:
            LOG.warning("a shelf of vectors cannot be built, and SQL is searched in its place: %s", error)
            self.trouble[tenant] = str(error)
        else:
            self.wake()
        finally:
            work.close()

    async def _mend(self, shelf: Shelf) -> None:
        states = await self._shelves.states(shelf.tenant)
        if shelf_of(states, shelf.tenant, shelf.scope, shelf.embedder) != shelf:
            return  # built anew meanwhile
        if await self._shelves.mended(shelf):
            self._whole.add(shelf)
        else:
            await self._build(shelf.tenant, {(shelf.scope, shelf.embedder)}, None)

    async def _build(self, tenant: str, wanted: Collection[tuple[str, str]], progress: Progress | None) -> None:
        if not wanted:
            return
        large = await self._shelves.large(tenant)
        total, done = sum(large.get(scope, 0) for scope, _ in wanted), 0

        def advance(more: int) -> None:
            nonlocal done
            done += more
            if progress is not None:
                progress(done, max(total, done))

        for scope, embedder in sorted(wanted):
            await self._shelves.build(tenant, scope, embedder, advance)
