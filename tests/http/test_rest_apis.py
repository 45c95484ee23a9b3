"""A REST API as tools of an agent, over HTTP: reached where the operator says it is, with the operator's secret."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.http.serving import eventually, serving

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1"},
    "servers": [{"url": "https://pets.example.org/v1"}],
    "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-key"}}},
    "security": [{"key": []}],
    "paths": {
        "/pets/{id}": {
            "get": {
                "operationId": "showPet",
                "summary": "Show a pet.",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": {"200": {"description": "the pet"}},
            }
        }
    },
}
AGENT = """
instructions = "You know pets."
tools = ["pets_*"]

[tool.pets_showPet]
read_only = true
"""


class Pets(ThreadingHTTPServer):
    """The API; `seen` are its requests: path and key."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, str]] = []


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Pets)
        self.server.seen.append((self.path, self.headers["x-key"] or ""))
        body = json.dumps({"name": "Rex"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def pets() -> Iterator[Pets]:
    server = Pets()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.mark.parametrize("named", [True, False])
def test_an_operation_is_called_where_the_operator_says_and_nowhere_else(
    tmp_path: Path, pets: Pets, named: bool
) -> None:
    (tmp_path / "pets.json").write_text(json.dumps(DOCUMENT))
    where = f'server = "http://127.0.0.1:{pets.server_port}/v1"' if named else ""
    settings = f"""
[sources.pets]
kind = "openapi"
file = "{tmp_path / "pets.json"}"
security = {{ key = "pets_key" }}
{where}
"""
    with serving(tmp_path, settings) as server:
        (tmp_path / "repository" / "agents" / "vet.toml").write_text(AGENT)
        eventually(lambda: server.wiring.agents.release("vet"), lambda: server.wiring.agents.problems)
        assert server.house.ask("PUT", "/api/v1/secrets/pets_key", {"value": "sesame-4711"}).status == 201
        run = server.house.start('call pets_showPet {"id": 7}', "vet")
        server.house.finished(run)
        told = str(server.house.get(f"/api/v1/runs/{run}/events"))
    if named:
        assert pets.seen == [("/v1/pets/7", "sesame-4711")]
        assert "Rex" in told
    else:
        assert pets.seen == []
        assert "pets.example.org" in told
    assert "sesame-4711" not in told
