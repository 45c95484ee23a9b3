"""Which server a command means."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from toolyard_runtime.cli.surroundings import NotRunning, Surroundings, Target, find_repository, find_server, is_alive


def leave_address(repository: Path, pid: int, url: str = "http://127.0.0.1:1") -> None:
    (repository / ".toolyard").mkdir()
    (repository / ".toolyard" / "server.json").write_text(json.dumps({"url": url, "key": "theirs", "pid": pid}))


def dead_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait(30)
    return child.pid


def test_a_server_is_found_from_a_folder_below_its_repository(tmp_path: Path) -> None:
    leave_address(tmp_path, os.getpid())
    below = tmp_path / "agents" / "deep"
    below.mkdir(parents=True)
    assert find_server(Surroundings(below), Target()) == ("http://127.0.0.1:1", "theirs")


def test_the_key_in_server_json_is_never_sent_to_an_address_that_was_given(tmp_path: Path) -> None:
    leave_address(tmp_path, os.getpid())
    assert find_server(Surroundings(tmp_path), Target("http://elsewhere:1")) == ("http://elsewhere:1", "")
    assert find_server(Surroundings(tmp_path, url="http://elsewhere:1"), Target()) == ("http://elsewhere:1", "")


def test_options_win_over_the_environment(tmp_path: Path) -> None:
    surroundings = Surroundings(tmp_path, url="http://environment:1", key="environment")
    assert find_server(surroundings, Target("http://option:1", "option")) == ("http://option:1", "option")
    assert find_server(surroundings, Target()) == ("http://environment:1", "environment")


def test_the_address_of_a_dead_server_is_told_apart_from_none(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="No server is running"):
        find_server(Surroundings(tmp_path), Target())
    leave_address(tmp_path, dead_process())
    with pytest.raises(NotRunning, match="not running any more"):
        find_server(Surroundings(tmp_path), Target())


def test_a_damaged_address_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / ".toolyard").mkdir()
    (tmp_path / ".toolyard" / "server.json").write_text('{"url": 3}')
    with pytest.raises(NotRunning, match="No server is running"):
        find_server(Surroundings(tmp_path), Target())


def test_a_process_that_ended_is_not_alive() -> None:
    assert is_alive(os.getpid())
    assert not is_alive(dead_process())
    assert not is_alive(0)


def test_the_nearest_repository_above_is_meant(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    (inner / "agents").mkdir(parents=True)
    (tmp_path / "toolyard.toml").write_text("")
    assert find_repository(inner / "agents") == tmp_path
    (inner / "toolyard.toml").write_text("")
    assert find_repository(inner / "agents") == inner


def test_a_state_directory_elsewhere_can_be_named(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    leave_address(repository, os.getpid())
    target = Target(state_dir=repository / ".toolyard")
    assert find_server(Surroundings(tmp_path), target) == ("http://127.0.0.1:1", "theirs")
    with pytest.raises(NotRunning):
        find_server(Surroundings(tmp_path), Target(state_dir=tmp_path))
