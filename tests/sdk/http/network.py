"""A small world for the egress client: servers that keep what reached them, a trap, a name server that is not true."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, ip_address
from typing import Any

from msgspec import Struct
from toolyard_sdk.egress import EgressGrant
from toolyard_sdk.http import EgressClient, ToolEgress, open_egress

PUBLIC, OTHER_PUBLIC, PUBLIC6 = "93.184.216.34", "93.184.216.35", "2606:2800:220:1:248:1893:25c8:1946"
SECRETS = {"weather_key": 's3cr/et+"välue', "login": "ann:pass word", "token": "tok-123456"}


class Got(Struct, frozen=True):
    """A request as it reached a server; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]


def answer(body: bytes = b"fine", status: str = "200 OK", **headers: str) -> bytes:
    """Return a whole HTTP answer."""
    told = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    return "".join([f"HTTP/1.1 {status}\r\n", *(f"{k}: {v}\r\n" for k, v in told.items()), "\r\n"]).encode() + body


def moved(location: str, status: int = 302) -> bytes:
    """Return a redirect."""
    return answer(b"", f"{status} Moved", Location=location)


class Server:
    """A real server on loopback: counts `connections`, keeps requests in `got`, answers by `reply`.

    `reply` returns bytes; None closes the connection, and an event is waited for before it closes.
    """

    def __init__(self, reply: Callable[[Got], bytes | asyncio.Event | None]) -> None:
        self.reply = reply
        self.connections = 0
        self.got: list[Got] = []
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, tls: Any = None) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=tls, limit=1 << 24)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {key.lower(): value for key, _, value in (each.partition(": ") for each in head[1:-2])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                got = Got(head[0], headers, body)
                self.got.append(got)
                reply = self.reply(got)
                if isinstance(reply, asyncio.Event):
                    await reply.wait()
                    reply = None
                if reply is None:
                    break
                writer.write(reply)
                await writer.drain()
                if b"Connection: close" in reply:
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        writer.close()


class World:
    """Names, addresses and what lies there. An address that nobody lives at leads to the trap."""

    def __init__(self, trap: Server) -> None:
        self.trap = trap
        self.names: dict[str, tuple[str, ...]] = {}
        self.homes: dict[str, Server] = {}
        self.asked: list[str] = []
        self.dialled: list[str] = []
        self.client: EgressClient = open_egress(resolve=self.resolve, dial=self.dial)

    async def resolve(self, host: str, _port: int) -> tuple[str, ...]:
        self.asked.append(host)
        if host not in self.names:
            raise OSError(f"no address for {host}")
        return self.names[host]

    async def dial(self, factory: Callable[[], Any], address: str, _port: int, **tls: Any) -> Any:
        ip_address(address)  # a name here would be looked up a second time
        self.dialled.append(address)
        home = self.homes.get(address, self.trap)
        return await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", home.port, **tls)

    async def reveal(self, name: str) -> str | None:
        return SECRETS.get(name)

    def tool(self, grant: EgressGrant | None = None) -> ToolEgress:
        """Return the way out of a tool called weather; any host is allowed unless said otherwise."""
        return self.client.for_tool("weather", grant or EgressGrant(hosts=("*",)), self.reveal)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Yield a world without names, whose trap answers everybody."""
    trap = Server(lambda _: answer(b"TRAPPED"))
    await trap.open()
    made = World(trap)
    try:
        yield made
    finally:
        await made.client.close()
        for home in {id(each): each for each in (trap, *made.homes.values())}.values():
            await home.close()


async def settle(made: World, address: str, reply: Callable[[Got], bytes | asyncio.Event | None]) -> Server:
    """Open a server that lives at an address of a world."""
    server = Server(reply)
    await server.open()
    made.homes[address] = server
    return server


class NameServer(asyncio.DatagramProtocol):
    """A real DNS server over UDP that gives the IPv4 addresses `answers` in turn, and the last again and again."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.queries = 0
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # asyncio's own derives from nothing public

    @property
    def port(self) -> int:
        return int(self._transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, sender: Any) -> None:
        self.queries += 1
        address = IPv4Address(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]).packed
        head = data[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, len(address)) + address  # to live 0 seconds
        self._transport.sendto(head + data[12:] + record, sender)


@asynccontextmanager
async def name_server(*answers: str) -> AsyncIterator[NameServer]:
    """Yield a running name server."""
    transport, made = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: NameServer(*answers), local_addr=("127.0.0.1", 0)
    )
    try:
        yield made
    finally:
        transport.close()
        await asyncio.sleep(0)


async def ask(server: NameServer, host: str) -> str:
    """Return the one IPv4 address a name server gives for a host: a stub resolver."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[bytes] = loop.create_future()

    class Asking(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, _sender: Any) -> None:
            came.set_result(data)

    transport, _ = await loop.create_datagram_endpoint(Asking, remote_addr=("127.0.0.1", server.port))
    try:
        labels = b"".join(bytes([len(each)]) + each.encode() for each in host.split("."))
        transport.sendto(b"\x13\x37\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\x00\x00\x01\x00\x01")
        data = await asyncio.wait_for(came, 5)
    finally:
        transport.close()
    return str(IPv4Address(data[-4:]))
