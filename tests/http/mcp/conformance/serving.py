"""A Toolyard server for the suite: the product's own application, whose `/mcp` has the suite's fixtures beside it."""

import asyncio
import contextlib
import logging
import shutil
import socket
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from toolyard_runtime.app import composed, first_key
from toolyard_runtime.config import read_config
from toolyard_runtime.http.access import end_user_of
from toolyard_runtime.http.mcp.mount import Mount
from toolyard_runtime.http.mcp.server import mcp_server
from toolyard_runtime.http.mcp.sessions import sessions
from toolyard_runtime.serving import ServeOptions

from tests.http.mcp.conformance.beside import extend

REPOSITORY = Path(__file__).with_name("repository")
HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Keyed:
    """Sends every request on with a key: the suite knows none."""

    def __init__(self, app: Any, secret: str) -> None:
        self._app = app
        self._header = (b"authorization", f"Bearer {secret}".encode())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on."""
        await self._app({**scope, "headers": [*scope["headers"], self._header]}, receive, send)


@contextlib.asynccontextmanager
async def extended(mount: Mount) -> AsyncIterator[None]:
    """Put the fixtures beside what a mount offers; what is served, and in which sessions, is the product's own."""
    server = mcp_server(mount._answering, mount._offers_of, end_user_of, mount._schema, "0")
    extend(server)
    async with sessions(server, max_body_bytes=mount._max_body_bytes) as mount._sessions:
        yield


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """Give the URL of a server with everything the suite asks for."""
    warnings.simplefilter("ignore")  # what the protocol has deprecated is part of the older requirements
    logging.disable(logging.WARNING)
    root = folder / "repository"
    shutil.copytree(REPOSITORY, root)
    options = ServeOptions(repository=root, state_dir=folder / "state", rehearsal=True)
    async with composed(options, read_config(root), {}, "http://127.0.0.1", HOSTS) as wiring:
        secret, _ = await first_key(wiring, options, {})
        listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        app: Any = Keyed(wiring.app, secret)
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, ws="none"))
        async with extended(wiring.app.state["mcp"]):
            serve = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
            finally:
                server.should_exit = True
                await asyncio.wait((serve,), timeout=10)
