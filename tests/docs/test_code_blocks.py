"""Every block of code in README and docs is what it says: Python runs, files are accepted by the server that reads
them, commands exist with the options they are shown with.

A block whose first line is a comment with a path (`# agents/support.toml`) is that file of an agent repository; all
files of one page make one repository.
"""

import json
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from toolyard_registry.scaffolding.agents import scaffold
from toolyard_runtime.cli.program import program

from tests.docs.pages import ROOT, Block, all_pages, read
from tests.vllm.serving import toolyard

LANGUAGES = {"python", "toml", "json", "jsonl", "console", "javascript", "markdown", "text", "yaml", "ini", "nginx"}
DEADLINE = 60

FOLLOWED = (
    "README.md",
    "docs/tutorial.md",
    "docs/clients.md",
    "docs/tool-authors.md",
    "docs/memory.md",
    "examples/README.md",
)
"""Pages that test_following.py and test_examples.py follow from top to bottom."""

BLOCKS = [block for section in read(path for path in all_pages() if path.is_file()) for block in section.blocks]


def _of(*languages: str) -> list[object]:
    found = [block for block in BLOCKS if block.language in languages and block.page not in FOLLOWED]
    return [pytest.param(block, id=f"{block.page}:{block.line}") for block in found]


def test_every_block_says_which_language_it_is() -> None:
    odd = [f"{block.page}:{block.line} {block.language!r}" for block in BLOCKS if block.language not in LANGUAGES]
    assert not odd, "\n".join(odd)


def test_json_is_json() -> None:
    for block in BLOCKS:
        if block.language in ("json", "jsonl"):
            for text in block.text.splitlines() if block.language == "jsonl" else [block.text]:
                json.loads(text)


def test_toml_is_toml() -> None:
    for block in BLOCKS:
        if block.language == "toml":
            tomllib.loads(block.text)


def test_the_files_of_a_page_make_a_repository_that_is_served(tmp_path: Path) -> None:
    for number, page in enumerate(sorted({block.page for block in BLOCKS if block.file} - set(FOLLOWED))):
        folder = tmp_path / str(number)
        repository, state, log = _repository(page, folder / "repository"), folder / "state", folder / "server.log"
        command = [sys.executable, "-m", "toolyard_runtime.cli", "serve", "--rehearsal", "--port", "0"]
        with toolyard([*command, "--repo", str(repository), "--state-dir", str(state)], state, log) as address:
            assert address.url
        told = log.read_text()
        assert not [block.file for block in BLOCKS if block.page == page and block.file and block.file in told], told


def _repository(page: str, folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "toolyard.toml").touch()
    for block in BLOCKS:
        if block.page == page and block.file:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.content + "\n")
    return folder


@pytest.mark.parametrize("block", _of("python"))
def test_python_runs(block: Block, tmp_path: Path) -> None:
    """A block runs in a folder that holds an agent repository named shop; a file of a repository is only compiled."""
    scaffold(tmp_path / "shop", "shop")
    script = tmp_path / "block.py"
    script.write_text(block.text)
    command = [sys.executable, *(["-m", "py_compile"] if block.file else []), str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", sorted({block.page for block in BLOCKS if block.language == "console"}))
def test_the_commands_that_are_shown_exist_with_their_options(page: str) -> None:
    for block in BLOCKS:
        for line in _commands(block.text) if block.page == page and block.language == "console" else ():
            words = shlex.split(line, comments=True)
            if "toolyard" in words[:4]:
                _parse(words[words.index("toolyard") + 1 :], line)


def _commands(text: str) -> Iterator[str]:
    """Yield what follows each `$ `, with lines that end in a backslash joined."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            yield from line[2:].split(" | ")[0].split(" < ")[0].split(" && ")


def _parse(words: list[str], line: str) -> None:
    """Parse a command line as the program would, without running it; what is on this disk does not matter."""
    command: click.Command = program
    context: click.Context | None = None
    try:
        while True:
            context = command.make_context(words[0] if words else "toolyard", list(words), parent=context)
            if not isinstance(command, click.Group) or not (rest := [*context._protected_args, *context.args]):
                return
            _, found, words = command.resolve_command(context, rest)
            assert found is not None, line
            command = found
    except click.exceptions.Exit:
        return  # --help and --version end here
    except click.UsageError as error:
        if not (isinstance(error, click.BadParameter) and "exist" in error.message):
            pytest.fail(f"{line}: {error.format_message()}")


def test_the_blocks_of_the_pages_are_found() -> None:
    assert {Path(block.page) for block in BLOCKS} & {Path("README.md"), Path("docs/cli.md")}
    assert (ROOT / "README.md").is_file()
