"""A Toolyard server as a child process: started, killed without warning, started again; knows no run."""

import os
import signal
import subprocess
import time
from pathlib import Path

from toolyard_runtime.cli.connection import Connection, Refused, Unreachable
from toolyard_runtime.cli.surroundings import STATE_FOLDER, read_address

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05
_TAIL_CHARACTERS = 2000


class ServerFailed(Exception):
    """The server did not come up; the message holds the end of its log."""


class ServerProcess:
    """One server on one repository; `log` collects what every start of it printed."""

    def __init__(self, python: Path, repository: Path, log: Path) -> None:
        self._repository = repository
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._command = [
            str(python), "-m", "toolyard_runtime.cli", "serve", "--rehearsal", "--port", "0", "--repo", str(repository),
        ]  # fmt: skip

    @property
    def pid(self) -> int:
        """The running server's process; 0 when none runs."""
        return self._process.pid if self._process else 0

    def start(self) -> Connection:
        """Start the server and return a connection once it is ready; raises ServerFailed."""
        with self._log.open("ab") as log:
            # a session of its own: Ctrl-C in the demonstration is answered by the demonstration
            process = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own program
        self._process = process
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise ServerFailed(f"The server ended with code {process.returncode}:\n{self._tail()}")
            connection = self._ready()
            if connection is not None:
                return connection
            time.sleep(_POLL_SECONDS)
        raise ServerFailed(f"The server was not ready after {_START_SECONDS:.0f} s:\n{self._tail()}")

    def kill(self) -> None:
        """End the server as `kill -9` does: it gets no chance to write, close or say anything."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait(_STOP_SECONDS)
            self._process = None

    def stop(self) -> None:
        """End the server politely; after a while, or when it is stuck, for good."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_SECONDS)
        self._process = None

    def _ready(self) -> Connection | None:
        address = read_address(self._repository / STATE_FOLDER)
        if address is None or address.pid != self.pid:
            return None
        connection = Connection(address.url, address.key)
        try:
            connection.text("/readyz")
        except (Refused, Unreachable):
            return None
        return connection

    def _tail(self) -> str:
        return self._log.read_text("utf-8", "replace")[-_TAIL_CHARACTERS:]
