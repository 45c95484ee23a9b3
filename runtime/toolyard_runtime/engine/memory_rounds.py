"""What the server does for long-term memory between runs: has messages read for facts, and what is gone cleaned up."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING

from toolyard_registry.releases import AgentRelease
from toolyard_sdk.ports import Clock

from toolyard_runtime.engine.agents import Agents
from toolyard_runtime.engine.erasing import Erasing
from toolyard_runtime.engine.long_term import LongTerm
from toolyard_runtime.engine.returning import Returning
from toolyard_runtime.engine.routing import Routes
from toolyard_runtime.meters import Meters
from toolyard_runtime.store.runs import Runs
from toolyard_runtime.store.tenants import Tenants

if TYPE_CHECKING:  # loaded when an agent wants messages read
    from toolyard_runtime.engine.extracting import Extracting

SOON = 0.5
"""Seconds after which a server that has begun loads what the first recall would wait for."""

EVERY = 5.0
"""Seconds between two looks for messages that nobody has read."""

CLEAN_EVERY = 60.0
"""Seconds between two looks for what agents have forgotten and what a crash has left: cleaning up costs a second for
every 100,000 passages there are."""

PAGE = 100


class MemoryRounds:
    """Goes its rounds for as long as the server runs."""

    def __init__(
        self,
        long_term: LongTerm,
        agents: Agents,
        routes: Routes,
        runs: Runs,
        tenants: Tenants,
        clock: Clock,
        erasing: Erasing,
        meters: Meters,
    ) -> None:
        self._long_term = long_term
        self._agents = agents
        self._routes = routes
        self._runs = runs
        self._tenants = tenants
        self._clock = clock
        self._meters = meters
        self._cleaning = erasing.cleaning
        self._ledger = erasing.ledger
        self._cleaned_at = 0
        self._warm = False
        self._extracting: Extracting | None = None
        self._reading = frozenset[str]()
        self._log = logging.getLogger("toolyard.memory")

    async def go(self) -> None:
        """Go round for ever; what fails is logged and tried again in the next round."""
        await self._clock.sleep(SOON)
        while True:
            await self._warm_up()
            await self._clock.sleep(EVERY)
            await self._look_after_forgetting()
            if not _wanted(self._agents.repository.agents.values()):
                continue
            try:
                await self.round()
            except Exception:  # noqa: BLE001 - a database or a model that fails for a moment must not end these rounds
                self._log.exception("messages could not be read for facts: they are read later")

    async def _warm_up(self) -> None:
        """Load what the first recall would wait for, once, where an agent remembers."""
        remembers = any(release.memory is not None for release in self._agents.repository.agents.values())
        if self._warm or not remembers or not self._long_term.is_open:
            return
        self._warm = True
        try:
            await self._long_term.warm_up()
        except Exception:  # noqa: BLE001 - the first recall tries it again, and says what came of it
            self._log.exception("memory could not be made ready: the first recall takes longer")

    async def _look_after_forgetting(self) -> None:
        """Write tombstones down, and now and then clean up; once, where nobody has asked for the memory yet."""
        if self._cleaned_at and not self._long_term.is_open:
            return
        now = self._clock.now()
        try:
            await self._ledger.follow()
            if now - self._cleaned_at < CLEAN_EVERY * 1e6:
                return
            self._cleaned_at = now
            await self._cleaning.round()
        except Exception:  # noqa: BLE001 - as below; what is not cleaned now is at the next look
            self._log.exception("what was forgotten could not be cleaned up: it is later")

    async def round(self) -> None:
        """Have the unread messages of every tenant read, until there are no more or a model or a budget gives out."""
        extracting, after = self._opened(), ""
        reading = frozenset(release.name for release in self._agents.repository.agents.values() if _reads(release))
        if not reading <= self._reading:
            extracting.look_again()
        self._reading = reading
        while page := await self._tenants.list(after=after, limit=PAGE):
            for tenant in page:
                while await self._served(tenant.id) and await extracting.read_on(tenant.id):
                    pass
            after = page[-1].id

    async def _served(self, tenant: str) -> bool:
        found = await self._tenants.find(tenant)  # again: it may have been revoked since
        return found is not None and found.revoked_at is None

    def _opened(self) -> "Extracting":
        if self._extracting is None:
            from toolyard_runtime.engine.extracting import Extracting  # noqa: PLC0415 - loaded when it is wanted

            memory, agents = self._long_term.memory(), self._agents
            self._extracting = Extracting(memory, self._runs, agents.release, self._routes.route, self._meters)
        return self._extracting


def _wanted(agents: Iterable[AgentRelease]) -> bool:
    return any(_reads(release) for release in agents)


def _reads(release: AgentRelease) -> bool:
    return release.memory is not None and release.memory.extract


@contextlib.asynccontextmanager
async def memory_rounds(rounds: MemoryRounds, returning: Returning) -> AsyncIterator[None]:
    """Take away what a restored backup has brought back, then have the rounds gone until the server stops."""
    await returning.apply()
    task = asyncio.create_task(rounds.go())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
