"""From a request to the run that answers it: finds the session, the run it continues, or begins one; knows no HTTP.

Who asks is settled before anything is looked up: whatever belongs to another tenant or end user is answered exactly as
if it did not exist.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from toolyard_memory.sessions.store import Continuation, continuation_key
from toolyard_sdk import events as e
from toolyard_sdk.ids import show
from toolyard_sdk.messages import Message

from toolyard_runtime.engine.approving import Approving
from toolyard_runtime.engine.beginning import NewRun
from toolyard_runtime.engine.continuing import Continuing
from toolyard_runtime.engine.engine import Engine, Full, RunUnavailable, Stopped
from toolyard_runtime.engine.repeats import Repeats
from toolyard_runtime.engine.requests import Asked, Served, visible_part
from toolyard_runtime.engine.sight import may_see
from toolyard_runtime.identity import Caller
from toolyard_runtime.models.encoder import encode_message
from toolyard_runtime.run.binding import BoundAgent
from toolyard_runtime.run.questions import input_id
from toolyard_runtime.run.segments import Ask, Sampling
from toolyard_runtime.run.transcript import call_id
from toolyard_runtime.store.runs import RunRow
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.models import unknown_model

RETRY_WINDOW_US = 10 * 60 * 1_000_000
"""How far back a repeated request looks for the run that its first try began."""

NO_SAMPLING = Sampling()


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
        self._continuing = Continuing(engine, approving)
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
                served = await self._continuing.go_on(caller, ask, asked, end_user)
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


def _head(row: RunRow) -> e.ItemRef | None:
    return e.ItemRef(row.id, row.head_n) if row.head_n else row.base


def _end_user(caller: Caller, ask: Ask, asked: Asked) -> tuple[str | None, tuple[str, ...]]:
    """Return whom the request is for: trusted only from keys marked `frontend`."""
    claimed = asked.end_user or ask.end_user
    if claimed is None or "frontend" in caller.roles:
        return claimed, ask.warnings
    warning = "user has no effect: this key may not speak for end users (it lacks the role `frontend`)"
    return None, (*ask.warnings, warning)
