"""`toolyard tool dev` beside a chat that stays open: what is saved is in the next call, what is broken is told."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from toolyard_runtime.cli.connection import Connection, Refused, Unreachable
from toolyard_runtime.cli.surroundings import read_address

from tests.cli.running import Terminal, environment, toolyard

SECONDS = 60.0
ASK = 'call weather {"city": "Oslo"}'


@contextmanager
def developing(package: Path, *arguments: str, state: Path | None = None) -> Iterator[Path]:
    """Run `toolyard tool dev` in a package's folder until the block ends; gives the file of what it prints."""
    log = package.parent / "dev.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "toolyard_runtime.cli", "tool", "dev", "--port", "0", *arguments],
            cwd=package,
            stdout=output,
            stderr=output,
            env=environment(),
        )
    try:
        until(lambda: ready(state or package / ".toolyard", process.pid), log)
        yield log
    finally:
        process.terminate()
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(SECONDS)


def ready(state: Path, pid: int) -> bool:
    address = read_address(state)
    if address is None or address.pid != pid:
        return False
    try:
        Connection(address.url, address.key).text("/readyz")
    except (Refused, Unreachable):
        return False
    return True


def until(reached: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def saved(package: Path, old: str, new: str, log: Path, told: str) -> None:
    """Edit the package's module, and wait until the server tells what came of it."""
    module = package / "weather" / "__init__.py"
    text, before = module.read_text(), log.read_text().count(told)
    assert old in text
    module.write_text(text.replace(old, new))
    until(lambda: log.read_text().count(told) > before, log)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    assert toolyard("tool", "new", "weather", cwd=tmp_path).code == 0
    return tmp_path / "weather"


def test_what_is_saved_is_in_the_next_call_of_an_open_chat_and_what_is_broken_is_not(package: Path) -> None:
    with developing(package) as log, Terminal("chat", cwd=package) as chat:
        assert "In development: weather, granted to dev" in log.read_text()
        chat.until("you> ")
        chat.type(ASK)
        chat.until(r"← .*\"temperature\":7,")
        chat.until("you> ")
        saved(package, '"Oslo": 7', '"Oslo": 8', log, "reloaded")
        chat.type(ASK)
        chat.until(r"← .*\"temperature\":8,")
        chat.until("you> ")
        saved(
            package,
            '"Oslo": 8',
            '"Oslo": = 9',
            log,
            "not reloaded: weather/__init__.py:14: SyntaxError: invalid syntax",
        )
        chat.type(ASK)
        chat.until(r"← .*\"temperature\":8,")
        chat.until("you> ")
        saved(package, '"Oslo": = 9', '"Oslo": 9', log, "reloaded")
        chat.type(ASK)
        chat.until(r"← .*\"temperature\":9,")


def test_a_package_is_served_in_the_agent_repository_that_is_named(package: Path, tmp_path: Path) -> None:
    assert toolyard("new", "shop", cwd=tmp_path).code == 0
    shop = tmp_path / "shop"
    with developing(package, "--repo", str(shop), "--rehearsal", state=shop / ".toolyard") as log:
        assert "In development: weather, granted to no agent: name it in `tools` of agents/" in log.read_text()
        agent = shop / "agents" / "assistant.toml"
        agent.write_text(agent.read_text().replace('tools = ["reading_time",', 'tools = ["weather", "reading_time",'))
        until(lambda: "reloaded" in log.read_text(), log)
        done = toolyard("chat", "-m", ASK, cwd=shop)
        assert done.code == 0, done.err
        assert '"temperature":7' in done.err + done.out
    assert not (package / ".toolyard").exists()


def test_settings_of_the_trial_are_the_authors_and_stay(package: Path) -> None:
    settings = package / ".toolyard" / "dev" / "toolyard.toml"
    with developing(package):
        settings.write_text('[plugins]\noff = ["clock"]\n')
    with developing(package) as log:
        assert "!" not in log.read_text()
    assert settings.read_text() == '[plugins]\noff = ["clock"]\n'
    done = toolyard("tool", "call", "current_time", cwd=package)
    assert "there is no tool current_time here" in done.err
