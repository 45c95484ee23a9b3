"""What the server owes its runs: taking them up at start, waking them in time, and leaving them well at the end."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from toolyard_sdk import events as e
from toolyard_sdk.errors import Conflict

from toolyard_runtime.engine.engine import Engine, Full, RunOver, RunUnavailable
from toolyard_runtime.run.runlog import RunLog
from toolyard_runtime.store.runs import RunRow

SWEEP_SECONDS = 1.0
"""How late an expired approval may be noticed, and how late a changed file."""

LOOK_US = 30_000_000
"""How often all open runs are looked through for one that nobody drives and nothing will wake."""

AT_ONCE = 64
"""How many runs are read and taken up at the same time."""

LAST_SECONDS = 5.0
"""How long a stopping server waits for runs it has cancelled."""


class Upkeep:
    """Looks after the runs of one engine; `recover` begins it and `close` ends it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._services = engine.services
        self._rounds: tuple[asyncio.Task[None], ...] = ()
        self._attempts: dict[bytes, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._looked_at = 0
        self._log = logging.getLogger("toolyard.upkeep")

    async def recover(self) -> None:
        """Take up what a former process left: background runs go on, foreground runs end, parked ones wait on.

        What cannot be taken up now is tried again later, and does not keep the server from starting.
        """
        await self._look_through()
        if self._attempts:
            await asyncio.wait(self._attempts.values())
        self._rounds = (asyncio.create_task(self._sweep()), asyncio.create_task(self._follow_files()))

    async def _look_through(self) -> None:
        """Begin to wake every open run that nobody drives and nothing will wake: none may wait for ever."""
        self._looked_at = self._services.clock.now()
        for row in await self._services.runs.open_of_all_tenants():
            if row.id not in self._engine.live and row.id not in self._engine.waking:
                self._begin(row.tenant, row.id)

    async def _sweep(self) -> None:
        """Wake runs that are due, and look now and then for others that should be."""
        while True:
            await self._services.clock.sleep(SWEEP_SECONDS)
            now = self._services.clock.now()
            for run, (at, tenant) in list(self._engine.waking.items()):
                if at <= now:
                    self._begin(tenant, run)
            if now - self._looked_at >= LOOK_US:
                try:
                    await self._look_through()
                except Exception:  # noqa: BLE001 - a database that fails for a moment must not end these rounds
                    self._log.exception("the open runs could not be read: they are looked through again later")

    def _begin(self, tenant: str, run: bytes) -> None:
        """Try to wake a run beside the others: one that has to wait for a model server must not delay them."""
        if run not in self._attempts:
            task = self._attempts[run] = asyncio.create_task(self._attempt(tenant, run))
            task.add_done_callback(lambda _task: self._attempts.pop(run, None))

    async def _attempt(self, tenant: str, run: bytes) -> None:
        """Wake a run; what cannot be woken now is tried again after pauses that grow, for as long as it is open."""
        engine = self._engine
        try:
            async with self._places:
                await self._wake(tenant, run, self._services.clock.now())
        except RunOver:
            engine.let_be(run)
        except Full:
            return  # the server is stopping, and the next start looks after the run
        except Exception as error:  # noqa: BLE001 - one run's trouble must not keep the others asleep
            expected = isinstance(error, e.UnknownEvent | RunUnavailable)
            self._log.warning("run_%s is left alone for now: %s", run.hex(), error, exc_info=not expected)
            engine.left_alone[run] = str(error) or type(error).__name__
            engine.wake_later(run, tenant)

    async def _wake(self, tenant: str, run: bytes, now: int) -> None:
        """Take up a run that nobody drives; tell a waiting one which of its approvals have expired."""
        row = await self._services.runs.find(tenant, run)
        if row is None or row.status == "finished":
            self._engine.let_be(run)
        elif run in self._engine.live:
            self._engine.waking.pop(run, None)
        elif row.status == "running" or row.reason == "shutdown":
            await self._recover(row)
        elif not row.wake_at:
            self._engine.let_be(run)
        elif row.wake_at > now:
            self._engine.waking[run] = (row.wake_at, tenant)
        else:
            await self._expire(row, now)

    async def _recover(self, row: RunRow) -> None:
        """Go on with a run that a process left in the middle.

        A run that goes on since somebody decided about its call has nobody connected to it: it is a background run.
        """

        def news(log: RunLog) -> Sequence[e.RunEvent]:
            if row.mode == "background" or log.state.decided:
                return ()
            return (e.CancelRequested(log.now(), "server", "crashed"),)

        await self._engine.resume(row, "started_again" if row.status == "parked" else "recovered", news)

    async def _expire(self, row: RunRow, now: int) -> None:
        def news(log: RunLog) -> Sequence[e.RunEvent]:
            due = [request for request in log.state.approvals.values() if request.expires_at <= now]
            for request in due:
                self._services.approvals.decide(log.tx, request.approval, "expired", now, "clock")
            if not due:  # a client that was asked to execute its tools has never come back
                return [e.CancelRequested(now, "clock", "abandoned")]
            return [
                e.ApprovalDecided(now, request.approval, request.call, "expired", "clock", request.binding)
                for request in due
            ]

        await self._engine.resume(row, "deadline", news)

    async def _follow_files(self) -> None:
        """Let agents follow their files; a set with a mistake in it keeps the one before, and the log says why."""
        agents = self._engine.agents
        while True:
            await self._services.clock.sleep(SWEEP_SECONDS)
            try:
                if not await agents.changed():
                    continue
                problems = await agents.reload()
            except Exception:  # noqa: BLE001 - a stranger's tool file may do anything, and the server goes on
                self._log.exception("the repository's files could not be read; what was served before still is")
                continue
            for problem in problems:
                self._log.error("not reloaded: %s", problem)
            if not problems:
                self._log.info("reloaded: agents %s", ", ".join(agents.names()) or "none")

    async def close(self, drain_seconds: float) -> None:
        """Take no more runs, let the live ones finish for a while, then park the background ones and end the others."""
        self._engine.closing = True
        under_way = [*self._rounds, *self._attempts.values()]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        if self._engine.carried:  # whoever is being taken up is driven, and parked, like the others
            await asyncio.wait(list(self._engine.carried), timeout=LAST_SECONDS)
        if self._engine.tasks and not self._engine.hurried:
            await asyncio.wait(self._engine.tasks.values(), timeout=drain_seconds)
        for driver in list(self._engine.live.values()):
            if driver.attended:
                with contextlib.suppress(Conflict):
                    driver.deliver(e.CancelRequested(driver.log.now(), "server", "shutdown"))
        if self._engine.tasks:
            live = self._engine.live.items()
            foreground = [
                self._engine.tasks[run] for run, driver in live if driver.attended and run in self._engine.tasks
            ]
            if foreground:
                await asyncio.wait(foreground, timeout=LAST_SECONDS)
        for run in list(self._engine.live):
            await self._park(run)

    async def _park(self, run: bytes) -> None:
        """Take a run from its driver, in the middle of whatever it does, and leave it for the next start."""
        driver, task = self._engine.live.get(run), self._engine.tasks.get(run)
        if driver is None:
            return
        if task is not None:
            task.cancel()
            await asyncio.wait([task], timeout=LAST_SECONDS)
        try:
            await driver.park_for_shutdown()
        except Conflict:
            return  # what became of it, whoever takes the run up will read
        except Exception:  # noqa: BLE001 - one run's trouble must not keep the others from being parked
            self._log.exception("run_%s could not be parked: the next start takes it up", run.hex())
