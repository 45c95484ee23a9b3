"""Starts the two servers of this check, vLLM and Toolyard, waits until they answer, ends them; asks them nothing."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.vllm.environment import FLAGS, NICE, VARIABLES

MODEL = "tiny"
MODEL_DEADLINE = 600.0
SERVER_DEADLINE = 60.0
STOP_DEADLINE = 30.0


class Address(Struct, frozen=True):
    """What a running Toolyard leaves in its state directory."""

    url: str
    key: str


@contextmanager
def vllm(python: Path, model: Path, log: Path) -> Iterator[str]:
    """Serve a model folder and yield the base URL, which ends in `/v1`."""
    port = _free_port()
    command = [
        *(*NICE, str(python), "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(model), "--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port), *FLAGS),
    ]
    with _process(command, VARIABLES, log) as process:
        _wait(process, lambda: _answers(f"http://127.0.0.1:{port}/health"), MODEL_DEADLINE, log)
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def toolyard(command: list[str], state: Path, log: Path) -> Iterator[Address]:
    """Run `toolyard serve` and yield where it listens and a key for it."""
    with _process(command, {}, log) as process:
        file = state / "server.json"
        _wait(process, file.is_file, SERVER_DEADLINE, log)
        address = msgspec.json.decode(file.read_bytes(), type=Address)
        _wait(process, lambda: _answers(f"{address.url}/readyz"), SERVER_DEADLINE, log)
        yield address


@contextmanager
def _process(command: list[str], variables: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **variables}, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_DEADLINE)


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool], seconds: float, log: Path) -> None:
    until = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
