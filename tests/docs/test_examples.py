"""The examples run as their page shows: a REST API and an MCP server are the tools of an agent."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.following import Follower
from tests.docs.pages import ROOT, read

STARTED = "python rooms.py"
PAGE = "examples/README.md"


@pytest.fixture
def examples(tmp_path: Path) -> Iterator[Path]:
    """Give a copy of the examples whose API listens on a port of its own."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns(".toolyard", "__pycache__"))
    office = tmp_path / "examples" / "office"
    command = [sys.executable, str(office / "rooms.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as api:
        try:
            assert api.stdout is not None
            settings = office / "toolyard.toml"
            settings.write_text(settings.read_text().replace("http://127.0.0.1:8790", api.stdout.readline().strip()))
            yield tmp_path
        finally:
            api.terminate()


def test_the_examples_can_be_followed(examples: Path) -> None:
    follower = Follower(examples, {STARTED: ""})
    try:
        follower.follow([block for section in read([ROOT / PAGE]) for block in section.blocks])
    finally:
        follower.stop()
