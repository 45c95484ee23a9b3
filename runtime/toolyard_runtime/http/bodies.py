"""Reads a request's body, which nearly always comes in one piece, without taking it through a stream."""

from typing import Any

from litestar import Request
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from toolyard_runtime.wire.errors import RequestRefused


async def body_of(request: Request[Any, Any, Any]) -> bytes:
    """Return the whole body; raises RequestEntityTooLarge, before reading it where its length is announced."""
    most = int(request.route_handler.resolve_request_max_body_size() or 1 << 62)
    for name, value in request.scope["headers"]:
        if name == b"content-length" and int(value) > most:
            raise RequestEntityTooLarge
    parts: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise RequestRefused("The connection was closed before the whole body had arrived.")
        piece = message["body"]
        size += len(piece)
        if size > most:
            raise RequestEntityTooLarge
        if not message.get("more_body", False):
            return b"".join((*parts, piece)) if parts else piece
        parts.append(piece)
