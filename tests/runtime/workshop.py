"""The engine on real stores with a scripted model and tools a test holds in its hand; no HTTP."""

import asyncio
import functools
import inspect
import json
import os
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from toolyard_memory.memory import Memory
from toolyard_memory.sessions.store import Sessions
from toolyard_registry.agents.repository import Loader
from toolyard_registry.catalogue.storing import Catalogue
from toolyard_registry.plugins import load_plugins
from toolyard_registry.releases import tool_release
from toolyard_registry.toolbox.collecting import Toolbox
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.config import Config, ModelsTable, ProviderTable
from toolyard_runtime.engine.agents import Agents
from toolyard_runtime.engine.approving import Approving
from toolyard_runtime.engine.beginning import NewRun
from toolyard_runtime.engine.desk import Desk
from toolyard_runtime.engine.engine import Engine
from toolyard_runtime.engine.requests import Asked, Served
from toolyard_runtime.engine.routing import Routes
from toolyard_runtime.engine.upkeep import Upkeep
from toolyard_runtime.identity import Caller
from toolyard_runtime.meters import Meters
from toolyard_runtime.run.drive import Driver
from toolyard_runtime.run.meanings import Meanings
from toolyard_runtime.run.recalling import Recalling
from toolyard_runtime.run.segments import Ask, Segment
from toolyard_runtime.run.services import Services
from toolyard_runtime.run.stops import Stops
from toolyard_runtime.run.successes import Successes
from toolyard_runtime.run.transcript import segments_of
from toolyard_runtime.store import audit
from toolyard_runtime.store.approvals import Approvals
from toolyard_runtime.store.journal import SqlJournal
from toolyard_runtime.store.opening import open_sqlite
from toolyard_runtime.store.runs import RunRow, Runs
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_runtime.usage.worked import lately_worked
from toolyard_runtime.wire.chat.answer import closing_text, visible_text
from toolyard_sdk import events as e
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.errors import ModelError
from toolyard_sdk.ids import uuid7
from toolyard_sdk.messages import Message, Usage
from toolyard_sdk.ports import Delta, RawCall, Tool, Transaction, Turn
from toolyard_sdk.tools import FunctionTool

SECONDS = 10.0
"""How long anything here may take."""

URL = "http://toolyard.test"
CALLER = Caller("default", "key_1", "test", frozenset({"user", "frontend", "operator"}))
USER = Caller("default", "key_2", "user", frozenset({"user"}))
STRANGER = Caller("other", "key_3", "stranger", frozenset({"user", "operator"}))

Answer = Turn | ModelError | Callable[[Any], "Turn | asyncio.Future[Turn]"]


class ScriptedModel:
    """Implements the Model port: gives its answers in order and keeps every request it was sent.

    An answer is a turn, an error to raise, or a function of the decoded request that returns a turn or a future of
    one. Text streams by words. `asked` is set whenever a request has come in.
    """

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.bodies: list[bytes] = []
        self.asked = asyncio.Event()
        self.deltas_before_error: Sequence[str] = ()

    def will(self, *answers: Answer) -> None:
        """Append answers."""
        self.answers += answers

    async def reply(
        self,
        body: bytes,
        *,
        timeout: float,  # noqa: ASYNC109 - the port's own
        on_delta: Callable[[Delta], None] | None = None,
        request_id: str = "",
    ) -> Turn:
        """Give the next answer; one nobody scripted is an answer in text that says so."""
        self.bodies.append(body)
        self.asked.set()
        answer: Any = self.answers.pop(0) if self.answers else say("nothing was scripted")
        if callable(answer):
            answer = answer(json.loads(body))
        if isinstance(answer, asyncio.Future):
            answer = await answer
        if on_delta is not None:
            shown = [*self.deltas_before_error] if isinstance(answer, ModelError) else answer.text.split(" ")
            for index, word in enumerate(shown):
                on_delta(Delta(word if index == 0 else f" {word}"))
                await asyncio.sleep(0)
        if isinstance(answer, ModelError):
            raise answer
        return answer  # type: ignore[no-any-return]  # what was scripted

    async def close(self) -> None:
        """Let go of nothing."""

    async def until(self, requests: int) -> None:
        """Wait until so many requests have come in."""
        async with asyncio.timeout(SECONDS):
            while len(self.bodies) < requests:
                self.asked.clear()
                await self.asked.wait()

    def messages(self, index: int = -1) -> list[dict[str, Any]]:
        """Return the messages of a request."""
        return json.loads(self.bodies[index])["messages"]  # type: ignore[no-any-return]  # what was scripted


def say(text: str, **more: Any) -> Turn:
    """Return a turn that answers."""
    return Turn(text=text, finish="stop", usage=Usage(10, 5), **more)


def call(*calls: tuple[str, Any], text: str = "", **more: Any) -> Turn:
    """Return a turn that calls tools; arguments are JSON text, or a value to be encoded."""
    raw = tuple(RawCall(name, given if isinstance(given, str) else json.dumps(given)) for name, given in calls)
    return Turn(text=text, calls=raw, finish="tool_calls", usage=Usage(10, 5), **more)


class ScriptedCounter:
    """Implements Counter: `counts` of what it is given, or None."""

    def __init__(self) -> None:
        self.counts: Callable[[bytes], int | None] = lambda _messages: None
        self.asked: list[bytes] = []

    async def count(self, model: str, messages: bytes) -> int | None:
        """Count messages."""
        del model
        self.asked.append(messages)
        return self.counts(messages)

    async def close(self) -> None:
        """Let go of nothing."""


class Workshop:
    """One process's engine; `restarted` opens the next one's on the same file."""

    def __init__(
        self,
        root: Path,
        database: SqliteDatabase,
        tools: Sequence[FunctionTool],
        max_runs: int,
        *,
        record_first: bool = False,
        source: str = "workshop",
        meanings: Meanings | None = None,
    ) -> None:
        self.root = root
        self.source = source
        self.database = database
        self.model = ScriptedModel()
        self.tools = list(tools)
        provider = ProviderTable(base_url=URL, profile="vllm", default_model="m")
        self.routes = Routes(Config(providers={"lab": provider}, models=ModelsTable("lab/m")), {}, rehearsal=False)
        self.routes._clients["lab"] = self.model
        self.counter = ScriptedCounter()
        self.routes._counters["lab"] = self.counter  # type: ignore[assignment]  # it acts as one
        clock = SystemClock()
        self.stops = Stops()

        async def record(tx: Transaction, entry: AuditRecord) -> None:
            await audit.record(database, tx, f"channel:{entry.tenant}:{entry.object}", entry)

        self.loader = Loader(root, self._toolbox)
        self.catalogue = Catalogue(database, clock, record)
        self._mind: Recalling | None = None
        self.agents = Agents(self.loader, self.routes, self.catalogue, database, {}, mind=self.mind, meanings=meanings)
        self.services = Services(
            database=database,
            journal=SqlJournal(database),
            runs=Runs(database),
            approvals=Approvals(database),
            sessions=Sessions(database),
            clock=clock,
            new_id=uuid7,
            entropy=os.urandom,
            jitter=random.Random(1),
            stops=self.stops,
            meters=Meters(),
            successes=Successes(functools.partial(lately_worked, database)),
            current_release=self.agents.release,
            keep_release=self.catalogue.put_agent,
            visible_text=self._visible,
            mind=self.mind,
        )
        self.engine = Engine(self.services, self.agents, max_runs=max_runs, record_first=record_first)
        self.upkeep = Upkeep(self.engine)
        self.approving = Approving(self.engine)
        self.desk = Desk(self.engine, self.approving)

    def mind(self) -> Recalling:
        """Return long-term memory without vectors, opened when it is first asked for."""
        if self._mind is None:
            self.memory = Memory(self.database, SystemClock(), uuid7, os.urandom)
            self._mind = Recalling(self.memory)
        return self._mind

    def _toolbox(self) -> Toolbox:
        tools: dict[str, Tool] = {tool.spec.name: tool for tool in self.tools}
        releases = {name: tool_release(tool.spec, self.source, "1.0") for name, tool in tools.items()}
        return Toolbox(tools, releases, dict.fromkeys(tools, "workshop"), load_plugins(points=()))

    @staticmethod
    def _visible(segment: Segment) -> str:
        return visible_text(segment.outputs, segment.run, URL) or closing_text(segment)

    # --- asking ---

    async def start(self, text: str = "go", **changes: Any) -> Driver:
        """Begin a run of the only agent."""
        agent = self.agents.current("worker")
        assert agent is not None, self.loader.current.problems
        new = NewRun(CALLER.tenant, CALLER.key, CALLER.roles, agent, (Message("user", text),))
        return await self.engine.start(msgspec.structs.replace(new, **changes))

    async def run(self, text: str = "go", **changes: Any) -> Segment:
        """Begin a run and return its segment once it rests."""
        return await settled(await self.start(text, **changes))

    async def next_run(self, after: Segment, text: str = "and now?", **changes: Any) -> Segment:
        """Go on with the session of a finished run."""
        row = await self.row(after.run)
        base = e.ItemRef(row.id, row.head_n)
        return await self.run(text, session=row.session, base=base, **changes)

    async def serve(self, ask: Ask, caller: Caller = CALLER, **asked: Any) -> Served:
        """Serve a request at the desk."""
        async with asyncio.timeout(SECONDS):
            return await self.desk.serve(caller, ask, Asked(**asked))

    # --- looking ---

    async def row(self, run: bytes) -> RunRow:
        """Return a run's row."""
        row = await self.services.runs.find(CALLER.tenant, run)
        assert row is not None
        return row

    async def journal(self, run: bytes) -> tuple[e.RunEvent, ...]:
        """Return a run's events as they are stored."""
        return await self.services.journal.load(run)

    async def events(self, run: bytes, kind: type[Any]) -> list[Any]:
        """Return a run's events of one kind."""
        return [event for event in await self.journal(run) if isinstance(event, kind)]

    async def segments(self, run: bytes) -> list[Segment]:
        """Return a run's segments as the journal tells them."""
        row = await self.row(run)
        return segments_of(*await self.engine.journal_of(run), await self.engine.sources(row.tenant, row.release))

    async def approvals(self, run: bytes) -> list[Any]:
        """Return a run's approvals, oldest first."""
        return sorted(await self.services.approvals.list(CALLER.tenant, run=run), key=lambda row: row.id)

    async def verify(self, run: bytes) -> None:
        """Check the chain of a run's journal."""
        assert await self.services.journal.verify(run) is None  # type: ignore[attr-defined]  # the production journal


async def eventually(holds: Callable[[], Any]) -> None:
    """Wait, turn of the event loop by turn, until something holds; a coroutine function is awaited."""
    async with asyncio.timeout(SECONDS):
        while True:
            found = holds()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.001)


async def settled(driver: Driver) -> Segment:
    """Wait until a run rests and nobody drives it, and return its segment."""
    async with asyncio.timeout(SECONDS):
        await driver.gone.wait()
    if driver.log.feed.error is not None:
        raise driver.log.feed.error
    return driver.log.transcript.segment()


AGENT = """
instructions = "You work here."
model = "lab/m"
tools = [{tools}]
{more}
"""


def write_agent(root: Path, tools: Sequence[FunctionTool], more: str = "", policy: str = "") -> None:
    """Write the agent's files; `more` is TOML, `policy` that of its policy."""
    names = ", ".join(f'"{tool.spec.name}"' for tool in tools)
    (root / "agents").mkdir(parents=True, exist_ok=True)
    (root / "policies").mkdir(exist_ok=True)
    if policy:
        (root / "policies" / "default.toml").write_text(policy)
    (root / "agents" / "worker.toml").write_text(AGENT.format(tools=names, more=more))


ALLOW = '[[rule]]\nid = "allow"\ndecision = "approve"\n'
"""A policy under which everything goes ahead."""


@asynccontextmanager
async def workshop(
    root: Path,
    *tools: FunctionTool,
    more: str = "",
    policy: str = ALLOW,
    max_runs: int = 64,
    drain: float = 0.0,
    recover: bool = True,
    record_first: bool = False,
    source: str = "workshop",
    meanings: Meanings | None = None,
) -> AsyncIterator[Workshop]:
    """Open the engine on `root`, whose database may already hold runs, and close it as a stopping server does.

    `source` is where the tools come from; `meanings` makes vectors of them.
    """
    write_agent(root, tools, more, policy)
    database = await open_sqlite(root / "data.db")
    try:
        made = Workshop(root, database, tools, max_runs, record_first=record_first, source=source, meanings=meanings)
        assert not made.loader.current.problems, made.loader.current.problems
        if recover:
            await made.upkeep.recover()
        try:
            yield made
        finally:
            async with asyncio.timeout(SECONDS):
                await made.upkeep.close(drain)
    finally:
        await database.close()
