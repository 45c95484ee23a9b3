"""Puts a server's questions to the person for whom it is called, and refuses what no host of ours gives."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from mcp_types import (
    INVALID_REQUEST,
    CreateMessageRequest,
    ElicitRequest,
    ElicitRequestParams,
    ElicitRequestURLParams,
    ElicitResult,
    ErrorData,
    InputRequest,
    ListRootsRequest,
)
from pydantic import ValidationError
from toolyard_sdk.asking import Ask

Elicit = Callable[[ElicitRequestParams], Awaitable[ElicitResult]]

DECLINED = ElicitResult(action="decline")

_LONGEST = 4_000
"""Characters of a question."""

_NO_SAMPLING = ErrorData(code=INVALID_REQUEST, message="This client lends no model to servers (sampling).")
_NO_ROOTS = ErrorData(code=INVALID_REQUEST, message="This client has no folders to show (roots).")


async def response(request: InputRequest, elicit: Elicit) -> ElicitResult | ErrorData:
    """Answer what a server needs before it can go on."""
    match request:
        case ElicitRequest(params=params):
            return await elicit(params)
        case CreateMessageRequest():
            return _NO_SAMPLING
        case ListRootsRequest():
            return _NO_ROOTS


async def elicited(params: ElicitRequestParams, ask: Ask) -> ElicitResult:
    """Ask the person; raises InputNeeded where nobody has answered yet."""
    if isinstance(params, ElicitRequestURLParams):
        if urlsplit(params.url).scheme not in ("http", "https"):
            return DECLINED
        return ElicitResult(action=(await ask(params.message[:_LONGEST], None, params.url)).action)
    answer = await ask(params.message[:_LONGEST], params.requested_schema)
    if answer.action != "accept":
        return ElicitResult(action=answer.action)
    try:
        return ElicitResult(action="accept", content=answer.content)
    except ValidationError:  # an answer of a shape that the protocol has no room for
        return DECLINED
