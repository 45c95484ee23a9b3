"""Who a tool of a served plugin asks: the person at its MCP client, in either era; knows no plugin.

A client of 2026-07-28 is told the question as the answer of its call, and calls again with the person's answer and all
that was said before: nothing is kept here meanwhile. One of 2025-11-25 is asked beside the call, which waits.
"""

import uuid
from typing import Any

import mcp_types as mcp
import msgspec
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from msgspec import Struct

from toolyard_sdk.asking import Answer, Answering, Answers, Ask, InputNeeded, Question, answering
from toolyard_sdk.errors import ToolError
from toolyard_sdk.serve.elicitation import answer_of, elicitation

KEY = "question"
"""Names the one question that a result asks."""

Context = ServerRequestContext[Any, Any]


class _State(Struct, frozen=True):
    """What a client keeps between two calls: it is the client's own, and is believed no more than its answers are."""

    said: Answers
    asked: Question


class Eliciting:
    """Implements `Ask` for a client of 2026-07-28 by what it was told in earlier rounds of the call."""

    def __init__(self, known: Answers, can: mcp.ClientCapabilities | None) -> None:
        self._known: Answering = answering(known)
        self._can = can

    async def __call__(self, message: str, schema: dict[str, Any] | None = None, url: str = "") -> Answer:
        """Return the answer; a question that the client cannot put is declined. Raises InputNeeded."""
        try:
            return await self._known(message, schema, url)
        except InputNeeded as needed:
            if elicitation(needed.question, self._can, KEY) is None:
                return Answer("decline")
            raise

    def required(self, question: Question) -> mcp.InputRequiredResult:
        """Return the result that asks the person."""
        request = elicitation(question, self._can, KEY)
        state = msgspec.json.encode(_State(self._known.known, question)).decode()
        return mcp.InputRequiredResult(input_requests={KEY: request} if request else None, request_state=state)


def asking_of(ctx: Context, params: mcp.CallToolRequestParams) -> Ask:
    """Return who is asked in a call; raises MCPError for a state or an answer that is none."""
    can = ctx.session.client_capabilities
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        return Eliciting(_known(params), can)

    async def ask(message: str, schema: dict[str, Any] | None = None, url: str = "") -> Answer:
        question = Question(message, schema, url)
        request = elicitation(question, can, uuid.uuid4().hex)
        if request is None or not ctx.session.can_send_request:
            return Answer("decline")
        return answer_of(question, await elicited(ctx, request.params) or mcp.ElicitResult(action="cancel"))

    return ask


async def elicited(ctx: Context, params: mcp.ElicitRequestParams) -> mcp.ElicitResult | None:
    """Ask beside the call; None from a client that answers with an error, which has not asked anybody."""
    try:
        if isinstance(params, mcp.ElicitRequestURLParams):
            name = params.elicitation_id or ""
            return await ctx.session.elicit_url(params.message, params.url, name, ctx.request_id)
        return await ctx.session.elicit_form(params.message, params.requested_schema, ctx.request_id)
    except (MCPError, ValueError):
        return None


def _known(params: mcp.CallToolRequestParams) -> Answers:
    """Return what the client's person has said so far, each answer checked against its question."""
    if params.request_state is None:
        return ()
    try:
        state = msgspec.json.decode(params.request_state, type=_State)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise MCPError(code=mcp.INVALID_PARAMS, message=f"requestState: {error}") from error
    said = (params.input_responses or {}).get(KEY)
    if said is None:
        return state.said
    try:
        return (*state.said, (state.asked, answer_of(state.asked, said)))
    except ToolError as error:
        raise MCPError(code=mcp.INVALID_PARAMS, message=f"inputResponses.{KEY}: {error}") from error
