"""A live run's record: its journal's end, its open transaction, its contents and what is folded from them.

Every event goes through `append`: folded by the loop, chained into the journal, shown in the stream, all in one open
transaction that `commit` makes durable. Session items join it when the run rests. Nothing here decides or performs
anything.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec
from msgspec import Struct
from toolyard_memory.sessions.compaction import Compaction
from toolyard_memory.sessions.store import Session
from toolyard_memory.sessions.window import Item, Kind, estimate_tokens
from toolyard_sdk import events as e
from toolyard_sdk.asking import Answer, Question
from toolyard_sdk.canonical import committer
from toolyard_sdk.errors import Conflict
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.ports import Durability, Tail

from toolyard_runtime.models.encoder import ENCODER, call_answered, calls_of
from toolyard_runtime.run import loop
from toolyard_runtime.run.binding import BoundAgent
from toolyard_runtime.run.conversation import Conversation
from toolyard_runtime.run.feed import Feed
from toolyard_runtime.run.segments import Sampling, StreamEvent
from toolyard_runtime.run.services import Services
from toolyard_runtime.run.showing import compaction_of, text_of_result
from toolyard_runtime.run.transcript import Transcript, stream_of
from toolyard_runtime.store.payloads import ADD_PAYLOAD, SALT_N, SALT_SIZE, Payload, PayloadKind
from toolyard_runtime.store.runs import RunRow

DURABLE_AFTER = 0.05
"""Seconds after which what need not be durable at once is made durable, whatever the run is waiting for."""

UNSALTED = committer(b"")
"""Stands in for a run's own commitments until its salt is made or read."""

UNTIL_DURABLE = frozenset({e.ApprovalRequested, e.InputRequested, e.ClientToolsRequested, e.RunParked, e.RunFinished})
"""Events that readers see only once they are durable: they name what somebody may answer, or say that it is over."""


class RunIdentity(Struct, frozen=True):
    """Whose run it is and where it belongs."""

    tenant: str
    run: bytes
    session: bytes
    caller: str
    agent: str
    end_user: str | None = None


class RunContext(Struct, frozen=True):
    """What the request asked for beyond its messages, and what the caller brings.

    `doubts` are the session's calls in doubt from earlier runs as (tool, canonical arguments); `visible` is what a
    client that resends whole conversations sent, by role and text, and `prologue` what is said before the answer.
    """

    roles: frozenset[str] = frozenset()
    instructions: str = ""
    client_tools: tuple[ToolSpec, ...] = ()
    sampling: Sampling | None = None
    stream: bool = False
    doubts: frozenset[tuple[str, bytes]] = frozenset()
    visible: tuple[bytes, ...] | None = None
    prologue: str = ""


class Progress(Struct, frozen=True):
    """How far a call has come, in the tool's own units; never journalled."""

    done: float
    total: float | None
    message: str


class RunLog:
    """The record of one live run; `state` is always the fold of everything appended.

    `at_stake` tells whether a crash may take nothing of it away: the run is to survive one, or a call may have changed
    something. Until then a model call need not wait for the disk. Each of `watching` is told of
    every report of progress, in whatever thread it comes.
    """

    def __init__(
        self, services: Services, agent: BoundAgent, identity: RunIdentity, tail: Tail, conversation: Conversation
    ) -> None:
        self.services = services
        self.agent = agent
        self.identity = identity
        self.conversation = conversation
        self.state = loop.RunState()
        self.contents: dict[int, bytes] = {}
        self.given: dict[int, bytes] = {}
        self.tx = services.database.begin()
        self.transcript = Transcript(self.contents.get, agent.source_of)
        self.feed = Feed()
        self.complete = True
        self.progress: dict[str, Progress] = {}
        self.watching: list[Callable[[Progress], None]] = []
        self.whole: dict[int, int] = {}
        self.rulings: dict[int, e.PolicyDecided] = {}
        self.verdicts: dict[int, e.ApprovalDecided] = {}
        self.questions: dict[int, list[tuple[e.InputRequested, e.InputProvided | None]]] = {}
        self.offered: e.ToolsOffered | None = None
        self.recalled: e.MemoryRecalled | None = None
        self.called_releases: set[str] = set()
        self.found: tuple[str, ...] = ()
        self._tail = tail
        self._kinds: dict[int, PayloadKind] = {}
        self._next_n = 1
        self._windowed = 0
        self._compactions: list[Compaction] = []
        self._unfiled: list[tuple[Item, e.ItemRef | None]] = []
        self._last: e.ItemRef | None = None
        self._held: list[tuple[bool, list[StreamEvent]]] = []
        self._showing: list[tuple[bool, list[StreamEvent]]] = []
        self._one_at_a_time = asyncio.Lock()
        self._salt = b""
        self._commitment = UNSALTED
        self._lost: Exception | None = None
        self._pending = False
        self._waiting: list[Callable[[], None]] = []
        self._unwatched: asyncio.Task[None] | None = None
        self._due: asyncio.TimerHandle | None = None
        self.at_stake = True
        self._unwritten: tuple[RunRow, Session | None] | None = None

    def begin(self, base: e.ItemRef | None) -> None:
        """Make the run's salt; `base` is the session item it continues from."""
        self._salt = self.services.entropy(SALT_SIZE)
        self._commitment = committer(self._salt)
        self._last = base
        self.tx.write(ADD_PAYLOAD, (self.identity.run, SALT_N, "salt", self._salt))

    def open(self, row: RunRow, session: Session | None) -> None:
        """Let the run's row, and that of a session it opens, be written with the first commit, as they are by then."""
        self._unwritten = row, session

    def keep(self, row: RunRow, head: e.ItemRef | None) -> None:
        """Write the run's row as it is now, and the session's newest item where there is another one."""
        if self._unwritten is not None:
            session = self._unwritten[1]
            if session is not None and head is not None:
                session, head = msgspec.structs.replace(session, head=head), None
            self._unwritten = row, session
        else:
            self.services.runs.update(self.tx, row)
        if head is not None:
            self.services.sessions.move_head(self.tx, row.tenant, row.session, head, self.now())

    def _write_rows(self) -> None:
        if self._unwritten is not None:
            row, session = self._unwritten
            self._unwritten = None
            if session is not None:
                self.services.sessions.open(self.tx, session, row.started_at)
            self.services.runs.add(self.tx, row)

    def restore(self, events: tuple[e.RunEvent, ...], payloads: dict[int, Payload]) -> None:
        """Fold a journal and take its payloads, as they were committed: nothing is written."""
        for n, payload in payloads.items():
            self.contents[n] = payload.data
            self._kinds[n] = payload.kind
            self._next_n = max(self._next_n, n + 1)
        self._salt = self.contents.pop(SALT_N, b"")
        self._commitment = committer(self._salt)
        filed = 0
        for seq, event in enumerate(events):
            self.state, _ = loop.step(self.state, event)
            self.transcript.fold(event)
            self._note(event)
            if isinstance(event, e.ModelCalled):
                self._next_n = max(self._next_n, event.message + 1)
            elif isinstance(event, e.WindowCompacted):
                self._compactions.append(compaction_of(event, self.identity.run, seq))
            elif isinstance(event, e.RunParked | e.RunFinished):
                filed = len(self.state.items)
                self._compactions.clear()
        self._windowed = filed
        base = self.state.started.base if self.state.started else None
        self._last = e.ItemRef(self.identity.run, self.state.items[filed - 1]) if filed else base
        self.feed.publish(stream_of(events, self.contents.get, self.agent.source_of, self.transcript.index))

    @property
    def filed(self) -> e.ItemRef | None:
        """The newest item that is in the session's rows: where the window of a restored run is read from."""
        return self._last

    def adopt(self, conversation: Conversation) -> None:
        """Go on with the window that was read, and the items that a former process had not filed."""
        self.conversation = conversation
        self._extend_window()
        for index, one in enumerate(self._compactions):
            summary = self.contents.get(one.summary) if one.summary is not None else None
            self._compactions[index] = conversation.compact(one, summary)
        self._show_recalled()

    @property
    def erased(self) -> bool:
        """Whether the run's contents are gone, and its salt with them: nothing can be added that heads could hold."""
        return not self._salt

    def reserve(self) -> int:
        """Return the ordinal of a payload that is yet to come."""
        n = self._next_n
        self._next_n += 1
        return n

    def put(self, kind: PayloadKind, data: bytes, n: int | None = None) -> e.Content:
        """Write content once and return the reference that heads hold."""
        if n is None:
            n = self.reserve()
        self.contents[n] = data
        self._kinds[n] = kind
        self.tx.write(ADD_PAYLOAD, (self.identity.run, n, kind, data))
        return e.Content(n, self._commitment(data))

    def arguments(self, call: e.CallHead) -> bytes:
        """Return a call's canonical arguments, which lie in the turn's message."""
        known = self.given.get(call.call)
        if known is None:
            message = self.contents[self.state.message]
            for made, (_, text) in zip(self.state.calls, calls_of(message), strict=True):
                self.given[made.head.call] = text.encode()
            known = self.given[call.call]
        return known

    def called(self, call: e.CallHead) -> str:
        """Return the name the model gave a call: the head of one that names no tool does not hold the model's words."""
        named = zip(self.state.calls, calls_of(self.contents[self.state.message]), strict=True)
        return next((name for made, (name, _) in named if made.head.call == call.call), call.name)

    def bind(self, content: bytes) -> bytes:
        """Return the commitment to content that is not stored by itself."""
        return self._commitment(content)

    def append(self, event: e.RunEvent) -> tuple[loop.Effect, ...]:
        """Fold one event into everything that follows from it, and return what the loop wants next."""
        self.state, effects = loop.step(self.state, event)
        self._tail = self.services.journal.append(self.tx, self._tail, (event,))
        self._pending = True
        self._publish(self.transcript.fold(event), until_durable=type(event) in UNTIL_DURABLE)
        self._note(event)
        if len(self.state.items) > self._windowed:
            self._extend_window()
        return effects

    def _note(self, event: e.RunEvent) -> None:
        """Keep what later steps look up: what was decided about a call, what was offered, and what was found."""
        note = NOTED.get(type(event))
        if note is not None:
            note(self, event)

    def _note_ruling(self, event: e.PolicyDecided) -> None:
        if event.call is not None:
            self.rulings[event.call] = event

    def _note_verdict(self, event: e.ApprovalDecided) -> None:
        self.verdicts[event.call] = event

    def _note_question(self, event: e.InputRequested) -> None:
        self.questions.setdefault(event.call, []).append((event, None))

    def _note_answer(self, event: e.InputProvided) -> None:
        asked = self.questions.get(event.call, [])
        asked[:] = [(one, event if one.request == event.request else given) for one, given in asked]

    def _note_recall(self, event: e.MemoryRecalled) -> None:
        self.recalled = event
        self._show_recalled()

    def _show_recalled(self) -> None:
        """Let the window show what came to mind, once it holds the request it came to mind for."""
        asked = self.asked
        if self.recalled is not None and self.recalled.text is not None and asked is not None:
            self.conversation.recall(asked, self.words(self.recalled.text))

    @property
    def asked(self) -> e.ItemRef | None:
        """The last thing the end user says in what the run began with; None where they say nothing."""
        started = self.state.started
        inputs = started.inputs if started is not None else ()
        n = next((content.n for content in reversed(inputs) if self._kinds.get(content.n) == "user"), None)
        return e.ItemRef(self.identity.run, n) if n is not None else None

    def _note_start(self, event: e.ToolStarted) -> None:
        self.called_releases.add(event.release)

    def _note_offer(self, event: e.ToolsOffered) -> None:
        self.offered = event

    def _note_result(self, event: e.ToolReturned) -> None:
        if event.found:
            self.found += event.found
        if event.whole is not None:
            self.whole[event.call] = event.whole.n

    def answers(self, call: int) -> tuple[tuple[Question, Answer], ...]:
        """Return what a call has asked a person and what was said, in that order; erased answers decline."""
        found = []
        for asked, given in self.questions.get(call, ()):
            question = self.contents.get(asked.question.n)
            if given is not None and question is not None:
                said = self.contents.get(given.answer.n, b"{}") if given.answer is not None else b"{}"
                answer = Answer(given.action, msgspec.json.decode(said))
                found.append((msgspec.json.decode(question, type=Question), answer))
        return tuple(found)

    def words(self, content: e.Content | None) -> str:
        """Return a payload's text; "" where there is none or it was erased."""
        return self.contents.get(content.n, b"").decode() if content is not None else ""

    def show(self, text: str) -> None:
        """Let readers see text of the turn under way."""
        self._publish(self.transcript.delta(text), until_durable=False)

    def _publish(self, shown: list[StreamEvent], *, until_durable: bool) -> None:
        """Let readers see what happened; what they may act upon waits for its commit, and what follows with it."""
        if until_durable or self._held or self._showing:
            self._held.append((until_durable, shown))
        else:
            self.feed.publish(shown)

    def _extend_window(self) -> None:
        """Let the window take in the run's new items, each below the one before."""
        window = self.conversation.window
        for n in self.state.items[self._windowed :]:
            fragment = self.contents[n]
            item = Item(
                e.ItemRef(self.identity.run, n),
                cast(Kind, self._kinds[n]),
                estimate_tokens(fragment),
                window.next_position,
            )
            window.add(item, fragment)
            self._unfiled.append((item, self._last))
            self._last = item.ref
        self._windowed = len(self.state.items)

    def compacted(self, one: Compaction) -> None:
        """Take note of what was done to the window: its session's rows tell it when the run rests."""
        self._compactions.append(one)

    def result_of(self, call: str) -> bytes | None:
        """Return the text of what a call of an earlier turn of this run gave; None for a call there was not."""
        for n in self.state.items:
            data = self.contents[n]
            if self._kinds.get(n) == "tool" and call_answered(data) == call:
                return text_of_result("tool", data)
        return None

    @property
    def unfiled(self) -> list[Item]:
        """The run's new items that are not in its session's rows yet."""
        return [item for item, _ in self._unfiled]

    def file_items(self) -> None:
        """Write the run's new items into its session: when it rests, since until then its journal tells them."""
        for item, parent in self._unfiled:
            self.services.sessions.add(self.tx, self.identity.session, item, parent, ENCODER)
        self._unfiled.clear()
        for one in self._compactions:
            self.services.sessions.add_compaction(self.tx, self.identity.session, one)
        self._compactions.clear()

    async def close(self, durability: Durability = "normal") -> None:
        """Make the rest durable, and only then let readers see that the run waits or is over; raises Conflict."""
        await self.commit(durability)
        self.feed.close()

    async def commit(self, durability: Durability = "normal") -> None:
        """Make everything so far durable; raises Conflict when another owner has moved on.

        Once a commit has failed, or nobody knows whether it did, no later one is tried: it would leave a gap in the
        journal. Whoever takes the run up reads how far it came.
        """
        async with self._one_at_a_time:
            if self._lost is not None:
                raise self._lost
            self._write_rows()
            tx, self.tx = self.tx, self.services.database.begin()
            waiting, self._waiting = self._waiting, []
            self._pending = False
            if self._due is not None:
                self._due.cancel()
                self._due = None
            self._showing, self._held = self._held, []
            try:
                await self.services.database.commit(tx, durability)
            except Exception as error:
                self._lost = error
                raise
            except BaseException:
                self._lost = Conflict("nobody knows whether the last commit was made")
                raise
            if self._showing or self._held:
                self._show_durable()
            for tell in waiting:
                tell()

    def once_durable(self, tell: Callable[[], None]) -> None:
        """Have somebody told, once, as soon as what is there now is durable."""
        if tell not in self._waiting:
            self._waiting.append(tell)

    def _show_durable(self) -> None:
        """Publish what the commit made durable, and what waited behind it only to keep the order."""
        ready, self._showing = self._showing, []
        while self._held and not self._held[0][0]:
            ready.append(self._held.pop(0))
        for _, shown in ready:
            self.feed.publish(shown)

    def commit_in_time(self) -> None:
        """Let what is there become durable with the next commit, or by itself when that is long in coming."""
        if self._pending and self._due is None:
            self._due = asyncio.get_running_loop().call_later(DURABLE_AFTER, self._commit_unwatched)

    def _commit_unwatched(self) -> None:
        """Make what is there durable without anybody waiting for it; the next commit meets a failure again."""
        self._due = None
        self._unwatched = asyncio.get_running_loop().create_task(self.commit())
        self._unwatched.add_done_callback(lambda task: task.cancelled() or task.exception())

    def now(self) -> int:
        """Return UTC microseconds."""
        return self.services.clock.now()


NOTED: dict[type, Callable[[RunLog, Any], None]] = {
    e.PolicyDecided: RunLog._note_ruling,  # noqa: SLF001 - the table belongs to the class above it
    e.ApprovalDecided: RunLog._note_verdict,  # noqa: SLF001
    e.InputRequested: RunLog._note_question,  # noqa: SLF001
    e.InputProvided: RunLog._note_answer,  # noqa: SLF001
    e.MemoryRecalled: RunLog._note_recall,  # noqa: SLF001
    e.ToolsOffered: RunLog._note_offer,  # noqa: SLF001
    e.ToolStarted: RunLog._note_start,  # noqa: SLF001
    e.ToolReturned: RunLog._note_result,  # noqa: SLF001
}
"""Events of which later steps look something up."""
