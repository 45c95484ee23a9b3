"""Takes one round of measurements of one server: every figure of the verdicts, in one order, from a cold start."""

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Self

import msgspec

from tests.bench import verdicts
from tests.bench.load import Order, Outcome
from tests.bench.process import Server
from tests.bench.targets import ROOT, TEXT, Call, Target

CALLS, WORDS = 3, 64
LONG_WORDS = 1064
SESSIONS, TURNS, WINDOW = 3, 50, 10
SETTLE = 0.3
"""Seconds in which a server may finish what belongs to the runs it has answered."""


class Harness:
    """The model server and the load, in their own processes."""

    def __init__(self) -> None:
        self._model = self._run("tests.bench.model")
        assert self._model.stdout is not None
        self.model_port = int(self._model.stdout.readline())
        self._load = self._run("tests.bench.load")

    @staticmethod
    def _run(module: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", module]
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self._model, self._load):
            process.terminate()
            process.communicate(timeout=15)

    def load(self, order: Order) -> Outcome:
        """Carry out an order."""
        assert self._load.stdin is not None
        assert self._load.stdout is not None
        self._load.stdin.write(msgspec.json.encode(order) + b"\n")
        self._load.stdin.flush()
        return msgspec.json.decode(self._load.stdout.readline(), type=Outcome)

    def model_received(self) -> int:
        """Return the bytes that the model server was sent so far."""
        connection = http.client.HTTPConnection("127.0.0.1", self.model_port, timeout=10)
        connection.request("GET", "/received")
        answer = int(connection.getresponse().read())
        connection.close()
        return answer


class Round:
    """One start of one server, and what is measured on it."""

    def __init__(self, harness: Harness, target: Target, directory: Path, seconds: float) -> None:
        self._harness = harness
        self._target = target
        self._seconds = seconds
        port = free_port()
        model = f"http://127.0.0.1:{harness.model_port}/v1"
        filled = {"$PORT": str(port), "$RUNDIR": str(directory), "$MODEL": model}
        environment = {**os.environ, **target.env, "RUNDIR": str(directory), "MODEL_PORT": str(harness.model_port)}
        self.server = Server([filled.get(part, part) for part in target.cmd], environment, directory, port)
        self.row: dict[str, float] = {}
        self._errors = 0

    def measure(self) -> dict[str, float]:
        """Return one value for every figure; raises RuntimeError when the server answers nothing at all."""
        with self.server as server:
            server.start(self._target.health)
            self.row[verdicts.START] = server.start_seconds
            self.row[verdicts.IDLE] = server.pss_mb()
            warm, _ = self._load(self._target.run, clients=2, seconds=1.0)
            if not warm.ok:
                raise RuntimeError(f"no run succeeded: {warm.error}\n{server.log.read_text()[-2000:]}")
            self.row[verdicts.WARM] = server.pss_mb()
            waited, worked = server.waited_ms(), server.cpu_ms()
            for clients in verdicts.CLIENTS:
                outcome, cpu = self._load(self._target.run, clients=clients, seconds=self._seconds)
                self.row[verdicts.cpu(clients)] = cpu
                self.row[verdicts.latency("p50", clients)] = outcome.p50
                self.row[verdicts.latency("p99", clients)] = outcome.p99
                if clients == 1:
                    waited, worked = server.waited_ms() - waited, server.cpu_ms() - worked
                    self.row[verdicts.WAIT] = 100 * waited / (waited + worked)
            self.row[verdicts.AFTER] = server.pss_mb()
            self._streams()
            self._long_session()
            self._writes()
            self.row[verdicts.ERRORS] = self._errors
        return self.row

    def _streams(self) -> None:
        outcome, cpu = self._load(self._target.stream, clients=1, seconds=self._seconds)
        self.row[verdicts.STREAM] = cpu
        self.row[verdicts.FIRST] = outcome.first_ms or float("inf")
        half = self._seconds / 2
        _, short = self._load(self._target.stream, clients=1, seconds=half, calls=0)
        _, long = self._load(self._target.stream, clients=1, seconds=half, calls=0, words=LONG_WORDS)
        self.row[verdicts.TOKEN] = (long - short) / (LONG_WORDS - WORDS) * 1000

    def _long_session(self) -> None:
        """Measure the CPU of fifty turns of one session, over windows of ten turns; three sessions, one figure."""
        call = self._target.turn or self._target.run
        cpus: dict[int, list[float]] = {}
        for _ in range(SESSIONS):
            session, previous = str(uuid.uuid4()), None
            for window in range(TURNS // WINDOW):
                before = self.server.cpu_ms()
                outcome = self._order(call, runs=WINDOW, session=session, previous=previous)
                previous = outcome.previous
                time.sleep(SETTLE)
                cpus.setdefault(window, []).append((self.server.cpu_ms() - before) / WINDOW)
        windows = [statistics.median(values) for values in cpus.values()]
        self.row[verdicts.EARLY], self.row[verdicts.LATE] = windows[0], windows[-1]
        self.row[verdicts.GROWTH] = windows[-1] / windows[0]

    def _writes(self) -> None:
        """Measure the bytes of fifty turns of another session, turn by turn.

        They are medians over the turns of a window, because a checkpoint of SQLite falls on one turn in many.
        """
        call = self._target.turn or self._target.run
        session, previous = str(uuid.uuid4()), None
        written: list[float] = []
        stored = self.server.stored()
        for _ in range(TURNS):
            before = self._file_bytes()
            outcome = self._order(call, runs=1, session=session, previous=previous)
            previous = outcome.previous
            written.append(self._file_bytes() - before - outcome.received)
        self.row[verdicts.WRITTEN_EARLY] = statistics.median(written[:WINDOW]) / 1000
        self.row[verdicts.WRITTEN_LATE] = statistics.median(written[-WINDOW:]) / 1000
        self.row[verdicts.STORED] = (self.server.stored() - stored) / TURNS / 1000

    def _file_bytes(self) -> int:
        """Return the bytes the server wrote, less those the model server got; the caller subtracts its own answer."""
        return self.server.written() - self._harness.model_received()

    def _load(
        self, call: Call, *, clients: int, seconds: float, calls: int = CALLS, words: int = WORDS
    ) -> tuple[Outcome, float]:
        """Return the outcome and the CPU milliseconds per run."""
        before = self.server.cpu_ms()
        outcome = self._order(call, clients=clients, seconds=seconds, calls=calls, words=words)
        time.sleep(SETTLE)
        return outcome, (self.server.cpu_ms() - before) / max(1, outcome.ok + outcome.errors)

    def _order(
        self,
        call: Call,
        *,
        clients: int = 1,
        runs: int = 10**6,
        seconds: float = 60.0,
        calls: int = CALLS,
        words: int = WORDS,
        session: str = "",
        previous: str | None = None,
    ) -> Outcome:
        order = Order(
            port=self.server.port,
            path=call.path,
            headers=call.headers,
            body=json.dumps(call.body).replace(TEXT, f"add these, please: k{calls} n{words} {{{{sid}}}}"),
            clients=clients,
            runs=runs,
            seconds=seconds,
            expect=f"tok{words - 1}",
            first="tok0",
            session=session,
            previous=previous,
        )
        outcome = self._harness.load(order)
        if outcome.errors:
            print(f"{outcome.errors} of {outcome.ok + outcome.errors} runs failed: {outcome.error}", file=sys.stderr)
        self._errors += outcome.errors
        return outcome


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
