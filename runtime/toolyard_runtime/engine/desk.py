"""From a request to the run that answers it: finds the session, the run it continues, or begins one; knows no HTTP.

Who asks is settled before anything is looked up: whatever belongs to another tenant or end user is answered exactly as
if it did not exist.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from toolyard_memory.sessions.store import Continuation, continuation_key
from toolyard_sdk import events as e
from toolyard_sdk.errors import Conflict
from toolyard_sdk.ids import show
from toolyard_sdk.messages import Message, TextPart

from toolyard_runtime.engine.approving import Approving, no_such_approval
from toolyard_runtime.engine.beginning import NewRun, stored_context
from toolyard_runtime.engine.engine import Engine, Full, RunUnavailable, Stopped
from toolyard_runtime.engine.repeats import Answering, Repeats
from toolyard_runtime.engine.sight import may_see
from toolyard_runtime.identity import Caller
from toolyard_runtime.models.encoder import encode_message
from toolyard_runtime.run.binding import BoundAgent
from toolyard_runtime.run.drive import Driver
from toolyard_runtime.run.feed import Feed
from toolyard_runtime.run.questions import input_id
from toolyard_runtime.run.runlog import RunContext, RunLog
from toolyard_runtime.run.segments import Ask, ClientAnswer, Sampling, Segment
from toolyard_runtime.run.transcript import call_id, read_call_id
from toolyard_runtime.store.runs import RunRow
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.models import unknown_model

RETRY_WINDOW_US = 10 * 60 * 1_000_000
"""How far back a repeated request looks for the run that its first try began."""

NO_SAMPLING = Sampling()


class Asked(Struct, frozen=True):
    """What comes with a request besides its body.

    `digest` names the request for retries, `retried` says the client repeats it, `idempotent` that
    its key names it for good, `chat` is a chat id of its frontend.
    """

    digest: bytes = b""
    retried: bool = False
    idempotent: bool = False
    chat: str = ""
    end_user: str | None = None
    echo: bytes | None = None


class Served(Struct, frozen=True):
    """The answer on its way (`driver`), or already there (`segment`); `prologue` comes before it as text."""

    driver: Driver | None = None
    segment: Segment | None = None
    prologue: str = ""
    warnings: tuple[str, ...] = ()
    answering: Answering | None = None

    @property
    def place(self) -> tuple[bytes, int]:
        """The run and the index of the segment that answers."""
        if self.driver is not None:
            return self.driver.log.identity.run, self.driver.log.transcript.index
        return (self.segment.run, self.segment.index) if self.segment is not None else (b"", 0)

    def delivered(self) -> None:
        """Note that the client has got the whole answer: an equal request is a new one from now on."""
        if self.answering is not None:
            self.answering.delivered = True

    @property
    def feed(self) -> Feed | None:
        """The live stream, where there is one."""
        return self.driver.log.feed if self.driver is not None else None


class _Query(Struct, frozen=True):
    """A request whose agent and end user are settled."""

    caller: Caller
    agent: BoundAgent
    ask: Ask
    asked: Asked
    end_user: str | None


class Desk:
    """Turns requests into runs."""

    def __init__(self, engine: Engine, approving: Approving) -> None:
        self._engine = engine
        self._services = engine.services
        self._approving = approving
        self._repeats = Repeats()

    async def serve(self, caller: Caller, ask: Ask, asked: Asked) -> Served:
        """Return the answer to a request; raises RequestRefused, Full and Stopped."""
        end_user, warnings = _end_user(caller, ask, asked)
        if not (asked.retried or asked.idempotent):
            return await self._answer(caller, ask, asked, end_user, warnings)
        async with self._repeats.turn(caller.tenant, caller.key, asked.digest):
            first = await self._first_try(caller, asked, end_user)
            if first is not None:
                return msgspec.structs.replace(first, warnings=warnings)
            return await self._answer(caller, ask, asked, end_user, warnings)

    async def _answer(
        self, caller: Caller, ask: Ask, asked: Asked, end_user: str | None, warnings: tuple[str, ...]
    ) -> Served:
        """Continue a run or begin one, and remember what answers the request."""
        try:
            served = None
            if ask.client_answers or ask.approvals:
                served = await self._continue(caller, ask, asked, end_user)
            if served is None:
                query = _Query(caller, await self._agent(ask), ask, asked, end_user)
                served = await (self._chat(query) if ask.resends else self._response(query))
        except (Full, Stopped):
            self._repeats.refuse(caller.tenant, caller.key, asked.digest)
            raise
        answering = None
        if asked.digest:
            answering = self._repeats.remember(caller.tenant, caller.key, asked.digest, *served.place)
        return msgspec.structs.replace(served, warnings=warnings, answering=answering)

    async def _agent(self, ask: Ask) -> BoundAgent:
        agents = self._engine.agents
        agent = await agents.reachable(ask.agent)
        if agent is None:
            raise unknown_model(ask.agent, agents.names())
        taken = {tool.spec.name for tool in agent.release.tools} & {tool.name for tool in ask.client_tools}
        if taken:
            name = min(taken)
            raise RequestRefused(
                f"tools: {name!r} is a tool of the agent itself; give the client's function another name.",
                param="tools",
                code="duplicate_tool",
            )
        return agent

    async def _first_try(self, caller: Caller, asked: Asked, end_user: str | None) -> Served | None:
        """Return the answer to a request that is sent again; None when this one is to be answered by itself.

        An equal request whose answer has arrived is a new question, unless its idempotency key says otherwise. A run
        that failed before it called anything is tried again.
        """
        if not asked.idempotent and self._repeats.was_refused(caller.tenant, caller.key, asked.digest):
            return None
        known = self._repeats.find(caller.tenant, caller.key, asked.digest)
        if known is not None:
            if known.delivered and not asked.idempotent:
                return None
            driver = self._engine.live.get(known.run)
            if driver is not None and driver.row.end_user == end_user and driver.log.transcript.index == known.segment:
                return Served(driver=driver)  # its row may not be written yet
            row = await self._services.runs.find(caller.tenant, known.run)
        else:
            since = self._services.clock.now() - RETRY_WINDOW_US
            row = await self._services.runs.find_request(caller.tenant, caller.key, asked.digest, since)
        if row is None or row.end_user != end_user or (row.reason == "failed" and not row.calls):
            return None
        return await self._attach(row, known.segment if known is not None else row.segment)

    async def _attach(self, row: RunRow, index: int) -> Served:
        """Return a segment of a run, live or not."""
        driver = self._engine.live.get(row.id)
        if driver is not None and driver.log.transcript.index == index:
            return Served(driver=driver)
        return Served(segment=await self._engine.segment(row, index))

    # --- Responses ---

    async def _response(self, query: _Query) -> Served:
        session, base = None, None
        if query.ask.previous is not None:
            row = await self._previous(query.caller, query.ask.previous[0], query.end_user)
            session, base = row.session, _head(row)
        return await self._begin(query, query.ask.messages, session, base)

    async def _previous(self, caller: Caller, run: bytes, end_user: str | None) -> RunRow:
        row = await self._engine.row(caller.tenant, run)
        if row is None or not may_see(caller, row, end_user):
            raise RequestRefused(
                "previous_response_id: there is no such response.",
                param="previous_response_id",
                code="previous_response_not_found",
                status=404,
            )
        if row.id in self._engine.live or row.status == "running":
            raise RequestRefused(
                "previous_response_id: that response is still in progress; wait for it or cancel it.",
                param="previous_response_id",
                code="response_in_progress",
                status=409,
            )
        if row.status == "parked":
            raise RequestRefused(await self._what_it_waits_for(row), param="input", code="response_waiting")
        return row

    async def _what_it_waits_for(self, row: RunRow) -> str:
        log = await self._engine.load(row)
        waiting = [call for call in log.state.calls if call.stage == "handed"]
        if waiting:
            names = ", ".join(call_id(row.id, call.head.call) for call in waiting)
            return f"input: no tool output found for function call {names}; send a function_call_output for each."
        asked = [input_id(row.id, call.head.call) for call in log.state.calls if call.stage == "questioned"]
        if asked:
            return f"input: the response waits for a person's answer; give it with `toolyard answer {asked[0]}`."
        names = ", ".join(f"mcpr_{approval.hex()}" for approval in log.state.approvals)
        return (
            f"input: the response waits for approval of {names}; send an mcp_approval_response, "
            f"or decide with `toolyard approve {show('run', row.id)}`."
        )

    # --- Chat ---

    async def _chat(self, query: _Query) -> Served:
        caller, ask = query.caller, query.ask
        visible = tuple(visible_part(message) for message in ask.messages)
        last = max((i for i, message in enumerate(ask.messages) if message.role == "assistant"), default=-1)
        if last < 0:
            return await self._begin(query, ask.messages, None, None, visible=visible)
        key = self._key(query, visible[: last + 1])
        place = await self._services.sessions.recall(caller.tenant, key)
        row = await self._services.runs.find(caller.tenant, place.item.run) if place is not None else None
        if place is None or row is None:
            return await self._begin(query, ask.messages, None, None, visible=visible)
        row = await self._at_rest(row)
        if row.status == "parked" and row.reason in ("approval", "input"):
            return await self._remind(query, row, place, visible)
        if row.status == "parked":
            await self._engine.cancel(row, caller.key, "superseded")
            row = await self._at_rest(row)
        missed = await self._missed(row, place.segment) if row.segment > place.segment else ""
        base = _head(row) if missed or row.head_n > place.item.n else place.item
        fresh = ask.messages[last + 1 :]
        return await self._begin(query, fresh, row.session, base, visible=visible, prologue=missed)

    async def _at_rest(self, row: RunRow) -> RunRow:
        """Wait until nobody drives the run any more and return its row."""
        while True:
            driver = self._engine.live.get(row.id)
            if driver is None:
                return await self._services.runs.find(row.tenant, row.id) or row
            await driver.log.feed.settled()
            await driver.gone.wait()

    async def _missed(self, row: RunRow, seen: int) -> str:
        """Return what a run said in segments that no request has carried to the client yet."""
        said = []
        for index in range(seen + 1, row.segment + 1):
            segment = await self._engine.segment(row, index)
            if segment is not None:
                said.append(self._services.visible_text(segment))
        text = "\n\n".join(part for part in said if part)
        return text + "\n\n" if text else ""

    async def _remind(self, query: _Query, row: RunRow, place: Continuation, visible: tuple[bytes, ...]) -> Served:
        """Say again what a run waits for, so that the conversation can go on from there."""
        segment = await self._engine.segment(row)
        if segment is None:
            raise RunUnavailable(show("run", row.id))
        said = encode_message(Message("assistant", self._services.visible_text(segment)))
        key = self._key(query, (*visible, said))
        tx = self._services.database.begin()
        here = Continuation(place.session, place.item, segment.index)
        self._services.sessions.remember(tx, key, query.caller.tenant, here)
        await self._services.database.commit(tx)
        return Served(segment=segment)

    def _key(self, query: _Query, visible: Sequence[bytes]) -> bytes:
        parts = (query.asked.chat.encode(errors="replace"), *visible)
        caller = query.caller
        return continuation_key(caller.tenant, caller.key, query.end_user, query.agent.release.name, parts)

    # --- new runs ---

    async def _begin(
        self,
        query: _Query,
        messages: tuple[Message, ...],
        session: bytes | None,
        base: e.ItemRef | None,
        *,
        visible: tuple[bytes, ...] | None = None,
        prologue: str = "",
    ) -> Served:
        caller, ask, asked = query.caller, query.ask, query.asked
        driver = await self._engine.start(
            NewRun(
                tenant=caller.tenant,
                caller=caller.key,
                roles=caller.roles,
                agent=query.agent,
                messages=messages,
                mode="background" if ask.background else "foreground",
                end_user=query.end_user,
                session=session,
                base=base,
                instructions=ask.instructions,
                client_tools=ask.client_tools,
                sampling=ask.sampling if ask.sampling != NO_SAMPLING else None,
                stream=ask.stream,
                request=asked.digest or None,
                echo=asked.echo,
                visible=(asked.chat.encode(errors="replace"), *visible) if visible is not None else None,
                prologue=prologue,
            )
        )
        return Served(driver=driver, prologue=prologue)

    # --- runs that wait for the client ---

    async def _continue(self, caller: Caller, ask: Ask, asked: Asked, end_user: str | None) -> Served | None:
        """Give a waiting run what the request brings; None when its calls are not ours (an imported history)."""
        row = await self._waiting_run(caller, ask, end_user)
        if row is None:
            return None
        if not ask.resends and ask.messages:
            raise RequestRefused(
                "input: send the results or approvals alone, and new messages after the answer to them.",
                param="input",
                code="mixed_input",
            )
        if ask.resends and ask.messages[-1].role != "tool":
            raise RequestRefused(
                "messages: send the results of the calls alone, and the new message after the answer to them.",
                param="messages",
                code="mixed_input",
            )
        if len({answer.approval for answer in ask.approvals}) < len(ask.approvals):
            raise RequestRefused("input: an approval is decided once.", param="input", code="approval_decided")
        decided = [await self._approving.check(caller, row, answer, end_user) for answer in ask.approvals]
        visible = tuple(visible_part(message) for message in ask.messages) if ask.resends else None

        def news(log: RunLog) -> Sequence[e.RunEvent]:
            if any(decision.row.id not in log.state.approvals for decision in decided):
                raise Conflict("one of the approvals does not wait any more")  # before anything is written
            made: list[e.RunEvent] = [_returned(log, ask.client_answers)] if ask.client_answers else []
            return made + [self._approving.event(log, caller, end_user, decision) for decision in decided]

        def context(log: RunLog) -> RunContext:
            return msgspec.structs.replace(
                stored_context(log),
                stream=ask.stream,
                visible=(asked.chat.encode(errors="replace"), *visible) if visible is not None else None,
            )

        why: e.ResumeReason = "client_tools" if ask.client_answers else "approval"
        try:
            return Served(driver=await self._engine.resume(row, why, news, context=context))
        except Conflict as error:
            raise RequestRefused(
                f"{_where(ask)}: the run does not wait for this any more: somebody was faster.",
                param=_where(ask),
                code="call_already_answered",
                status=409,
            ) from error

    async def _waiting_run(self, caller: Caller, ask: Ask, end_user: str | None) -> RunRow | None:
        runs = set()
        for answer in ask.client_answers:
            known = read_call_id(answer.call_id)
            if known is None:
                if ask.resends:
                    return None
                raise _no_such_call(answer.call_id, ask)
            runs.add(known[0])
        for approval in ask.approvals:
            runs.add(await self._approving.run_of(caller, approval.approval))
        if len(runs) != 1:
            raise RequestRefused("input: results and approvals of one response at a time.", param="input")
        row = await self._services.runs.find(caller.tenant, runs.pop())
        if row is None or not may_see(caller, row, end_user):
            if not ask.client_answers:
                raise no_such_approval(ask.approvals[0].approval)
            raise _no_such_call(ask.client_answers[0].call_id, ask)
        if row.status == "finished" and ask.client_answers and ask.resends:
            return None  # a chat that is resent is answered anew, from what it says itself
        if row.status == "finished" and ask.client_answers:
            raise RequestRefused(
                "the run that made these calls is over; start a new conversation or leave the results out.",
                param=_where(ask),
                code="call_already_answered",
                status=409,
            )
        return row


def _returned(log: RunLog, given: Sequence[ClientAnswer]) -> e.ClientToolsReturned:
    """Match a client's results with the calls that wait for them; raises RequestRefused when they do not fit."""
    waiting = {call_id(log.identity.run, call.head.call): call for call in log.state.calls if call.stage == "handed"}
    answered = {answer.call_id: answer for answer in given}
    if len(answered) < len(given):
        raise RequestRefused(
            "each call has one result; send one for each call.", param="input", code="duplicate_output"
        )
    missing = sorted(waiting.keys() - answered.keys())
    if missing or not waiting:
        what = (
            f"no tool output found for function call {', '.join(missing)}" if missing else "no call waits for a result"
        )
        raise RequestRefused(f"{what}; send one result for each call that was asked for.", param="input")
    unknown = sorted(answered.keys() - waiting.keys())
    if unknown:
        raise RequestRefused(f"call {unknown[0]} does not wait for a result.", param="input", code="unknown_call")
    results = []
    for name, call in waiting.items():
        message = Message("tool", answered[name].output, tool_call_id=name)
        results.append(e.ClientResult(call.head.call, log.put("tool", encode_message(message))))
    return e.ClientToolsReturned(log.now(), tuple(results))


def _where(ask: Ask) -> str:
    return "messages" if ask.resends else "input"


def _no_such_call(call: str, ask: Ask) -> RequestRefused:
    return RequestRefused(
        f"{_where(ask)}: there is no call {call!r} that waits for a result.",
        param=_where(ask),
        code="call_not_found",
        status=404,
    )


def _head(row: RunRow) -> e.ItemRef | None:
    return e.ItemRef(row.id, row.head_n) if row.head_n else row.base


def _end_user(caller: Caller, ask: Ask, asked: Asked) -> tuple[str | None, tuple[str, ...]]:
    """Return whom the request is for: trusted only from keys marked `frontend`."""
    claimed = asked.end_user or ask.end_user
    if claimed is None or "frontend" in caller.roles:
        return claimed, ask.warnings
    warning = "user has no effect: this key may not speak for end users (it lacks the role `frontend`)"
    return None, (*ask.warnings, warning)


def visible_part(message: Message) -> bytes:
    """Return a message as both sides of a resent conversation write it: text parts joined, reasoning left out."""
    content = message.content
    if isinstance(content, tuple) and all(isinstance(part, TextPart) for part in content):
        content = "".join(part.text for part in content if isinstance(part, TextPart))
    return encode_message(msgspec.structs.replace(message, content=content or "", reasoning=None))


__all__ = ["Asked", "Desk", "Served", "Stopped", "visible_part"]
