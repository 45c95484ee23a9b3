"""Answers calls at `/mcp` by runs: a tool's by a run of this one call, an agent's by a run of it; knows no MCP."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from toolyard_sdk.asking import Answer, Question
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.ids import read, show
from toolyard_sdk.messages import Message, ToolResult

from toolyard_runtime.engine import direct
from toolyard_runtime.engine.answering import give, questions_of
from toolyard_runtime.engine.approving import acting, may_decide
from toolyard_runtime.engine.beginning import NewRun
from toolyard_runtime.engine.desk import Desk
from toolyard_runtime.engine.engine import Engine, Full, RunUnavailable, Stopped
from toolyard_runtime.engine.requests import Asked
from toolyard_runtime.engine.sight import may_see
from toolyard_runtime.http.mcp.offering import RESULT, AgentArguments, Offer, ResultArguments
from toolyard_runtime.http.refusals import told
from toolyard_runtime.identity import Caller
from toolyard_runtime.models.direct import wanted_text
from toolyard_runtime.run.drive import Driver
from toolyard_runtime.run.questions import input_id
from toolyard_runtime.run.runlog import Progress
from toolyard_runtime.run.segments import ApprovalOut, Ask, Segment, ServerCallOut, TextOut
from toolyard_runtime.store.runs import RunRow
from toolyard_runtime.wire.chat.answer import approval_text
from toolyard_runtime.wire.errors import RequestRefused, segment_fault
from toolyard_runtime.wire.responses.ids import read_response_id, response_id

Watch = Callable[[Progress], None]


class Asking(Struct, frozen=True):
    """Who calls, for whom, and who is told how far the call has come."""

    caller: Caller
    end_user: str | None
    watch: Watch


class Open(Struct, frozen=True):
    """What a run asks a person, and the id that the answer is given by."""

    input: str
    question: Question


class Answered(Struct, frozen=True):
    """What a call gave, and the run that it was ("" for none).

    Where it `waits` for a person's answer, `asked` is the question.
    """

    result: ToolResult
    run: str = ""
    waits: bool = False
    asked: Open | None = None


class Answering:
    """Calls on behalf of MCP clients."""

    def __init__(self, engine: Engine, desk: Desk, public_url: str) -> None:
        self._engine = engine
        self._desk = desk
        self._public_url = public_url

    async def answer(self, offer: Offer, arguments: dict[str, Any], asking: Asking) -> Answered:
        """Make one call; what the caller could not have meant is an error result. A caller that leaves is cancelled."""
        try:
            return await self._with_question(await self._answer(offer, arguments, asking))
        except msgspec.ValidationError as error:
            words = f"The arguments do not fit {offer.spec.name}: {error}"
        except RequestRefused as error:
            words = error.message
        except Full:
            words = "As many runs are live as this server takes; try again in a moment."
        except Stopped:
            words = "An operator has stopped this; it answers again when the stop is taken back."
        except (ConfigError, RunUnavailable) as error:
            words = told(error, f"the call of {offer.spec.name}").message
        return _refused(words)

    async def go_on(self, offer: Offer, run: str, said: Mapping[str, Answer], asking: Asking) -> Answered:
        """Give a run the answers to what it asks, by their ids, and return what came of it, as its call would."""
        structured = offer.spec.output_schema is not None
        try:
            row = await self._row(run, asking)
            if row is None:
                return _refused("There is no such run.")
            events, lookup = await self._engine.journal_of(row.id)
            for open_ in questions_of(events, lookup).values():
                given = said.get(input_id(row.id, open_.call))
                if given is not None and open_.given is None and may_decide(asking.caller, row, asking.end_user):
                    await give(self._engine, row, open_, given, acting(asking.caller, asking.end_user))
            return await self._with_question(await self._outcome(row, asking, structured=structured))
        except RequestRefused as error:
            return _refused(error.message)
        except (ConfigError, RunUnavailable, Full) as error:
            return _refused(str(error))

    async def _with_question(self, answered: Answered) -> Answered:
        """Add what a run asks that waits for a person's answer."""
        run = read("run", answered.run) if answered.waits else None
        if run is None:
            return answered
        for open_ in questions_of(*await self._engine.journal_of(run)).values():
            if open_.question is not None and open_.given is None and not open_.withdrawn:
                asked = Open(input_id(run, open_.call), open_.question)
                return msgspec.structs.replace(answered, asked=asked)
        return answered

    async def _answer(self, offer: Offer, arguments: dict[str, Any], asking: Asking) -> Answered:
        if offer.tool is not None:
            return await self._tool(offer, arguments, asking)
        if offer.agent:
            return await self._agent(offer.agent, msgspec.convert(arguments, AgentArguments), asking)
        return await self._result(msgspec.convert(arguments, ResultArguments).run, asking)

    async def _tool(self, offer: Offer, arguments: dict[str, Any], asking: Asking) -> Answered:
        name = offer.spec.name
        agent = self._engine.agents.direct(name)
        if agent is None:
            return _refused(f"There is no tool {name} any more; list the tools again.")
        services, tenant = self._engine.services, asking.caller.tenant
        tx = services.database.begin()
        services.keep_release(tx, tenant, agent.release)
        await services.database.commit(tx)  # a run that waits for approval is taken up with the release it began with
        driver = await self._engine.start(
            NewRun(
                tenant=tenant,
                caller=asking.caller.key,
                roles=frozenset(asking.caller.roles),
                agent=agent,
                messages=(Message("user", wanted_text(name, arguments)),),
                end_user=asking.end_user,
            )
        )
        return self._of_call(await self._settled(driver, asking), structured=offer.spec.output_schema is not None)

    async def _agent(self, name: str, asked: AgentArguments, asking: Asking) -> Answered:
        previous = read_response_id(asked.session) if asked.session else None
        if asked.session and previous is None:
            return _refused("session: that is no session; leave it out to begin one.")
        ask = Ask(agent=name, messages=(Message("user", asked.message),), resends=False, previous=previous)
        served = await self._desk.serve(asking.caller, ask, Asked(end_user=asking.end_user))
        if served.driver is None:
            return _refused("There is no such run.")
        return self._of_agent(await self._settled(served.driver, asking))

    async def _result(self, name: str, asking: Asking) -> Answered:
        row = await self._row(name, asking)
        return await self._outcome(row, asking) if row is not None else _refused(f"{RESULT}: there is no such run.")

    async def _row(self, name: str, asking: Asking) -> RunRow | None:
        """Return a run that the caller may see."""
        run = read("run", name)
        row = await self._engine.services.runs.find(asking.caller.tenant, run) if run else None
        return row if row is not None and may_see(asking.caller, row, asking.end_user) else None

    async def _outcome(self, row: RunRow, asking: Asking, *, structured: bool = False) -> Answered:
        """Return what has become of a run, once it has ended or waits for somebody."""
        driver = self._engine.live.get(row.id)
        if driver is not None:
            segment: Segment | None = await self._settled(driver, asking, leaving=False)
        else:
            segment = await self._engine.segment(row)
        if segment is None:
            return _refused(f"{RESULT}: there is no such run.")
        if segment.agent == direct.AGENT:
            return self._of_call(segment, structured=structured)
        return self._of_agent(segment)

    async def _settled(self, driver: Driver, asking: Asking, *, leaving: bool = True) -> Segment:
        """Wait for the answer; with `leaving`, a caller that leaves before it starts the run's grace time."""
        over = False
        try:
            with _watched(driver, asking.watch):
                await driver.log.feed.settled()
            over = True
        finally:
            if leaving and not over:
                self._engine.client_left(driver)
        return driver.log.transcript.segment()

    def _of_call(self, segment: Segment, *, structured: bool = False) -> Answered:
        """Return what became of the one call of a run. With `structured`, its text is JSON, as a journal keeps it."""
        run = show("run", segment.run)
        for output in segment.outputs:
            if isinstance(output, ApprovalOut):
                return Answered(ToolResult(self._waits(output, segment), is_error=True), run)
        if segment.finish == "input":
            asked = [output.text for output in segment.outputs if isinstance(output, TextOut)]
            fetch = f"Then fetch the result with {RESULT}, run {run}."
            return Answered(ToolResult("\n\n".join((*asked, fetch)), is_error=True), run, waits=True)
        calls = [output for output in segment.outputs if isinstance(output, ServerCallOut)]
        if not calls:
            fault = segment_fault(segment)
            words = fault.message if fault is not None else "the run ended before it"
            return Answered(ToolResult(f"The call was not made: {words}", is_error=True), run)
        call = calls[-1]
        failed = call.error is not None or call.status != "completed"
        text = call.error or call.output or ""
        return Answered(ToolResult(text, _json(text) if structured and not failed else None, is_error=failed), run)

    def _of_agent(self, segment: Segment) -> Answered:
        """Return an agent's answer, as a person would be shown it."""
        run = show("run", segment.run)
        fault = segment_fault(segment)
        if fault is not None:
            return Answered(ToolResult(fault.message, is_error=True), run)
        text = self._engine.services.visible_text(segment)
        session = response_id(segment.run, segment.index)
        answer = {"answer": text, "session": session, "run": run, "waits": segment.finish in ("approval", "input")}
        return Answered(ToolResult(text, structured=answer), run, waits=segment.finish == "input")

    def _waits(self, output: ApprovalOut, segment: Segment) -> str:
        words, _, _ = approval_text(output, segment.run, self._public_url).rpartition(" Then write")
        return f"{words} Then fetch the result with {RESULT}, run {show('run', segment.run)}."


def _refused(words: str) -> Answered:
    return Answered(ToolResult(words, is_error=True))


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):  # cut, or made by hand
        return None


@contextlib.contextmanager
def _watched(driver: Driver, watch: Watch) -> Iterator[None]:
    driver.log.watching.append(watch)
    try:
        yield
    finally:
        driver.log.watching.remove(watch)
