"""Requests that are allowed: what is sent, what comes back, which redirects are followed, what is bounded."""

import asyncio
import gzip
import subprocess
import sys
import time
import zlib
from collections.abc import Callable

import pytest
from toolyard_sdk.egress import EgressGrant
from toolyard_sdk.errors import EgressRefused, ToolError
from toolyard_sdk.http import open_egress

from tests.sdk.http.network import OTHER_PUBLIC, PUBLIC, PUBLIC6, Server, World, answer, moved, settle


@pytest.fixture
async def server(world: World) -> Server:
    """Return a server at example.com that tells what it was asked for."""
    world.names["example.com"] = (PUBLIC,)
    return await settle(world, PUBLIC, lambda got: answer(f"{got.method} {got.path}".encode()))


async def test_a_request_is_sent_as_it_was_written_with_the_headers_that_a_message_needs(
    world: World, server: Server
) -> None:
    reply = await world.tool().request(
        "post", "http://example.com/a%20b?q=1#part", headers={"X-Mine": "é", "Accept": "text/plain"}, body=b"hello"
    )
    assert (reply.status, reply.body, reply.url) == (200, b"POST /a%20b?q=1", "http://example.com/a%20b?q=1")
    (got,) = server.got
    assert (got.line, got.body) == ("POST /a%20b?q=1 HTTP/1.1", b"hello")
    assert got.headers == {
        "host": "example.com",
        "user-agent": "toolyard",
        "accept-encoding": "gzip, deflate",
        "x-mine": "é",
        "accept": "text/plain",
        "content-length": "5",
    }


async def test_letters_and_spaces_are_written_as_addresses_demand(world: World, server: Server) -> None:
    await world.tool().request("GET", 'HTTP://Example.COM/straße/a b?q=ü "x"&r=50%&s=%41[]')
    assert server.got[0].line == "GET /stra%C3%9Fe/a%20b?q=%C3%BC%20%22x%22&r=50%25&s=%41[] HTTP/1.1"
    assert server.got[0].headers["host"] == "example.com"


async def test_every_status_is_an_answer(world: World) -> None:
    world.names["example.com"] = (PUBLIC,)
    statuses = iter(("204 No", "304 Same", "404 None", "500 Oh"))
    await settle(world, PUBLIC, lambda _: f"HTTP/1.1 {next(statuses)}\r\nContent-Length: 0\r\n\r\n".encode())
    tool = world.tool()
    assert [(await tool.request("GET", "http://example.com/")).status for _ in range(4)] == [204, 304, 404, 500]


async def test_the_second_address_is_tried_when_nobody_answers_at_the_first(world: World, server: Server) -> None:
    closed = Server(lambda _: None)
    await closed.open()
    await closed.close()
    world.homes[PUBLIC6] = closed
    world.names["example.com"] = (PUBLIC6, PUBLIC)
    assert (await world.tool().request("GET", "http://example.com/")).status == 200
    assert world.dialled == [PUBLIC6, PUBLIC]


async def test_a_connection_is_kept_for_the_next_request_to_the_same_address(world: World, server: Server) -> None:
    for path in ("/1", "/2", "/3"):
        await world.tool().request("GET", f"http://example.com{path}")
    assert (server.connections, len(server.got), len(world.asked)) == (1, 3, 3)
    world.names["example.com"] = (OTHER_PUBLIC,)
    other = await settle(world, OTHER_PUBLIC, lambda _: answer(b"other"))
    assert (await world.tool().request("GET", "http://example.com/4")).body == b"other"
    assert (server.connections, other.connections) == (1, 1)


async def test_and_not_for_another_host_at_that_address(world: World, server: Server) -> None:
    world.names["example.net"] = (PUBLIC,)
    await world.tool().request("GET", "http://example.com/")
    await world.tool().request("GET", "http://example.net/")
    assert (server.connections, server.got[1].headers["host"]) == (2, "example.net")


@pytest.mark.parametrize("extra", [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", b"x"])
async def test_a_connection_with_bytes_that_nobody_asked_for_is_not_used_again(world: World, extra: bytes) -> None:
    world.names["example.com"] = (PUBLIC,)
    server = await settle(world, PUBLIC, lambda _: answer(b"true") + extra)
    for _ in range(2):
        assert (await world.tool().request("GET", "http://example.com/")).body == b"true"
    assert server.connections == 2


async def test_nor_one_that_said_something_while_it_lay_idle(world: World, server: Server) -> None:
    await world.tool().request("GET", "http://example.com/1")
    server.writers[0].write(answer(b"forged"))
    async with asyncio.timeout(5):
        while world.client.lines._open:  # noqa: ASYNC110 - the bytes arrive when the loop gets round to them
            await asyncio.sleep(0)
    assert (await world.tool().request("GET", "http://example.com/2")).body == b"GET /2"
    assert server.connections == 2


async def test_a_kept_connection_that_was_closed_is_replaced(world: World) -> None:
    world.names["example.com"] = (PUBLIC,)
    replies = iter((answer(b"1"), None, answer(b"2")))
    server = await settle(world, PUBLIC, lambda _: next(replies))
    for body in (b"1", b"2"):
        assert (await world.tool().request("GET", "http://example.com/")).body == body
    assert server.connections == 2


async def test_but_what_may_have_had_an_effect_is_not_sent_twice(world: World) -> None:
    world.names["example.com"] = (PUBLIC,)
    replies = iter((answer(b"1"), None, answer(b"2")))
    server = await settle(world, PUBLIC, lambda _: next(replies))
    await world.tool().request("POST", "http://example.com/")
    with pytest.raises(ConnectionError, match="without an answer") as caught:
        await world.tool().request("POST", "http://example.com/")
    assert not isinstance(caught.value, ConnectionRefusedError)
    assert len(server.got) == 2


# --- redirects


@pytest.mark.parametrize(
    ("status", "method", "follows"),
    [
        *((status, "GET", "GET") for status in (301, 302, 303, 307, 308)),
        *((status, "HEAD", "HEAD") for status in (301, 302, 303, 307, 308)),
        *((status, "POST", "GET") for status in (301, 302, 303)),
        *((status, "POST", "POST") for status in (307, 308)),
        *((status, "PUT", "PUT") for status in (301, 302, 307, 308)),
        (303, "PUT", "GET"),
        (303, "DELETE", "GET"),
    ],
)
async def test_a_redirect_changes_the_method_as_rfc_9110_says(
    world: World, status: int, method: str, follows: str
) -> None:
    world.names["example.com"] = (PUBLIC,)
    server = await settle(
        world,
        PUBLIC,
        lambda got: moved("../b?x=1", status) if got.path == "/a/a" else answer(b"" if got.method == "HEAD" else b"ok"),
    )
    sends = method in ("POST", "PUT")
    reply = await world.tool().request(
        method,
        "http://example.com/a/a",
        headers={"Content-Type": "text/plain"} if sends else None,
        body=b"body" * sends,
    )
    assert (reply.status, reply.url) == (200, "http://example.com/b?x=1")
    second = server.got[1]
    assert (second.method, second.path) == (follows, "/b?x=1")
    kept = sends and follows == method
    assert (second.body, second.headers.get("content-type")) == ((b"body", "text/plain") if kept else (b"", None))


async def test_what_was_meant_for_one_server_is_not_sent_to_another(world: World) -> None:
    world.names |= {"example.com": (PUBLIC,), "example.net": (OTHER_PUBLIC,)}
    await settle(world, PUBLIC, lambda _: moved("http://example.net/"))
    other = await settle(world, OTHER_PUBLIC, lambda _: answer())
    mine = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Api-Key": "x", "X-Else": "y", "Accept-Language": "no"}
    await world.tool().request("GET", "http://example.com/", headers=mine)
    assert {"authorization", "cookie", "x-api-key", "x-else"}.isdisjoint(other.got[0].headers)
    assert other.got[0].headers["accept-language"] == "no"


async def test_it_is_sent_again_to_the_same(world: World) -> None:
    world.names["example.com"] = (PUBLIC,)
    server = await settle(world, PUBLIC, lambda got: moved("/b") if got.path == "/a" else answer())
    await world.tool().request("GET", "http://example.com/a", headers={"Authorization": "Bearer x"})
    assert server.got[1].headers["authorization"] == "Bearer x"


async def test_redirects_come_to_an_end(world: World) -> None:
    world.names["example.com"] = (PUBLIC,)
    server = await settle(world, PUBLIC, lambda _: moved("/"))
    with pytest.raises(ToolError, match="redirected more than 5 times"):
        await world.tool().request("GET", "http://example.com/")
    assert len(server.got) == 6


async def test_a_redirect_without_an_address_is_an_answer(world: World) -> None:
    world.names["example.com"] = (PUBLIC,)
    await settle(world, PUBLIC, lambda _: answer(b"choose", "302 Found"))
    assert (await world.tool().request("GET", "http://example.com/")).status == 302


# --- bounds

DENSE = b"\0" * 30_000_000


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in parts) + b"0\r\n\r\n"


HEAD = b"HTTP/1.1 200 OK\r\n"
FLOODS: dict[str, Callable[[], bytes]] = {
    "a length": lambda: answer(b"x" * 20_000),
    "chunks": lambda: HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"x" * 20_000, 7),
    "chunks of one byte": lambda: HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"x" * 900_000, 1),
    "no length": lambda: HEAD + b"Connection: close\r\n\r\n" + b"x" * 20_000,
    "a gzip bomb": lambda: answer(gzip.compress(DENSE), Content_Encoding="gzip"),
    "a bomb in many gzip members": lambda: answer(gzip.compress(b"\0" * 9_000) * 3, Content_Encoding="gzip"),
    "a deflate bomb": lambda: answer(zlib.compress(DENSE), Content_Encoding="deflate"),
    "a bare deflate bomb": lambda: answer(zlib.compress(DENSE, wbits=-15), Content_Encoding="deflate"),
}


@pytest.mark.parametrize("reply", FLOODS.values(), ids=FLOODS.keys())
async def test_an_answer_that_is_too_long_is_given_up(world: World, reply: Callable[[], bytes]) -> None:
    world.names["example.com"] = (PUBLIC,)
    body = reply()
    await settle(world, PUBLIC, lambda _: body)
    with pytest.raises(ToolError, match=r"the answer of example\.com is longer than 10000 bytes"):
        await world.tool().request("GET", "http://example.com/", max_bytes=10_000)


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
        ("GZIP", lambda data: gzip.compress(data) + b"\0 what follows"),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-15)),
        ("identity", lambda data: data),
    ],
)
async def test_a_compressed_answer_is_uncompressed(world: World, coding: str, pack: Callable[[bytes], bytes]) -> None:
    world.names["example.com"] = (PUBLIC,)
    body = bytes(range(256)) * 30
    await settle(world, PUBLIC, lambda _: answer(pack(body), Content_Encoding=coding))
    assert (await world.tool().request("GET", "http://example.com/")).body == body


BAD = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "HTTP/0.9": b"<html>Connection: close</html>",
    "a head without end": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 20_000,
    "one header without end": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 200_000,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    "a switch to another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "a body cut short": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nabc",
    "a chunk of no size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "an unknown transfer coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "a folded header": b"HTTP/1.1 200 OK\r\nX-A: b\r\n\0\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("reply", BAD.values(), ids=BAD.keys())
async def test_what_is_no_answer_says_so_and_may_have_arrived(world: World, reply: bytes) -> None:
    world.names["example.com"] = (PUBLIC,)
    server = await settle(world, PUBLIC, lambda _: reply)
    with pytest.raises(ConnectionError, match=r"example\.com did not answer properly") as caught:
        async with asyncio.timeout(5):
            await world.tool().request("GET", "http://example.com/", timeout=0.5)
    assert not isinstance(caught.value, ConnectionRefusedError)
    assert len(server.got) == 1


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", b"x"),
        ("gzip, gzip", b"x"),
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(b"x" * 99, mtime=0)[:-9]),
        ("gzip", b"\x1f"),
    ],
)
async def test_a_body_that_is_not_what_it_says_is_an_error(world: World, coding: str, body: bytes) -> None:
    world.names["example.com"] = (PUBLIC,)
    await settle(world, PUBLIC, lambda _: answer(body, Content_Encoding=coding))
    with pytest.raises(ToolError, match=r"the answer of example\.com cannot be read: its (compressed )?body"):
        await world.tool().request("GET", "http://example.com/")


async def test_a_server_that_does_not_answer_is_given_up_and_may_have_been_reached(world: World) -> None:
    world.names["example.com"] = (PUBLIC,)
    never = asyncio.Event()
    await settle(world, PUBLIC, lambda _: never)
    with pytest.raises(TimeoutError, match=r"http://example\.com has not answered within 0\.05 s"):
        await world.tool().request("POST", "http://example.com/", timeout=0.05)


async def test_the_time_is_for_all_redirects_together(world: World) -> None:
    world.names["example.com"] = (PUBLIC,)
    never = asyncio.Event()
    await settle(world, PUBLIC, lambda got: moved("/b") if got.path == "/a" else never)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await world.tool().request("GET", "http://example.com/a", timeout=0.1)
    assert time.monotonic() - began < 1


async def test_where_no_connection_comes_about_nothing_was_sent(world: World) -> None:
    never = asyncio.Event()

    async def resolve(_host: str, _port: int) -> tuple[str, ...]:
        await never.wait()
        return ()

    slow = open_egress(resolve=resolve).for_tool("weather", EgressGrant(hosts=("*",)), world.reveal)
    with pytest.raises(ConnectionRefusedError, match=r"nothing was sent to http://example\.com"):
        await slow.request("GET", "http://example.com/", timeout=0.05)
    with pytest.raises(ConnectionRefusedError, match=r"there is no host nowhere\.example\.com"):
        await world.tool().request("GET", "http://nowhere.example.com/")


async def test_where_nobody_listens_nothing_was_sent(world: World) -> None:
    closed = Server(lambda _: None)
    await closed.open()
    await closed.close()
    world.names["example.com"] = (PUBLIC,)
    world.homes[PUBLIC] = closed
    with pytest.raises(ConnectionRefusedError, match=r"nothing was sent to http://example\.com"):
        await world.tool().request("POST", "http://example.com/")


async def test_a_request_that_is_given_up_takes_its_connection_with_it(world: World) -> None:
    world.names["example.com"] = (PUBLIC,)
    never = asyncio.Event()
    server = await settle(world, PUBLIC, lambda got: never if got.path == "/slow" else answer(b"quick"))
    with pytest.raises(TimeoutError):
        await world.tool().request("GET", "http://example.com/slow", timeout=0.05)
    assert (await world.tool().request("GET", "http://example.com/")).body == b"quick"
    assert server.connections == 2


async def test_requests_at_once_have_a_connection_each(world: World) -> None:
    world.names["example.com"] = (PUBLIC,)
    server = await settle(world, PUBLIC, lambda got: answer(got.path.encode()))
    tool = world.tool()
    replies = await asyncio.gather(*(tool.request("GET", f"http://example.com/{each}") for each in range(50)))
    assert [reply.body for reply in replies] == [f"/{each}".encode() for each in range(50)]
    assert server.connections <= 50


# --- what nobody may send


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("CONNECT", {}),
        ("TRACE", {}),
        ("GET / HTTP/1.1\r\nX:", {}),
        ("", {}),
        ("GET", {"Host": "intranet"}),
        ("POST", {"Content-Length": "0"}),
        ("POST", {"transfer-encoding": "chunked"}),
        ("GET", {"Connection": "upgrade"}),
        ("GET", {"Upgrade": "websocket"}),
        ("GET", {"Proxy-Authorization": "x"}),
        ("GET", {"X-A": "b\r\nX-C: d"}),
        ("GET", {"X-A\r\nX-C": "d"}),
        ("GET", {"X-A": "\ud800"}),
        ("GET", {"X-A": "日本"}),
        ("GET", {"": "d"}),
    ],
)
async def test_a_message_that_two_readers_could_read_differently_is_not_sent(
    world: World, server: Server, method: str, headers: dict[str, str]
) -> None:
    with pytest.raises(EgressRefused, match="was not sent"):
        await world.tool().request(method, "http://example.com/", headers=headers)
    assert server.connections == 0


async def test_a_refusal_tells_what_to_write_where(world: World) -> None:
    grant = EgressGrant(hosts=("a.example.org",))
    with pytest.raises(EgressRefused) as caught:
        await world.tool(grant).request("GET", "https://api.example.com:8443/v1?q=1")
    assert str(caught.value) == (
        "GET https://api.example.com:8443/v1?q=1 was not sent: weather may not reach api.example.com:8443. "
        "Whoever runs this server can allow it in toolyard.toml:\n"
        "[egress.weather]\n"
        'hosts = ["a.example.org", "api.example.com:8443"]'
    )


def test_importing_the_client_imports_no_http_library() -> None:
    program = "import sys, toolyard_sdk.http as h; h.open_egress(); sys.exit('h11' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0


async def test_names_are_looked_up_by_the_system_unless_said_otherwise(world: World) -> None:
    client = open_egress()
    url = f"http://localhost:{world.trap.port}/"
    grants = EgressGrant(hosts=("*", f"*:{world.trap.port}")), EgressGrant(private=(f"localhost:{world.trap.port}",))
    stranger, friend = (client.for_tool("weather", grant, world.reveal) for grant in grants)
    try:
        with pytest.raises(EgressRefused, match=r"localhost lies at .*, which is this machine's own address"):
            await stranger.request("GET", url)
        assert world.trap.connections == 0
        assert (await friend.request("GET", url)).body == b"TRAPPED"
        with pytest.raises(ConnectionRefusedError, match="there is no host"):
            await client.for_tool("weather", EgressGrant(hosts=("*",)), world.reveal).request(
                "GET", "http://no.invalid/"
            )
    finally:
        await client.close()


async def test_a_closed_client_opens_nothing_more(world: World, server: Server) -> None:
    await world.tool().request("GET", "http://example.com/")
    await world.client.close()
    with pytest.raises(ConnectionRefusedError, match="nothing was sent"):
        await world.tool().request("GET", "http://example.com/")
    assert server.connections == 1


async def test_idle_connections_are_bounded_and_leave_nothing_behind(world: World, server: Server) -> None:
    world.names |= {f"h{each}.example.com": (PUBLIC,) for each in range(80)}
    for each in range(80):
        await world.tool().request("GET", f"http://h{each}.example.com/")
    lines = world.client.lines
    assert (lines._count, len(lines._idle)) == (64, 64)
    while lines._idle:
        lines._expire(next(iter(lines._idle.values()))[0])
    await asyncio.sleep(0)
    assert (lines._count, lines._open) == (0, set())
