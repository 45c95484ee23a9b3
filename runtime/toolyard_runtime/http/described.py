"""What each route of the server's own takes and gives: the table from which its description is made."""

from typing import Any

from msgspec import Struct
from toolyard_registry.publishing.submissions import Submission
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.ids import PREFIX

from toolyard_runtime.engine.long_term import Rebuilding
from toolyard_runtime.engine.proving import Proof
from toolyard_runtime.http import shapes
from toolyard_runtime.http.api import (
    approvals,
    doubts,
    environments,
    erasures,
    forgetting,
    inputs,
    keys,
    knowledge,
    memory,
    memory_whole,
    memory_writing,
    runs,
    secrets,
    stops,
    tenants,
    tool_calls,
    tool_changes,
)
from toolyard_runtime.http.api.reading import MOST, USUAL
from toolyard_runtime.secrets.shelves import Entry
from toolyard_runtime.secrets.table import Resealed
from toolyard_runtime.store.keys import Key
from toolyard_runtime.store.tenants import Tenant
from toolyard_runtime.wire.chat.request import ChatRequest
from toolyard_runtime.wire.responses.request import ResponsesRequest

ASKING = (404, 409, 410, 429, 502, 504)
"""Statuses of a route that begins a run."""

Parameter = dict[str, Any]


class Page(Struct, frozen=True):
    """A page of a list of these."""

    of: type[Struct]


Answer = type[Struct] | Page | str | None
"""A record, a page of them, a media type of text, or nothing."""


class Described(Struct, frozen=True):
    """What a route takes and gives; `also` are statuses beside those of its kind of route.

    `files` are the media types of a body that is a file.
    """

    gives: Answer
    takes: type[Struct] | None = None
    optional: bool = False
    query: tuple[Parameter, ...] = ()
    status: tuple[int, ...] = (200,)
    also: tuple[int, ...] = ()
    streams: bool = False
    files: tuple[str, ...] = ()


def _query(name: str, says: str, **schema: Any) -> Parameter:
    return {"name": name, "in": "query", "required": False, "description": says, "schema": schema}


def _id(name: str, kind: str, says: str) -> Parameter:
    return _query(name, says, type="string", pattern=f"^{PREFIX[kind]}[0-9a-f]{{32}}$")


def _limit(usual: int = USUAL) -> Parameter:
    return _query("limit", "how many at most", type="integer", minimum=1, maximum=MOST, default=usual)


_AFTER = "the last one of the page before: its `next`"
_TEXT = {"type": "string"}
_OF_SECRET = (
    _query("end_user", "whose own it is; the tenant's without it", type="string", minLength=1),
    _query("tenant", "another tenant", **_TEXT),
)

_WHOSE = _query("end_user", "whose memory; a frontend's is that of its header", **_TEXT)
_AS_OF = (
    _query("as_of", "a date or time (RFC 3339): what was believed then", **_TEXT),
    _query("valid_at", "a date or time (RFC 3339): what held then", **_TEXT),
)
_AS_AGENT = _query("agent", "the agent to look as; any without it", **_TEXT)

TABLE: dict[str, Described] = {
    "POST /v1/chat/completions": Described(shapes.ChatCompletion, ChatRequest, also=ASKING, streams=True),
    "POST /v1/responses": Described(shapes.ResponseObject, ResponsesRequest, also=ASKING, streams=True),
    "GET /v1/responses/{name}": Described(
        shapes.ResponseObject,
        query=(
            _query("stream", "whether its events are wanted", type="boolean", default=False),
            _query("starting_after", "the `sequence_number` of the last event seen", type="integer", minimum=0),
        ),
        also=(400,),
        streams=True,
    ),
    "POST /v1/responses/{name}/cancel": Described(shapes.ResponseObject, also=(409,)),
    "GET /v1/models": Described(shapes.ModelList),
    "GET /v1/models/{name}": Described(shapes.ModelObject),
    "GET /api/v1/runs": Described(
        Page(shapes.RunObject),
        query=(
            _id("after", "run", _AFTER),
            _limit(),
            _query("agent", "only runs of this agent", **_TEXT),
            _query("status", "only runs in this state", type="string", enum=list(runs.STATUSES)),
            _id("session", "session", "only runs of this session"),
        ),
    ),
    "GET /api/v1/runs/{run}": Described(shapes.RunObject, also=(400,)),
    "POST /api/v1/runs/{run}/cancel": Described(shapes.RunObject, runs.Cancel, optional=True, also=(409,)),
    "GET /api/v1/runs/{run}/events": Described(
        Page(shapes.EventObject),
        query=(_query("after", "the `seq` of the last one seen", type="integer", minimum=0), _limit(MOST)),
    ),
    "GET /api/v1/runs/{run}/why": Described(shapes.Why, also=(400,)),
    "GET /api/v1/runs/{run}/doubts": Described(Page(shapes.DoubtObject), also=(400,)),
    "POST /api/v1/runs/{run}/doubts/{call}": Described(shapes.DoubtObject, doubts.Finding, also=(409,)),
    "GET /api/v1/approvals": Described(
        Page(shapes.ApprovalObject),
        query=(
            _id("after", "approval", _AFTER),
            _limit(),
            _query("status", "only those in this state", type="string", enum=list(approvals.STATUSES)),
        ),
    ),
    "GET /api/v1/approvals/{approval}": Described(shapes.ApprovalObject, also=(400,)),
    "POST /api/v1/approvals/{approval}": Described(shapes.ApprovalObject, approvals.Decide, also=(409,)),
    "GET /api/v1/stops": Described(Page(shapes.StopObject), also=(400,)),
    "POST /api/v1/stops": Described(shapes.StopObject, stops.Stop, status=(200, 201), also=(404,)),
    "DELETE /api/v1/stops/{kind}/{name}": Described(None, status=(204,), also=(400,)),
    "GET /api/v1/keys": Described(
        Page(Key),
        query=(_id("after", "key", _AFTER), _limit(), _query("tenant", "another tenant's keys", **_TEXT)),
        also=(404,),
    ),
    "POST /api/v1/keys": Described(shapes.MadeKey, keys.MakeKey, status=(201,), also=(404,)),
    "DELETE /api/v1/keys/{key}": Described(None, status=(204,), also=(400, 409)),
    "GET /api/v1/tenants": Described(Page(Tenant), query=(_query("after", _AFTER, **_TEXT), _limit())),
    "POST /api/v1/tenants": Described(Tenant, tenants.MakeTenant, status=(201,), also=(409,)),
    "DELETE /api/v1/tenants/{tenant}": Described(None, status=(204,), also=(400, 409)),
    "GET /api/v1/secrets": Described(
        Page(Entry),
        query=(
            _query("after", _AFTER, type="string", pattern="^[^/]*/[^/]*/"),
            _limit(),
            _query("tenant", "another tenant's secrets", **_TEXT),
        ),
        also=(404,),
    ),
    "PUT /api/v1/secrets/{name}": Described(Entry, secrets.PutSecret, query=_OF_SECRET, status=(200, 201)),
    "DELETE /api/v1/secrets/{name}": Described(None, query=_OF_SECRET, status=(204,)),
    "POST /api/v1/secret-keys": Described(Resealed, status=(201,), also=(400,)),
    "GET /api/v1/memory/search": Described(
        memory.Found,
        query=(
            _query("words", "what to look for", type="string", minLength=1) | {"required": True},
            _WHOSE,
            _AS_AGENT,
            _limit(memory.FOUND),
            _query("tokens", "how many its text may have", type="integer", minimum=1, maximum=100_000, default=1000),
            *_AS_OF,
        ),
    ),
    "GET /api/v1/memory/facts": Described(
        Page(memory.FactObject),
        query=(
            _WHOSE,
            _query("about", "only facts about this", **_TEXT),
            _AS_AGENT,
            *_AS_OF,
            _id("after", "fact", _AFTER),
            _limit(),
        ),
    ),
    "GET /api/v1/memory/facts/{fact}": Described(memory.FactObject, query=(_WHOSE, *_AS_OF)),
    "GET /api/v1/memory/passages/{passage}": Described(memory.PassageObject, query=(_WHOSE,)),
    "GET /api/v1/memory/timeline": Described(
        Page(memory.FactObject),
        query=(
            _WHOSE,
            _id("fact", "fact", "the versions of this one"),
            _query("about", "everything about this", **_TEXT),
            _limit(),
        ),
        also=(404,),
    ),
    "POST /api/v1/memory/facts": Described(
        memory_writing.FactAdded, memory_writing.AddFact, status=(200, 201), also=(404,)
    ),
    "POST /api/v1/memory/facts/{fact}/correct": Described(
        memory_writing.FactAdded, memory_writing.AddFact, status=(200, 201)
    ),
    "POST /api/v1/memory/forget": Described(forgetting.FactsForgotten, forgetting.ForgetFacts, also=(404,)),
    "DELETE /api/v1/memory/facts/{fact}": Described(forgetting.FactsForgotten, query=(_WHOSE,)),
    "POST /api/v1/memory/verify-erasure": Described(Proof, forgetting.VerifyErasure, also=(404,)),
    "GET /api/v1/memory/graph": Described(
        memory_whole.GraphObject,
        query=(
            _query("about", "a name", type="string", minLength=1) | {"required": True},
            _WHOSE,
            _AS_AGENT,
            _query("hops", "how far around it", type="integer", minimum=1, maximum=4, default=2),
            _query("as", "a record, or a picture", type="string", enum=["json", "svg"], default="json"),
        ),
    ),
    "GET /api/v1/memory/export": Described(memory_whole.LINES, query=(_WHOSE,)),
    "POST /api/v1/memory/consolidate": Described(memory_whole.Consolidated, memory_whole.Consolidate, optional=True),
    "POST /api/v1/memory/rebuild": Described(Rebuilding, memory_whole.Rebuild, status=(202,), optional=True),
    "GET /api/v1/memory/stats": Described(memory_whole.Stats, query=(_WHOSE,)),
    "GET /api/v1/knowledge": Described(
        Page(knowledge.DocumentObject), query=(_query("after", _AFTER, **_TEXT), _limit())
    ),
    "PUT /api/v1/knowledge/{name}": Described(
        knowledge.DocumentAdded,
        query=(_query("agents", "globs over the agents that may recall it, separated by commas", **_TEXT),),
        status=(200, 201),
        also=(409,),
        files=knowledge.FILES,
    ),
    "GET /api/v1/knowledge/{name}": Described(
        knowledge.DocumentShown,
        query=(_query("version", "the number of one; the newest without it", type="integer", minimum=1),),
    ),
    "DELETE /api/v1/knowledge/{name}": Described(
        None,
        query=(_query("erase", "whether every version goes for good", type="boolean", default=False),),
        status=(204,),
        also=(409,),
    ),
    "GET /api/v1/knowledge-search": Described(
        Page(knowledge.PassageFound),
        query=(
            _query("words", "what to look for", type="string", minLength=1) | {"required": True},
            _query("agent", "the agent to search as; any without it", **_TEXT),
            _limit(knowledge.FOUND),
        ),
    ),
    "POST /api/v1/erasures": Described(shapes.ErasureDone, erasures.Erase, also=(404, 409)),
    "GET /api/v1/agents": Described(shapes.AgentList, also=(400,)),
    "POST /api/v1/tools": Described(shapes.PublishedTools, Submission, status=(200, 201), also=(409, 413)),
    "GET /api/v1/tools": Described(Page(shapes.ToolObject), query=(_query("after", _AFTER, **_TEXT), _limit())),
    "GET /api/v1/tools/search": Described(
        Page(shapes.ToolFound),
        query=({**_query("q", "what the tool should do, in a few words", **_TEXT), "required": True}, _limit()),
    ),
    "POST /api/v1/tools/{name}/call": Described(shapes.ToolCalled, tool_calls.Call, also=ASKING),
    "GET /api/v1/tools/{name}/usage": Described(
        shapes.ToolUsage, query=(_query("days", "how far back", type="integer", minimum=1, maximum=3650),), also=(400,)
    ),
    "GET /api/v1/tools/{tool}": Described(shapes.ToolShown, also=(400,)),
    "GET /api/v1/tools/{tool}/diff": Described(
        shapes.ToolDiff, query=(_query("to", "a version, a range, a channel or a digest", **_TEXT),)
    ),
    "GET /api/v1/tools/{tool}/server.json": Described(
        shapes.ServerJsonObject, query=(_query("namespace", "a domain backwards", **_TEXT),)
    ),
    "POST /api/v1/tools/{tool}/state": Described(shapes.ReleaseStateObject, tool_changes.ChangeState, also=(404, 409)),
    "GET /api/v1/tools/{tool}/reach": Described(shapes.ReachObject, also=(400,)),
    "POST /api/v1/tools/{tool}/channels/{channel}": Described(
        shapes.ChannelObject, tool_changes.MoveChannel, also=(404, 409)
    ),
    "GET /api/v1/quarantine": Described(Page(shapes.WaitingDefinition), also=(400,)),
    "POST /api/v1/quarantine/{tool}": Described(shapes.DecidedDefinition, tool_changes.Decide, also=(404, 409)),
    "GET /api/v1/lock": Described(shapes.LockText, also=(400, 409)),
    "POST /api/v1/environments/prune": Described(shapes.PrunedEnvironments, environments.Prune, also=(409,)),
    "GET /api/v1/audit": Described(
        Page(AuditRecord),
        query=(
            _query("after", _AFTER, type="string", pattern=r"^[0-9]{1,18}(-[0-9]{1,2})$"),
            _limit(),
            _query("action", "only records of this action", **_TEXT),
        ),
    ),
    "GET /api/v1/inputs/{question}": Described(shapes.InputObject, also=(400,)),
    "POST /api/v1/inputs/{question}": Described(shapes.InputObject, inputs.Given, also=(409, 422)),
    "GET /api/v1/consents": Described("text/html", status=(200, 400, 404)),
    "GET /healthz": Described("text/plain"),
    "GET /readyz": Described(shapes.Ready, status=(200, 503)),
    "GET /metrics": Described("text/plain"),
}
"""Every route of the server's own: a test holds that none is missing."""
