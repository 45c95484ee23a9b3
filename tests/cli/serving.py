"""Starts the real server as a person would, on a repository of its own, and stops it by its process id."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolyard_runtime.cli.connection import Connection, Refused, Unreachable
from toolyard_runtime.cli.surroundings import read_address
from toolyard_runtime.serving import ServerAddress

from tests.cli.running import environment

_SECONDS = 60.0


@contextmanager
def serving(repository: Path, *arguments: str, state: Path | None = None) -> Iterator[ServerAddress]:
    """Serve a repository with the rehearsal model until the block ends; raises AssertionError when it cannot."""
    arguments = (*arguments, *(("--state-dir", str(state)) if state else ()))
    log = repository / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "toolyard_runtime.cli", "serve", "--rehearsal", "--port", "0", *arguments],
            cwd=repository,
            stdout=output,
            stderr=output,
            env=environment(),
        )
    try:
        yield _ready(state or repository / ".toolyard", process, log)
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_SECONDS)


def _ready(state: Path, process: subprocess.Popen[bytes], log: Path) -> ServerAddress:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        address = read_address(state)
        if address is not None and address.pid == process.pid:
            try:
                Connection(address.url, address.key).text("/readyz")
            except (Refused, Unreachable):
                pass
            else:
                return address
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")
