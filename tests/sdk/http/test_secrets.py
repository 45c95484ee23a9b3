"""Secrets: filled in where a handle stands, for the hosts they belong to, and seen by nobody else."""

import base64
import gzip
import logging
import traceback
from urllib.parse import parse_qs, quote, urlencode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toolyard_sdk.egress import EgressGrant, secret
from toolyard_sdk.errors import EgressRefused
from toolyard_sdk.http import ToolEgress
from toolyard_sdk.http.filling import Scrubber, in_body, in_query

from tests.sdk.http.network import OTHER_PUBLIC, PUBLIC, SECRETS, Got, Server, World, answer, moved, settle

KEY, TOKEN = SECRETS["weather_key"], SECRETS["token"]
HOST = "intranet:8080"
GRANT = EgressGrant(
    hosts=("*",), private=(HOST,), secrets=dict.fromkeys(("weather_key", "login", "token", "gone"), (HOST,))
)
URL = f"http://{HOST}"
"""Named hosts of the own network may be given secrets without TLS."""


@pytest.fixture
async def server(world: World) -> Server:
    """Return a server that says back what it was told, as it came."""
    world.names |= {"intranet": (PUBLIC,), "example.net": (OTHER_PUBLIC,)}

    def echo(got: Got) -> bytes:
        said = "\n".join([got.path, *got.headers.values()]).encode("latin-1") + b"\n" + got.body
        return answer(said, X_Echo=got.headers.get("x-key", "none"), X_Path=got.path)

    return await settle(world, PUBLIC, echo)


def leaks(text: str, value: str = KEY) -> bool:
    """Whether a text holds a value, in any of the forms it travels in."""
    forms = (
        value,
        quote(value, safe=""),
        msgspec.json.encode(value).decode()[1:-1],
        base64.b64encode(value.encode()).decode(),
    )
    return any(form in text for form in forms)


async def test_a_handle_in_the_query_becomes_the_value_percent_encoded(world: World, server: Server) -> None:
    reply = await world.tool(GRANT).request("GET", f"{URL}/?a=1&key={secret('weather_key')}&b=2")
    assert server.got[0].path == f"/?a=1&key={quote(KEY, safe='')}&b=2"
    assert reply.url == f"{URL}/?a=1&key={{{{secret:weather_key}}}}&b=2"


async def test_also_when_the_handle_itself_was_percent_encoded(world: World, server: Server) -> None:
    await world.tool(GRANT).request("GET", f"{URL}/?{urlencode({'key': secret('weather_key')})}")
    assert server.got[0].path == f"/?key={quote(KEY, safe='')}"


async def test_a_handle_in_a_header_becomes_the_value(world: World, server: Server) -> None:
    await world.tool(GRANT).request("GET", f"{URL}/", headers={"Authorization": f"Bearer {secret('token')}"})
    assert server.got[0].headers["authorization"] == f"Bearer {TOKEN}"


async def test_user_and_password_are_encoded_for_basic_authentication(world: World, server: Server) -> None:
    reply = await world.tool(GRANT).request("GET", f"{URL}/", headers={"Authorization": f"Basic {secret('login')}"})
    assert base64.b64decode(server.got[0].headers["authorization"].removeprefix("Basic ")) == b"ann:pass word"
    assert b"Basic [secret login]" in reply.body


async def test_a_handle_in_a_json_body_becomes_the_value_escaped(world: World, server: Server) -> None:
    body = msgspec.json.encode({"key": secret("weather_key"), "text": f"a {secret('token')} b"})
    await world.tool(GRANT).request(
        "POST", f"{URL}/", headers={"content-type": "application/json; charset=utf-8"}, body=body
    )
    (got,) = server.got
    assert msgspec.json.decode(got.body) == {"key": KEY, "text": f"a {TOKEN} b"}
    assert got.headers["content-length"] == str(len(got.body))


@pytest.mark.parametrize("encoded", [False, True])
async def test_a_handle_in_a_form_becomes_the_value_percent_encoded(
    world: World, server: Server, encoded: bool
) -> None:
    handle = secret("weather_key")
    body = urlencode({"key": handle}) if encoded else f"key={handle}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    await world.tool(GRANT).request("POST", f"{URL}/", headers=form, body=body.encode())
    assert server.got[0].body == f"key={quote(KEY, safe='')}".encode()


async def test_bytes_around_a_handle_stay_as_they_are(world: World, server: Server) -> None:
    body = b"\xff\xfe\0" + secret("token").encode() + b"\x80"
    await world.tool(GRANT).request("POST", f"{URL}/", body=body)
    assert server.got[0].body == b"\xff\xfe\0" + TOKEN.encode() + b"\x80"


@pytest.mark.parametrize("place", ["query", "header", "body"])
async def test_a_server_that_says_a_secret_back_is_not_heard(world: World, server: Server, place: str) -> None:
    handle = secret("weather_key")
    reply = await world.tool(GRANT).request(
        "POST",
        f"{URL}/?key={handle if place == 'query' else ''}",
        headers={"X-Key": handle if place == "header" else "", "Content-Type": "application/json"},
        body=msgspec.json.encode([handle if place == "body" else ""]),
    )
    told = reply.body.decode() + repr(reply)
    assert not leaks(told)
    assert "[secret weather_key]" in told
    assert KEY in str(server.got[0]) or quote(KEY, safe="") in str(server.got[0]) or place == "body"


async def test_nor_when_its_answer_is_compressed(world: World) -> None:
    world.names["intranet"] = (PUBLIC,)
    await settle(world, PUBLIC, lambda _: answer(gzip.compress(f"<{TOKEN}>".encode()), Content_Encoding="gzip"))
    reply = await world.tool(GRANT).request("GET", f"{URL}/", headers={"X-Key": secret("token")})
    assert reply.body == b"<[secret token]>"


# --- where they may go


async def test_a_secret_is_not_sent_where_nobody_allowed_it_and_the_line_to_write_is_told(
    world: World, server: Server
) -> None:
    grant = EgressGrant(hosts=("*",), secrets={"token": ("api.example.org",)})
    with pytest.raises(EgressRefused) as caught:
        await world.tool(grant).request("GET", "https://example.net/", headers={"X-Key": secret("weather_key")})
    assert str(caught.value) == (
        "GET https://example.net/ was not sent: weather may not send the secret weather_key there. "
        "Whoever runs this server can allow it in toolyard.toml:\n"
        "[egress.weather]\n"
        'secrets = { token = ["api.example.org"], weather_key = ["example.net"] }'
    )
    assert (server.connections, world.trap.connections) == (0, 0)


async def test_a_secret_travels_encrypted(world: World, server: Server) -> None:
    grant = EgressGrant(hosts=("*",), secrets={"token": ("*",)})
    with pytest.raises(EgressRefused, match="the secret token would travel unencrypted: use https"):
        await world.tool(grant).request("GET", f"http://example.net/?key={secret('token')}")
    assert world.trap.connections == 0


PLACES = {
    "path": f"{URL}/bot{secret('token')}/send",
    "path, encoded": f"{URL}/bot{quote(secret('token'), safe='')}/send",
    "host": f"http://{secret('token')}.example.org/",
    "user": f"http://{secret('token')}@intranet:8080/",
    "scheme": f"{secret('token')}://intranet:8080/",
}


@pytest.mark.parametrize("url", PLACES.values(), ids=PLACES.keys())
async def test_a_secret_is_never_part_of_where_a_request_goes(world: World, server: Server, url: str) -> None:
    with pytest.raises(EgressRefused, match="was not sent"):
        await world.tool(GRANT).request("GET", url)
    assert (server.connections, world.trap.connections) == (0, 0)


@pytest.mark.parametrize("name", ["no such", "", "a" * 200, "x}", "{{secret:token", "näme"])
async def test_a_handle_that_is_none_is_not_sent_as_it_stands(world: World, server: Server, name: str) -> None:
    with pytest.raises(EgressRefused, match="was not sent"):
        await world.tool(GRANT).request("POST", f"{URL}/", body=secret(name).encode())
    assert server.connections == 0


async def test_a_secret_that_nobody_has_set_is_named(world: World, server: Server) -> None:
    with pytest.raises(EgressRefused, match="there is no secret gone: set it with `toolyard secret set gone`"):
        await world.tool(GRANT).request("GET", f"{URL}/?k={secret('gone')}")
    assert server.connections == 0


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "a\ud800b", "\n"])
@pytest.mark.parametrize("place", ["query", "header", "body"])
async def test_a_value_that_could_break_a_message_is_refused_and_not_told(
    world: World, server: Server, value: str, place: str
) -> None:
    async def reveal(_name: str) -> str | None:
        return value

    tool = world.client.for_tool("weather", GRANT, reveal)
    handle = secret("token")
    with pytest.raises(EgressRefused) as caught:
        await tool.request(
            "POST",
            f"{URL}/?k={handle if place == 'query' else ''}",
            headers={"X-Key": handle if place == "header" else ""},
            body=handle.encode() if place == "body" else b"",
        )
    told = "".join(traceback.format_exception(caught.value))
    assert "X-Evil" not in told
    assert "the value of the secret token holds" in told
    assert server.connections == 0


async def test_a_value_that_no_header_can_hold_is_refused_and_not_told(world: World, server: Server) -> None:
    async def reveal(_name: str) -> str | None:
        return "日本"

    with pytest.raises(EgressRefused, match="the header X-Key holds characters") as caught:
        await world.client.for_tool("weather", GRANT, reveal).request(
            "GET", f"{URL}/", headers={"X-Key": secret("token")}
        )
    assert "日本" not in "".join(traceback.format_exception(caught.value))
    assert server.connections == 0


# --- redirects


async def redirected(world: World, location: str, status: int = 302, **request: object) -> Server:
    """Send a request with a secret that is redirected, and return where it leads."""
    world.names |= {"intranet": (PUBLIC,), "example.net": (OTHER_PUBLIC,)}
    await settle(world, PUBLIC, lambda got: moved(location, status) if got.path.startswith("/from") else answer())
    other = await settle(world, OTHER_PUBLIC, lambda _: answer(b"other"))
    tool: ToolEgress = world.tool(GRANT)
    await tool.request("POST", f"{URL}/from", **{"headers": {"X-Key": secret("token")}, **request})  # type: ignore[arg-type] # as the caller says
    return other


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_header_with_a_secret_stays_behind_when_a_redirect_leads_elsewhere(world: World, status: int) -> None:
    other = await redirected(world, "http://example.net/", status)
    assert "x-key" not in other.got[0].headers
    assert TOKEN not in str(other.got)


@pytest.mark.parametrize("status", [307, 308])
async def test_a_body_with_a_secret_is_not_sent_elsewhere(world: World, status: int) -> None:
    with pytest.raises(EgressRefused, match="its body holds the secret token, and the redirect leads elsewhere"):
        await redirected(world, "http://example.net/", status, body=secret("token").encode())
    assert world.homes[OTHER_PUBLIC].connections == 0


@pytest.mark.parametrize("value", [TOKEN, base64.b64encode(TOKEN.encode()).decode()])
async def test_a_redirect_does_not_carry_a_secret_elsewhere(world: World, value: str) -> None:
    with pytest.raises(EgressRefused, match="the redirect carries the secret token elsewhere") as caught:
        await redirected(world, f"http://example.net/?stolen={value}")
    assert TOKEN not in str(caught.value)
    assert world.homes[OTHER_PUBLIC].connections == 0


async def test_a_redirect_cannot_ask_for_a_secret(world: World) -> None:
    world.names["intranet"] = (PUBLIC,)
    server = await settle(
        world,
        PUBLIC,
        lambda got: moved("/to?key={{secret:token}}&k2=%7B%7Bsecret:token%7D%7D") if got.path == "/" else answer(),
    )
    await world.tool(GRANT).request("GET", f"{URL}/")
    assert server.got[1].path == "/to?key=%7B%7Bsecret:token%7D%7D&k2=%7B%7Bsecret:token%7D%7D"


async def test_a_secret_goes_along_with_a_redirect_to_the_same_server_and_is_not_told_after(world: World) -> None:
    world.names["intranet"] = (PUBLIC,)
    server = await settle(
        world,
        PUBLIC,
        lambda got: moved("/to?" + got.path.partition("?")[2]) if got.path.startswith("/from") else answer(),
    )
    reply = await world.tool(GRANT).request(
        "GET", f"{URL}/from?key={secret('weather_key')}", headers={"X-Key": secret("token")}
    )
    assert server.got[1].path == f"/to?key={quote(KEY, safe='')}"
    assert server.got[1].headers["x-key"] == TOKEN
    assert not leaks(repr(reply))


# --- nobody is told


async def test_no_error_log_or_repr_tells_a_secret(
    world: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    world.names["intranet"] = (PUBLIC,)
    replies = iter(
        (
            None,
            f"HTTP/1.1 {TOKEN}\r\n\r\n".encode(),
            answer(TOKEN.encode() * 100),
            answer(b"x", Content_Encoding=TOKEN),
            moved(f"http://10.0.0.1/?{TOKEN}"),
            moved(f"gopher://{TOKEN}"),
            moved(f"http://{TOKEN}.example.org:81/"),
            answer(TOKEN.encode(), f"200 {TOKEN}"),
        )
    )
    await settle(world, PUBLIC, lambda _: next(replies))
    tool = world.tool(GRANT)
    told = [repr(tool), repr(world.client)]
    for _ in range(8):
        try:
            reply = await tool.request(
                "POST",
                f"{URL}/?k={secret('token')}",
                headers={"X-Key": secret("token")},
                body=secret("token").encode(),
                max_bytes=500,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not tell
            told += traceback.format_exception(error)
        else:
            told.append(repr(reply))
    seen = capsys.readouterr()
    told += [seen.out, seen.err, caplog.text]
    assert len(told) > 20
    assert not leaks("".join(told), TOKEN)


printable = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
values = st.text(printable, min_size=1, max_size=40)


@given(values, st.text(max_size=40))
def test_a_value_survives_a_query_and_a_json_body(value: str, around: str) -> None:
    filled = in_query(f"k={secret('a')}&l=1").filled({"a": value})
    assert parse_qs(filled, keep_blank_values=True) == {"k": [value], "l": ["1"]}
    around = around.replace("{", "").replace("}", "")
    body = msgspec.json.encode({"k": secret("a"), "l": around}).decode()
    assert msgspec.json.decode(in_body(body, "application/json").filled({"a": value})) == {"k": value, "l": around}


@settings(max_examples=30)
@given(st.text(printable, min_size=6, max_size=40))
def test_what_a_request_carries_is_not_found_in_a_clean_answer(value: str) -> None:
    scrubber = Scrubber({"a": value})
    for form in (
        value,
        in_query(secret("a")).filled({"a": value}),
        in_body(secret("a"), "application/json").filled({"a": value}),
        base64.b64encode(value.encode()).decode(),
    ):
        assert scrubber.clean_text(f"<{form}>") == "<[secret a]>"
        assert scrubber.holds(f"<{form}>") == {"a"}
