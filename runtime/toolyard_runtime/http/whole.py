"""An answer in one piece whose bytes and headers are known: what litestar would make of it, without its detours."""

from collections.abc import Mapping
from typing import Any, Self

from litestar.response import Response
from litestar.types import HTTPResponseBodyEvent, HTTPResponseStartEvent, Receive, Scope, Send


class Whole(Response[bytes]):
    """JSON that is sent as it is; the headers' values are ASCII."""

    def __init__(self, content: bytes, headers: Mapping[str, str], status: int = 200) -> None:
        self.content = content
        self._status = status
        self._fields = headers

    def to_asgi_response(self, *_: Any, **__: Any) -> Self:  # type: ignore[override]  # any ASGI application will do
        """Return this answer, which sends itself."""
        return self

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send status, headers and content."""
        headers = [(name.encode(), value.encode()) for name, value in self._fields.items()]
        headers += ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(self.content)))
        start: HTTPResponseStartEvent = {"type": "http.response.start", "status": self._status, "headers": headers}
        body: HTTPResponseBodyEvent = {"type": "http.response.body", "body": self.content, "more_body": False}
        await send(start)
        await send(body)
