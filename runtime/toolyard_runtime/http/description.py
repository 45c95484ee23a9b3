"""The OpenAPI document: litestar's list of routes, with the bodies, queries, answers and refusals that it cannot see.

Routes read and write bytes, so one table says here what they are; built once, when the document is first asked for.
Routes of plugins stand in it as litestar describes them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from litestar import Litestar, Request
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.routes import HTTPRoute
from msgspec import Struct
from toolyard_registry.publishing.submissions import Submission
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.ids import PREFIX

from toolyard_runtime.http import shapes
from toolyard_runtime.http.access import OPEN
from toolyard_runtime.http.api import (
    approvals,
    doubts,
    environments,
    erasures,
    inputs,
    keys,
    knowledge,
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
from toolyard_runtime.wire.errors import PROBLEM_MEDIA_TYPE
from toolyard_runtime.wire.responses.request import ResponsesRequest

JSON = "application/json"
EVENTS = "text/event-stream"
ITSELF = "/api/openapi"
"""Where the document is, which does not describe itself."""

REFERENCE = "#/components/schemas/{name}"
Parameter = dict[str, Any]

MEANINGS = {
    200: "Done",
    201: "Made",
    204: "Done; there is nothing to say",
    400: "The request cannot be read, or says what makes no sense",
    401: "The key is missing or unknown",
    403: "The key has not the role that is needed",
    404: "There is no such thing here",
    409: "Something else has moved on",
    410: "The run was cancelled",
    413: "The body is too large",
    422: "The answer does not fit the question",
    421: "The server does not answer to this host name",
    429: "As many runs are live as the server takes",
    500: "The server failed",
    502: "The model server failed",
    503: "The server is not ready, or an operator has stopped the agent",
    504: "The model server was too slow",
}
KEYED = (401, 403)
ALWAYS = (421, 500, 503)
ASKING = (404, 409, 410, 429, 502, 504)


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


class Description(JsonRenderPlugin):
    """Serves the document; litestar's own one is what it begins with."""

    def __init__(self, path: str) -> None:
        super().__init__(path=path)
        self._rendered = b""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the document as JSON."""
        if not self._rendered:
            self._rendered = msgspec.json.encode(described(openapi_schema, request.app))
        return self._rendered


def described(document: dict[str, Any], app: Litestar) -> dict[str, Any]:
    """Return litestar's document with what the table adds, and with who may call what."""
    names, components = _components()
    paths = {
        path: {method: operation for method, operation in item.items() if method != "head"}  # what GET is, by RFC 9110
        for path, item in document["paths"].items()
        if not path.startswith(ITSELF)
    }
    for method, path, access in _handled(app):
        operation = paths.get(path, {}).get(method.lower())
        if operation is None:
            continue
        operation = dict(operation)
        route = TABLE.get(f"{method} {path}")
        if route is not None:
            operation |= _operation(route, path, operation, names, keyed=access != OPEN)
        if access != OPEN:
            operation["security"] = [{"key": []}]
            operation["description"] = f"For keys with one of the roles: {', '.join(sorted(access))}."
        paths[path][method.lower()] = operation
    schemas = document.get("components", {}).get("schemas", {}) | components
    key = {"type": "http", "scheme": "bearer", "description": "An API key: `toolyard key create` makes one."}
    return {**document, "paths": paths, "components": {"schemas": schemas, "securitySchemes": {"key": key}}}


def _handled(app: Litestar) -> Iterator[tuple[str, str, Any]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in sorted(handler.http_methods):
                    yield method, route.path_format, handler.opt.get("access")


def _components() -> tuple[dict[type, dict[str, Any]], dict[str, Any]]:
    """Return a reference for each record that the table names, and the schemas of all of them."""
    used = {shapes.Problem, shapes.OpenAIError}
    for route in TABLE.values():
        gives = route.gives.of if isinstance(route.gives, Page) else route.gives
        used |= {one for one in (gives, route.takes) if isinstance(one, type)}
    ordered = sorted(used, key=lambda one: (one.__module__, one.__qualname__))
    references, schemas = msgspec.json.schema_components(ordered, ref_template=REFERENCE)
    return dict(zip(ordered, references, strict=True)), schemas


def _operation(
    route: Described, path: str, operation: dict[str, Any], names: dict[type, dict[str, Any]], *, keyed: bool
) -> dict[str, Any]:
    added: dict[str, Any] = {"responses": dict(_responses(route, path, names, keyed=keyed))}
    if route.query:
        added["parameters"] = [*operation.get("parameters", []), *route.query]
    if route.takes is not None:
        content = {JSON: {"schema": names[route.takes]}}
        added["requestBody"] = {"required": not route.optional, "content": content}
    if route.files:
        file = {"schema": {"type": "string", "format": "binary"}}
        added["requestBody"] = {"required": True, "content": dict.fromkeys(route.files, file)}
    return added


def _responses(
    route: Described, path: str, names: dict[type, dict[str, Any]], *, keyed: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    content = _content(route, names)
    for status in route.status:
        yield str(status), {"description": MEANINGS[status], **({"content": content} if content else {})}
    openai = path.startswith("/v1/")
    refusal = (
        {JSON: {"schema": names[shapes.OpenAIError]}}
        if openai
        else {PROBLEM_MEDIA_TYPE: {"schema": names[shapes.Problem]}}
    )
    for status in sorted({*_refusals(route, path, keyed=keyed)} - {*route.status}):
        yield str(status), {"description": MEANINGS[status], "content": refusal}


def _refusals(route: Described, path: str, *, keyed: bool) -> Iterable[int]:
    yield from ALWAYS
    yield from route.also
    if keyed:
        yield from KEYED
    if "{" in path:
        yield 404
    if route.takes is not None or route.files:
        yield from (400, 413)
    if route.query:
        yield 400


def _content(route: Described, names: dict[type, dict[str, Any]]) -> dict[str, Any]:
    if route.gives is None:
        return {}
    if isinstance(route.gives, str):
        return {route.gives: {"schema": {"type": "string"}}}
    if isinstance(route.gives, Page):
        entries = {"type": "array", "items": names[route.gives.of]}
        properties = {"data": entries, "next": {"description": "what `after` takes for the next page; null at the end"}}
        return {JSON: {"schema": {"type": "object", "required": ["data", "next"], "properties": properties}}}
    found: dict[str, Any] = {JSON: {"schema": names[route.gives]}}
    return found | {EVENTS: {"schema": {}}} if route.streams else found
