"""One server under measurement: starts it, reads what the kernel knows about its process tree, ends it; knows nothing
of HTTP beyond "healthy" and nothing of what the server is for. Linux only, because of /proc."""

import http.client
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Self

PROC = Path("/proc")
START_DEADLINE = 60.0
STOP_DEADLINE = 15.0


class Server:
    """A running server, its directory and its port."""

    def __init__(self, command: list[str], environment: dict[str, str], directory: Path, port: int) -> None:
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self.directory = directory
        self.port = port
        self.start_seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """Where the server's output goes."""
        return self.directory.parent / f"{self.directory.name}.log"

    def start(self, health: str) -> None:
        """Return when GET `health` is answered with 200; raises RuntimeError with the log's end when it is not."""
        began = time.perf_counter()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self.directory,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while not _healthy(self.port, health):
            if self._process.poll() is not None or time.perf_counter() - began > START_DEADLINE:
                raise RuntimeError(f"{' '.join(self._command)} did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.01)
        self.start_seconds = time.perf_counter() - began

    def stop(self) -> None:
        """End the server and everything it started."""
        if self._process is None or self._process.poll() is not None:
            return
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_DEADLINE)

    def cpu_ms(self) -> float:
        """Return the milliseconds that all threads of the process tree have been on a CPU (the scheduler's count)."""
        return self._scheduled(0)

    def waited_ms(self) -> float:
        """Return the milliseconds that all threads were ready to run and waited for a CPU."""
        return self._scheduled(1)

    def _scheduled(self, column: int) -> float:
        total = 0
        for process in self._tree():
            for task in (PROC / str(process) / "task").glob("*/schedstat"):
                columns = _read(task).split()
                total += int(columns[column]) if columns else 0
        return total / 1e6

    def pss_mb(self) -> float:
        """Return the memory of the process tree in MiB, shared pages counted by share."""
        lines = (line for process in self._tree() for line in _read(PROC / str(process) / "smaps_rollup").splitlines())
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024

    def written(self) -> int:
        """Return the bytes handed to write calls so far: to files, and to sockets by an event loop in C."""
        lines = (line for process in self._tree() for line in _read(PROC / str(process) / "io").splitlines())
        return sum(int(line.split()[1]) for line in lines if line.startswith("wchar:"))

    def stored(self) -> int:
        """Return the size of all SQLite databases in the directory as a reader sees them, the log included."""
        total = 0
        for path in self.directory.rglob("*"):
            if path.is_file() and path.stat().st_size and _is_database(path):
                connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
                pages = connection.execute("pragma page_count").fetchone()[0]
                size = connection.execute("pragma page_size").fetchone()[0]
                connection.close()
                total += pages * size
        return total

    def _tree(self) -> list[int]:
        assert self._process is not None
        children: dict[int, list[int]] = {}
        for entry in PROC.iterdir():
            if entry.name.isdigit() and (stat := _read(entry / "stat")):
                parent = int(stat[stat.rindex(")") + 2 :].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
        found: list[int] = []
        waiting = [self._process.pid]
        while waiting:
            found.append(waiting.pop())
            waiting += children.get(found[-1], [])
        return found


def _read(path: Path) -> str:
    """Return a file of /proc; "" when its process has just ended."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(15) == b"SQLite format 3"


def _healthy(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
