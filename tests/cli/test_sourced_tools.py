"""`toolyard tool call` and `test` find the tools of a repository's sources, and open no source but the one named."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.cli.running import toolyard

PETS = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1"},
    "paths": {"/pets": {"get": {"operationId": "list", "summary": "List all pets.", "responses": {}}}},
}


class Pets(BaseHTTPRequestHandler):
    """Answers with a pet where the key is right."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"Rex" if self.headers["x-key"] == "s3cret" else b"nothing")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Path]:
    """Give a repository with a source, and one beside it that leaves a mark when it is opened."""
    key = {"type": "apiKey", "in": "header", "name": "x-key"}
    raw = PETS | {"components": {"securitySchemes": {"key": key}}, "security": [{"key": []}]}
    (tmp_path / "pets.json").write_text(json.dumps(raw))
    with HTTPServer(("127.0.0.1", 0), Pets) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "toolyard.toml").write_text(f"""
[secrets]
environment = {{ pets_key = "PETS_KEY" }}
[sources.pets]
kind = "openapi"
file = "pets.json"
server = "http://127.0.0.1:{server.server_port}"
security = {{ key = "pets_key" }}
[sources.marker]
kind = "mcp"
command = ["touch", "{tmp_path}/opened"]
""")
        try:
            yield tmp_path
        finally:
            server.shutdown()


def test_a_tool_of_a_source_is_called_with_its_secret_and_no_other_source_is_opened(repository: Path) -> None:
    done = toolyard("tool", "call", "pets_list", cwd=repository, PETS_KEY="s3cret")
    assert done.code == 0, done.err
    assert "Rex" in done.out
    assert not (repository / "opened").exists()


def test_a_tool_of_a_source_is_shown_and_tested(repository: Path) -> None:
    done = toolyard("tool", "test", "--tool", "pets_list", "--no-call", cwd=repository, PETS_KEY="s3cret")
    assert "List all pets." in done.out
    assert done.code in (0, 1), done.err
    assert not (repository / "opened").exists()


def test_a_tool_that_a_source_does_not_offer_is_told(repository: Path) -> None:
    done = toolyard("tool", "call", "pets_lisst", cwd=repository, PETS_KEY="s3cret")
    assert done.code == 1
    assert "there is no tool pets_lisst here" in done.err
    assert "pets_list" in done.err
