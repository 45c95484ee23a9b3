"""A pooled HTTP/1.1 client for one origin, as cheap as asyncio and httptools allow; knows no model and no JSON.

One request at a time per connection, no redirects, no proxies from the environment, no cookies: the origin is an
address that the operator wrote down. An origin belongs to the event loop it was first used on.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

import httptools
from msgspec import Struct

Fault = Literal["connect", "timeout", "bad_answer", "broken_stream"]
"""How a request can fail below HTTP's own status codes."""

Sink = Callable[[bytes], bool]
"""Takes the body of an event stream piece by piece and returns True when nothing more is needed."""

_KEEP_IDLE = 55.0
_GRACE = 0.25
_WATCH = 0.1


class LineError(Exception):
    """A request without a whole answer. `fault` says how; `silent` that not one byte of an answer arrived."""

    def __init__(self, fault: Fault, message: str, *, silent: bool = False) -> None:
        super().__init__(message)
        self.fault = fault
        self.silent = silent


class Answer(Struct, frozen=True):
    """A whole HTTP answer; header names in lower case. `streamed` tells that the body went to the sink."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    streamed: bool


class _Exchange:
    """One request on one connection: what httptools reports, and the future its sender waits for."""

    __slots__ = (
        "body",
        "complete",
        "deadline",
        "done",
        "ended",
        "headers",
        "keep",
        "line",
        "on_body",
        "open_ended",
        "parser",
        "seen_at",
        "sink",
        "size",
        "status",
        "streaming",
    )

    def __init__(self, line: "_Line", sink: Sink | None, deadline: float) -> None:
        self.line = line
        self.sink = sink
        self.deadline = deadline
        self.body: list[bytes] = []
        self.on_body = self.body.append
        self.headers: dict[bytes, bytes] = {}
        self.status = self.size = 0
        self.seen_at = 0.0
        self.complete = self.ended = self.keep = self.open_ended = self.streaming = False
        self.done: asyncio.Future[Answer] = line.loop.create_future()
        self.parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        assert self.parser is not None  # noqa: S101 - the parser that calls us is there
        self.status = self.parser.get_status_code()
        headers = self.headers
        self.open_ended = b"content-length" not in headers and b"transfer-encoding" not in headers
        self.streaming = (
            self.sink is not None
            and self.status == 200  # noqa: PLR2004 - HTTP's own word for it
            and headers.get(b"content-type", b"").lower().startswith(b"text/event-stream")
        )

    def on_message_complete(self) -> None:
        if 100 <= self.status < 200:  # noqa: PLR2004 - an interim answer (RFC 9110, section 15.2): the real one follows
            self.headers.clear()
            return
        assert self.parser is not None  # noqa: S101 - the parser that calls us is there
        # Bytes after a complete message are nobody's answer: a second completion makes the connection unfit.
        self.keep = self.parser.should_keep_alive() and not self.complete
        self.complete = True

    def receive(self, data: bytes) -> None:
        self.size += len(data)
        try:
            self.parser.feed_data(data)  # type: ignore[union-attr] # only gone once the exchange is over
        except httptools.HttpParserError as error:
            if not self.complete:
                self.fail(LineError("bad_answer", f"the answer is not HTTP/1.1 ({error})"))
                return
            self.keep = False
        if self.size > self.line.limit:
            self.fail(LineError("bad_answer", f"the answer is larger than {self.line.limit} bytes"))
            return
        if self.streaming and self.body and not self._pour():
            return
        if self.complete:
            self.succeed()

    def _pour(self) -> bool:
        loop, body = self.line.loop, self.body
        self.seen_at = loop.time()
        data = body[0] if len(body) == 1 else b"".join(body)
        body.clear()
        try:
            ended = self.sink(data)  # type: ignore[misc] # streaming implies a sink
        except Exception as error:  # noqa: BLE001 - whatever the reader finds wrong belongs to the sender
            self.fail(error)
            return False
        if ended and not self.ended:
            self.ended = True
            if not self.complete:
                # Some servers keep the body open after the last event: wait a little for a reusable connection.
                loop.call_later(_GRACE, self._enough)
        return True

    def lost(self, error: Exception | None) -> None:
        """The connection is gone: that is an end for a body without a length, and a failure otherwise."""
        self.keep = False
        if self.ended or (error is None and self.open_ended and self.status >= 200):  # noqa: PLR2004 - a final status
            self.succeed()
        else:
            reason = f" ({error})" if error is not None and str(error) else ""
            self.fail(
                LineError(
                    "broken_stream", f"the connection closed before the answer was whole{reason}", silent=not self.size
                )
            )

    def succeed(self) -> None:
        self._finish()
        if not self.done.done():
            self.done.set_result(Answer(self.status, self.headers, b"".join(self.body), self.streaming))

    def fail(self, error: Exception) -> None:
        self.keep = False
        self._finish()
        if not self.done.done():
            self.done.set_exception(error)

    def _finish(self) -> None:
        self.parser = None  # the parser holds our methods: break the cycle
        line = self.line
        line.exchange = None
        if not self.keep:
            line.drop()

    def _enough(self) -> None:
        if not self.done.done():
            self.keep = False
            self.succeed()

    def check(self, now: float, idle: float) -> None:
        """Fail when it is too late; called from time to time."""
        if now >= self.deadline:
            self.fail(LineError("timeout", "no whole answer within the time allowed"))
        elif self.seen_at and now - self.seen_at >= idle and not self.ended:
            self.fail(LineError("timeout", f"the answer began and then fell silent for {idle:g} s"))


class _Line(asyncio.Protocol):
    """One connection; between two exchanges it must stay silent to stay usable."""

    __slots__ = ("alive", "exchange", "freed_at", "limit", "lines", "loop", "transport")

    def __init__(self, loop: asyncio.AbstractEventLoop, lines: "set[_Line]", limit: int) -> None:
        self.loop = loop
        self.limit = limit
        self.alive = False
        self.exchange: _Exchange | None = None
        self.freed_at = 0.0
        self.lines = lines
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment] # uvloop's transports derive from nothing of asyncio's
        self.alive = True
        self.lines.add(self)

    def data_received(self, data: bytes) -> None:
        if self.exchange is None:
            self.drop()
        else:
            self.exchange.receive(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.alive = False
        self.lines.discard(self)
        if self.exchange is not None:
            self.exchange.lost(error)

    def drop(self) -> None:
        if self.alive:
            self.alive = False
            self.transport.abort()


class Origin:
    """A client for `scheme://host[:port]` that keeps idle connections for the next request."""

    def __init__(
        self,
        url: str,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        connect_timeout: float = 5.0,
        idle_timeout: float = 120.0,
        max_bytes: int = 32 * 1024 * 1024,
        max_idle: int = 128,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Take only scheme, host and port of `url`; seconds and bytes bound one request. Raises ValueError."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError(
                "the address of a server is http://HOST:PORT or https://HOST[:PORT], without user or password"
            )
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = parts.scheme == "https"
        self._ssl = ssl_context
        self._connect_timeout = connect_timeout
        self._idle_timeout = idle_timeout
        self._max_bytes = max_bytes
        self._max_idle = max_idle
        self._free: list[_Line] = []
        self._lines: set[_Line] = set()
        self._watching = False
        own = (("Host", parts.netloc), ("Accept", "application/json, text/event-stream"), *headers)
        for name, value in own:
            if not (name + value).isascii() or not (name + value).isprintable():
                raise ValueError(f"the header {name!r} holds characters that HTTP does not allow")
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in own).encode()

    async def send(
        self,
        method: bytes,
        path: bytes,
        body: bytes = b"",
        *,
        timeout: float,  # noqa: ASYNC109 - one timer per request, and cheaper than a scope
        headers: bytes = b"",
        sink: Sink | None = None,
    ) -> Answer:
        """Send one request and return the whole answer within `timeout` seconds; raises LineError.

        `headers` are complete lines, each ending in CRLF. When the answer is 200 and an event stream, its body goes
        to `sink`, whose exceptions end the request. A kept connection that died before any byte of an answer is
        replaced once; everything else is for the caller to repeat.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        request = b"%b %b HTTP/1.1\r\n%b%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
            method,
            path,
            self._headers,
            headers,
            len(body),
            body,
        )
        line = self._take(loop.time())
        if line is not None:
            try:
                return await self._exchange(line, request, sink, deadline)
            except LineError as error:
                if not error.silent:
                    raise
        return await self._exchange(await self._connect(loop, deadline), request, sink, deadline)

    def _take(self, now: float) -> _Line | None:
        free = self._free
        while free:
            line = free.pop()
            if line.alive:
                if now - line.freed_at < _KEEP_IDLE:
                    return line
                line.drop()
        return None

    async def _exchange(self, line: _Line, request: bytes, sink: Sink | None, deadline: float) -> Answer:
        exchange = line.exchange = _Exchange(line, sink, deadline)
        line.transport.write(request)
        if not self._watching:
            self._watching = True
            line.loop.call_later(_WATCH, self._watch, line.loop)
        try:
            answer = await exchange.done
        except BaseException:
            # Cancelled in mid-answer: what still arrives must never meet the next request.
            exchange.keep = False
            exchange._finish()  # noqa: SLF001 - both are this module's
            raise
        if line.alive:
            if len(self._free) < self._max_idle:
                line.freed_at = line.loop.time()
                self._free.append(line)
            else:
                line.drop()
        return answer

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at the clock for all requests in flight: a timer for each would be the dearest part of a call."""
        now = loop.time()
        for line in [line for line in self._lines if line.exchange is not None]:
            line.exchange.check(now, self._idle_timeout)  # type: ignore[union-attr] # nothing runs in between
        self._watching = any(line.exchange is not None for line in self._lines)
        if self._watching:
            loop.call_later(_WATCH, self._watch, loop)

    async def _connect(self, loop: asyncio.AbstractEventLoop, deadline: float) -> _Line:
        left = deadline - loop.time()
        limit = min(self._connect_timeout, left)
        if self._tls and self._ssl is None:
            self._ssl = ssl.create_default_context()
            self._ssl.set_alpn_protocols(["http/1.1"])
        try:
            async with asyncio.timeout(limit):
                _, line = await loop.create_connection(
                    lambda: _Line(loop, self._lines, self._max_bytes),
                    self._host,
                    self._port,
                    ssl=self._ssl if self._tls else None,
                )
        except TimeoutError as error:
            fault: Fault = "connect" if limit < left else "timeout"
            raise LineError(fault, f"no connection within {max(limit, 0):.3g} s") from error
        except (OSError, ssl.CertificateError) as error:
            raise LineError("connect", f"no connection ({error.strerror or error})") from error
        return line

    async def close(self) -> None:
        """Close every connection; requests in flight fail."""
        for line in tuple(self._lines):
            line.transport.abort()
        self._free.clear()
        await asyncio.sleep(0)
