"""Writes small OpenAPI documents and imports them, as the tests here need them."""

import json
from typing import Any

from toolyard_registry.sources.openapi.importing import Imported, import_document
from toolyard_registry.sources.openapi.requests import HttpRequest, write_request
from toolyard_registry.sources.openapi.settings import OpenApiSettings
from toolyard_registry.sources.openapi.tool import OperationTool

SERVER = "https://api.example.org/v1"


def document(paths: dict[str, Any], version: str = "3.0.3", **more: Any) -> dict[str, Any]:
    """Return a document with these paths."""
    return {
        "openapi": version,
        "info": {"title": "Pets", "version": "1.2"},
        "servers": [{"url": SERVER}],
        "paths": paths,
        **more,
    }


def imported(raw: Any, **settings: Any) -> Imported:
    """Import a document; `settings` are those of its source."""
    content = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return import_document(content, OpenApiSettings(file="pets.json", **settings), name="pets")


def tools(raw: Any, **settings: Any) -> dict[str, OperationTool]:
    """Return a document's tools by name; there must be no problem with it."""
    done = imported(raw, **settings)
    assert done.problems == ()
    return {tool.spec.name: tool for tool in done.tools}


def only(operation: dict[str, Any], path: str = "/pets", method: str = "get", **more: Any) -> OperationTool:
    """Return the tool of a document with one operation; `more` goes into the document."""
    settings = more.pop("settings", {})
    (tool,) = tools(document({path: {method: operation}}, **more), **settings).values()
    return tool


def sent(tool: OperationTool, **arguments: Any) -> HttpRequest:
    """Return the request of a call."""
    return write_request(tool.plan, arguments, idempotency_key="call_7")


def parameter(name: str, place: str = "query", schema: Any = None, **more: Any) -> dict[str, Any]:
    """Return a parameter."""
    return {"name": name, "in": place, "schema": {"type": "string"} if schema is None else schema, **more}


def body(schema: Any, media: str = "application/json", **more: Any) -> dict[str, Any]:
    """Return an operation with a required body."""
    return {"requestBody": {"required": True, "content": {media: {"schema": schema, **more}}}}
