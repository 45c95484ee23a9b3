"""Runs the real program as a person would: in this process, as one of its own, or in a terminal of its own."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, Self

from click.testing import CliRunner
from toolyard_runtime.cli.program import program
from toolyard_runtime.cli.surroundings import Surroundings

_SECONDS = 60.0
_OWN_PROCESS = (("serve",), ("demo",))

_WITH_THIS_TERMINAL = """
import fcntl, runpy, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in background has switched it off
sys.argv[0] = "toolyard"
runpy.run_module("toolyard_runtime.cli", run_name="__main__")
"""
"""Takes the terminal on its standard input for its own, so that Ctrl-C reaches it, and becomes the program."""


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


def environment(**extra: str) -> dict[str, str]:
    """Return this process's environment without what would steer the program."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOOLYARD_")}
    return kept | {"NO_COLOR": "1", "COLUMNS": "200", "TERM": "xterm"} | extra


def toolyard(*arguments: str, cwd: Path | None = None, stdin: str = "", **env: str) -> Outcome:
    """Run a command to its end in this process, where it starts at once; raises what it does not expect itself.

    One that takes its process over, as a server does, gets a process of its own.
    """
    if arguments[:1] in _OWN_PROCESS:
        return as_process(*arguments, cwd=cwd, stdin=stdin, seconds=_SECONDS, **env)
    steering = dict.fromkeys(name for name in os.environ if name.startswith("TOOLYARD_"))
    given = environment(**env)
    surroundings = Surroundings(
        cwd=cwd or Path.cwd(),
        url=given.get("TOOLYARD_URL", ""),
        key=given.get("TOOLYARD_KEY", ""),
        search_path=given.get("PATH", os.defpath),
        python=Path(sys.executable),
        environment=given,
    )
    with contextlib.chdir(surroundings.cwd):
        done = CliRunner().invoke(
            program, arguments, input=stdin, env={**steering, **given}, obj=surroundings, prog_name="toolyard"
        )
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Outcome(done.exit_code, done.stdout, done.stderr)


def as_process(
    *arguments: str, cwd: Path | None = None, stdin: str = "", seconds: float = _SECONDS, **env: str
) -> Outcome:
    """Run a command to its end as a process; raises TimeoutExpired after the deadline."""
    done = subprocess.run(
        [sys.executable, "-m", "toolyard_runtime.cli", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=seconds,
        env=environment(**env),
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


class Terminal:
    """A command in a pseudo-terminal: read until something shows, type, press keys."""

    def __init__(self, *arguments: str, cwd: Path | None = None, **env: str) -> None:
        ours, theirs = pty.openpty()
        self._ours = ours
        self.seen = ""
        self._at = 0
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WITH_THIS_TERMINAL, *arguments],
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment(**env),
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_SECONDS)
        os.close(self._ours)

    def until(self, pattern: str, seconds: float = _SECONDS) -> str:
        """Read until `pattern` shows after what was already waited for; return what came, up to its end."""
        deadline = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.seen[self._at :])
            if found:
                came = self.seen[self._at : self._at + found.end()]
                self._at += found.end()
                return came
            left = deadline - time.monotonic()
            if left <= 0 or not self._read(left):
                raise AssertionError(f"{pattern!r} did not show in: {self.seen[self._at :]!r}")

    def type(self, line: str) -> None:
        os.write(self._ours, line.encode() + b"\n")

    def press(self, key: bytes) -> None:
        os.write(self._ours, key)

    def hang_up(self) -> None:
        """Tell the command that its terminal was closed, as the kernel does."""
        self._process.send_signal(signal.SIGHUP)

    def interrupt(self, pattern: str, presses: int = 10) -> str:
        """Press Ctrl-C until `pattern` shows: one that comes just before a read is only seen at the next key."""
        for _ in range(presses):
            self.press(CTRL_C)
            try:
                return self.until(pattern, 3.0)
            except AssertionError:
                continue
        raise AssertionError(f"{pattern!r} did not show after {presses} times Ctrl-C in: {self.seen[-500:]!r}")

    def end(self, seconds: float = _SECONDS) -> int:
        """Wait for the command to leave and return its exit code."""
        deadline = time.monotonic() + seconds
        while self._process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"it did not end; last seen: {self.seen[-500:]!r}")
            self._read(0.1)
        self._read(0.0)
        return self._process.returncode

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], min(seconds, 1.0))
        if not ready:
            return self._process.poll() is None
        try:
            chunk = os.read(self._ours, 65536)
        except OSError:
            return False
        self.seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", chunk.decode("utf-8", "replace"))
        return bool(chunk)


CTRL_C = b"\x03"
CTRL_D = b"\x04"
