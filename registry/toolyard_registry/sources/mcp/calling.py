"""Makes one call on an open session: its questions, its progress, its time-out, and what its failures mean."""

import asyncio
from typing import cast

import msgspec
from mcp.client import ClientSession
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError
from mcp_types import (
    CONNECTION_CLOSED,
    HEADER_MISMATCH,
    PARSE_ERROR,
    URL_ELICITATION_REQUIRED,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    InputRequest,
    InputRequiredResult,
    InputResponses,
    PaginatedRequestParams,
    RequestParamsMeta,
)
from pydantic import TypeAdapter, ValidationError
from toolyard_sdk.asking import InputNeeded
from toolyard_sdk.context import ToolContext
from toolyard_sdk.errors import CallInDoubt, ToolError
from toolyard_sdk.messages import ToolResult

from toolyard_registry.schemas.checking import Validator
from toolyard_registry.sources.mcp.asking import elicited, response
from toolyard_registry.sources.mcp.beside import NOTHING, Beside
from toolyard_registry.sources.mcp.content import tool_result
from toolyard_registry.sources.mcp.faults import Faults

_ANSWER: TypeAdapter[CallToolResult | InputRequiredResult] = TypeAdapter(CallToolResult | InputRequiredResult)

_ROUNDS = 10
"""How often a server may ask for something before one call is over."""

_WAIT = 0.25
"""Seconds before a server is asked again that needs nothing but time."""

_PAGES = 100
"""Pages of a list that are looked through for one tool."""


_UNPARSED = "Failed to parse"
"""How the SDK's own words begin for an answer by HTTP that it could not read."""


class SessionOver(Exception):
    """The server has forgotten the session and has done nothing: the call can be made again on a new one."""


class ConsentNeeded(Exception):
    """The server wants credentials that it has not got; nothing was done."""


class Call:
    """One call while it is made: whom it is for, and what it waits for."""

    def __init__(self, context: ToolContext, seconds: float, beside: Beside = NOTHING) -> None:
        self._context = context
        self._beside = beside
        self._limit = asyncio.timeout(seconds)
        self._needed: InputNeeded | None = None
        self._over = asyncio.Event()

    async def make(
        self, session: ClientSession, tool: str, arguments: bytes, faults: Faults, output: Validator | None
    ) -> ToolResult:
        """Return the server's answer; a call that is cancelled or takes too long is cancelled at the server too.

        Raises TimeoutError and CallInDoubt when it may have happened; ConnectionRefusedError, SessionOver and
        ConsentNeeded when it has not; ToolError when the server wants what no host of ours gives; InputNeeded when it
        waits for a person.
        """
        try:
            with self._beside.going(self._context) as meta:
                params = CallToolRequestParams(
                    name=tool, arguments=_object(arguments), _meta=cast(RequestParamsMeta, meta) or None
                )
                async with self._limit:
                    answer = await self._rounds(session, params)
        except MCPError as error:
            return _failed(error, faults)
        except ValidationError as error:
            raise CallInDoubt(f"the answer does not conform to the protocol: {first_fault(error)}") from error
        except TimeoutError:
            if self._needed is not None:
                raise self._needed from None
            raise
        finally:
            self._over.set()
        self._beside.coming(answer.meta or {})
        if output is None or answer.is_error:
            return tool_result(answer)
        return tool_result(answer, output.faults(answer.structured_content))

    async def elicited(self, params: ElicitRequestParams) -> ElicitResult:
        """Answer a question that the server has sent beside the call (2025-11-25).

        Where nobody has answered it yet, the call is broken off; the server hears of that first.
        """
        try:
            return await self._elicit(params)
        except InputNeeded as needed:
            self._needed = needed
            if not self._over.is_set():
                self._limit.reschedule(0)
            await self._over.wait()
            return ElicitResult(action="cancel")

    async def _elicit(self, params: ElicitRequestParams) -> ElicitResult:
        return await elicited(params, self._context.ask)

    async def _rounds(self, session: ClientSession, params: CallToolRequestParams) -> CallToolResult:
        """Send the call, and again with what the server has asked for (2026-07-28: `input_required`)."""
        answer = await self._sent(session, params)
        for _ in range(_ROUNDS):
            if isinstance(answer, CallToolResult):
                return answer
            given = await self._given(answer.input_requests) if answer.input_requests else None
            if given is None:
                await asyncio.sleep(_WAIT)
            more = {"input_responses": given, "request_state": answer.request_state}
            answer = await self._sent(session, params.model_copy(update=more))
        if isinstance(answer, CallToolResult):
            return answer
        raise CallInDoubt(f"the server has asked {_ROUNDS} times for something and has not answered")

    async def _given(self, requests: dict[str, InputRequest]) -> InputResponses:
        """Answer the server's requests one after the other: a person reads one question at a time."""
        given: InputResponses = {}
        for key, request in requests.items():
            answer = await response(request, self._elicit)
            if isinstance(answer, ErrorData):
                raise ToolError(f"The server has asked for what it does not get. {answer.message}")
            given[key] = answer
        return given

    async def _sent(
        self, session: ClientSession, params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        try:
            return await session.send_request(CallToolRequest(params=params), _ANSWER, progress_callback=self._report)
        except MCPError as error:
            if error.code == HEADER_MISMATCH:
                # 2026-07-28 mirrors arguments into headers; which ones, the session knows once it has listed the tool.
                await _look_up(session, params.name)
            elif error.code == URL_ELICITATION_REQUIRED:
                await self._visit(error)
            else:
                raise
        return await session.send_request(CallToolRequest(params=params), _ANSWER, progress_callback=self._report)

    async def _visit(self, error: MCPError) -> None:
        """Ask the person to go where the server wants them before it is called again (2025-11-25)."""
        for params in UrlElicitationRequiredError.from_error(error.error).elicitations:
            if (await self._elicit(params)).action != "accept":
                raise ToolError("The server wants the person to visit a page first, and they have not.")

    async def _report(self, progress: float, total: float | None, message: str | None) -> None:
        self._context.progress(progress, total, message or "")


def first_fault(error: ValidationError) -> str:
    """Say in a line what does not conform: the place and the reason."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(step) for step in fault["loc"])
    return f"{place[-200:]}: {fault['msg'][:200]}" if place else fault["msg"][:200]


def _object(arguments: bytes) -> dict[str, object]:
    return msgspec.json.decode(arguments, type=dict[str, object])


async def _look_up(session: ClientSession, tool: str) -> None:
    """List the server's tools again, page by page, until the one that is meant has come."""
    cursor: str | None = None
    for _ in range(_PAGES):
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor))
        cursor = page.next_cursor
        if cursor is None or any(found.name == tool for found in page.tools):
            return


def _failed(error: MCPError, faults: Faults) -> ToolResult:
    """Return what an error tells the model, or raise what it means for the run."""
    words = error.message[:2_000]
    match faults.kind(error.data):
        case "refused":
            raise ConnectionRefusedError(words) from error
        case "lost" | "unreadable":
            raise CallInDoubt(words) from error
        case "over":
            raise SessionOver(words) from error
        case "unauthorized":
            raise ConsentNeeded(words) from error
        case "too_long":
            return ToolResult(f"The call was answered, but {words}, and was not read. Ask for less.", is_error=True)
        case "rejected":
            return ToolResult(f"The call was turned away: {words}.", is_error=True)
        case None if error.code == PARSE_ERROR and error.message.startswith(_UNPARSED):
            raise CallInDoubt(words) from error
        case None if error.code == CONNECTION_CLOSED:
            raise CallInDoubt("the connection to the server ended before it answered") from error
        case None:
            return ToolResult(f"The server answers with an error: {words}", is_error=True)
