"""Gives a run that waits for its client what a request brings: results of calls, and approvals; begins no run."""

from collections.abc import Sequence

import msgspec
from toolyard_sdk import events as e
from toolyard_sdk.errors import Conflict
from toolyard_sdk.messages import Message

from toolyard_runtime.engine.approving import Approving, no_such_approval
from toolyard_runtime.engine.beginning import stored_context
from toolyard_runtime.engine.engine import Engine
from toolyard_runtime.engine.requests import Asked, Served, visible_part
from toolyard_runtime.engine.sight import may_see
from toolyard_runtime.identity import Caller
from toolyard_runtime.models.encoder import encode_message
from toolyard_runtime.run.runlog import RunContext, RunLog
from toolyard_runtime.run.segments import Ask, ClientAnswer
from toolyard_runtime.run.transcript import call_id, read_call_id
from toolyard_runtime.store.runs import RunRow
from toolyard_runtime.wire.errors import RequestRefused


class Continuing:
    """Takes runs up that wait for their client."""

    def __init__(self, engine: Engine, approving: Approving) -> None:
        self._engine = engine
        self._services = engine.services
        self._approving = approving

    async def go_on(self, caller: Caller, ask: Ask, asked: Asked, end_user: str | None) -> Served | None:
        """Give a waiting run what the request brings; None when its calls are not ours (an imported history)."""
        row = await self._run_of(caller, ask, end_user)
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

    async def _run_of(self, caller: Caller, ask: Ask, end_user: str | None) -> RunRow | None:
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
