"""`toolyard tool add` opens what it adds as a server would, adds nothing that offers nothing unasked, and says why."""

import json
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from toolyard_runtime.engine import sources

from tests.cli.running import toolyard

PETS = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1"},
    "paths": {"/pets": {"get": {"operationId": "list", "summary": "List all pets.", "responses": {}}}},
}


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "toolyard.toml").write_text("")
    (tmp_path / "pets.json").write_text(json.dumps(PETS))
    return tmp_path


@pytest.fixture
def port(repository: Path) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(repository))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_document_in_the_own_network_is_read_where_the_operator_names_it(repository: Path, port: int) -> None:
    url = f"http://127.0.0.1:{port}/pets.json"
    added = toolyard("tool", "add", "zoo", "--openapi", url, "--prefix", "pet_", "--yes", cwd=repository)
    assert added.code == 0, added
    assert "It offers 1 tool:\n  pet_list: List all pets." in added.out
    assert 'tools = ["pet_*"]' in added.out
    written = (repository / "toolyard.toml").read_text()
    assert f'[sources.zoo]\nkind = "openapi"\nurl = "{url}"' in written
    assert "[egress" not in written


def test_a_document_that_names_no_server_is_added_with_one(repository: Path) -> None:
    without = toolyard("tool", "add", "pets", "--openapi", "pets.json", "--yes", cwd=repository)
    assert without.code == 1
    assert "names no host" in without.err
    assert "It offers no tool, so it is not added" in without.err
    assert (repository / "toolyard.toml").read_text() == ""
    server = ("--server", "https://pets.example.org/v1")
    added = toolyard("tool", "add", "pets", "--openapi", "pets.json", *server, "--yes", cwd=repository)
    assert added.code == 0, added
    assert 'server = "https://pets.example.org/v1"' in (repository / "toolyard.toml").read_text()
    refused = toolyard("tool", "add", "more", "--mcp", "https://pets.example.org/mcp", *server, cwd=repository)
    assert "it goes with --openapi" in refused.err


def test_a_server_that_says_nothing_is_given_up_in_words(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "OPEN_SECONDS", 2.0)
    silent = f"{sys.executable} -c 'import sys; sys.stdin.read()'"
    refused = toolyard("tool", "add", "silent", "--mcp", silent, "--yes", cwd=repository)
    assert refused.code == 1
    assert "! it has not answered within 2 s" in refused.err
    assert "sources" not in (repository / "toolyard.toml").read_text()
    asked = toolyard("tool", "add", "silent", "--mcp", silent, cwd=repository, stdin="y\n")
    assert (asked.code, "Add it all the same?" in asked.out) == (0, True)


def test_a_source_that_waits_for_a_secret_is_added_and_says_so(repository: Path) -> None:
    described = {
        "name": "io.github.acme/locked",
        "description": "x",
        "version": "1.0.0",
        "packages": [
            {
                "registryType": "pypi",
                "identifier": "locked",
                "transport": {"type": "stdio"},
                "environmentVariables": [{"name": "API_KEY", "isRequired": True, "isSecret": True}],
            }
        ],
    }
    (repository / "server.json").write_text(json.dumps(described))
    added = toolyard("tool", "add", "--server-json", "server.json", "--yes", cwd=repository)
    assert added.code == 0, added
    assert "It needs the secret" in added.err
    assert "which API_KEY needs, is not set" in added.err
