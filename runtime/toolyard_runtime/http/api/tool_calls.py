"""`/api/v1/tools/{name}/call`: one call of a tool by its author, as a run with policy, approvals and a journal."""

from typing import Any

from litestar import Request, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct
from toolyard_sdk.events import ToolReturned
from toolyard_sdk.ids import read

from toolyard_runtime.http.access import caller_of, end_user_of, only
from toolyard_runtime.http.api.admin import Admin, admin_of
from toolyard_runtime.http.api.reading import Query, answer, not_found
from toolyard_runtime.http.api.seeing import callable_by
from toolyard_runtime.http.mcp.answering import Answered, Answering, Asking
from toolyard_runtime.http.mcp.offering import Offering
from toolyard_runtime.http.openai_routes import Front
from toolyard_runtime.run.runlog import Progress
from toolyard_runtime.wire.reading import Reader

CALLERS = only("author", "operator")


class Call(Struct, frozen=True, forbid_unknown_fields=True):
    """What the tool is called with."""

    arguments: dict[str, Any]


_read_call = Reader(Call, frozenset(), {"arguments": "send the tool's arguments as an object"})


@post("/api/v1/tools/{name:str}/call", opt=CALLERS, status_code=200, summary="Call a tool")
async def call_tool(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Call a tool once and return what a model would read, how long the tool took, and the run that the call was.

    `is_error` tells an error of the tool, a call that was kept from running, and one that waits for a person.
    """
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    wanted, _ = _read_call.read(await request.body())
    front: Front = request.app.state["front"]
    sees = await callable_by(admin, caller)
    offer = Offering(admin.agents.repository.agents, admin.agents.tools(), frozenset(), sees).find(name)
    if offer is None or offer.tool is None:
        raise not_found("tool", name, param="name")
    answering = Answering(front.engine, front.desk, front.public_url)
    asking = Asking(caller, end_user_of(request, caller), _unwatched)
    return answer(await _shown(admin, caller.tenant, await answering.answer(offer, wanted.arguments, asking)))


def _unwatched(_progress: Progress) -> None:
    """Take a report that nobody waits for: the answer is one piece."""


async def _shown(admin: Admin, tenant: str, answered: Answered) -> dict[str, Any]:
    result, run = answered.result, read("run", answered.run)
    row = await admin.services.runs.find(tenant, run) if run is not None else None
    events = (await admin.engine.journal_of(row.id))[0] if row is not None else ()
    took = [event.duration_us for event in events if isinstance(event, ToolReturned)]
    text = result.text
    if answered.asked is not None:
        text = f"It asks a person: {answered.asked.question.message} (toolyard answer {answered.asked.input})"
    elif row is not None and row.status == "parked":
        text = f"It waits for a person: toolyard approve {answered.run}"
    return {
        "text": text,
        "structured": result.structured,
        "is_error": result.is_error,
        "duration_us": took[-1] if took else 0,
        "run": answered.run,
    }


ROUTES = (call_tool,)
