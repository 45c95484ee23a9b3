"""What a hostile model, page, name server or redirect may try. Every address that nobody lives at leads to a trap."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from toolyard_sdk.egress import EgressGrant, EgressReply
from toolyard_sdk.errors import EgressRefused
from toolyard_sdk.http import ToolEgress, client, open_egress
from toolyard_sdk.http.addresses import why_not_public
from toolyard_sdk.http.targets import TargetInvalid, read_target

from tests.sdk.http.network import (
    OTHER_PUBLIC,
    PUBLIC,
    PUBLIC6,
    NameServer,
    World,
    answer,
    ask,
    moved,
    name_server,
    settle,
)

ANYWHERE = EgressGrant(hosts=("*", "*:8080", "*:22", "*:6379"))

ADDRESSES = {
    "this machine": "127.0.0.1",
    "this machine, elsewhere in its block": "127.8.9.10",
    "unspecified": "0.0.0.0",
    "this network": "0.1.2.3",
    "private 10": "10.0.0.1",
    "private 172": "172.16.0.1",
    "the last of private 172": "172.31.255.254",
    "private 192": "192.168.1.1",
    "carrier NAT": "100.64.0.1",
    "metadata of AWS, GCP, Azure": "169.254.169.254",
    "metadata of ECS": "169.254.170.2",
    "metadata of Alibaba": "100.100.100.200",
    "metadata of Oracle": "192.0.0.192",
    "metadata of Azure's wire server": "168.63.129.16",
    "link-local": "169.254.1.1",
    "protocol assignments": "192.0.0.8",
    "documentation 1": "192.0.2.1",
    "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.1",
    "6to4 relay": "192.88.99.1",
    "benchmarks": "198.18.0.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "this machine, IPv6": "::1",
    "unspecified, IPv6": "::",
    "mapped": "::ffff:127.0.0.1",
    "mapped public": "::ffff:93.184.216.34",
    "translated": "::ffff:0:127.0.0.1",
    "compatible": "::127.0.0.1",
    "NAT64": "64:ff9b::7f00:1",
    "NAT64 metadata": "64:ff9b::a9fe:a9fe",
    "local NAT64": "64:ff9b:1::a00:1",
    "unique local": "fc00::1",
    "unique local, used": "fd12:3456::1",
    "metadata of AWS, IPv6": "fd00:ec2::254",
    "link-local, IPv6": "fe80::1",
    "site-local": "fec0::1",
    "multicast, IPv6": "ff02::1",
    "Teredo": "2001:0:53aa:64c::1",
    "ORCHID": "2001:20::1",
    "documentation, IPv6": "2001:db8::1",
    "new documentation, IPv6": "3fff::1",
    "6to4": "2002:7f00:1::",
    "6bone": "3ffe::1",
    "discard": "100::1",
    "segment routing": "5f00::1",
    "ISATAP": "2606:2800::5efe:7f00:1",
}

WRITINGS = {
    "hexadecimal": "http://0x7f000001/",
    "hexadecimal parts": "http://0x7f.0x0.0x0.0x1/",
    "one number": "http://2130706433/",
    "two parts": "http://127.1/",
    "three parts": "http://127.0.1/",
    "octal": "http://0177.0.0.1/",
    "octal zeros": "http://127.000.000.001/",
    "one octal": "http://017700000001/",
    "mixed": "http://0x7f.1/",
    "zero": "http://0/",
    "too large": "http://4294967297/",
    "dot after the address": "http://127.0.0.1./",
    "dot after the name": "http://localhost./",
    "wide digits": "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
    "circled digits": "http://①②⑦.⓪.⓪.①/",
    "ideographic full stops": "http://127。0。0。1/",
    "escaped digits": "http://%31%32%37.0.0.1/",
    "escaped dot": "http://127%2e0%2e0%2e1/",
    "letters that fold to others": "http://ⓛocalhost/",
    "soft hyphen": "http://local\u00adhost/",
    "Kelvin sign": "http://\u212aubernetes/",
    "user before the host": "http://example.org@127.0.0.1/",
    "password before the host": "http://user:pass@127.0.0.1/",
    "user that looks like a host": "http://example.org:80@127.0.0.1:8080/",
    "backslash": "http://example.org\\@127.0.0.1/",
    "backslashes for slashes": "http:\\\\127.0.0.1\\",
    "hash before the at": "http://127.0.0.1#@example.org/",
    "question mark before the at": "http://127.0.0.1?@example.org/",
    "zone": "http://[fe80::1%25lo]/",
    "zone, unescaped": "http://[fe80::1%lo]/",
    "address of the future": "http://[v1.fe80::a]/",
    "IPv6 without brackets": "http://::1/",
    "brackets around IPv4": "http://[127.0.0.1]/",
    "two ports": "http://127.0.0.1:80:8080/",
    "port in words": "http://127.0.0.1:http/",
    "port 0": "http://127.0.0.1:0/",
    "port that wraps": "http://127.0.0.1:65616/",
    "line break": "http://127.0.0.1/\r\nHost: evil",
    "tab in the host": "http://127.0\t.0.1/",
    "line break in the host": "http://127.0.0.1\n.example.org/",
    "zero byte": "http://127.0.0.1\x00.example.org/",
    "space before": " http://127.0.0.1/",
    "space in the host": "http://127.0.0.1 .example.org/",
    "no slashes": "http:127.0.0.1/",
    "one slash": "http:/127.0.0.1/",
    "three slashes": "http:///127.0.0.1/",
    "no scheme": "//127.0.0.1/",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_INFO",
    "ftp": "ftp://127.0.0.1/",
    "dict": "dict://127.0.0.1:11211/stat",
    "ldap": "ldap://127.0.0.1/",
    "websocket": "ws://127.0.0.1/",
    "unix socket": "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "jar": "jar:http://127.0.0.1!/",
    "data": "data:text/html,hello",
    "nested scheme": "url:http://127.0.0.1/",
    "empty label": "http://a..example.org/",
    "half a pair of surrogates": "http://127.0.0.1/\ud800",
    "own Redis port": "http://127.0.0.1:6379/",
    "own ssh port": "http://[::1]:22/",
}


async def refused(world: World, url: str, grant: EgressGrant = ANYWHERE) -> str:
    with pytest.raises(EgressRefused) as caught:
        await world.tool(grant).request("GET", url)
    assert (world.trap.connections, world.dialled) == (0, [])
    return str(caught.value)


def written(address: str) -> str:
    return f"http://[{address}]/" if ":" in address else f"http://{address}/"


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES.keys())
async def test_an_address_that_is_not_public_is_not_reached_as_it_stands(world: World, address: str) -> None:
    assert "was not sent" in await refused(world, written(address))


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES.keys())
async def test_nor_by_a_name_that_leads_there(world: World, address: str) -> None:
    world.names["innocent.example.org"] = (address,)
    assert "innocent.example.org lies at" in await refused(world, "http://innocent.example.org/")


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES.keys())
async def test_nor_by_a_name_that_also_has_public_addresses(world: World, address: str) -> None:
    world.names["mixed.example.org"] = (PUBLIC, PUBLIC6, address)
    await refused(world, "https://mixed.example.org/")
    world.names["mixed.example.org"] = (address, PUBLIC)
    await refused(world, "https://mixed.example.org/")


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES.keys())
async def test_without_the_check_of_addresses_each_would_have_been_reached(
    world: World, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "why_not_public", lambda _address: "")
    world.names["innocent.example.org"] = (address,)
    reply = await world.tool(ANYWHERE).request("GET", "http://innocent.example.org/")
    assert (reply.body, world.trap.connections) == (b"TRAPPED", 1)


@pytest.mark.parametrize("url", WRITINGS.values(), ids=WRITINGS.keys())
async def test_an_address_written_to_be_misread_is_refused(world: World, url: str) -> None:
    world.names |= dict.fromkeys(("example.org", "localhost", "kubernetes"), (PUBLIC,))
    assert "was not sent" in await refused(world, url)


@pytest.mark.parametrize("url", WRITINGS.values(), ids=WRITINGS.keys())
async def test_and_so_is_a_redirect_to_it(world: World, url: str) -> None:
    world.names["example.com"] = (PUBLIC,)
    location = url.encode("utf-8", "replace").decode("latin-1")
    server = await settle(world, PUBLIC, lambda got: moved(location) if got.path == "/" else answer(b"", "404 None"))
    try:
        reply = await world.tool(ANYWHERE).request("GET", "http://example.com/")
    except (EgressRefused, ConnectionError):  # refused, or no HTTP
        pass
    else:  # read as a path of the same server, as RFC 3986 says
        assert (reply.status, {got.headers["host"] for got in server.got}) == (404, {"example.com"})
    assert world.trap.connections == 0
    assert set(world.dialled) == {PUBLIC}


NUMBERS = [url for url in WRITINGS.values() if url.startswith(("http://0", "http://2", "http://127"))]


def test_the_systems_resolver_would_have_taken_numbers_for_this_machine() -> None:
    fell = 0
    for url in NUMBERS:
        host = url.removeprefix("http://").partition("/")[0]
        try:
            found = socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, ValueError):
            continue
        if found[0][4][0] == "127.0.0.1":
            fell += 1
            with pytest.raises(TargetInvalid):
                read_target(url)
    assert fell >= 5


async def test_the_trap_is_reached_by_whoever_may(world: World) -> None:
    world.names["intranet"] = ("10.1.2.3",)
    tool = world.tool(EgressGrant(private=("intranet:8080", "127.0.0.1:80", "[::1]:80")))
    for count, url in enumerate(("http://intranet:8080/", "http://127.0.0.1/", "http://[::1]/"), 1):
        assert (await tool.request("GET", url)).body == b"TRAPPED"
        assert world.trap.connections == count
    assert world.dialled == ["10.1.2.3", "127.0.0.1", "::1"]


async def test_a_host_named_by_an_operator_is_that_host_at_that_port_only(world: World) -> None:
    world.names |= {"intranet": ("10.1.2.3",), "other": ("10.1.2.3",)}
    grant = EgressGrant(hosts=("*", "*:8081"), private=("intranet:8080",))
    await refused(world, "http://intranet:8081/", grant)
    await refused(world, "http://intranet/", grant)
    await refused(world, "http://other/", grant)
    await refused(world, "http://10.1.2.3/", grant)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "0.0.0.0", "ff02::1"]
)
async def test_a_named_host_that_moves_to_where_credentials_are_handed_out_is_refused(
    world: World, address: str
) -> None:
    world.names["intranet"] = ("10.1.2.3", address)
    message = await refused(world, "http://intranet:8080/", EgressGrant(private=("intranet:8080",)))
    assert "toolyard.toml" not in message  # nobody is told how to allow that


async def test_without_any_grant_nothing_is_reached_and_no_name_is_looked_up(world: World) -> None:
    world.names["example.org"] = (PUBLIC,)
    await refused(world, "https://example.org/", EgressGrant())
    assert world.asked == []


PATHS = {
    "to this machine": "http://127.0.0.1/",
    "to metadata": "http://169.254.169.254/latest/meta-data/iam/",
    "to IPv6": "http://[::1]/",
    "to a name that lies inside": "http://inside.example.org/",
    "to another scheme": "gopher://127.0.0.1:6379/_FLUSHALL",
    "without scheme": "//127.0.0.1/",
    "without scheme, to a name": "//inside.example.org/",
    "with a user name": "http://example.com@127.0.0.1/",
    "with backslashes": "/\\127.0.0.1/",
    "to a named host of the own network": "http://intranet:8080/",
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", PATHS.values(), ids=PATHS.keys())
async def test_a_redirect_leads_nowhere_that_a_request_may_not_go(world: World, location: str, status: int) -> None:
    world.names |= {"example.com": (PUBLIC,), "inside.example.org": ("10.0.0.1",), "intranet": ("10.0.0.1",)}
    server = await settle(world, PUBLIC, lambda _: moved(location, status))
    tool = world.tool(EgressGrant(hosts=("*", "*:6379"), private=("intranet:8080",)))
    with pytest.raises(EgressRefused) as caught:
        await tool.request("POST", "http://example.com/start", body=b"x")
    assert (len(server.got), world.trap.connections) == (1, 0)
    assert "http://example.com" in str(caught.value)
    assert "redirect" in str(caught.value)


async def test_a_chain_of_redirects_is_checked_at_each_of_its_steps(world: World) -> None:
    world.names |= {"a.example.com": (PUBLIC,), "b.example.com": (OTHER_PUBLIC,), "c.example.com": ("192.168.0.1",)}
    first = await settle(world, PUBLIC, lambda _: moved("http://b.example.com/2"))
    second = await settle(world, OTHER_PUBLIC, lambda _: moved("http://c.example.com/3"))
    with pytest.raises(EgressRefused, match=r"c\.example\.com lies at 192\.168\.0\.1"):
        await world.tool(ANYWHERE).request("GET", "http://a.example.com/1")
    assert (first.connections, second.connections, world.trap.connections) == (1, 1, 0)


async def test_a_redirect_to_a_host_that_nobody_allowed_is_refused(world: World) -> None:
    world.names |= {"example.com": (PUBLIC,), "example.net": (OTHER_PUBLIC,)}
    await settle(world, PUBLIC, lambda _: moved("https://example.net/"))
    with pytest.raises(EgressRefused, match=r'hosts = \["example\.com", "example\.net"\]'):
        await world.tool(EgressGrant(hosts=("example.com",))).request("GET", "http://example.com/")
    assert world.asked == ["example.com"]


@asynccontextmanager
async def rebinding(world: World, dns: NameServer) -> AsyncIterator[ToolEgress]:
    """Yield a tool's way out whose names are looked up at a name server."""

    async def resolve(host: str, _port: int) -> tuple[str, ...]:
        return (await ask(dns, host),)

    made = open_egress(resolve=resolve, dial=world.dial)
    try:
        yield made.for_tool("weather", ANYWHERE, world.reveal)
    finally:
        await made.close()


async def test_a_name_server_that_changes_its_mind_is_asked_once_for_a_request(world: World) -> None:
    server = await settle(world, PUBLIC, lambda _: answer(b"public"))
    async with name_server(PUBLIC, "127.0.0.1") as dns, rebinding(world, dns) as tool:
        assert (await tool.request("GET", "http://rebind.example.org/")).body == b"public"
        assert (dns.queries, world.dialled, world.trap.connections) == (1, [PUBLIC], 0)
        with pytest.raises(EgressRefused, match=r"lies at 127\.0\.0\.1"):  # though a connection to it is open
            await tool.request("GET", "http://rebind.example.org/")
        assert (dns.queries, server.connections, world.trap.connections) == (2, 1, 0)


async def test_nor_does_a_redirect_to_itself_help_it(world: World) -> None:
    await settle(world, PUBLIC, lambda _: moved("http://rebind.example.org/again"))
    async with name_server(PUBLIC, "127.0.0.1") as dns, rebinding(world, dns) as tool:
        with pytest.raises(EgressRefused, match="this machine's own address"):
            await tool.request("GET", "http://rebind.example.org/")
        assert (dns.queries, world.trap.connections) == (2, 0)


async def test_whoever_looks_a_name_up_twice_is_trapped(world: World) -> None:
    async with name_server(PUBLIC, "127.0.0.1") as dns:
        assert why_not_public(await ask(dns, "rebind.example.org")) == ""
        address = await ask(dns, "rebind.example.org")  # as a client does that is given the name to connect to
        reader, writer = await asyncio.open_connection(address, world.trap.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert b"TRAPPED" in await asyncio.wait_for(reader.readuntil(b"TRAPPED"), 5)
        writer.close()
        await writer.wait_closed()


async def test_proxies_of_the_environment_have_no_say(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{world.trap.port}")
    world.names["example.com"] = (PUBLIC,)
    await settle(world, PUBLIC, lambda _: answer(b"direct"))
    reply: EgressReply = await world.tool().request("GET", "http://example.com/")
    assert (reply.body, world.trap.connections) == (b"direct", 0)


def test_there_are_more_than_sixty_attacks() -> None:
    assert len(set(ADDRESSES.values()) | set(WRITINGS.values())) > 60
