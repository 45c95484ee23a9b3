"""`/api/v1/inputs`: what tools ask people, and the answers."""

from typing import Any, Literal

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct
from toolyard_sdk.asking import Answer
from toolyard_sdk.ids import show

from toolyard_runtime.engine.answering import Asking, give, questions_of
from toolyard_runtime.engine.approving import acting, may_decide
from toolyard_runtime.engine.sight import may_look
from toolyard_runtime.http.access import caller_of, end_user_of
from toolyard_runtime.http.api.admin import DECIDERS, EVERYBODY, Admin, admin_of
from toolyard_runtime.http.api.calls import calls_of
from toolyard_runtime.http.api.reading import Query, answer, not_found
from toolyard_runtime.run.questions import input_id, read_input_id
from toolyard_runtime.store.runs import RunRow
from toolyard_runtime.wire.reading import Reader


class Given(Struct, frozen=True, forbid_unknown_fields=True):
    """A person's answer: `content` goes with `accept` and fits the question's schema."""

    action: Literal["accept", "decline", "cancel"]
    content: dict[str, Any] = {}


_read_given = Reader(Given, frozenset(), {"action": "send accept, decline or cancel"})


def input_object(row: RunRow, asking: Asking, tool: str) -> dict[str, Any]:
    """Return a question as it is shown."""
    question, given = asking.question, asking.given
    over = asking.withdrawn or row.status == "finished"
    return {
        "id": input_id(row.id, asking.call),
        "run": show("run", row.id),
        "agent": row.agent,
        "call": asking.call,
        "tool": tool,
        "message": question.message if question is not None else None,
        "schema": question.schema if question is not None else None,
        "url": question.url or None if question is not None else None,
        "requested_at": asking.request.at,
        "status": given.action if given is not None else "withdrawn" if over else "pending",
        "answered_at": given.at if given is not None else None,
        "answered_by": given.by if given is not None else None,
    }


async def inputs_of(admin: Admin, row: RunRow) -> list[dict[str, Any]]:
    """Return what the calls of a run ask and nobody has answered."""
    if row.status != "parked" and row.id not in admin.engine.live:
        return []
    events, lookup = await admin.engine.journal_of(row.id)
    calls = calls_of(events, lookup)
    shown = [input_object(row, asking, calls[asking.call].name) for asking in questions_of(events, lookup).values()]
    return [one for one in shown if one["status"] == "pending"]


async def _find(admin: Admin, request: Request[Any, Any, Any], name: str) -> tuple[RunRow, Asking, str]:
    """Return a question the caller may see, its run and its tool; raises RequestRefused (404)."""
    caller, place = caller_of(request), read_input_id(name)
    row = await admin.services.runs.find(caller.tenant, place[0]) if place is not None else None
    if place is None or row is None or not may_look(caller, row, end_user_of(request, caller)):
        raise not_found("input", name)
    events, lookup = await admin.engine.journal_of(row.id)
    asking = questions_of(events, lookup).get(place[1])
    if asking is None:
        raise not_found("input", name)
    return row, asking, calls_of(events, lookup)[asking.call].name


@get("/api/v1/inputs/{question:str}", opt=EVERYBODY, summary="Show a question")
async def show_input(request: Request[Any, Any, Any], question: FromPath[str]) -> Response[bytes]:
    """Show what a call asks a person, or asked last."""
    Query(request)
    return answer(input_object(*await _find(admin_of(request), request, question)))


@post("/api/v1/inputs/{question:str}", opt=DECIDERS, status_code=200, summary="Answer a question")
async def give_input(request: Request[Any, Any, Any], question: FromPath[str]) -> Response[bytes]:
    """Answer what a call asks; it begins again with the answer, and its run goes on in background."""
    admin, caller = admin_of(request), caller_of(request)
    row, asking, _ = await _find(admin, request, question)
    end_user = end_user_of(request, caller)
    if not may_decide(caller, row, end_user):
        raise not_found("input", question)
    given, _ = _read_given.read(await request.body())
    await give(admin.engine, row, asking, Answer(given.action, given.content), acting(caller, end_user))
    return answer(input_object(*await _find(admin, request, question)))


ROUTES = (show_input, give_input)
