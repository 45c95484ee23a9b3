"""A model server that does exactly what one function says, byte by byte, over a real socket; knows no client."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from socket import SO_LINGER, SOL_SOCKET

Fault = Callable[["Peer"], Awaitable[None]]


class Peer:
    """One connection of the client, from the server's side; `gone` is set when the client has left."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.head = b""
        self.body = b""

    async def request(self) -> bool:
        """Read one request; False when the client has closed instead."""
        try:
            self.head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        length = next(
            int(line.split(b":")[1]) for line in self.head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        self.body = await self._reader.readexactly(length)
        return True

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def answer(
        self, body: bytes, *, status: str = "200 OK", kind: str = "application/json", headers: tuple[str, ...] = ()
    ) -> None:
        lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", "")
        await self.send("\r\n".join(lines).encode() + body)

    async def open_stream(self) -> None:
        """Send the head of a chunked event stream."""
        await self.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end_stream(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def stream(self, *events: bytes, done: bool = True) -> None:
        """Send a whole event stream, one chunk per event."""
        await self.open_stream()
        for event in events:
            await self.chunk(b"data: " + event + b"\n\n")
        if done:
            await self.chunk(b"data: [DONE]\n\n")
        await self.end_stream()

    async def until_gone(self) -> None:
        """Do nothing until the client leaves."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(65536):
                pass

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self._writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


class FaultyServer:
    """A listening server; `connections` counts those it accepted and `requests` the whole requests it read."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.connections = 0
        self.requests: list[bytes] = []
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        peer = Peer(reader, writer)
        try:
            while await peer.request():
                self.requests.append(peer.body)
                await self.fault(peer)
                if writer.is_closing():
                    break
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def stop(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2)


@asynccontextmanager
async def serving(fault: Fault) -> AsyncIterator[FaultyServer]:
    """Serve one fault on a free port of the loopback; `server.fault` may be exchanged while it runs."""
    faulty = FaultyServer(fault)
    server = await asyncio.start_server(faulty.accept, "127.0.0.1", 0)
    faulty.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield faulty
    finally:
        server.close()
        await faulty.stop()
        await server.wait_closed()
