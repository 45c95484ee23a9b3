"""A person's answer to what a tool asks: checks it and hands it to the run that waits; knows no HTTP."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from toolyard_sdk import events as e
from toolyard_sdk.asking import Answer, Question
from toolyard_sdk.errors import Conflict

from toolyard_runtime.engine.engine import Engine, RunOver
from toolyard_runtime.run.drive import Driver
from toolyard_runtime.run.questions import misfit
from toolyard_runtime.run.runlog import RunLog
from toolyard_runtime.run.transcript import Lookup
from toolyard_runtime.store.runs import RunRow
from toolyard_runtime.wire.errors import RequestRefused


class Asking(Struct, frozen=True):
    """What one call of a run asks, or asked last: `question` is None once erased, `given` is None until answered."""

    call: int
    request: e.InputRequested
    question: Question | None
    given: e.InputProvided | None = None
    withdrawn: bool = False


def questions_of(events: Sequence[e.RunEvent], lookup: Lookup) -> dict[int, Asking]:
    """Return what the calls of a run ask, by call: of several questions of one call the newest."""
    found: dict[int, Asking] = {}
    for event in events:
        match event:
            case e.InputRequested():
                payload = lookup(event.question.n)
                question = None if payload is None else msgspec.json.decode(payload, type=Question)
                found[event.call] = Asking(event.call, event, question)
            case e.InputProvided() if event.call in found:
                found[event.call] = msgspec.structs.replace(found[event.call], given=event)
            case e.ToolReturned() if event.call in found and found[event.call].given is None:
                found[event.call] = msgspec.structs.replace(found[event.call], withdrawn=True)
            case _:
                pass
    return found


async def give(engine: Engine, run: RunRow, asking: Asking, said: Answer, by: str) -> Driver:
    """Record an answer and let the run go on in background; raises RequestRefused when it is none, or too late."""
    if asking.question is None or asking.given is not None or asking.withdrawn:
        raise _too_late()
    problem = misfit(asking.question, said)
    if problem:
        raise RequestRefused(problem, param="content", code="invalid_answer", status=422)

    def news(log: RunLog) -> Sequence[e.RunEvent]:
        waits = any(made.head.call == asking.call and made.stage == "questioned" for made in log.state.calls)
        if not waits:
            raise Conflict("the call does not wait any more")
        content = log.put("answer", msgspec.json.encode(said.content)) if said.content else None
        request = asking.request.request
        return (e.InputProvided(log.now(), asking.call, request, said.action, by, content),)

    try:
        return await engine.resume(run, "input", news)
    except (Conflict, RunOver) as error:
        raise _too_late() from error


def _too_late() -> RequestRefused:
    return RequestRefused(
        "It does not wait any more: it was answered, or its run has ended; ask the agent again.",
        param="id",
        code="input_answered",
        status=409,
    )
