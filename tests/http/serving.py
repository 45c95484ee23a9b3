"""The real server in a thread, on a real socket, and a small client that speaks to it as a stranger would."""

import asyncio
import http.client
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from toolyard_runtime.app import Wiring, composed, first_key
from toolyard_runtime.config import read_config
from toolyard_runtime.serving import ServeOptions

REPOSITORY = Path(__file__).with_name("repository")
SECONDS = 20.0


class Answered(NamedTuple):
    """An answer: its status, its decoded body (None without one) and its headers in lower case."""

    status: int
    body: Any
    headers: dict[str, str]


class Client:
    """One key's way to the server."""

    def __init__(self, port: int, secret: str, key: str = "", **always: str) -> None:
        self.port = port
        self.secret = secret
        self.key = key
        self._always = always

    def speaking_for(self, end_user: str) -> "Client":
        """Return a client that names this end user with every request."""
        return Client(self.port, self.secret, self.key, x_toolyard_end_user=end_user)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answered:
        """Send one request; `body` is bytes or becomes JSON; headers are written with underscores."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        sent = {name.replace("_", "-"): value for name, value in {**self._always, **headers}.items()}
        if self.secret:
            sent["authorization"] = f"Bearer {self.secret}"
        payload = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(method, path, payload, sent)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        kind = response.headers.get("content-type", "").partition(";")[0]
        decoded = json.loads(text) if text and kind.endswith(("/json", "+json")) else text or None
        return Answered(response.status, decoded, {name.lower(): value for name, value in response.headers.items()})

    def get(self, path: str, **headers: str) -> Any:
        """Return the body of a GET that has to succeed."""
        answered = self.ask("GET", path, **headers)
        assert answered.status == 200, answered
        return answered.body

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """Return the body of a POST that has to succeed."""
        answered = self.ask("POST", path, body, **headers)
        assert answered.status in (200, 201), answered
        return answered.body

    def start(self, script: str, agent: str = "clerk", **headers: str) -> str:
        """Begin a run and return its id."""
        body = {"model": agent, "input": script, "background": True}
        response = self.post("/v1/responses", body, **headers)
        return "run_" + str(response["id"]).removeprefix("resp_").partition("_")[0]

    def until(self, run: str, reached: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Return the run once `reached`; fails after a deadline."""
        deadline = time.monotonic() + SECONDS
        while True:
            shown: dict[str, Any] = self.get(f"/api/v1/runs/{run}")
            if reached(shown):
                return shown
            assert time.monotonic() < deadline, shown
            time.sleep(0.01)

    def finished(self, run: str) -> dict[str, Any]:
        """Return the run once it is over."""
        return self.until(run, lambda shown: shown["status"] == "finished")

    def waiting(self, run: str) -> dict[str, Any]:
        """Return what the run waits for once it is parked."""
        shown = self.until(run, lambda shown: shown["status"] == "parked")
        approval: dict[str, Any] = shown["approvals"][0]
        return approval


class Server:
    """A running server; `house` is its first key, with every role."""

    def __init__(self, wiring: Wiring, loop: asyncio.AbstractEventLoop, port: int, secret: str, root: Path) -> None:
        self.wiring = wiring
        self.port = port
        self.root = root
        self.house = Client(port, secret)
        self._loop = loop
        self._made = 0

    def call(self, work: Any) -> Any:
        """Run a coroutine inside the server."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    def tenant(self) -> str:
        """Make a tenant that no other test knows."""
        self._made += 1
        name = f"tenant-{self._made}"
        self.house.post("/api/v1/tenants", {"id": name})
        return name

    def client(self, tenant: str, *roles: str) -> Client:
        """Make a key with these roles and return its client."""
        made = self.house.post("/api/v1/keys", {"name": "test", "roles": roles, "tenant": tenant})
        return Client(self.port, made["secret"], made["id"])


def eventually(reached: Callable[[], Any], told: Callable[[], object] = str) -> Any:
    """Return what `reached` gives once it is true; fails after a deadline with what `told` says by then."""
    deadline = time.monotonic() + SECONDS
    while not (found := reached()):
        assert time.monotonic() < deadline, told()
        time.sleep(0.02)
    return found


@contextmanager
def serving(
    folder: Path,
    settings: str = "",
    *,
    state: Path | None = None,
    environment: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    rehearsal: bool | None = None,
) -> Iterator[Server]:
    """Serve a copy of the repository beside this file from a thread of its own; `settings` are added to its own.

    `files` are added to it, by path. Settings that name providers of models are served with these, unless `rehearsal`
    says otherwise; else there is the rehearsal model.
    """
    root = folder / "repository"
    shutil.copytree(REPOSITORY, root)
    with (root / "toolyard.toml").open("a") as file:
        file.write(f"\n{settings}")
    for path, text in (files or {}).items():
        (root / path).write_text(text)
    options = ServeOptions(
        repository=root,
        state_dir=state or folder / "state",
        rehearsal="[providers." not in settings if rehearsal is None else rehearsal,
    )
    ready: list[Server | BaseException] = []
    up, over = threading.Event(), threading.Event()

    async def run() -> None:
        config = read_config(root)
        async with composed(options, config, environment or {}, "http://127.0.0.1", frozenset()) as wiring:
            secret, _ = await first_key(wiring, options, {})
            listening = socket.create_server(("127.0.0.1", 0), backlog=100)
            server = uvicorn.Server(uvicorn.Config(wiring.app, lifespan="off", log_config=None, ws="none"))
            serve = asyncio.create_task(server.serve(sockets=[listening]))
            ready.append(Server(wiring, asyncio.get_running_loop(), listening.getsockname()[1], secret, root))
            up.set()
            await asyncio.to_thread(over.wait)
            server.should_exit = True
            await serve

    def thread() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:  # noqa: BLE001 - whoever waits for the server is told, whatever it was
            ready.append(error)
        finally:
            up.set()

    worker = threading.Thread(target=thread)
    worker.start()
    try:
        assert up.wait(SECONDS)
        started = ready[0]
        if isinstance(started, BaseException):
            raise started
        yield started
    finally:
        over.set()
        worker.join(SECONDS)


def present(path: Path) -> None:
    """Make the file that the tool `wait` waits for."""
    path.write_bytes(os.urandom(1))
