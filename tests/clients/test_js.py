"""Both routes through the OpenAI SDK for JS, end to end: `scenarios.mjs` tells what it saw."""

import fcntl
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.serving import AGENT, Running

HERE = Path(__file__).parent
INSTALL_SECONDS = 120
RUN_SECONDS = 90

pytestmark = [pytest.mark.node, pytest.mark.timeout(INSTALL_SECONDS + RUN_SECONDS)]


@pytest.fixture(scope="session")
def sdk(node: str) -> str:
    """Install what package-lock.json names, once, whichever of several test processes comes first."""
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]["openai"]
    installed = HERE / "node_modules" / "openai" / "package.json"
    with (HERE / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or json.loads(installed.read_text())["version"] != wanted:
            subprocess.run(
                ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                cwd=HERE,
                check=True,
                capture_output=True,
                timeout=INSTALL_SECONDS,
            )
    return node


@pytest.fixture(scope="session")
def seen(sdk: str, running: Running) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        [sdk, str(HERE / "scenarios.mjs"), running.base_url, running.key, AGENT],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return report


def test_the_agent_is_a_model(seen: dict[str, Any]) -> None:
    assert AGENT in seen["models"]["names"]
    assert seen["models"]["one"] == AGENT


def test_the_servers_tools_run_unseen_in_chat(seen: dict[str, Any]) -> None:
    assert "42" in seen["chat"]["content"]
    assert seen["chat"]["calls"] is None


def test_chat_streams(seen: dict[str, Any]) -> None:
    assert seen["chat_stream"]["content"] == "One two three."
    assert seen["chat_stream"]["usage"]["completion_tokens"] > 0
    assert seen["chat_stream_accumulated"] == {"content": "One two three."}


def test_server_and_client_tools_are_mixed_in_chat(seen: dict[str, Any]) -> None:
    told = seen["chat_client_tool"]
    assert told["finish_reason"] == "tool_calls"
    assert told["calls"] == [["weather", '{"city":"Oslo"}']]
    assert "42" in told["content"]
    assert "It rains in Oslo." in told["content"]


def test_the_sdks_own_tool_runner_works(seen: dict[str, Any]) -> None:
    assert seen["chat_run_tools"]["seen"] == ["Oslo"]
    assert "It snows in Oslo." in seen["chat_run_tools"]["content"]


def test_refusals_are_the_sdks_own_errors(seen: dict[str, Any]) -> None:
    refused = seen["chat_refused"]
    assert (refused["name"], refused["status"], refused["param"]) == ("BadRequestError", 400, "n")
    assert "one answer" in refused["message"]
    unknown = seen["unknown_agent"]
    assert (unknown["name"], unknown["status"], unknown["code"]) == ("NotFoundError", 404, "model_not_found")
    assert f"did you mean {AGENT}?" in unknown["message"]
    assert (seen["wrong_key"]["name"], seen["wrong_key"]["status"]) == ("AuthenticationError", 401)


def test_a_response_is_answered_continued_and_fetched(seen: dict[str, Any]) -> None:
    told = seen["responses"]
    assert told["kinds"] == ["mcp_call", "message"]
    assert "42" in told["text"]
    assert (told["second"], told["fetched"]) == ("Two.", "completed")


def test_a_response_streams(seen: dict[str, Any]) -> None:
    told = seen["responses_stream"]
    assert (told["first"], told["last"]) == ("response.created", "response.completed")
    assert "response.mcp_call.completed" in told["kinds"]
    assert "42" in told["text"]
    assert seen["responses_stream_accumulated"] == {"text": "One two three."}


def test_a_stream_is_taken_up_again(seen: dict[str, Any]) -> None:
    told = seen["responses_stream_again"]
    assert told["last_again"] == told["last_missed"]
    assert told["text"] == "One two three."


def test_a_client_tool_is_asked_for_and_its_result_is_used(seen: dict[str, Any]) -> None:
    told = seen["responses_client_tool"]
    assert (told["name"], told["arguments"]) == ("weather", '{"city":"Oslo"}')
    assert "It rains in Oslo." in told["text"]


def test_an_approved_call_is_executed(seen: dict[str, Any], running: Running) -> None:
    told = seen["responses_approval"]
    assert told["tool"] == "write_note"
    assert f"{told['note']} is written" in told["text"]
    assert (running.notes / told["note"]).read_text() == "milk\n"


def test_a_background_response_is_fetched_when_it_is_done(seen: dict[str, Any]) -> None:
    assert seen["responses_background"] == {"status": "completed", "text": "Later."}
