"""The cheapest HTTP/1.1 client a Python server can have: one host, kept-alive connections, parsed by httptools; knows
no TLS, no redirects, no retries and no time-outs, because the floor does without them."""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools


class _Connection(asyncio.Protocol):
    """One kept-alive connection; carries one exchange at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[bytes] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._receive: Callable[[bytes], None] = self._pieces.append
        self.usable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.usable = cast("asyncio.Transport", transport), True

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionError("the model server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._receive(body)

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self.usable = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(b"".join(self._pieces))

    def exchange(self, request: bytes, receive: Callable[[bytes], None] | None) -> asyncio.Future[bytes]:
        """Send one request; the future holds the body, or b"" when `receive` took it piece by piece."""
        assert self._transport is not None
        self._pieces = []
        self._receive = receive or self._pieces.append
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting


class ThinClient:
    """Posts JSON to one host over a stack of idle connections."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._idle: list[_Connection] = []

    async def post(self, path: str, body: bytes, receive: Callable[[bytes], None] | None = None) -> bytes:
        """Return the answer's body; with `receive`, hand each piece over as it comes."""
        connection = await self._connection()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {self._address[0]}\r\nauthorization: Bearer x\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        answer = await connection.exchange(head.encode() + body, receive)
        if connection.usable:
            self._idle.append(connection)
        return answer

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, *self._address)
        return connection
