"""Two agents of one server hold two versions of one published plugin, and both answer; neither version is installed."""

import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from toolyard_registry.published.signing import SignedTool, Statement, sign
from toolyard_registry.publishing.submissions import Manifest, Submission
from toolyard_registry.releases import tool_release
from toolyard_sdk.messages import Annotations, ToolSpec

from tests.http.expecting import refused
from tests.http.serving import Server, serving
from tests.registry.environments.packages import build_greeter, build_sdk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("environments")]

GREET = ToolSpec(
    "greet",
    "Greet somebody.",
    {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": False,
    },
    annotations=Annotations(read_only=True, destructive=False, idempotent=True),
)
AGENT = 'instructions = "Greet."\ntools = ["greet@{version}"]\n[limits]\ntool_seconds = 200\n'
PATIENCE = 200.0
SETTINGS = "check_published = false\nidle_seconds = 0.2\n"
PRUNE = "/api/v1/environments/prune"


def publish(server: Server, folder: Path, version: str, greeting: str) -> None:
    wheel, sha256 = build_greeter(folder, version, greeting)
    distribution = "toolyard-greeter"
    signed = (SignedTool("greet", tool_release(GREET, distribution, version).digest),)
    envelope = sign(b"a" * 32, Statement(distribution, version, f"sha256:{sha256}", signed))
    manifest = Manifest(distribution, version, wheel.name, (GREET,))
    server.house.post("/api/v1/tools", msgspec.to_builtins(Submission(manifest, envelope, wheel.read_bytes())))


def until_asked(server: Server, name: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while name not in {agent["name"] for agent in server.house.get("/api/v1/agents")["data"]}:
        assert time.monotonic() < deadline, server.house.get("/api/v1/agents")["problems"]
        time.sleep(0.05)


def answer_of(server: Server, agent: str) -> str:
    run = server.house.start('call greet {"name": "Bo"}', agent)
    deadline = time.monotonic() + PATIENCE
    while True:
        shown: dict[str, Any] = server.house.get(f"/api/v1/runs/{run}")
        if shown["status"] == "finished":
            return str(server.house.get(f"/api/v1/runs/{run}/why"))
        assert time.monotonic() < deadline, shown
        time.sleep(0.05)


def test_two_agents_pinned_to_two_versions_answer_side_by_side(tmp_path: Path) -> None:
    links = build_sdk(tmp_path / "sdk")
    settings = f'[environments]\nfind_links = ["{links}"]\n{SETTINGS}[plugins.greeter]\nmood = "merry"\n'
    with serving(tmp_path, settings, environment=dict(os.environ)) as server:
        publish(server, tmp_path, "1.0.0", "Hello")
        publish(server, tmp_path, "2.0.0", "Good day")
        for name, version in (("old", "1.0.0"), ("new", "2.0.0")):
            (server.root / "agents" / f"{name}.toml").write_text(AGENT.format(version=version))
        for name in ("old", "new"):
            until_asked(server, name)
        assert "Hello, Bo! [default None merry]" in answer_of(server, "old")
        assert "Good day, Bo! [default None merry]" in answer_of(server, "new")
        called = server.house.post("/api/v1/tools/greet/call", {"arguments": {"name": "Bo"}})
        assert (called["is_error"], called["text"]) == (False, "Good day, Bo! [default None merry]")
        what_nothing_refers_to_is_removed_and_nothing_else(server)
        assert "Good day, Bo! [default None merry]" in answer_of(server, "new")


def what_nothing_refers_to_is_removed_and_nothing_else(server: Server) -> None:
    refused(server.client(server.tenant(), "operator").ask("POST", PRUNE, {}), 403, "Authorization")
    assert server.house.post(PRUNE, {"dry_run": True})["removed"] == []
    server.house.post("/api/v1/tools/greet/state", {"version": "1.0.0", "state": "yanked", "message": "rude"})
    deadline = time.monotonic() + PATIENCE
    while not (seen := server.house.post(PRUNE, {"dry_run": True})["removed"]):  # it is in use until it was idle
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert server.house.post(PRUNE, {})["removed"] == seen
    assert [each["wheel"] for each in seen] == ["toolyard_greeter-1.0.0-py3-none-any.whl"]
    (kept,) = server.root.parent.glob("*/environments/*/environment.json")
    assert b"toolyard_greeter-2.0.0" in kept.read_bytes()
