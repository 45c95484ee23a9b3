"""A reader who does what README, the tutorial and the page for app developers say gets what they show."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from toolyard_runtime.cli.surroundings import STATE_FOLDER

from tests.clients.conftest import node
from tests.clients.test_js import sdk
from tests.docs.following import Follower, NotAsShown, compare
from tests.docs.pages import ROOT, Block, read
from tests.http.serving import serving

INSTALLING = "python3 -m pip install uv"
TYPED = {
    f"{INSTALLING} && uv run --locked toolyard demo": "toolyard demo --yes",
    INSTALLING: "",
    "uv sync --locked": "",
    "uv run --locked pytest": "",
    "source .venv/bin/activate": "",
    "python -m pytest": f"{sys.executable} -m pytest -p no:asyncio -p no:cacheprovider",
}
"""Commands that get or test the program itself: this is a test of it."""

ELSEWHERE = "http"
"""A command with an address in it talks to a model server, which a test has none of."""

SECONDS = 60

__all__ = ["node", "sdk"]


def blocks_of(page: str) -> list[Block]:
    return [block for section in read([ROOT / page]) for block in section.blocks]


def typed_of(page: str) -> dict[str, str]:
    lines = [line for block in blocks_of(page) if block.language == "console" for line in block.text.splitlines()]
    commands = [line.removeprefix("$ ").partition("  #")[0].strip() for line in lines if line.startswith("$ ")]
    return {command: "" for command in commands if f"url {ELSEWHERE}" in command} | TYPED


def follow(page: str, folder: Path) -> Follower:
    follower = Follower(folder, typed_of(page))
    try:
        follower.follow(blocks_of(page))
    except BaseException:
        follower.stop()
        raise
    return follower


@pytest.fixture(scope="module")
def readme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Follower]:
    follower = follow("README.md", tmp_path_factory.mktemp("readme"))
    yield follower
    follower.stop()


def test_the_readme_can_be_followed(readme: Follower) -> None:
    assert (readme.folder / "files" / "default" / "trip.md").read_text() == "Pack a coat."


@pytest.mark.parametrize("page", ["docs/tutorial.md", "docs/clients.md", "docs/tool-authors.md", "docs/memory.md"])
def test_a_page_can_be_followed(page: str, tmp_path: Path) -> None:
    follow(page, tmp_path).stop()


@pytest.mark.node
@pytest.mark.timeout(240)
def test_the_javascript_of_the_readme_runs(readme: Follower, sdk: str, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(ROOT / "tests" / "clients" / "node_modules")
    (block,) = [block for block in blocks_of("README.md") if block.language == "javascript"]
    script = tmp_path / "block.mjs"
    script.write_text(readme.addressed(block.text))
    done = subprocess.run([sdk, script], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert "Oslo" in done.stdout


def verified(database: Path, folder: Path) -> str:
    """Return what the first script of docs/why.md prints about a database."""
    return verifying(0, folder, str(database))


def verifying(number: int, folder: Path, *arguments: str) -> str:
    """Return what a script of docs/why.md prints."""
    blocks = [block for block in blocks_of("docs/why.md") if block.language == "python"]
    script = folder / f"verify_{number}.py"
    script.write_text(blocks[number].text)
    done = subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_auditors_other_script_needs_only_a_key(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        tenant = server.tenant()
        user, auditor = server.client(tenant, "user"), server.client(tenant, "auditor")
        run = user.finished(user.start('call add {"a": 1, "b": 2}'))["id"]
        address = f"http://127.0.0.1:{server.port}"
        assert verifying(1, tmp_path, address, auditor.secret, run) == f"{run} holds\n"
        with closing(sqlite3.connect(tmp_path / "state" / "toolyard.db", timeout=10)) as database:
            forgery = "UPDATE event SET head = replace(head, 'approve', 'ask') WHERE run = ? AND head LIKE '%approve%'"
            assert database.execute(forgery, (bytes.fromhex(run.removeprefix("run_")),)).rowcount == 1
            database.commit()
        assert verifying(1, tmp_path, address, auditor.secret, run) == f"{run} DOES NOT HOLD\n"


def test_the_auditors_script_finds_what_was_changed_and_nothing_else(readme: Follower, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    (backup,) = [
        block.text
        for block in blocks_of("docs/operations.md")
        if block.language == "console" and "VACUUM" in block.text
    ]
    statement = backup.split('"')[1].replace("backup-2026-11-23.db", str(copy))
    with sqlite3.connect(readme.folder / STATE_FOLDER / "toolyard.db") as database:
        database.execute(statement)
    database.close()
    told = verified(copy, tmp_path)
    runs = told.splitlines()
    assert len(runs) >= 3
    assert all(line.endswith(" holds") for line in runs), told
    for change in (
        "UPDATE event SET head = replace(head, '\"approve\"', '\"ask\"')",
        "DELETE FROM event WHERE seq = 3",
        "UPDATE payload SET data = CAST(replace(CAST(data AS TEXT), 'Oslo', 'Rome') AS BLOB) WHERE kind = 'user'",
    ):
        altered = tmp_path / "altered.db"
        altered.write_bytes(copy.read_bytes())
        with sqlite3.connect(altered) as database:
            assert database.execute(change).rowcount > 0, change
        database.close()
        assert "DOES NOT HOLD" in verified(altered, tmp_path), change


def test_what_is_shown_and_does_not_come_out_is_found() -> None:
    compare("page", ["run_... took 3 s", "...", "end"], "run_" + "0" * 32 + " took 25 ms\nmore\nend")
    compare("page", ["refused: too long ...", "end"], "refused: too long by 3 letters\nend")
    with pytest.raises(NotAsShown):
        compare("page", ["refused: too long ..."], "refused: too short\nend")
    with pytest.raises(NotAsShown):
        compare("page", ["end", "run_..."], "run_" + "0" * 32 + "\nend")
    with pytest.raises(NotAsShown):
        compare("page", ["refund(cents=1900)"], "refund(cents=190)")
