"""Which requests at `/mcp` belong to a session; knows no tool. Imported with the first request, as the SDK is.

A client of 2026-07-28 is asked in the answer of its call, so whatever node it calls next can go on. One of 2025-11-25
can be asked only beside a call, in a session. Such a client gets one where it says that it can ask somebody and there
is room; every other request is answered by itself, and a client without a session misses nothing but questions.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from msgspec import UNSET, Struct

Handle = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application."""

Owner = tuple[str, str, str | None]
"""Whose a session is: tenant, key and end user. Anybody else who names it is told that there is none."""

MOST = 1_000
"""Sessions at a time."""

MOST_EACH = 100
"""Sessions of one tenant at a time: nobody takes the room of all others."""

IDLE_SECONDS = 1_800.0
"""How long a session stays that nobody uses."""

_LONGEST = 1 << 16
"""Bytes of a request that is looked into: a longer one begins no session."""

_SESSION = b"mcp-session-id"
_REVISION = b"mcp-protocol-version"
_NOT_FOUND = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Session not found"}}'


class _Capabilities(Struct, frozen=True):
    elicitation: Any = UNSET


class _Params(Struct, frozen=True):
    capabilities: _Capabilities


class _Opening(Struct, frozen=True, tag_field="method", tag="initialize"):
    """As much as is read of the request that begins a conversation."""

    params: _Params


class _Session(Struct):
    """An open session: how many requests of it are under way, and until when it stays without one."""

    owner: Owner
    busy: int = 0
    until: float = 0.0


class Sessions:
    """Sends requests where they belong; `alone` answers those of no session, `together` those of one."""

    def __init__(self, alone: Handle, together: Handle, *, most: int, most_each: int, idle_seconds: float) -> None:
        self._alone = alone
        self._together = together
        self._most = most
        self._most_each = most_each
        self._idle_seconds = idle_seconds
        self._open: dict[bytes, _Session] = {}
        self._beginning: list[_Session] = []

    async def handle(self, scope: Any, receive: Any, send: Any, owner: Owner) -> None:
        """Answer one request of an owner, whom the application has let in."""
        revision, name = _first(scope, _REVISION), _first(scope, _SESSION)
        if revision is not None and revision.decode("latin-1") not in HANDSHAKE_PROTOCOL_VERSIONS:
            await self._alone(scope, receive, send)
        elif name is not None:
            await self._within(name, scope, receive, send, owner)
        elif scope["method"] == "POST" and self._has_room(owner[0]):
            asks, again = await _looked_into(receive)
            await (self._begin(scope, again, send, owner) if asks else self._alone(scope, again, send))
        else:
            await self._alone(scope, receive, send)

    async def _within(self, name: bytes, scope: Any, receive: Any, send: Any, owner: Owner) -> None:
        session = self._open.get(name)
        if session is None or session.owner != owner:
            await _not_found(send)
            return
        await self._serve(session, scope, receive, send)
        if scope["method"] == "DELETE":
            self._open.pop(name, None)

    async def _begin(self, scope: Any, receive: Any, send: Any, owner: Owner) -> None:
        session = _Session(owner)

        async def noting(message: Any) -> None:
            if message["type"] == "http.response.start":
                name = next((value for key, value in message["headers"] if key.lower() == _SESSION), None)
                if name is not None and message["status"] == 200:  # noqa: PLR2004 - what HTTP calls OK
                    self._open[name] = session
            await send(message)

        self._beginning.append(session)
        try:
            await self._serve(session, scope, receive, noting)
        finally:
            self._beginning.remove(session)

    async def _serve(self, session: _Session, scope: Any, receive: Any, send: Any) -> None:
        session.busy += 1
        try:
            await self._together(scope, receive, send)
        finally:
            session.busy -= 1
            session.until = _now() + self._idle_seconds

    def _has_room(self, tenant: str) -> bool:
        """Tell whether a tenant may have another session; what nobody has used for long is forgotten first."""
        now = _now()
        for name in [name for name, one in self._open.items() if not one.busy and one.until <= now]:
            del self._open[name]
        every = [*self._open.values(), *self._beginning]
        return len(every) < self._most and sum(one.owner[0] == tenant for one in every) < self._most_each


@contextlib.asynccontextmanager
async def sessions(
    server: Server[Any],
    *,
    max_body_bytes: int,
    most: int = MOST,
    most_each: int = MOST_EACH,
    idle_seconds: float = IDLE_SECONDS,
) -> AsyncIterator[Sessions]:
    """Give what answers requests by a server of the SDK; every session ends with it."""
    alone = StreamableHTTPSessionManager(server, stateless=True, max_request_body_size=max_body_bytes)
    together = StreamableHTTPSessionManager(  # its own limit would refuse; ours lets a client go on without a session
        server, max_request_body_size=max_body_bytes, max_sessions=None, session_idle_timeout=idle_seconds
    )
    async with alone.run(), together.run():
        yield Sessions(
            alone.handle_request,
            together.handle_request,
            most=most,
            most_each=most_each,
            idle_seconds=idle_seconds,
        )


async def _looked_into(receive: Any) -> tuple[bool, Any]:
    """Tell whether a request begins a conversation with somebody who can be asked; and give it once more."""
    taken: list[Any] = []
    body = b""
    while True:
        message = await receive()
        taken.append(message)
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body") or len(body) > _LONGEST:
            break
    left = iter(taken)

    async def again() -> Any:
        return next(left, None) or await receive()

    return len(body) <= _LONGEST and _asks(body), again


def _asks(body: bytes) -> bool:
    try:
        opening = msgspec.json.decode(body, type=_Opening)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(opening.params.capabilities.elicitation, dict)


def _first(scope: Any, wanted: bytes) -> bytes | None:
    """Return a header as the SDK reads it: the first of several."""
    return next((value for name, value in scope["headers"] if name == wanted), None)


async def _not_found(send: Any) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_NOT_FOUND)).encode())]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": _NOT_FOUND})


def _now() -> float:
    return asyncio.get_running_loop().time()
