"""Which runs are driven now: starts, resumes, recovers, cancels and parks them; knows no HTTP and no wire format.

The journal is the truth; the engine only says who drives a run. A live run has one driver in one task. A parked run has
neither: whoever decides or answers for it makes the engine load its journal and drive on under the next epoch.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

import msgspec
from toolyard_memory.sessions.store import Session
from toolyard_memory.sessions.window import Window
from toolyard_sdk import events as e
from toolyard_sdk.errors import Conflict

from toolyard_runtime.engine.agents import Agents
from toolyard_runtime.engine.beginning import NewRun, first_event, stored_context
from toolyard_runtime.engine.windows import Windows
from toolyard_runtime.models.encoder import decode_message
from toolyard_runtime.run import loop
from toolyard_runtime.run.conversation import Conversation
from toolyard_runtime.run.drive import Driver
from toolyard_runtime.run.feed import Feed
from toolyard_runtime.run.runlog import RunContext, RunIdentity, RunLog
from toolyard_runtime.run.segments import Segment
from toolyard_runtime.run.services import Services
from toolyard_runtime.run.transcript import Lookup, SourceOf, call_id, segments_of
from toolyard_runtime.store import payloads
from toolyard_runtime.store.journal import beginning
from toolyard_runtime.store.runs import RunRow

SHORTEST_GRACE = 0.05
"""Seconds: what a closed stream needs to be cleared away, so that it does not look as if somebody followed it."""


FIRST_PAUSE = 1.0
LONGEST_PAUSE = 600.0
"""Seconds before a run is taken up again whose driver broke off, or which could not be taken up."""

Made = TypeVar("Made")


class Full(Exception):
    """As many runs are live as the server takes."""


class Stopped(Exception):
    """An operator has stopped the agent or the tenant."""


class RunUnavailable(Exception):
    """The run cannot be driven on here: its release, its model or its journal is not there."""


class RunOver(Conflict):
    """The run has finished: nothing reaches it any more."""


class Engine:
    """Drives the runs of one process."""

    def __init__(self, services: Services, agents: Agents, *, max_runs: int, record_first: bool = False) -> None:
        """Take how many runs may be live, and whether every model call waits until its record is durable.

        Without that, a run of which nobody knows yet and that has changed nothing does not wait: a crash cancels it.
        """
        self._record_first = record_first
        self.services = services
        self.agents = agents
        self.max_runs = max_runs
        self.live: dict[bytes, Driver] = {}
        self._places = asyncio.Semaphore(max_runs)
        self.started_at = services.clock.now()
        self.left_alone: dict[bytes, str] = {}
        self.tasks: dict[bytes, asyncio.Task[None]] = {}
        self.windows = Windows(services.database, services.sessions)
        self.waking: dict[bytes, tuple[int, str]] = {}
        self.carried: set[asyncio.Task[Any]] = set()
        self._broken: dict[bytes, int] = {}
        self._resuming: dict[bytes, tuple[asyncio.Lock, int]] = {}
        self.closing = False
        self.hurried = False
        self._log = logging.getLogger("toolyard.engine")

    # --- starting ---

    def admit(self) -> None:
        """Raise Full when no further run fits."""
        if self.closing or len(self.live) >= self.max_runs:
            self.services.meters.count(self.services.meters.runs_refused)
            raise Full

    async def start(self, new: NewRun) -> Driver:
        """Begin a run and drive it; returns once it may be acknowledged. Raises Full and Stopped."""
        self.admit()
        services, release = self.services, new.agent.release
        if services.stops.run_stopped(new.tenant, release.name):
            raise Stopped(release.name)
        await self.agents.publish(new.tenant)
        now = services.clock.now()
        run = services.new_id()
        session = new.session or services.new_id()
        identity = RunIdentity(new.tenant, run, session, new.caller, release.name, new.end_user)
        conversation = await self.windows.take(session, new.base, release.window_tokens)
        doubts = await self._session_doubts(new.tenant, session) if new.base is not None else frozenset()
        self.admit()  # again, since others may have come in while this one was reading
        log = RunLog(services, new.agent, identity, beginning(run), conversation)
        log.begin(new.base)
        log.at_stake = self._record_first or new.mode == "background"
        owner = Session(new.tenant, session, new.caller, new.end_user, release.name, None)
        row = RunRow(
            tenant=new.tenant,
            id=run,
            session=session,
            caller=new.caller,
            end_user=new.end_user,
            agent=release.name,
            release=release.digest,
            mode=new.mode,
            status="running",
            started_at=now,
            request=new.request,
            base_run=new.base.run if new.base else None,
            base_n=new.base.n if new.base else None,
        )
        log.open(row, owner if new.session is None else None)
        context = RunContext(
            roles=new.roles,
            instructions=new.instructions,
            client_tools=new.client_tools,
            sampling=new.sampling,
            stream=new.stream,
            doubts=doubts,
            visible=new.visible,
            prologue=new.prologue,
        )
        driver = Driver(log, row, context)
        effects = log.append(first_event(log, new, now))
        if release.memory is not None and new.end_user is not None:
            await services.mind().hear(log, asked=True)
        self.live[run] = driver
        services.meters.count(services.meters.runs_started, release.name)
        if new.mode == "background":
            await self._unbroken(self._acknowledged(driver, effects))
        else:
            self._drive(driver, effects)
        return driver

    async def _acknowledged(self, driver: Driver, effects: tuple[loop.Effect, ...]) -> None:
        """Drive a run once it is durable that it began."""
        try:
            await driver.log.commit()
        except BaseException:
            del self.live[driver.row.id]
            raise
        self._drive(driver, effects)

    async def _unbroken(self, work: Coroutine[Any, Any, Made]) -> Made:
        """Carry work to its end also when whoever waits for it goes away: half a commit would lose the run."""
        task = asyncio.create_task(work)
        self.carried.add(task)
        task.add_done_callback(self.carried.discard)
        return await asyncio.shield(task)

    def _drive(self, driver: Driver, effects: tuple[loop.Effect, ...]) -> None:
        run = driver.log.identity.run
        self.live[run] = driver
        self.services.meters.runs_live.set(len(self.live))
        self.tasks[run] = asyncio.create_task(self._watch(driver, effects))

    async def _watch(self, driver: Driver, effects: tuple[loop.Effect, ...]) -> None:
        """Drive to the next rest; whatever goes wrong is told to those who wait, and the journal keeps the rest."""
        run = driver.log.identity.run
        try:
            async with self._places:  # many runs may be taken up at once; new ones are refused before they wait here
                await driver.run(effects)
        except Conflict:
            driver.log.feed.close(RunUnavailable("another owner drives this run"))
        except asyncio.CancelledError:
            driver.log.feed.close(RunUnavailable("the server is stopping; the run goes on when it is back"))
        except Exception as error:  # noqa: BLE001 - whoever waits is told, and the journal keeps the run
            self._log.exception("run_%s stopped: it will be taken up again in a while", run.hex())
            driver.log.feed.close(error)
            self.wake_later(run, driver.log.identity.tenant)
        else:
            self._broken.pop(run, None)
            self._keep_window(driver)
            state = driver.log.state
            if state.phase == "parked" and state.wake_at:
                self.waking[run] = (state.wake_at, driver.log.identity.tenant)
        finally:
            self.live.pop(run, None)
            self.tasks.pop(run, None)
            driver.gone.set()
            driver.let_go()
            self.services.meters.runs_live.set(len(self.live))

    def wake_later(self, run: bytes, tenant: str) -> None:
        """Let the run be taken up again, after a pause that doubles: a full disk may have room by then."""
        times = self._broken.get(run, 0)
        self._broken[run] = times + 1
        pause = min(FIRST_PAUSE * 2 ** min(times, 32), LONGEST_PAUSE)
        self.waking[run] = (self.services.clock.now() + int(pause * 1e6), tenant)

    def let_be(self, run: bytes) -> None:
        """Note that nothing is owed to the run any more."""
        self.waking.pop(run, None)
        self.left_alone.pop(run, None)
        self._broken.pop(run, None)

    def _keep_window(self, driver: Driver) -> None:
        last = loop.last_item(driver.log.state)
        if driver.log.state.phase == "finished" and last is not None and not self.closing:
            self.windows.keep(driver.log.conversation, last)

    def forget(self, runs: AbstractSet[bytes]) -> None:
        """Drop what is kept in memory of these runs: their content was erased."""
        self.windows.forget(runs)

    async def _session_doubts(self, tenant: str, session: bytes) -> frozenset[tuple[str, bytes]]:
        """Return the session's calls in doubt as (tool, canonical arguments)."""
        doubtful = await self.services.runs.in_doubt(tenant, session)
        found: set[tuple[str, bytes]] = set()
        for run in doubtful:
            state = loop.fold(await self.services.journal.load(run))
            contents = await payloads.load_all(self.services.database, run)
            for doubt in state.doubts:
                for payload in contents.values():
                    if payload.kind != "assistant":
                        continue
                    for call in decode_message(payload.data).tool_calls:
                        if call.id == call_id(run, doubt.call):
                            found.add((call.name, call.arguments.encode()))
        return frozenset(found)

    # --- resuming ---

    async def load(self, row: RunRow) -> RunLog:
        """Read a run's journal and contents, ready to be appended to; raises UnknownEvent and RunUnavailable.

        One whose agent cannot run here is read all the same, so that it can end (`log.agent.absent`).
        """
        services = self.services
        events, tail = await services.journal.resume(row.id)
        if not events:
            raise RunUnavailable(f"run_{row.id.hex()} has no journal")
        agent = await self.agents.pinned(row.tenant, row.agent, row.release)
        identity = RunIdentity(row.tenant, row.id, row.session, row.caller, row.agent, row.end_user)
        log = RunLog(services, agent, identity, tail, Conversation(Window(agent.release.window_tokens)))
        log.restore(events, await payloads.load_all(services.database, row.id))
        log.complete = agent.complete
        log.adopt(await self.windows.load(row.session, log.filed, agent.release.window_tokens, row.id))
        return log

    async def resume(
        self,
        row: RunRow,
        why: e.ResumeReason,
        news: Callable[[RunLog], Sequence[e.RunEvent]],
        *,
        context: Callable[[RunLog], RunContext] | None = None,
        durable: bool = True,
    ) -> Driver:
        """Take up a run that rests, after the events `news` makes of it.

        Raises RunOver for one that has finished, RunUnavailable and UnknownEvent for one that cannot be driven here,
        and Full when the server is stopping.

        A run that is live already is given the events as it goes. `durable` awaits the commit before returning.
        """
        return await self._unbroken(self._resume(row, why, news, context, durable))

    async def _resume(
        self,
        row: RunRow,
        why: e.ResumeReason,
        news: Callable[[RunLog], Sequence[e.RunEvent]],
        context: Callable[[RunLog], RunContext] | None,
        durable: bool,
    ) -> Driver:
        async with self._alone(row.id):
            driver = await self._awake(row.id)
            if driver is not None:
                driver.deliver(*news(driver.log))
                if durable:
                    await driver.log.commit("full")
                return driver
            if self.closing:
                raise Full
            row = await self.services.runs.find(row.tenant, row.id) or row  # it may have moved on since it was read
            log = await self.load(row)
            if log.state.phase == "finished":
                raise RunOver(f"run_{row.id.hex()} has finished")
            for event in news(log):
                log.append(event)
            made = context(log) if context else stored_context(log)
            if log.state.closing is None:
                if log.agent.absent:
                    raise RunUnavailable(log.agent.absent)
                doubts = await self._session_doubts(row.tenant, row.session)
                made = msgspec.structs.replace(made, doubts=doubts) if doubts else made
            return await self._take_up(row, log, why, made, durable)

    @contextlib.asynccontextmanager
    async def _alone(self, run: bytes) -> AsyncIterator[None]:
        """Let one at a time take up a run; the lock is kept for as long as anybody holds it or waits for it."""
        lock, users = self._resuming.get(run, (asyncio.Lock(), 0))
        self._resuming[run] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._resuming.pop(run)
            if users > 1:
                self._resuming[run] = (lock, users - 1)

    async def _awake(self, run: bytes) -> Driver | None:
        """Return a run's driver that still takes events; one that is coming to rest is waited for."""
        driver = self.live.get(run)
        if driver is None or not driver.resting:
            return driver
        await driver.gone.wait()
        return None

    async def _take_up(
        self,
        row: RunRow,
        log: RunLog,
        why: e.ResumeReason,
        context: RunContext,
        durable: bool,
    ) -> Driver:
        if not log.complete and not log.state.closing:
            log.append(e.CancelRequested(log.now(), "server", "release_unavailable"))
        log.feed = Feed() if log.state.phase == "parked" and log.state.parked != "shutdown" else log.feed
        effects = log.append(e.RunResumed(log.now(), log.state.epoch + 1, why))
        row = msgspec.structs.replace(
            row, status="running", epoch=log.state.epoch, segment=log.state.segment, wake_at=0
        )
        self.services.runs.update(log.tx, row)
        driver = Driver(log, row, context)
        self.live[row.id] = driver
        try:
            if durable:
                await log.commit("full")
        except BaseException as error:
            self.live.pop(row.id, None)
            log.feed.close(error if isinstance(error, Exception) else RunUnavailable("the run was not taken up"))
            driver.gone.set()
            raise
        self.waking.pop(row.id, None)
        self.left_alone.pop(row.id, None)
        self._drive(driver, effects)
        return driver

    async def row(self, tenant: str, run: bytes) -> RunRow | None:
        """Return a run of this tenant; one that has just begun is made durable for whoever knows it already."""
        found = await self.services.runs.find(tenant, run)
        driver = self.live.get(run)
        if found is None and driver is not None and driver.row.tenant == tenant:
            await driver.log.commit()
            found = await self.services.runs.find(tenant, run)
        return found

    async def cancel(self, row: RunRow, by: str, reason: e.CancelReason) -> None:
        """Make a run end, also one whose agent is gone; one that is over stays as it is.

        Raises UnknownEvent and RunUnavailable for a run whose journal cannot be read.
        """
        if row.status == "finished" and row.id not in self.live:
            return

        def news(log: RunLog) -> Sequence[e.RunEvent]:
            return (e.CancelRequested(log.now(), by, reason),)

        with contextlib.suppress(RunOver):
            await self.resume(row, "cancel", news)

    async def give_up(self, row: RunRow) -> None:
        """Let a run be over whose journal cannot be read, so that its content can go; nothing is journalled."""
        async with self._alone(row.id):
            if row.id in self.live:
                return
            now, tx = self.services.clock.now(), self.services.database.begin()
            over = msgspec.structs.replace(
                row, status="finished", reason="failed", error="unreadable", finished_at=now, wake_at=0
            )
            self.services.runs.update(tx, over)
            self.services.approvals.withdraw(tx, row.tenant, row.id, now)
            await self.services.database.commit(tx, "full")
            self.let_be(row.id)

    async def resolve_doubt(self, row: RunRow, call: int, outcome: e.Outcome, by: str, note: str) -> bool:
        """Record what a person found out about a call in doubt; False when that call is not in doubt."""
        return await self._unbroken(self._resolve_doubt(row, call, outcome, by, note))

    async def _resolve_doubt(self, row: RunRow, call: int, outcome: e.Outcome, by: str, note: str) -> bool:
        async with self._alone(row.id):
            driver = await self._awake(row.id)
            row = await self.services.runs.find(row.tenant, row.id) or row
            log = driver.log if driver is not None else await self.load(row)
            if all(doubt.call != call for doubt in log.state.doubts):
                return False
            content = log.put("reason", note.encode()) if note and not log.erased else None
            event = e.DoubtResolved(log.now(), call, outcome, by, content)
            if driver is not None:
                driver.deliver(event)
            else:
                log.append(event)
                row = msgspec.structs.replace(row, doubts=len(log.state.doubts))
                self.services.runs.update(log.tx, row)
            await log.commit("full")
            return True

    async def unready(self) -> list[str]:
        """Return why no run can be taken now; empty when one can."""
        problems = []
        if self.closing:
            problems.append("the server is stopping")
        elif len(self.live) >= self.max_runs:
            problems.append(f"{self.max_runs} runs are live, which is the most")
        await self.services.runs.find("", bytes(16))
        return problems

    def client_left(self, driver: Driver, *, waiting: bool = False) -> None:
        """Note that nobody waits for a foreground run any more: after the grace time `on_disconnect` holds."""
        driver.log.feed.absent += waiting
        release = driver.log.agent.release
        if not driver.attended or release.on_disconnect == "continue":
            return

        def leave() -> None:
            here = self.live.get(driver.row.id) is driver and not driver.resting
            if here and not driver.log.feed.followed:  # a client that comes back takes the run over
                driver.deliver(e.CancelRequested(driver.log.now(), "server", "disconnected"))

        asyncio.get_running_loop().call_later(max(release.grace_seconds, SHORTEST_GRACE), leave)

    async def journal_of(self, run: bytes) -> tuple[tuple[e.RunEvent, ...], Lookup]:
        """Return a run's events and a look-up of its payloads, as far as they are committed."""
        events = await self.services.journal.load(run)
        contents = await payloads.load_all(self.services.database, run)
        return events, lambda n: contents[n].data if n in contents else None

    async def sources(self, tenant: str, release: str) -> SourceOf:
        """Return what names the source of a release's tools, the same as while a run of it is live."""
        known = await self.agents.sources(tenant, release)
        return lambda digest: known.get(digest, "toolyard")

    async def segment(self, row: RunRow, index: int | None = None) -> Segment | None:
        """Return a run's segment (None: the newest) as its journal, or its live driver, tells it.

        Of a run that is coming to rest nothing is told before it is durable.
        """
        driver = await self._awake(row.id)
        if driver is not None and index in (None, driver.log.transcript.index):
            return driver.log.transcript.segment()
        found = segments_of(*await self.journal_of(row.id), await self.sources(row.tenant, row.release))
        if index is None:
            return found[-1] if found else None
        return found[index] if 0 <= index < len(found) else None
