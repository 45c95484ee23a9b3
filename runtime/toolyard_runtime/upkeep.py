"""What the server owes its runs: taking them up at start, waking them in time, and leaving them well at the end."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from toolyard_sdk import events as e
from toolyard_sdk.errors import Conflict

from toolyard_runtime.engine import Engine, RunOver, RunUnavailable
from toolyard_runtime.runlog import RunLog
from toolyard_runtime.store.runs import RunRow

SWEEP_SECONDS = 1.0
"""How late an expired approval may be noticed."""

LAST_SECONDS = 5.0
"""How long a stopping server waits for runs it has cancelled."""


class Upkeep:
    """Looks after the runs of one engine; `recover` begins it and `close` ends it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._services = engine.services
        self._sweeper: asyncio.Task[None] | None = None
        self._log = logging.getLogger("toolyard.upkeep")

    async def recover(self) -> None:
        """Take up what a former process left: background runs go on, foreground runs end, parked ones wait on.

        A run that goes on since somebody decided about its call has nobody connected to it: it is a background run.
        """
        for row in await self._services.runs.open_of_all_tenants():
            try:
                await self._recover(row)
            except (e.UnknownEvent, RunUnavailable) as error:
                self._engine.left_alone[row.id] = str(error)
                self._log.warning("run_%s is left alone: %s", row.id.hex(), error)
            except Exception as error:  # noqa: BLE001 - one run's trouble must not keep the server from starting
                self._engine.left_alone[row.id] = str(error)
                self._log.exception("run_%s is left alone", row.id.hex())
        self._sweeper = asyncio.create_task(self._sweep())

    async def _recover(self, row: RunRow) -> None:
        if row.status == "parked" and row.reason != "shutdown":
            if row.wake_at:
                self._engine.waking[row.id] = (row.wake_at, row.tenant)
            return

        def news(log: RunLog) -> Sequence[e.RunEvent]:
            if row.mode == "background" or log.state.decided:
                return ()
            return (e.CancelRequested(log.now(), "server", "crashed"),)

        await self._engine.resume(row, "started_again" if row.status == "parked" else "recovered", news)

    async def _sweep(self) -> None:
        """Wake runs that are due (see `_wake`), and read the repository's files again when they have changed."""
        while True:
            await self._services.clock.sleep(SWEEP_SECONDS)
            self._reread()
            now = self._services.clock.now()
            for run, (at, tenant) in list(self._engine.waking.items()):
                if at <= now:
                    self._engine.waking.pop(run, None)
                    try:
                        await self._wake(tenant, run, now)
                    except RunOver:
                        continue
                    except Exception:  # noqa: BLE001 - one run's trouble must not keep the others asleep
                        self._log.exception("run_%s could not be woken", run.hex())

    def _reread(self) -> None:
        """Let agents follow their files; a set with a mistake in it keeps the one before, and the log says why."""
        agents = self._engine.agents
        try:
            if not agents.changed():
                return
            problems = agents.reload()
        except Exception:  # noqa: BLE001 - a stranger's tool file may do anything, and the server goes on
            self._log.exception("the repository's files could not be read; what was served before still is")
            return
        for problem in problems:
            self._log.error("not reloaded: %s", problem)
        if not problems:
            self._log.info("reloaded: agents %s", ", ".join(agents.names()) or "none")

    async def _wake(self, tenant: str, run: bytes, now: int) -> None:
        """Take up a run whose driver broke off; tell a waiting one which of its approvals have expired."""
        row = await self._services.runs.find(tenant, run)
        if row is not None and row.status == "running" and run not in self._engine.live:
            await self._recover(row)
        elif row is not None and row.status == "parked" and row.wake_at:
            await self._expire(row, now)

    async def _expire(self, row: RunRow, now: int) -> None:
        if row.wake_at > now:  # it was decided upon meanwhile, and waits for something else
            self._engine.waking[row.id] = (row.wake_at, row.tenant)
            return

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

    async def close(self, drain_seconds: float) -> None:
        """Take no more runs, let the live ones finish for a while, then park the background ones and end the others."""
        self._engine.closing = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._engine.tasks:
            await asyncio.wait(self._engine.tasks.values(), timeout=drain_seconds)
        for driver in list(self._engine.live.values()):
            if driver.attended:
                with contextlib.suppress(Conflict):
                    driver.deliver(e.CancelRequested(driver.log.now(), "server", "shutdown"))
        if self._engine.tasks:
            foreground = [self._engine.tasks[run] for run, driver in self._engine.live.items() if driver.attended]
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
