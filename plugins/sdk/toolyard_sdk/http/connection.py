"""Connections of HTTP/1.1 to addresses that were checked before, kept for the next request; knows no permission.

A connection belongs to scheme, host, port and the address it leads to. It carries one request at a time, and between
two requests it must stay silent to stay usable. Certificates are checked for the host's name, also though the
connection is made to an address.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import h11
from msgspec import Struct

from toolyard_sdk.http.decoding import Body, TooLong

Dial = Callable[..., Awaitable[tuple[Any, Any]]]
"""Opens a connection: called as `loop.create_connection`."""

MAX_HEAD = 64 * 1024
MAX_INTERIM = 20
KEEP_IDLE = 15.0
MAX_IDLE = 64
_HIGH, _READ_AHEAD = 256 * 1024, 65_536


class Unfit(Exception):
    """A request that cannot be written as HTTP; nothing was sent."""


class Silent(Exception):
    """A connection that ended before one byte of an answer had come."""


class Broken(Exception):
    """An answer that is none, or not whole; the message holds nothing that the server said."""


class Place(Struct, frozen=True):
    """Where a connection leads."""

    scheme: str
    host: str
    port: int
    address: str


class Head(Struct, frozen=True):
    """What is sent before the body: `target` is path and query; header names and values are ready for the wire."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]


class Answer(Struct, frozen=True):
    """A whole answer; header names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Line(asyncio.Protocol):
    """One connection, read at the pace of whoever reads."""

    def __init__(self, place: Place, others: "set[Line]") -> None:
        self.place = place
        self._others = others
        self.alive = False
        self.used = False
        self.wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self.expiry: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport
        self._came = bytearray()
        self._wanted: asyncio.Future[None] | None = None
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # uvloop's transports derive from nothing of asyncio's
        self.alive = True
        self._others.add(self)
        # Whoever asked for it may have given up meanwhile: then nobody begins an exchange.
        self.expiry = asyncio.get_running_loop().call_later(KEEP_IDLE, self.drop)

    def data_received(self, data: bytes) -> None:
        if not self._busy:  # nobody has asked for anything
            self.drop()
            return
        self._came += data
        if len(self._came) > _HIGH:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.alive = False
        self._wake()

    def connection_lost(self, _error: Exception | None) -> None:
        self.alive = False
        self._others.discard(self)
        self._rest()
        self._wake()

    def drop(self) -> None:
        """Close at once."""
        self.alive = False
        self._rest()
        self._transport.abort()

    def begin(self) -> None:
        """Mark the beginning of an exchange."""
        self._busy = True
        self._rest()

    def end(self) -> None:
        """Mark the end of an exchange; bytes beyond it make the connection unfit."""
        self._busy = False
        self.used = True
        if self._came:
            self.drop()

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._transport.write(data)

    async def read(self) -> bytes:
        """Return what has come since; nothing when the other side has ended."""
        if not self._came and self.alive:
            self._wanted = asyncio.get_running_loop().create_future()
            await self._wanted
        data = bytes(self._came[:_READ_AHEAD])
        del self._came[:_READ_AHEAD]
        if self.alive and len(self._came) <= _HIGH:
            self._transport.resume_reading()
        return data

    def _rest(self) -> None:
        if self.expiry is not None:
            self.expiry.cancel()
            self.expiry = None

    def _wake(self) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)


class Lines:
    """Every connection of one server: opens them, lends them, closes what lies idle."""

    def __init__(self, dial: Dial | None, ssl_context: ssl.SSLContext | None) -> None:
        self._dial = dial
        self._ssl = ssl_context
        self._idle: dict[Place, list[Line]] = {}
        self._count = 0
        self._open: set[Line] = set()
        self._closed = False

    def take(self, place: Place) -> Line | None:
        """Return an idle connection to a place, if there is one."""
        while free := self._idle.get(place):
            line = free[-1]
            self._withdraw(line)
            if line.alive:
                return line
        return None

    async def connect(self, place: Place) -> Line:
        """Open a connection; raises OSError."""
        if self._closed:
            raise ConnectionRefusedError(0, "the server is about to end")
        loop = asyncio.get_running_loop()
        secure = place.scheme == "https"
        if secure and self._ssl is None:
            self._ssl = ssl.create_default_context()
            self._ssl.set_alpn_protocols(["http/1.1"])
        dial: Dial = self._dial or loop.create_connection
        tls = {"ssl": self._ssl, "server_hostname": place.host} if secure else {}
        _, line = await dial(lambda: Line(place, self._open), place.address, place.port, **tls)
        return line  # type: ignore[no-any-return] # the factory above makes it

    def give_back(self, line: Line) -> None:
        """Keep a connection for the next request, or close it."""
        if not line.alive or self._closed or self._count >= MAX_IDLE:
            line.drop()
            return
        self._idle.setdefault(line.place, []).append(line)
        self._count += 1
        line.expiry = asyncio.get_running_loop().call_later(KEEP_IDLE, self._expire, line)

    async def close(self) -> None:
        """Close every connection; requests in flight fail."""
        self._closed = True
        self._idle.clear()
        for line in tuple(self._open):
            line.drop()
        await asyncio.sleep(0)

    def _expire(self, line: Line) -> None:
        self._withdraw(line)
        line.drop()

    def _withdraw(self, line: Line) -> None:
        """Take a connection out of the idle ones."""
        free = self._idle[line.place]
        free.remove(line)
        self._count -= 1
        if not free:
            del self._idle[line.place]


async def exchange(line: Line, head: Head, body: bytes, most: int) -> tuple[Answer, bool]:
    """Send one request and return its whole answer, and whether the connection can be used again.

    Raises Unfit, Silent, Broken, TooLong and Damaged; after any of them the connection is to be dropped.
    """
    wire = line.wire
    line.begin()
    headers = [(name.encode(), value.encode("latin-1")) for name, value in head.headers]
    try:
        sent = wire.send(h11.Request(method=head.method, target=head.target, headers=headers)) or b""
        sent += wire.send(h11.Data(data=body)) or b""
        sent += wire.send(h11.EndOfMessage()) or b""
    except h11.LocalProtocolError:
        raise Unfit from None
    line.write(sent)
    try:
        answer = await _answer(line, most)
    except h11.RemoteProtocolError:
        raise Broken("its answer is not HTTP/1.1, or ends too early") from None
    line.end()
    reusable = wire.our_state is h11.DONE and wire.their_state is h11.DONE and not wire.trailing_data[0]
    if reusable:
        wire.start_next_cycle()
    return answer, reusable


async def _answer(line: Line, most: int) -> Answer:
    wire, came, interim = line.wire, 0, 0
    response: h11.Response | None = None
    body: Body | None = None
    while True:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            data = await line.read()
            if not data and not came:
                raise Silent
            came += len(data)
            if came > 8 * most + 4 * MAX_HEAD:  # chunks of one byte each
                raise TooLong
            wire.receive_data(data)
        elif isinstance(event, h11.InformationalResponse):
            interim += 1
            if interim > MAX_INTERIM:
                raise Broken("it sends interim answers without end")
        elif isinstance(event, h11.Response):
            response = event
            body = Body(_header(event, b"content-encoding"), most)
        elif isinstance(event, h11.Data) and body is not None:
            body.add(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage) and response is not None and body is not None:
            return Answer(
                response.status_code,
                tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers),
                body.whole(),
            )
        else:
            raise Broken("its answer is not HTTP/1.1, or ends too early")


def _header(response: h11.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in response.headers if key == name), "")
