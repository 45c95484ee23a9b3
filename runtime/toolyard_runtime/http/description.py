"""The OpenAPI document: litestar's list of routes, with the bodies, queries, answers and refusals that it cannot see.

Routes read and write bytes, so a table says what they are; built once, when the document is first asked for.
Routes of plugins stand in it as litestar describes them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from litestar import Litestar, Request
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.routes import HTTPRoute

from toolyard_runtime.http import shapes
from toolyard_runtime.http.access import OPEN
from toolyard_runtime.http.described import TABLE, Described, Page
from toolyard_runtime.wire.errors import PROBLEM_MEDIA_TYPE

JSON = "application/json"
EVENTS = "text/event-stream"
ITSELF = "/api/openapi"
"""Where the document is, which does not describe itself."""

REFERENCE = "#/components/schemas/{name}"

MEANINGS = {
    200: "Done",
    201: "Made",
    202: "Begun",
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
    written = msgspec.json.encode(schemas).replace(rb'\\Z"', b'$"')  # the end of a text, as others' patterns have it
    return dict(zip(ordered, references, strict=True)), msgspec.json.decode(written)


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
