"""The OpenAPI document: every route with its body, its query, its answers and refusals; what is said of it is true."""

import re
from typing import Any

import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler
from toolyard_runtime.app import OWN_ROUTES
from toolyard_runtime.http.described import TABLE
from toolyard_runtime.http.description import MEANINGS
from toolyard_sdk.testing import schema_problems, value_problems

from tests.http.expecting import ADD, HANG, note
from tests.http.serving import Client, Server

PATH = "/api/openapi/openapi.json"


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = Client(server.port, "").get(PATH)
    return found


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def test_every_route_of_the_servers_own_is_described(document: dict[str, Any]) -> None:
    own = {
        f"{method} {re.sub(r':[a-z]+}', '}', path)}"
        for handler in OWN_ROUTES
        if isinstance(handler, HTTPRouteHandler)  # /mcp has a protocol of its own
        for path in handler.paths
        for method in handler.http_methods - {"HEAD"}
    }
    assert set(TABLE) == own
    assert set(operations(document)) == own


def test_a_route_says_who_may_call_it(document: dict[str, Any]) -> None:
    found = operations(document)
    assert "security" not in found["GET /healthz"]
    assert found["GET /api/v1/audit"]["security"] == [{"key": []}]
    assert "auditor, operator" in found["GET /api/v1/audit"]["description"]
    scheme = document["components"]["securitySchemes"]["key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_queries_and_bodies_are_described(document: dict[str, Any]) -> None:
    found = operations(document)
    query = {one["name"]: one["schema"] for one in found["GET /api/v1/runs"]["parameters"]}
    assert set(query) == {"after", "limit", "agent", "status", "session"}
    assert (query["limit"]["minimum"], query["limit"]["maximum"], query["limit"]["default"]) == (1, 100, 20)
    body = found["POST /v1/chat/completions"]["requestBody"]
    assert body["required"] is True
    assert body["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ChatRequest"}
    assert found["POST /api/v1/runs/{run}/cancel"]["requestBody"]["required"] is False


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/([^"]+)"', msgspec.json.encode(document).decode()):
        assert name in schemas
    found = [problem for schema in schemas.values() for problem in schema_problems(schema, document)]
    assert [problem for problem in found if "discriminator" not in problem] == []  # a word of OpenAPI's own


def test_every_status_has_its_meaning() -> None:
    for route in TABLE.values():
        assert {*route.status, *route.also} <= set(MEANINGS)


def test_answers_are_as_described(document: dict[str, Any], server: Server) -> None:
    tenant = server.tenant()
    user = server.client(tenant, "user", "operator")
    run = user.finished(user.start(ADD))["id"]
    waiting = user.start(note("described"))
    approval = user.waiting(waiting)["id"]
    hanging = user.start(HANG, "hasty")
    user.post(f"/api/v1/approvals/{user.waiting(hanging)['id']}", {"decision": "approve"})
    user.until(hanging, lambda shown: shown["doubts"])
    response = user.post("/v1/responses", {"model": "clerk", "input": ADD})["id"]
    asked = {"model": "clerk", "messages": [{"role": "user", "content": ADD}]}
    tried: list[tuple[str, str, Any, int]] = [
        ("GET /v1/models", "", None, 200),
        ("GET /v1/models/{name}", "/v1/models/clerk", None, 200),
        ("GET /v1/models/{name}", "/v1/models/nobody", None, 404),
        ("POST /v1/chat/completions", "", asked, 200),
        ("POST /v1/chat/completions", "", {}, 400),
        ("POST /v1/responses", "", {"model": "clerk", "input": ADD}, 200),
        ("GET /v1/responses/{name}", f"/v1/responses/{response}", None, 200),
        ("GET /api/v1/runs", "", None, 200),
        ("GET /api/v1/runs", "/api/v1/runs?limit=0", None, 400),
        ("GET /api/v1/runs/{run}", f"/api/v1/runs/{run}", None, 200),
        ("GET /api/v1/runs/{run}", f"/api/v1/runs/{waiting}", None, 200),
        ("GET /api/v1/runs/{run}/events", f"/api/v1/runs/{run}/events", None, 200),
        ("GET /api/v1/runs/{run}/why", f"/api/v1/runs/{run}/why", None, 200),
        ("GET /api/v1/runs/{run}/doubts", f"/api/v1/runs/{hanging}/doubts", None, 200),
        ("POST /api/v1/runs/{run}/doubts/{call}", f"/api/v1/runs/{hanging}/doubts/1", {"outcome": "did_not"}, 200),
        ("GET /api/v1/approvals", "", None, 200),
        ("POST /api/v1/approvals/{approval}", f"/api/v1/approvals/{approval}", {"decision": "deny"}, 200),
        ("GET /api/v1/approvals/{approval}", f"/api/v1/approvals/{approval}", None, 200),
        ("POST /api/v1/runs/{run}/cancel", f"/api/v1/runs/{waiting}/cancel", None, 200),
        ("POST /api/v1/stops", "", {"kind": "tool", "name": "add"}, 201),
        ("POST /api/v1/stops", "", {"kind": "tool", "name": "add"}, 200),
        ("GET /api/v1/stops", "", None, 200),
        ("DELETE /api/v1/stops/{kind}/{name}", "/api/v1/stops/tool/add", None, 204),
        ("POST /api/v1/keys", "", {"name": "k", "roles": ["user"]}, 201),
        ("GET /api/v1/keys", "", None, 200),
        ("GET /api/v1/tenants", "", None, 200),
        ("POST /api/v1/tenants", "", {"id": "x"}, 403),
        ("GET /api/v1/agents", "", None, 200),
        ("GET /api/v1/audit", "", None, 200),
        ("PUT /api/v1/secrets/{name}", "/api/v1/secrets/k", {"value": "v"}, 201),
        ("PUT /api/v1/secrets/{name}", "/api/v1/secrets/k", {"value": "w"}, 200),
        ("PUT /api/v1/secrets/{name}", "/api/v1/secrets/k", {"value": ""}, 400),
        ("GET /api/v1/secrets", "", None, 200),
        ("DELETE /api/v1/secrets/{name}", "/api/v1/secrets/k", None, 204),
        ("POST /api/v1/secret-keys", "", None, 403),
        ("PUT /api/v1/knowledge/{name}", "/api/v1/knowledge/a/b.md", b"# Rules", 201),
        ("PUT /api/v1/knowledge/{name}", "/api/v1/knowledge/a/b.md", b"# Rules", 200),
        ("PUT /api/v1/knowledge/{name}", "/api/v1/knowledge/a/b.md", b"", 400),
        ("GET /api/v1/knowledge", "", None, 200),
        ("GET /api/v1/knowledge/{name}", "/api/v1/knowledge/a/b.md", None, 200),
        ("GET /api/v1/knowledge-search", "/api/v1/knowledge-search?words=rules", None, 200),
        ("DELETE /api/v1/knowledge/{name}", "/api/v1/knowledge/a/b.md", None, 204),
        ("POST /api/v1/erasures", "", {"subject": "nobody"}, 200),
        ("GET /readyz", "", None, 200),
        ("GET /healthz", "", None, 200),
        ("GET /metrics", "", None, 200),
    ]
    found = operations(document)
    for route, path, body, status in tried:
        method, _, template = route.partition(" ")
        asker = server.house if template == "/metrics" else user
        answered = asker.ask(method, path or template, body)
        assert answered.status == status, (route, answered)
        content = found[route]["responses"][str(status)].get("content", {})
        media = answered.headers.get("content-type", "").partition(";")[0]
        assert (media in content) is (status != 204), (route, media, set(content))
        if "json" in media:
            schema = content[media]["schema"]
            assert list(value_problems(schema, answered.body, document)) == [], (route, answered)


def test_a_method_that_a_route_does_not_take_is_answered_with_those_it_takes(user: Client) -> None:
    answered = user.ask("PUT", "/api/v1/stops", {})
    assert answered.status == 405
    assert {"GET", "POST"} <= set(answered.headers["allow"].replace(" ", "").split(","))


def test_patterns_are_such_as_other_languages_read(document: dict[str, Any]) -> None:
    written = msgspec.json.encode(document).decode()
    patterns = re.findall(r'"pattern":"([^"]+)"', written)
    assert patterns
    assert not [pattern for pattern in patterns if r"\Z" in pattern or "(?P<" in pattern]
