"""Serves the composed application: threads, socket, signals, greeting; the one place that reads the environment."""

import asyncio
import gc
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import msgspec
import uvicorn
import uvloop
from toolyard_registry.toolbox.local_packages import plugin_names
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.app import Wiring, composed, first_key
from toolyard_runtime.config import Config, read_config
from toolyard_runtime.logs import set_up
from toolyard_runtime.serving import ServeOptions, ServerAddress

TOOL_THREADS = 64
TOOL_THREAD = "toolyard-tool"
LAST_SECONDS = 1.0
"""How long a stopping server waits for tools that were told to stop."""

BACKLOG = 1024
"""Connections that wait to be accepted, from before the server says where it is until it has time for them."""

GARBAGE_THRESHOLDS = (10_000, 20, 20)
"""A run makes few cycles and many short-lived objects: looking for cycles less often costs nothing in memory."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


def _write_address(state_dir: Path, address: ServerAddress) -> None:
    path = state_dir / "server.json"
    fresh = state_dir / "server.json.new"
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(address))
    fresh.replace(path)


def serve(options: ServeOptions) -> None:
    """Serve a repository until SIGTERM or SIGINT; raises NoModel, ConfigError and StorageError."""
    set_up(options.log_level, plain=bool(options.packages))
    os.chdir(options.repository)  # what tools and settings name by a relative path lies in the repository
    config = read_config(options.repository)
    uvloop.run(_serve(options, config, dict(os.environ)))


async def _serve(options: ServeOptions, config: Config, environment: Mapping[str, str]) -> None:
    threads = ThreadPoolExecutor(TOOL_THREADS, thread_name_prefix=TOOL_THREAD)
    asyncio.get_running_loop().set_default_executor(threads)
    host = options.host or config.server.host
    port = config.server.port if options.port is None else options.port
    settings = uvicorn.Config(
        "toolyard",
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=max(1, int(config.server.drain_seconds)),
        backlog=BACKLOG,
    )
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - shown, not bound
    url = f"http://{shown}:{port}"
    public_url = (config.server.public_url or url).rstrip("/")
    async with composed(options, config, environment, public_url, _hosts(host, config, public_url)) as wiring:
        key, fresh = await first_key(wiring, options, environment)
        _write_address(options.state_dir, ServerAddress(url, key, os.getpid()))
        _greet(wiring, url, key if fresh else "")
        _greet_author(wiring, options)
        _settle_garbage()
        settings.app = wiring.app
        server = _Server(settings)
        try:
            await server.serve(sockets=[listening])
        finally:
            wiring.engine.hurried = server.force_exit
    await _leave_behind(threads)


class _Server(uvicorn.Server):
    """A server whose second signal does not wait, whichever it is."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
        super().handle_exit(sig, frame)


async def _leave_behind(threads: ThreadPoolExecutor) -> None:
    """End the process, everything of which is closed by now, also when tools that will not stop are still at work."""
    threads.shutdown(wait=False, cancel_futures=True)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=LAST_SECONDS)
    deadline = time.monotonic() + LAST_SECONDS
    while any(thread.name.startswith(TOOL_THREAD) for thread in threading.enumerate()):
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.01)
    else:
        if all(task.done() for task in others):
            return
    logging.getLogger("toolyard").warning("tools that would not stop are left behind")
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises ConfigError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family=family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)  # whoever reads the address can connect at once, and waits for the first answer
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose another with --port (0 takes any free one) or "
            "[server] port."
        ) from error
    listening.set_inheritable(True)
    return listening


def _settle_garbage() -> None:
    """Take what was made at start, which lives as long as the process, out of the garbage collector's rounds.

    What of it is garbage goes first: runs then live where it was, and the process does not grow.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.enable()  # it is off while a server starts


def _hosts(host: str, config: Config, public_url: str) -> frozenset[str]:
    """Return the host names this server answers to; none named means any, which only an operator can ask for."""
    if "*" in config.server.allowed_hosts:
        return frozenset()
    named = {host, urlsplit(public_url).hostname or "", *config.server.allowed_hosts}
    return LOOPBACK | {name.lower() for name in named if name}


def _greet(wiring: Wiring, url: str, key: str) -> None:
    agents = ", ".join(wiring.agents.names()) or "none: put one into agents/"
    print(f"Toolyard serves {url}/v1  (agents: {agents})")  # noqa: T201 - what the person at the terminal waits for
    if wiring.routes.rehearsal:
        print("The model is the rehearsal model: it picks tools by words and understands nothing.")  # noqa: T201 - for the person at the terminal
    if key:
        print(f"API key, shown once: {key}")  # noqa: T201 - for the person at the terminal
    for problem in (*wiring.routes.notes, *wiring.agents.problems):
        print(f"! {problem}")  # noqa: T201 - for the person at the terminal
    print(end="", flush=True)  # noqa: T201


def _greet_author(wiring: Wiring, options: ServeOptions) -> None:
    """Say which tools of packages in development are served, and to which agents."""
    repository, replaced = wiring.agents.repository, plugin_names(options.packages)
    agents = repository.agents.values()
    for name, origin in repository.toolbox.origins.items():
        if origin not in replaced:
            continue
        granted = [agent.name for agent in agents if any(tool.spec.name == name for tool in agent.tools)]
        told = f"granted to {', '.join(granted)}" if granted else "granted to no agent: name it in `tools` of agents/"
        print(f"In development: {name}, {told}", flush=True)  # noqa: T201 - for the person at the terminal
