"""The MCP server over a plugin's tools: lists them, calls them; knows no transport and where no request goes out."""

from collections.abc import Callable, Mapping
from typing import Any

import mcp_types as mcp
import msgspec
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from toolyard_sdk.asking import answering
from toolyard_sdk.context import ToolContext
from toolyard_sdk.egress import Egress
from toolyard_sdk.serve.calls import perform, reporting
from toolyard_sdk.serve.eliciting import Eliciting, asking_of
from toolyard_sdk.serve.finding import Served
from toolyard_sdk.serve.meta import CallContext, read_context, write_raised
from toolyard_sdk.serve.wording import result_of, tool_of

PAGE = 100
TTL_MS = 3_600_000
"""How long a client may keep the list: a served plugin has the same tools until its process ends."""

Context = ServerRequestContext[Any, Any]
WayOut = Callable[[CallContext], Egress]
"""Returns by what a call's requests go out."""


def mcp_server(
    served: Served, settings: Mapping[str, Any], way_out: WayOut, now: Callable[[], int], *, trusting: bool
) -> Server[Any]:
    """Return the server. With `trusting`, it believes what `_meta` says of the caller; `now()` is UTC microseconds."""
    offering = _Offering(served, settings, way_out, now, trusting=trusting)
    return Server(
        served.name,
        version=served.version,
        on_list_tools=offering.list_tools,
        on_call_tool=offering.call_tool,
        cache_hints={"tools/list": CacheHint(TTL_MS, "public")},
    )


class _Offering:
    """The tools of one plugin, as handlers."""

    def __init__(
        self, served: Served, settings: Mapping[str, Any], way_out: WayOut, now: Callable[[], int], *, trusting: bool
    ) -> None:
        self._tools = {tool.spec.name: tool for tool in served.tools}
        self._settings = dict(settings)
        self._way_out = way_out
        self._now = now
        self._trusting = trusting

    async def list_tools(self, ctx: Context, params: mcp.PaginatedRequestParams | None) -> mcp.ListToolsResult:
        after = params.cursor if params is not None and params.cursor else ""
        names = [name for name in sorted(self._tools) if name > after]
        shown = [tool_of(self._tools[name].spec, ctx.protocol_version) for name in names[:PAGE]]
        return mcp.ListToolsResult(tools=shown, next_cursor=names[PAGE - 1] if len(names) > PAGE else None)

    async def call_tool(
        self, ctx: Context, params: mcp.CallToolRequestParams
    ) -> mcp.CallToolResult | mcp.InputRequiredResult:
        tool = self._tools.get(params.name)
        if tool is None:
            known = ", ".join(sorted(self._tools)[:PAGE])
            raise MCPError(code=mcp.INVALID_PARAMS, message=f"Unknown tool: {params.name!r}. There are: {known}.")
        asking = self._asking(ctx)
        person = asking_of(ctx, params) if not self._trusting else answering(asking.answers)
        async with reporting(ctx.session.report_progress) as progress:
            context = ToolContext(
                tenant=asking.tenant,
                end_user=asking.end_user,
                run=asking.run,
                session=asking.session,
                call=asking.call,
                idempotency_key=asking.idempotency_key,
                deadline=asking.deadline,
                attempt=asking.attempt,
                settings=self._settings,
                progress=progress,
                egress=self._way_out(asking),
                ask=person,
            )
            outcome = await perform(tool, msgspec.json.encode(params.arguments or {}), context, self._now)
        if outcome.asked is not None and isinstance(person, Eliciting):
            return person.required(outcome.asked)
        meta = write_raised(outcome.raised, outcome.asked)
        return result_of(outcome.result, tool.spec, ctx.protocol_version, meta)

    def _asking(self, ctx: Context) -> CallContext:
        if not self._trusting:
            return CallContext(call=str(ctx.request_id or ""))
        try:
            return read_context(ctx.meta)
        except msgspec.ValidationError as error:
            raise MCPError(code=mcp.INVALID_PARAMS, message=f"_meta: {error}") from error
