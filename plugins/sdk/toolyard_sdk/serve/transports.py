"""How a served plugin is reached: standard input and output, or streamable HTTP; knows no tool."""

import hmac
import io
import ipaddress
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

import anyio
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings

from toolyard_sdk.serve.meta import KEY

KEY_LENGTH = 24
"""Characters that a key has at least."""


class NotListening(Exception):
    """An address that this command does not serve on, and why."""


async def serve_stdio(made: Callable[[], Server[Any]]) -> None:
    """Serve until standard input ends.

    From now on file descriptor 1 leads to standard error: what a tool prints, when it is imported or later, or what a
    program that it starts prints, never comes between messages.
    """
    wire = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    server = made()
    out = anyio.wrap_file(io.TextIOWrapper(wire, encoding="utf-8"))
    async with stdio_server(stdout=out) as (read, write):
        await server.run(read, write, server.create_initialization_options())


async def serve_http(made: Callable[[], Server[Any]], address: str, key: str) -> None:
    """Serve `HOST:PORT` under `/mcp` until a signal, and say where on standard error; raises NotListening.

    Without a key only this machine is served: on an address that others reach, anybody could call the tools.
    """
    import uvicorn  # noqa: PLC0415 - only who serves by HTTP pays for it

    host, port = _address(address)
    if not (key or _is_loopback(host)):
        raise NotListening(
            f"{address} can be reached from other machines: set {KEY} to a key of at least {KEY_LENGTH} characters, "
            "which callers then send as `Authorization: Bearer`, or serve 127.0.0.1"
        )
    if key and len(key) < KEY_LENGTH:
        raise NotListening(f"{KEY} has {len(key)} characters, which somebody could guess: it needs {KEY_LENGTH}")
    security = None if _is_loopback(host) else TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app: Any = made().streamable_http_app(host="127.0.0.1" if security is None else host, transport_security=security)
    if key:
        app = _Locked(app, key)
    listening = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    sys.stderr.write(f"serving MCP at http://{shown}:{listening.getsockname()[1]}/mcp\n")
    sys.stderr.flush()
    config = uvicorn.Config(app, access_log=False, log_level="warning", server_header=False)
    await uvicorn.Server(config).serve(sockets=[listening])


class _Locked:
    """An application that answers only those who send the key."""

    def __init__(self, app: Any, key: str) -> None:
        self._app = app
        self._wanted = f"Bearer {key}".encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, or answer 401."""
        given = b"" if scope["type"] == "lifespan" else dict(scope["headers"]).get(b"authorization", b"")
        if scope["type"] == "lifespan" or hmac.compare_digest(given, self._wanted):
            await self._app(scope, receive, send)
            return
        headers = [(b"www-authenticate", b"Bearer"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _listen(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()  # whoever reads where it serves can connect at once, and waits for the first answer
    except OSError as error:
        listening.close()
        raise NotListening(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return listening


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise NotListening(f"{text!r} is no address: write HOST:PORT, as in 127.0.0.1:8000")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
