"""Erasing an end user from everything there is: open runs, contents, secrets, memory, its indexes, the database's log.

What was decided stays provable: heads stay, their content goes. What is gone is kept from coming back by a tombstone.
"""

import contextlib
import logging
from collections.abc import AsyncIterator

from msgspec import Struct
from toolyard_memory.erasure.subjects import Subjects
from toolyard_memory.facts.tombstones import Stones
from toolyard_memory.records import Owner
from toolyard_sdk.events import UnknownEvent

from toolyard_runtime.engine.cleaning import LARGE, Cleaning
from toolyard_runtime.engine.ending import end
from toolyard_runtime.engine.engine import Engine, RunUnavailable
from toolyard_runtime.engine.ledger import Ledger
from toolyard_runtime.store.erasure import Eraser, Erasure, RunsOpenError
from toolyard_runtime.store.runs import RunRow

ROUNDS = 5
"""How often it is tried to find a subject without an open run: they may go on starting some."""


class Erased(Struct, frozen=True):
    """What was erased, in numbers: `passages` are what was remembered, facts among them.

    `log_emptied` and `index_emptied`: no deleted byte waits there to be overwritten.

    `file_rewritten` is whether the database's file was written anew, so that nothing lies in the gaps of its pages.
    """

    runs: int
    cancelled_runs: int
    secrets: int
    passages: int
    pseudonym: str
    log_emptied: bool
    index_emptied: bool
    file_rewritten: bool


class SubjectBusy(Exception):
    """The end user went on starting runs while the others were ended."""


class Erasing:
    """Erases end users; `ledger` keeps their tombstones outside of the database."""

    def __init__(self, engine: Engine, eraser: Eraser, subjects: Subjects, cleaning: Cleaning, ledger: Ledger) -> None:
        self._engine = engine
        self.eraser = eraser
        self.subjects = subjects
        self.cleaning = cleaning
        self.ledger = ledger
        self._log = logging.getLogger("toolyard.erasure")

    async def erase(self, tenant: str, subject: str, actor: str, *, bury: bool = True) -> Erased:
        """Erase an end user of a tenant; raises SubjectBusy. Without `bury` no tombstone is left: there is one."""
        passages = (await self.subjects.left(Owner(tenant, subject))).get("passage", 0)
        cancelled, erasure = await self._contents(tenant, subject, actor, bury=bury)
        runs, secrets = set(erasure.runs), erasure.secrets
        while not await self.eraser.verify_erased(tenant, erasure.pseudonym):  # a run began while the others went
            more, again = await self._contents(tenant, erasure.pseudonym, actor, live_as=subject, bury=False)
            cancelled, erasure = cancelled + more, again
            runs |= set(again.runs)
        self._engine.forget(frozenset(runs))
        if bury:
            await self.ledger.follow()
        done = await self.cleaning.clean(tenant, LARGE)
        emptied = done.log_emptied, done.index_emptied, done.file_rewritten
        return Erased(len(runs), cancelled, secrets, passages, erasure.pseudonym, *emptied)

    async def returned(self, tenant: str, stones: Stones) -> list[str]:
        """Return the end users of whom there is anything and whom one of these tombstones names."""
        people = await self.eraser.people(tenant)
        return [owner.end_user for owner in await self.subjects.returned(tenant, stones, people)]

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
                erasure = await self.eraser.erase(tx, tenant, subject, actor)
            except RunsOpenError:
                continue
            now = services.clock.now()
            self.subjects.erase(tx, Owner(tenant, live_as or subject), actor, now, bury=bury)
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


@contextlib.asynccontextmanager
async def erasing_with(
    engine: Engine, eraser: Eraser, subjects: Subjects, cleaning: Cleaning, ledger: Ledger
) -> AsyncIterator[Erasing]:
    """Hand out what erases until the server stops."""
    try:
        yield Erasing(engine, eraser, subjects, cleaning, ledger)
    finally:
        await cleaning.close()
