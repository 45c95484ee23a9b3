"""The doctor: every broken thing is found, said with what to do, and told in the exit code."""

import fcntl
import json
import os
import sqlite3
from pathlib import Path

import pytest
from toolyard_registry.scaffolding.agents import scaffold

from tests.cli.running import Outcome, as_process, toolyard
from tests.cli.scripted import scripted


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    scaffold(tmp_path / "shop", "shop")
    return tmp_path / "shop"


def line(done: Outcome, subject: str) -> str:
    """Return what the doctor says of a subject, advice included."""
    lines = done.out.splitlines()
    for number, text in enumerate(lines):
        if text[8:].startswith(subject + " "):
            advice = []
            for following in lines[number + 1 :]:
                if not following.startswith(" " * 8):
                    break
                advice.append(following.strip())
            return "\n".join([text, *advice])
    raise AssertionError(f"nothing about {subject} in:\n{done.out}")


def configure(repository: Path, text: str) -> None:
    with (repository / "toolyard.toml").open("a") as file:
        file.write("\n" + text)


def test_a_fresh_repository_is_not_broken(repository: Path) -> None:
    done = toolyard("doctor", cwd=repository)
    assert done.code == 0, done.out
    assert line(done, "Repository").startswith("ok")
    assert "1 agent" in line(done, "Repository")
    assert "Nothing is broken" in done.out
    assert not (repository / ".toolyard").exists()


def test_outside_a_repository_it_says_how_to_make_one(tmp_path: Path) -> None:
    done = toolyard("doctor", cwd=tmp_path)
    assert done.code == 0
    assert "toolyard new NAME" in line(done, "Repository")


def test_a_misspelt_key_is_named_with_its_line(repository: Path) -> None:
    configure(repository, "[modles]\ndefault = 1\n")
    done = toolyard("doctor", cwd=repository)
    assert done.code == 1
    assert "toolyard.toml:" in line(done, "toolyard.toml")
    assert "models" in line(done, "toolyard.toml")


def test_every_mistake_in_the_files_is_listed(repository: Path) -> None:
    (repository / "agents" / "other.toml").write_text('instructions = "x"\ntols = []\n')
    (repository / "tools" / "broken.py").write_text("import nothing_like_it\n")
    done = toolyard("doctor", "--repo", str(repository))
    assert done.code == 1
    assert "agents/other.toml:2" in done.out
    assert "tools/broken.py:1" in done.out


def test_what_only_a_running_server_knows_is_no_mistake(repository: Path) -> None:
    agent = repository / "agents" / "other.toml"
    agent.write_text('instructions = "x"\ntools = ["weather@^0.1"]\n')
    done = toolyard("doctor", "--repo", str(repository))
    assert done.code == 0
    assert "no tool `weather` is published or installed" in line(done, "File")
    assert "Only a running server knows" in line(done, "File")
    agent.write_text('instructions = "x"\ntools = ["desk_*"]\n')
    assert toolyard("doctor", "--repo", str(repository)).code == 1
    configure(repository, '[sources.desk]\nkind = "mcp"\nurl = "http://127.0.0.1:9/mcp"\n')
    assert toolyard("doctor", "--repo", str(repository)).code == 0
    agent.write_text('instructions = "x"\ntols = ["desk_*"]\n')
    assert toolyard("doctor", "--repo", str(repository)).code == 1


def test_a_running_server_says_what_agents_name_in_vain(repository: Path) -> None:
    (repository / "agents" / "other.toml").write_text('instructions = "x"\ntools = ["desk_*"]\n')
    problems = ["agents/other.toml:2: `desk_*` matches no tool", "source desk: it does not answer", "plugin x: y"]
    agents = {"data": [{"name": "assistant"}], "problems": problems}
    with scripted({"GET /readyz": (200, {}), "GET /api/v1/agents": (200, agents)}) as server:
        address = repository / ".toolyard" / "server.json"
        address.parent.mkdir()
        address.write_text(json.dumps({"url": server.url, "key": "k", "pid": os.getpid()}))
        address.chmod(0o600)
        done = toolyard("doctor", "--repo", str(repository))
    assert done.code == 1
    assert done.out.count("broken  File") == 2
    assert "source desk: it does not answer" in done.out
    assert "1 agent," in line(done, "Repository")


def test_a_plugin_that_fails_is_broken_and_can_be_switched_off(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise RuntimeError('no such luck')\n")
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[toolyard]\nbroken = broken\n")
    done = as_process("doctor", cwd=repository, PYTHONPATH=str(tmp_path))
    assert done.code == 1
    assert "no such luck" in line(done, "Plugin")
    assert 'off = ["broken"]' in line(done, "Plugin")
    configure(repository, '[plugins]\noff = ["broken"]\n')
    assert as_process("doctor", cwd=repository, PYTHONPATH=str(tmp_path)).code == 0


def test_a_model_server_is_asked_what_it_offers(repository: Path) -> None:
    with scripted({"GET /v1/models": (200, {"data": [{"id": "qwen3"}]})}) as server:
        configure(repository, f'[providers.local]\nbase_url = "{server.url}/v1"\ndefault_model = "qwen3"\n')
        done = toolyard("doctor", cwd=repository)
        assert done.code == 0, done.out
        assert "offers qwen3" in line(done, "Model local")
    done = toolyard("doctor", cwd=repository)
    assert done.code == 1
    assert "connection refused" in line(done, "Model local")


def test_runs_that_cannot_go_on_are_told(repository: Path) -> None:
    state = repository / ".toolyard"
    state.mkdir(exist_ok=True)
    ready = {"ready": True, "problems": [], "left_alone": 2}
    with scripted({"GET /readyz": (200, ready), "GET /v1/models": (200, {"data": [{"id": "m"}]})}) as server:
        configure(repository, f'[providers.local]\nbase_url = "{server.url}/v1"\ndefault_model = "m"\n')
        address = state / "server.json"
        address.write_text(json.dumps({"url": server.url, "key": "k", "pid": os.getpid()}))
        address.chmod(0o600)
        done = toolyard("doctor", cwd=repository)
        assert done.code == 0, done.out
        assert "runs that cannot go on now: 2" in line(done, "Server")


def test_a_model_that_is_not_offered_is_broken(repository: Path) -> None:
    with scripted({"GET /v1/models": (200, {"data": [{"id": "qwen3"}]})}) as server:
        configure(repository, f'[providers.local]\nbase_url = "{server.url}/v1"\ndefault_model = "gpt"\n')
        done = toolyard("doctor", cwd=repository)
    assert done.code == 1
    assert "It offers: qwen3." in line(done, "Model local")


def test_the_key_of_a_model_server_comes_from_the_variable_that_is_named(repository: Path) -> None:
    with scripted({"GET /v1/models": (200, {"data": []})}) as server:
        configure(repository, f'[providers.remote]\nbase_url = "{server.url}/v1"\napi_key_env = "REMOTE_KEY"\n')
        done = toolyard("doctor", cwd=repository)
        assert done.code == 1
        assert "REMOTE_KEY is not set" in line(done, "Model remote")
        assert toolyard("doctor", cwd=repository, REMOTE_KEY="secret").code == 0
        assert server.asked[-1][3]["Authorization"] == "Bearer secret"


def test_a_default_model_of_nobody_is_broken(repository: Path) -> None:
    with scripted({"GET /v1/models": (200, {"data": []})}) as server:
        configure(repository, f'[providers.local]\nbase_url = "{server.url}/v1"\n[models]\ndefault = "lokal/x"\n')
        done = toolyard("doctor", cwd=repository)
    assert done.code == 1
    assert "with one of: local" in line(done, "Default model")


def test_a_key_that_others_can_read_is_broken(repository: Path) -> None:
    state = repository / ".toolyard"
    state.mkdir()
    address = state / "server.json"
    address.write_text(json.dumps({"url": "http://127.0.0.1:1", "key": "k", "pid": os.getpid()}))
    address.chmod(0o644)
    done = toolyard("doctor", cwd=repository)
    assert done.code == 1
    assert f"chmod 600 {address}" in line(done, "Server")
    address.chmod(0o600)
    assert "is not ready" in line(toolyard("doctor", cwd=repository), "Server")


def test_a_damaged_database_is_broken(repository: Path) -> None:
    state = repository / ".toolyard"
    state.mkdir()
    (state / "toolyard.db").write_bytes(b"this is no database, whatever its name says" * 100)
    done = toolyard("doctor", cwd=repository)
    assert done.code == 1
    assert "Restore it" in line(done, "Database")


def test_who_holds_the_database_is_named_and_nothing_is_taken_from_them(repository: Path) -> None:
    state = repository / ".toolyard"
    state.mkdir()
    sqlite3.connect(state / "toolyard.db").close()
    lock = os.open(state / "toolyard.db.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.write(lock, b"4711\n")
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "in use by process 4711" in line(toolyard("doctor", cwd=repository), "Database")
    finally:
        os.close(lock)
    assert "in use" not in line(toolyard("doctor", cwd=repository), "Database")


def test_a_missing_uv_is_only_worth_a_hint(repository: Path) -> None:
    done = toolyard("doctor", cwd=repository, PATH="/nowhere")
    assert done.code == 0
    assert line(done, "uv").startswith("warn")


@pytest.mark.parametrize(("revision", "state"), [("0000-of-the-future", "broken"), (None, "broken")])
def test_a_database_of_another_version_or_program_is_broken(repository: Path, revision: str | None, state: str) -> None:
    folder = repository / ".toolyard"
    folder.mkdir()
    connection = sqlite3.connect(folder / "toolyard.db")
    connection.execute("CREATE TABLE somebody_elses (x)")
    if revision is not None:
        connection.execute("CREATE TABLE alembic_version (version_num)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
    connection.commit()
    connection.close()
    done = toolyard("doctor", cwd=repository)
    assert done.code == 1
    assert line(done, "Database").startswith(state)
    assert ("does not know" if revision else "not one of Toolyard's") in line(done, "Database")
