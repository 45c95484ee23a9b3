"""`toolyard serve` and `toolyard new`: what a person sees before the first request."""

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import CTRL_C, Terminal, environment, toolyard
from tests.cli.serving import serving


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    done = toolyard("new", "shop", cwd=tmp_path)
    assert done.code == 0, done.err
    return tmp_path / "shop"


def test_a_new_repository_says_what_was_made_and_what_to_do_next(tmp_path: Path) -> None:
    done = toolyard("new", "shop", cwd=tmp_path)
    assert done.code == 0
    for path in re.findall(r"^  (shop/\S+)$", done.out, re.MULTILINE):
        assert (tmp_path / path).is_file()
    assert "toolyard serve --rehearsal" in done.out


def test_a_new_repository_runs_at_once(shop: Path) -> None:
    with serving(shop):
        done = toolyard("chat", "-m", "What is 17 * 23?", cwd=shop)
        assert done.code == 0, done.err
        assert "391" in done.out
        assert toolyard("doctor", cwd=shop).code == 0


def test_nothing_is_overwritten(shop: Path) -> None:
    (shop / "agents" / "assistant.toml").write_text("mine")
    done = toolyard("new", "shop", cwd=shop.parent)
    assert done.code == 1
    assert "already there" in done.err
    assert (shop / "agents" / "assistant.toml").read_text() == "mine"


@pytest.mark.parametrize("name", ["Two Words", ""])
def test_a_name_that_is_none_makes_nothing(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    done = toolyard("new", name, cwd=inside)
    assert done.code != 0
    assert "Traceback" not in done.err
    assert list(inside.iterdir()) == []
    assert list(tmp_path.iterdir()) == [inside]


def test_without_a_model_serve_lists_the_ways_to_one(shop: Path) -> None:
    done = toolyard("serve", "--port", "0", cwd=shop)
    assert done.code == 1
    for way in ("vLLM", "Ollama", "llama-server", "OpenAI", "toolyard model serve PATH", "--rehearsal"):
        assert way in done.err
    assert not (shop / ".toolyard" / "server.json").exists()


def test_outside_a_repository_serve_says_how_to_make_one(tmp_path: Path) -> None:
    done = toolyard("serve", "--rehearsal", cwd=tmp_path)
    assert done.code == 1
    assert "toolyard new NAME" in done.err


def test_a_rehearsal_is_never_mixed_with_a_model(shop: Path) -> None:
    done = toolyard("serve", "--rehearsal", "--model-url", "http://127.0.0.1:1/v1", cwd=shop)
    assert done.code == 2
    assert "--rehearsal" in done.err


def test_a_mistake_in_the_settings_is_one_line_with_its_place(shop: Path) -> None:
    (shop / "toolyard.toml").write_text("[server]\nprot = 1\n")
    done = toolyard("serve", "--rehearsal", cwd=shop)
    assert done.code == 1
    assert "toolyard.toml:2" in done.err
    assert "port" in done.err
    assert "Traceback" not in done.err


def test_a_provisioned_key_that_could_be_guessed_is_refused(shop: Path) -> None:
    done = toolyard("serve", "--rehearsal", "--port", "0", cwd=shop, TOOLYARD_BOOTSTRAP_KEY="x" * 23)
    assert done.code == 1
    assert "TOOLYARD_BOOTSTRAP_KEY has 23 characters" in done.err
    assert "at least 24" in done.err
    assert "Traceback" not in done.err
    assert not (shop / ".toolyard" / "server.json").exists()


def test_a_port_that_is_taken_is_an_error_without_a_traceback(shop: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = toolyard("serve", "--rehearsal", "--port", port, cwd=shop)
    assert done.code == 1
    assert "in use" in done.err
    assert "Choose another with --port" in done.err
    assert "Traceback" not in done.err


def test_a_second_server_on_the_same_database_is_refused(shop: Path) -> None:
    with serving(shop) as first:
        done = toolyard("serve", "--rehearsal", "--port", "0", cwd=shop)
        assert done.code == 1
        assert f"process {first.pid}" in done.err
        assert toolyard("runs", "list", cwd=shop).code == 0


def test_control_c_ends_the_server(shop: Path) -> None:
    with Terminal("serve", "--rehearsal", "--port", "0", cwd=shop) as terminal:
        terminal.until("API key, shown once: ty_")
        terminal.press(CTRL_C)
        assert terminal.end() == 0, terminal.seen
        assert "Traceback" not in terminal.seen
    assert "is not running any more" in toolyard("runs", "list", cwd=shop).err


def test_a_polite_end_is_a_success(shop: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "toolyard_runtime.cli", "serve", "--rehearsal", "--port", "0"],
        cwd=shop,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        assert "Toolyard serves http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_keys_and_tenants_are_made_without_a_server_once_there_is_a_database(shop: Path) -> None:
    early = toolyard("key", "create", "early", cwd=shop)
    assert early.code == 1
    assert "There is no database of one either." in early.err
    with serving(shop):
        pass
    assert toolyard("tenant", "create", "acme", cwd=shop).code == 0
    assert toolyard("tenant", "create", "acme", cwd=shop).code == 1
    made = toolyard("key", "create", "night", "--tenant", "acme", "--role", "operator", cwd=shop)
    assert made.code == 0, made.err
    listed = json.loads(toolyard("key", "list", "--tenant", "acme", "--json", cwd=shop).out)["data"]
    assert [(each["name"], each["roles"]) for each in listed] == [("night", ["operator"])]
    assert toolyard("key", "create", "x", "--tenant", "nobody", cwd=shop).code == 1
    with serving(shop):
        assert toolyard("runs", "list", "--key", made.out.strip(), cwd=shop).code == 0
    assert toolyard("key", "revoke", listed[0]["id"], cwd=shop).code == 0
    assert toolyard("key", "revoke", listed[0]["id"], cwd=shop).code == 1
    assert toolyard("tenant", "revoke", "acme", "--yes", cwd=shop).code == 0
    assert [each["id"] for each in json.loads(toolyard("tenant", "list", "--json", cwd=shop).out)["data"]] == [
        "acme",
        "default",
    ]
    with serving(shop):
        assert toolyard("runs", "list", "--key", made.out.strip(), cwd=shop).code == 1


def test_the_database_of_a_server_elsewhere_is_found_by_its_state_directory(shop: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with serving(shop, state=state):
        assert toolyard("runs", "list", cwd=shop).code == 1
        assert toolyard("runs", "list", "--state-dir", str(state), cwd=shop).code == 0
    assert toolyard("key", "list", "--state-dir", str(state), cwd=shop).code == 0
    assert not (shop / ".toolyard" / "toolyard.db").exists()
