"""Follows a page as a reader would, in a folder of its own: writes its files, types its commands, runs its Python.

A block whose first line is a comment with a path is that file of the agent repository. A console block is typed line by
line; what stands below a command, or in a text block right after it, has to come out, line by line and in this order,
up to what differs from run to run (ids, times, addresses). `...` stands for lines that are left out, and at
its end for the rest of a line. All Python of a page that is no file is one script, run where its last block stands.
Knows no page.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from toolyard_runtime.cli.connection import Connection, Refused, Unreachable
from toolyard_runtime.cli.surroundings import STATE_FOLDER, read_address

from tests.docs.pages import Block

SHOWN_ADDRESS = "http://127.0.0.1:8700"
SHOWN_KEY = "YOUR_KEY"
SECONDS = 60
LEFT_OUT = "..."
RELOADED = "reloaded: agents"
SERVERS = ("toolyard serve", "toolyard tool dev")
MOST_TOLD = 3000

_CHANGING = (
    (re.compile(r"\b(run|appr|sess|key|call|resp|ty|fact|msg)_(\.\.\.|[\w-]{32,})"), r"\1_*"),
    (re.compile(r"sha256:(\.\.\.|[0-9a-f]{64})"), "sha256:*"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC|[+-]\d\d:\d\d)?"), "TIME"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "CLOCK"),
    (re.compile(r"\b20\d\d-\d\d-\d\d\b|\b\d\d? [JFMASOND][a-z]{2,8} 20\d\d\b"), "DAY"),
    (re.compile(r"[+-]?\b\d+(\.\d+)? (ms|s|min|h)\b"), "DURATION"),
    (re.compile(r"\bin \d+\.\d+s\b"), "in DURATION"),
    (re.compile(r"^\s*\d+\s+DURATION"), "N DURATION"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"\b(process|kill -9) \d+"), r"\1 *"),
    (re.compile(r"/\S*toolyard-demo-\w+"), "FOLDER"),
    (re.compile(r"\s+"), " "),
)


class NotAsShown(AssertionError):
    """The page shows something else than what happens; the message holds both."""


def plain(line: str) -> str:
    """Return a line without what differs from run to run."""
    for pattern, word in _CHANGING:
        line = pattern.sub(word, line)
    return line.strip()


def compare(place: str, shown: list[str], happened: str) -> None:
    """Raise NotAsShown unless all shown lines came out, in their order."""
    left: Iterator[str] = iter([plain(line) for line in happened.splitlines()])
    for line in shown:
        wanted = plain(line)
        if wanted in ("", LEFT_OUT):
            continue
        cut = wanted.endswith(f" {LEFT_OUT}")
        begins = wanted.removesuffix(LEFT_OUT).strip()
        if not any(each == wanted or (cut and each.startswith(begins)) for each in left):
            raise NotAsShown(f"{place} shows\n  {line}\nbut what came out is\n{happened[-MOST_TOLD:]}")


class Follower:
    """One page being followed. `typed` maps commands to what is run in their place ("" runs nothing)."""

    def __init__(self, folder: Path, typed: Mapping[str, str]) -> None:
        self.folder = folder
        self._typed = typed
        self._log = folder / "server.log"
        self._server: subprocess.Popen[bytes] | None = None
        commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**os.environ, "PATH": commands, "COLUMNS": "240"}

    def follow(self, blocks: list[Block]) -> None:
        """Do all that the page says; raises NotAsShown."""
        scripts = [block for block in blocks if block.language == "python" and not block.file]
        for number, block in enumerate(blocks):
            if block.file:
                self._save(block)
            elif scripts and block is scripts[-1]:
                self._python(f"{block.page}:{block.line}", "\n\n".join(each.text for each in scripts))
            elif block.language == "console":
                following = blocks[number + 1 : number + 2]
                beside = following[0].text.splitlines() if following and following[0].language == "text" else []
                self._type(block, beside)

    def stop(self) -> None:
        """End what the page has started."""
        if self._server is None:
            return
        self._server.terminate()
        try:
            self._server.wait(SECONDS)
        finally:
            self._server.kill()
        self._server = None

    def _save(self, block: Block) -> None:
        """Write a file; a server that follows it tells what came of it before anybody goes on."""
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        changed = path.suffix == ".py" and path.exists() and "tests" not in path.parts
        added = path.parent.name == "agents" and not path.exists()
        followed = self._server is not None and (changed or added)
        before = self._log.read_text().count(RELOADED) if followed else 0
        path.write_text(block.content + "\n")
        deadline = time.monotonic() + SECONDS
        while followed and self._log.read_text().count(RELOADED) == before:
            if time.monotonic() > deadline:
                raise NotAsShown(f"{block.page}:{block.line} is not reloaded:\n{self._log.read_text()}")
            time.sleep(0.1)

    def _type(self, block: Block, beside: list[str]) -> None:
        lines = block.text.splitlines()
        typed = [index for index, line in enumerate(lines) if line.startswith("$ ")]
        for index, following in zip(typed, [*typed[1:], len(lines)], strict=True):
            shown = lines[index + 1 : following] or (beside if index == typed[-1] else [])
            command = lines[index].removeprefix("$ ").partition("  #")[0].strip()
            happened = self._run(self._typed.get(command, command))
            compare(f"{block.page}:{block.line + index + 1}", shown, happened)

    def _run(self, command: str) -> str:
        happened = []
        for part in filter(None, command.split(" && ")):
            word, _, rest = part.partition(" ")
            if word == "cd":
                self.folder /= rest
            elif part.startswith(SERVERS):
                happened.append(self._serve(part))
            else:
                happened.append(self._shell(part))
        return "\n".join(happened)

    def _serve(self, command: str) -> str:
        """Start what the page starts, on a free port, and return what it printed until it was ready."""
        self.stop()
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(
                [*shlex.split(command), "--port", "0"],
                cwd=self.folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + SECONDS
        while not self._ready(self._server):
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise NotAsShown(f"{command} does not start:\n{self._log.read_text()}")
            time.sleep(0.1)
        return self._log.read_text()

    def _ready(self, server: subprocess.Popen[bytes]) -> bool:
        address = read_address(self.folder / STATE_FOLDER)
        if address is None or address.pid != server.pid:
            return False
        try:
            Connection(address.url, address.key).text("/readyz")
        except (Refused, Unreachable):
            return False
        return True

    def _shell(self, command: str) -> str:
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.stdout

    def _python(self, place: str, script: str) -> None:
        text = self.addressed(script)
        command = [sys.executable, "-W", "error", "-c", text]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode:
            raise NotAsShown(f"the Python of the page, up to {place}, fails:\n{done.stdout}{done.stderr}")

    def addressed(self, text: str) -> str:
        """Return a text of the page with the running server's address and key in it."""
        address = read_address(self.folder / STATE_FOLDER)
        if address is None:
            return text
        return text.replace(SHOWN_ADDRESS, address.url).replace(f'"{SHOWN_KEY}"', json.dumps(address.key))
