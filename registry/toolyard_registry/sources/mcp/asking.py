"""Puts a server's questions to the person for whom it is called, and refuses what only a host could give."""

from collections.abc import Awaitable, Callable

from mcp_types import (
    INVALID_REQUEST,
    CreateMessageRequest,
    ElicitRequest,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    InputRequest,
    ListRootsRequest,
)
from toolyard_sdk.context import ToolContext

Elicit = Callable[[ElicitRequestParams], Awaitable[ElicitResult]]

DECLINED = ElicitResult(action="decline")

NO_SAMPLING = ErrorData(code=INVALID_REQUEST, message="This client lends no model to servers (sampling).")
NO_ROOTS = ErrorData(code=INVALID_REQUEST, message="This client has no folders to show (roots).")


async def response(request: InputRequest, elicit: Elicit) -> ElicitResult | ErrorData:
    """Answer what a server needs before it can go on."""
    match request:
        case ElicitRequest(params=params):
            return await elicit(params)
        case CreateMessageRequest():
            return NO_SAMPLING
        case ListRootsRequest():
            return NO_ROOTS


async def elicited(params: ElicitRequestParams, context: ToolContext) -> ElicitResult:
    """Ask the person; a link is put into the question, and nothing but consent comes back for it."""
    return DECLINED
