"""Erasing an end user from everything there is: open runs, contents, secrets, memory, its indexes, the database's log.

What was decided stays provable: heads stay, their content goes. What is gone is kept from coming back by a tombstone.
"""

import logging
from collections.abc import Awaitable, Callable

from msgspec import Struct
from toolyard_memory.erasure.subjects import Subjects
from toolyard_memory.records import Owner
from toolyard_sdk.events import UnknownEvent

from toolyard_runtime.engine.ending import end
from toolyard_runtime.engine.engine import Engine, RunUnavailable
from toolyard_runtime.engine.long_term import LongTerm
from toolyard_runtime.store.erasure import Eraser, Erasure, RunsOpenError
from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.store.runs import RunRow

ROUNDS = 5
"""How often it is tried to find a subject without an open run: they may go on starting some."""


class Erased(Struct, frozen=True):
    """What was erased, in numbers; `log_emptied` and `index_emptied`: no deleted byte waits there to be overwritten."""

    runs: int
    cancelled_runs: int
    secrets: int
    pseudonym: str
    log_emptied: bool
    index_emptied: bool


class SubjectBusy(Exception):
    """The end user went on starting runs while the others were ended."""


class Erasing:
    """Erases end users; `scrub` empties the database's log of deleted content."""

    def __init__(
        self,
        engine: Engine,
        eraser: Eraser,
        subjects: Subjects,
        long_term: LongTerm,
        scrub: Callable[[], Awaitable[None]],
    ) -> None:
        self._engine = engine
        self._eraser = eraser
        self._subjects = subjects
        self._long_term = long_term
        self._scrub = scrub
        self._log = logging.getLogger("toolyard.erasure")

    async def erase(self, tenant: str, subject: str, actor: str, *, bury: bool = True) -> Erased:
        """Erase an end user of a tenant; raises SubjectBusy. Without `bury` no tombstone is left: there is one."""
        cancelled, erasure = await self._contents(tenant, subject, actor, bury=bury)
        runs, secrets = set(erasure.runs), erasure.secrets
        while not await self._eraser.verify_erased(tenant, erasure.pseudonym):  # a run began while the others went
            more, again = await self._contents(tenant, erasure.pseudonym, actor, live_as=subject, bury=False)
            cancelled, erasure = cancelled + more, again
            runs |= set(again.runs)
        self._engine.forget(frozenset(runs))
        index_emptied = await self._empty_index(tenant)
        return Erased(len(runs), cancelled, secrets, erasure.pseudonym, await self.scrubbed(), index_emptied)

    async def _contents(
        self, tenant: str, subject: str, actor: str, *, live_as: str = "", bury: bool
    ) -> tuple[int, Erasure]:
        """Cancel and erase until no run is open; return how many were cancelled. Raises SubjectBusy."""
        cancelled, services = 0, self._engine.services
        for _ in range(ROUNDS):
            for row in await services.runs.open_of(tenant, subject):
                await self._end(row, actor)
                cancelled += 1
            for driver in [one for one in self._engine.live.values() if one.log.identity.tenant == tenant]:
                if driver.log.identity.end_user in (subject, live_as or subject):
                    await end(self._engine, driver.row, actor, "erased")
                    cancelled += 1
            tx = services.database.begin()
            try:
                erasure = await self._eraser.erase(tx, tenant, subject, actor)
            except RunsOpenError:
                continue
            now = services.clock.now()
            self._subjects.erase(tx, Owner(tenant, live_as or subject), actor, now, bury=bury)
            await services.database.commit(tx, "full")
            return cancelled, erasure
        raise SubjectBusy

    async def _end(self, row: RunRow, actor: str) -> None:
        """Cancel an open run; one that cannot be read is given up, since its content shall go all the same."""
        try:
            await end(self._engine, row, actor, "erased")
        except (UnknownEvent, RunUnavailable, LookupError, ValueError) as error:
            self._log.error("run_%s is given up, since it cannot be read: %s", row.id.hex(), error)
            await self._engine.give_up(row)

    async def _empty_index(self, tenant: str) -> bool:
        """Have the vector index hold no byte of what is gone; False where that has to wait."""
        if not self._long_term.in_use:
            return True
        memory = self._long_term.memory()
        memory.wholes.forget(tenant)
        vectors = memory.vectors
        try:
            if vectors is not None:
                await vectors.forget(tenant)
        except Exception:  # noqa: BLE001 - the rows are gone, and the index is made anew when it can be
            self._log.exception(
                "the index of vectors could not be made anew: what is gone finds nothing, but lies there"
            )
            return False
        return True

    async def scrubbed(self) -> bool:
        """Empty the database's log of what was deleted; False where that has to wait."""
        try:
            await self._scrub()
        except StorageError:
            self._log.exception("the write-ahead log could not be emptied now; it is at the next checkpoint")
            return False
        return True
