"""Memory when what it stands on is away, wrong or asked for the impossible: an answer all the same, or a clear refusal."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.http.serving import Client, Server, eventually, serving

AGENT = """
instructions = "You remember."

[memory]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose embedder takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        settings = f"""
[providers.silent]
base_url = "{address}"
profile = "generic"
default_model = "m"

[memory]
embedder = "silent/embedder"
"""
        root: Path = tmp_path_factory.mktemp("trouble")
        with serving(root, settings, rehearsal=True) as running:
            (root / "repository" / "agents" / "friend.toml").write_text(AGENT)
            eventually(lambda: running.wiring.agents.release("friend"), lambda: running.wiring.agents.problems)
            yield running


@pytest.fixture
def app(server: Server) -> Client:
    """A frontend of a tenant of its own that speaks for alice."""
    return server.client(server.tenant(), "frontend", "user").speaking_for("alice")


def told(client: Client, run: str, kind: str) -> list[dict[str, Any]]:
    """Return the lines of one kind that tell why a run did what it did."""
    return [line for line in client.get(f"/api/v1/runs/{run}/why")["lines"] if line["kind"] == kind]


def test_an_embedder_that_is_silent_costs_meaning_and_not_memory(app: Client) -> None:
    app.finished(app.start("say I keep bees in Bergen", agent="friend"))
    again = app.start("say where are my bees", agent="friend")
    app.finished(again)
    (line,) = told(app, again, "recalled")
    assert "2 memories came to mind" in line["text"], line
    found = app.get("/api/v1/memory/search?words=bees")
    assert "without vectors" in found["degraded"]
    assert found["data"]
