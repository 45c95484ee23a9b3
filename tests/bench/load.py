"""A bounded load loop in a process of its own, so that its cost is not counted: reads one order per line from standard
input, writes one outcome per line to standard output; knows HTTP and nothing of agents.

In an order's body `{{sid}}` becomes a fresh id for every run, and `"{{prev}}"` the id of the answer before, as JSON.
"""

import asyncio
import sys
import time
import uuid
from collections.abc import Callable
from typing import cast

import httptools
import msgspec
import uvloop
from msgspec import Struct

PATIENCE = 60.0
"""Seconds after which a run is given up and counted as an error."""


class Order(Struct, frozen=True):
    """What to send: at most `runs` requests in `seconds`, by `clients` at a time; an answer must hold `expect`."""

    port: int
    path: str
    body: str
    clients: int
    runs: int
    seconds: float
    expect: str
    first: str = ""
    headers: dict[str, str] = {}
    session: str = ""
    previous: str | None = None


class Outcome(Struct, frozen=True):
    """What came of an order: counts, milliseconds, the last answer's id, and the bytes of all answers."""

    ok: int
    errors: int
    error: str
    seconds: float
    p50: float
    p99: float
    first_ms: float | None
    previous: str | None
    received: int


class _Identified(Struct):
    id: str | None = None


class _Connection(asyncio.Protocol):
    """A kept-alive connection to the server under load."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiting: asyncio.Future[None] | None = None
        self._first = b""
        self.body = bytearray()
        self.received = 0
        self.first_at: float | None = None
        self.usable = True

    @property
    def status(self) -> int:
        """The status of the answer being read."""
        return self._parser.get_status_code()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionError("closed before the answer was complete"))

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body
        if self._first and self.first_at is None and self._first in self.body:
            self.first_at = time.perf_counter()

    def on_message_complete(self) -> None:
        self.usable = self.usable and self._parser.should_keep_alive()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def exchange(self, request: bytes, first: bytes) -> None:
        """Send one request and return when its answer is complete."""
        assert self._transport is not None
        self.body, self.received, self.first_at, self._first = bytearray(), 0, None, first
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._waiting

    def close(self) -> None:
        """Let go of the connection."""
        if self._transport is not None:
            self._transport.close()


class Load:
    """Carries out one order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._times: list[float] = []
        self._firsts: list[float] = []
        self._started = 0
        self._errors = 0
        self._error = ""
        self._received = 0
        self._previous = order.previous

    async def run(self) -> Outcome:
        """Return when all clients are done."""
        began = time.perf_counter()
        until = began + self._order.seconds
        await asyncio.gather(*(self._client(until) for _ in range(self._order.clients)))
        return Outcome(
            ok=len(self._times),
            errors=self._errors,
            error=self._error,
            seconds=time.perf_counter() - began,
            p50=_quantile(self._times, 0.5) or 0.0,
            p99=_quantile(self._times, 0.99) or 0.0,
            first_ms=_quantile(self._firsts, 0.5),
            previous=self._previous,
            received=self._received,
        )

    async def _client(self, until: float) -> None:
        connection: _Connection | None = None
        while self._started < self._order.runs and time.perf_counter() < until:
            self._started += 1
            request = self._request()
            began = time.perf_counter()
            try:
                async with asyncio.timeout(PATIENCE):
                    if connection is None or not connection.usable:
                        connection = await self._connect()
                    await connection.exchange(request, self._order.first.encode())
            except (OSError, httptools.HttpParserError) as error:
                self._fail(repr(error))
                connection = None
                continue
            self._judge(connection, began)
        if connection is not None:
            connection.close()

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._order.port)
        return connection

    def _judge(self, connection: _Connection, began: float) -> None:
        self._received += connection.received
        if connection.status != 200 or self._order.expect.encode() not in connection.body:
            self._fail(f"{connection.status} {connection.body[:600].decode(errors='replace')}")
            return
        self._times.append((time.perf_counter() - began) * 1000)
        if connection.first_at is not None:
            self._firsts.append((connection.first_at - began) * 1000)
        if '"{{prev}}"' in self._order.body:
            self._previous = msgspec.json.decode(connection.body, type=_Identified).id

    def _fail(self, why: str) -> None:
        self._errors += 1
        self._error = self._error or why

    def _request(self) -> bytes:
        session = self._order.session or str(uuid.uuid4())
        previous = msgspec.json.encode(self._previous).decode()
        body = self._order.body.replace("{{sid}}", session).replace('"{{prev}}"', previous).encode()
        lines = [f"POST {self._order.path} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json"]
        lines += [f"{name}: {value.replace('{{sid}}', session)}" for name, value in self._order.headers.items()]
        return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def _quantile(values: list[float], share: float) -> float | None:
    ordered: Callable[[int], float] = sorted(values).__getitem__
    return ordered(min(len(values) - 1, int(share * len(values)))) if values else None


def main() -> None:
    """Carry out orders until standard input ends."""
    for line in sys.stdin:
        outcome = uvloop.run(Load(msgspec.json.decode(line, type=Order)).run())
        sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
