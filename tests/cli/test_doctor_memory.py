"""The doctor on memory: who remembers, whether the embedder works, and whether anybody may name end users."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from toolyard_registry.scaffolding.agents import scaffold

from tests.cli.running import toolyard
from tests.cli.scripted import scripted
from tests.cli.test_doctor import configure, line

VECTORS = {"embedder": "hashing:v1:256", "state": "serving", "waiting": 0, "degraded": ""}
LOCAL = {"name": "local", "roles": ["frontend", "operator"], "revoked_at": None}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository one of whose agents remembers."""
    scaffold(tmp_path / "shop", "shop")
    (tmp_path / "shop" / "agents" / "friend.toml").write_text('instructions = "x"\n[memory]\n')
    return tmp_path / "shop"


def told_by(repository: Path, vectors: dict[str, Any] | None, *keys: dict[str, Any]) -> str:
    """Return what the doctor says of memory beside a server that says this of it."""
    answers = {
        "GET /readyz": (200, {}),
        "GET /api/v1/agents": (200, {"data": [{"name": "friend"}], "problems": []}),
        "GET /api/v1/memory/stats": (200, {"vectors": vectors}),
        "GET /api/v1/keys": (200, {"data": [LOCAL, *keys], "next": None}),
    }
    with scripted(answers) as server:
        address = repository / ".toolyard" / "server.json"
        address.parent.mkdir()
        address.write_text(json.dumps({"url": server.url, "key": "k", "pid": os.getpid()}))
        address.chmod(0o600)
        done = toolyard("doctor", "--repo", str(repository))
    return "\n".join(text for text in done.out.splitlines() if " Memory " in text or "--role frontend" in text)


def test_who_remembers_is_named_and_nobody_is_said_to(repository: Path) -> None:
    assert "friend remembers; embedder hashing" in line(toolyard("doctor", cwd=repository), "Memory")
    (repository / "agents" / "friend.toml").unlink()
    assert "no agent remembers" in line(toolyard("doctor", cwd=repository), "Memory")


@pytest.mark.parametrize("embedder", ["nonsense/x", "onnx:nowhere"])
def test_an_embedder_that_is_not_there_is_broken(repository: Path, embedder: str) -> None:
    configure(repository, f'[memory]\nembedder = "{embedder}"\n')
    done = toolyard("doctor", cwd=repository)
    assert done.code == 1
    assert f'[memory] embedder = "{embedder}"' in line(done, "Memory")


def test_an_embedder_behind_a_server_is_asked_for_a_vector(repository: Path) -> None:
    answers: dict[str, Any] = {
        "GET /v1/models": (200, {"data": [{"id": "e5"}]}),
        "POST /v1/embeddings": (200, {"data": [{"embedding": [0.5, 0.5]}]}),
    }
    with scripted(answers) as server:
        configure(repository, f'[providers.local]\nbase_url = "{server.url}/v1"\n[memory]\nembedder = "local/e5"\n')
        done = toolyard("doctor", cwd=repository)
        assert line(done, "Memory").startswith("ok"), done.out
        assert server.bodies("POST /v1/embeddings") == [{"model": "e5", "input": ["word"]}]
        server.answers["POST /v1/embeddings"] = (200, {"data": []})
        assert "cannot be used" in line(toolyard("doctor", cwd=repository), "Memory")
    done = toolyard("doctor", cwd=repository)
    assert done.code == 1
    assert "connection refused" in line(done, "Memory")


def test_how_far_vectors_are_is_told_by_the_server(repository: Path) -> None:
    app = {"name": "app", "roles": ["frontend"], "revoked_at": None}
    told = told_by(repository, VECTORS | {"waiting": 7, "degraded": "the embedder does not answer"}, app)
    assert told.startswith("warn    Memory        friend remembers; hashing:v1:256, serving, 7 waiting: the embedder")
    assert "--role frontend" not in told


def test_a_memory_for_which_nobody_may_be_named_is_told(repository: Path) -> None:
    revoked = {"name": "app", "roles": ["frontend"], "revoked_at": 1}
    told = told_by(repository, VECTORS, revoked)
    assert "no key but `local` may say for which end user a request is" in told
    assert "toolyard key create APP --role frontend" in told
