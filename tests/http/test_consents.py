"""An end user consents to a remote MCP server: the run waits, the callback answers, the token is theirs and sealed."""

import asyncio
import html
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.serving import SECONDS, Client, Server, eventually, serving
from tests.registry.sources.mcp.consent_server import Gate
from tests.registry.sources.mcp.openly import agree
from tests.registry.sources.mcp.web_server import WebServer
from tests.registry.sources.mcp.web_server import serving as remote_serving

LINK = re.compile(r"http://[^\s'\"\\]+/authorize\?[^\s'\"\\]+")
AGENT = """
instructions = "You ask the tracker."
tools = ["tracker_who"]

[tool.tracker_who]
read_only = true
"""


@pytest.fixture
def remote() -> Iterator[WebServer]:
    """A remote MCP server behind an authorization server, in a thread of its own."""
    up, over = threading.Event(), threading.Event()
    made: list[WebServer] = []

    async def run() -> None:
        gate = Gate()
        async with remote_serving(gate=gate) as server:
            gate.at = server.url.removesuffix("/mcp")
            made.append(server)
            up.set()
            while not over.is_set():  # noqa: ASYNC110 - the test's own thread says when
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert up.wait(SECONDS)
    yield made[0]
    over.set()
    thread.join(SECONDS)


def settings_for(remote: WebServer) -> str:
    place = remote.url.removeprefix("http://").removesuffix("/mcp")
    return f"""
[sources.tracker]
kind = "mcp"
url = "{remote.url}"
oauth = {{ callback = "http://127.0.0.1:1/api/v1/consents" }}

[egress.tracker]
private = ["{place}"]
"""


def consented_by_the_operator(server: Server) -> None:
    """Consent for the list of tools, and wait for the agent that has one of them."""
    found = eventually(lambda: LINK.search("\n".join(server.wiring.agents.problems)))
    come_back(server, found[0])
    (server.root / "agents" / "asker.toml").write_text(AGENT)
    eventually(lambda: bool((server.wiring.agents.release("asker") or nothing).tools))


def test_a_run_that_waits_for_a_consent_over_a_restart_gets_a_new_link_from_the_old_one(
    tmp_path: Path, remote: WebServer
) -> None:
    settings, state = settings_for(remote), tmp_path / "state"
    with serving(tmp_path / "first", settings, state=state) as server:
        consented_by_the_operator(server)
        ada = server.client(server.tenant(), "frontend", "user").speaking_for("ada")
        run = ada.start("call tracker_who {}", "asker")
        link = ada.until(run, lambda shown: shown["status"] == "parked" and shown["inputs"])["inputs"][0]["url"]
    with serving(tmp_path / "second", settings, state=state, files={"agents/asker.toml": AGENT}) as server:
        ada = Client(server.port, ada.secret).speaking_for("ada")
        browser = Client(server.port, "")
        page = browser.ask("GET", f"/api/v1/consents?{came_with(link)}")
        assert page.status == 200, page
        assert b"Once more, please" in page.body
        (again,) = re.findall(r'href="([^"]+)"', page.body.decode())
        assert html.unescape(again) != link
        assert browser.ask("GET", f"/api/v1/consents?{came_with(link)}").status == 404, "it is good for once"
        come_back(server, html.unescape(again))
        assert "Bearer [secret token]" in str(ada.finished(run)["outputs"])


def test_a_run_waits_for_a_consent_and_goes_on_by_itself_when_it_was_given(tmp_path: Path, remote: WebServer) -> None:
    with serving(tmp_path, settings_for(remote)) as server:
        eventually(
            lambda: LINK.search("\n".join(server.wiring.agents.problems)) is not None,
            lambda: server.wiring.agents.problems,
        )
        found = LINK.search("\n".join(server.wiring.agents.problems))
        assert found
        stranger = server.client(server.tenant(), "author", "operator", "auditor")
        assert stranger.get("/api/v1/agents")["problems"] == [], "whoever follows the link chooses the server's account"
        come_back(server, found[0])  # the operator's own consent, for the list of tools
        (tmp_path / "repository" / "agents" / "asker.toml").write_text(AGENT)
        eventually(
            lambda: bool((server.wiring.agents.release("asker") or nothing).tools),
            lambda: server.wiring.agents.problems,
        )
        frontend = server.client(server.tenant(), "frontend", "user")
        ada, bob = frontend.speaking_for("ada"), frontend.speaking_for("bob")
        run = ada.start("call tracker_who {}", "asker")
        shown = ada.until(run, lambda shown: shown["status"] == "parked" and shown["inputs"])
        link = shown["inputs"][0]["url"]
        come_back(server, link)
        assert "Bearer [secret token]" in str(ada.finished(run)["outputs"])
        told = str(ada.get(f"/api/v1/runs/{run}/events"))
        assert "'by': 'consent'" in told
        again = ada.start("call tracker_who {}", "asker")
        assert "Bearer [secret token]" in str(ada.finished(again)["outputs"]), "the token was kept"
        other = bob.start("call tracker_who {}", "asker")
        assert bob.until(other, lambda shown: shown["status"] == "parked")["inputs"], "bob has not consented"
        names = [secret["name"] for secret in server.house.get("/api/v1/secrets")["data"]]
        assert "mcp-tracker-token" in names
        page = Client(server.port, "").ask("GET", "/api/v1/consents?state=nonsense&code=1")
        assert page.status == 404
        assert b"Nobody waits" in page.body
    stored = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert b"access_token" not in stored


class nothing:  # noqa: N801 - stands for an agent that is not there yet
    tools = ()


def come_back(server: Server, link: str) -> None:
    """Allow what a link asks for, and visit the callback as a browser would."""
    page = Client(server.port, "").ask("GET", f"/api/v1/consents?{came_with(link)}")
    assert (page.status, page.headers["content-security-policy"]) == (200, "default-src 'none'"), page
    assert page.headers["content-type"] == "text/html; charset=utf-8"


def came_with(link: str) -> str:
    """Allow what a link asks for; return the query with which the browser is sent back."""
    return "&".join(f"{name}={value}" for name, value in asyncio.run(agree(link)).items())
