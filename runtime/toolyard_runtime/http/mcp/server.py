"""The MCP server behind `/mcp`: its handlers, by the `mcp` SDK; imported with the first request."""

from collections.abc import Awaitable, Callable
from typing import Any

import mcp_types as mcp
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from toolyard_sdk.asking import Answer
from toolyard_sdk.serve.calls import reporting
from toolyard_sdk.serve.elicitation import elicitation
from toolyard_sdk.serve.eliciting import elicited
from toolyard_sdk.serve.wording import result_of, tool_of

from toolyard_runtime.http.access import CALLER
from toolyard_runtime.http.mcp.answering import Answering, Asking, Open
from toolyard_runtime.http.mcp.offering import Offering
from toolyard_runtime.identity import Caller
from toolyard_runtime.run.runlog import Progress

NAME = "toolyard"
PAGE = 100
TTL_MS = 10_000
"""How long a client may keep a list: files, grants and stops change while the server runs."""

RUN = "toolyard/run"
"""In a result's `_meta`: the run that the call was."""

INSTRUCTIONS = (
    "Tools of a Toolyard server. A call may have to wait for a person's approval: then its result says so, names the "
    "run, and get_run_result fetches what came of it. So may one that asks a person something. "
    "Tools named agent_... are agents: they answer in words."
)

Context = ServerRequestContext[Any, Any]
OffersOf = Callable[[Caller], Awaitable[Offering]]
EndUserOf = Callable[[Any, Caller], str | None]
"""Returns whom a request's headers speak for; the request is the SDK's, with `scope` as ASGI has it."""


def mcp_server(
    answering: Answering, offers_of: OffersOf, end_user_of: EndUserOf, schema: Callable[[str], Any], version: str
) -> Server[Any]:
    """Return the server. `schema(tool)` is the input schema by which headers that mirror arguments are checked."""
    handlers = _Handlers(answering, offers_of, end_user_of)
    return Server(
        NAME,
        version=version,
        title="Toolyard",
        instructions=INSTRUCTIONS,
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        get_tool_input_schema=schema,
    )


class _Handlers:
    """What is done for requests; the guard of the application has let them in."""

    def __init__(self, answering: Answering, offers_of: OffersOf, end_user_of: EndUserOf) -> None:
        self._answering = answering
        self._offers_of = offers_of
        self._end_user_of = end_user_of

    async def list_tools(self, ctx: Context, params: mcp.PaginatedRequestParams | None) -> mcp.ListToolsResult:
        offers = await self._offers_of(_caller(ctx))
        shown, after = offers.page((params.cursor if params is not None else None) or "", PAGE)
        return mcp.ListToolsResult(
            tools=[tool_of(offer.spec, ctx.protocol_version) for offer in shown],
            next_cursor=after or None,
            ttl_ms=TTL_MS,
            cache_scope="private",
        )

    async def call_tool(
        self, ctx: Context, params: mcp.CallToolRequestParams
    ) -> mcp.CallToolResult | mcp.InputRequiredResult:
        """Make a call; one that came with a state goes on with the run that it was, and the person's answer."""
        caller = _caller(ctx)
        offer = (await self._offers_of(caller)).find(params.name)
        if offer is None:
            raise MCPError(code=mcp.INVALID_PARAMS, message=f"Unknown tool: {params.name[:80]!r}")
        async with reporting(ctx.session.report_progress) as progress:

            def watch(made: Progress) -> None:
                progress(made.done, made.total, made.message)

            asking = Asking(caller, self._end_user_of(ctx.request, caller), watch)
            if params.request_state is None:
                answered = await self._answering.answer(offer, params.arguments or {}, asking)
            else:
                answered = await self._answering.go_on(offer, params.request_state, _said(params), asking)
            while answered.asked is not None and ctx.session.can_send_request:  # a session of 2025-11-25
                said = await _beside(ctx, answered.asked)
                if said is None:
                    break
                answered = await self._answering.go_on(offer, answered.run, {answered.asked.input: said}, asking)
        if answered.asked is not None and ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            asked = answered.asked
            request = elicitation(asked.question, ctx.session.client_capabilities, asked.input)
            if request is not None:  # the state is the run's name: whoever sends it has to be let see that run
                return mcp.InputRequiredResult(input_requests={asked.input: request}, request_state=answered.run)
        meta = {RUN: answered.run} if answered.run else None
        return result_of(answered.result, offer.spec, ctx.protocol_version, meta)


def _said(params: mcp.CallToolRequestParams) -> dict[str, Answer]:
    """Return what a person has said, by the ids of the questions, where the call was sent again with it."""
    given = (params.input_responses or {}).items()
    return {name: _answer(one) for name, one in given if isinstance(one, mcp.ElicitResult)}


async def _beside(ctx: Context, asked: Open) -> Answer | None:
    """Ask the person at a client beside their call, which waits; None where the client cannot."""
    request = elicitation(asked.question, ctx.session.client_capabilities, asked.input)
    said = await elicited(ctx, request.params) if request is not None else None
    return _answer(said) if said is not None else None


def _answer(said: mcp.ElicitResult) -> Answer:
    return Answer(said.action, dict(said.content or {}))


def _caller(ctx: Context) -> Caller:
    """Return whom the guard has let in: it has noted so in the request's scope."""
    request: Any = ctx.request
    caller: Caller = request.scope[CALLER]
    return caller
