"""The client for one origin: addresses, headers, TLS, and what it tells of a failure."""

import asyncio
import pathlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from toolyard_runtime.models import faults as words
from toolyard_runtime.models.chat_client import ThinModel
from toolyard_runtime.models.connection import LineError, Origin
from toolyard_runtime.models.openai_sdk import OpenAIModel
from toolyard_sdk.errors import ModelError

from tests.faults.model_server import faults
from tests.faults.model_server.recorded import completion
from tests.faults.model_server.server import FaultyServer, Peer, serving

PLAIN = b'{"model":"m","stream":false,"messages":[]}'
PEM = pathlib.Path(__file__).with_name("loopback.pem")
"""A key and its own certificate for 127.0.0.1, made for these tests and known to everybody."""


async def hello(peer: Peer) -> None:
    await peer.answer(completion({"content": "Hello"}))


@asynccontextmanager
async def serving_tls() -> AsyncIterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    faulty = FaultyServer(hello)
    server = await asyncio.start_server(faulty.accept, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        await faulty.stop()
        await server.wait_closed()


async def test_a_server_with_a_trusted_certificate_answers_over_tls() -> None:
    async with serving_tls() as url:
        model = ThinModel(url, ssl_context=ssl.create_default_context(cafile=PEM))
        for _ in range(3):
            assert (await model.reply(PLAIN, timeout=5)).text == "Hello"
        await model.close()


async def test_a_certificate_nobody_vouches_for_is_refused() -> None:
    async with serving_tls() as url:
        model = ThinModel(url)
        with pytest.raises(ModelError, match="certificate") as caught:
            await model.reply(PLAIN, timeout=5)
        assert caught.value.fault == "connect"
        await model.close()


async def test_plain_http_to_a_tls_port_fails_and_says_where() -> None:
    async with serving_tls() as url:
        model = ThinModel(url.replace("https", "http"))
        with pytest.raises(ModelError) as caught:
            await model.reply(PLAIN, timeout=5)
        assert caught.value.fault in ("broken_stream", "bad_answer")
        await model.close()


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://h/v1", "http://", "http://user:secret@h/v1", "", "http:///v1"]
)
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="http://HOST:PORT") as caught:
        ThinModel(url, "sk-x")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["sk\r\nX-Evil: 1", "sk\x00", "schlüssel"])
def test_a_key_that_would_break_the_header_is_refused_and_not_told(key: str) -> None:
    with pytest.raises(ValueError, match="Authorization") as caught:
        ThinModel("http://127.0.0.1:1/v1", key)
    assert key not in str(caught.value)


async def test_path_query_key_and_own_headers_are_sent() -> None:
    heads: list[bytes] = []

    async def note(peer: Peer) -> None:
        heads.append(peer.head)
        await hello(peer)

    async with serving(note) as server:
        base = server.url.replace("/v1", "/deep/v1/?api-version=3")
        model = ThinModel(base, "sk-x", headers=(("X-Team", "blue"),))
        await model.reply(PLAIN, timeout=5, request_id="run_1")
        await model.close()
    lines = heads[0].split(b"\r\n")
    assert lines[0] == b"POST /deep/v1/chat/completions?api-version=3 HTTP/1.1"
    for line in (b"Authorization: Bearer sk-x", b"X-Team: blue", b"X-Request-Id: run_1"):
        assert line in lines
    assert b"Host: " + server.url.split("/")[2].encode() in lines


@pytest.mark.parametrize("adapter", [ThinModel, OpenAIModel])
async def test_no_secret_that_a_server_echoes_is_told(adapter: type[ThinModel] | type[OpenAIModel]) -> None:
    async def echo(peer: Peer) -> None:
        text = "bad key sk-very-secret, bad token tok-also-secret"
        await peer.answer(faults.error_body(text), status="401 Unauthorized")

    async with serving(echo) as server:
        model = adapter(server.url, "sk-very-secret", headers=(("X-Token", "tok-also-secret"),))
        with pytest.raises(ModelError, match=r"\[key\].*\[key\]") as caught:
            await model.reply(PLAIN, timeout=5)
        await model.close()
    assert "secret" not in str(caught.value)
    assert "check the API key" in str(caught.value)


async def test_get_and_post_of_other_paths_give_the_answer_as_it_is() -> None:
    async def echo(peer: Peer) -> None:
        await peer.answer(peer.head.split(b"\r\n")[0] + peer.body, status="418 I'm a teapot", kind="text/plain")

    async with serving(echo) as server:
        origin = Origin(server.url)
        got = await origin.send(b"GET", b"/version", timeout=5)
        posted = await origin.send(b"POST", b"/tokenize", b"{}", timeout=5)
        await origin.close()
    assert (got.status, got.body) == (418, b"GET /version HTTP/1.1")
    assert got.headers[b"content-type"] == b"text/plain"
    assert posted.body == b"POST /tokenize HTTP/1.1{}"


async def test_a_request_without_time_left_is_a_timeout_and_not_a_fault_of_connecting() -> None:
    async with serving(hello) as server:
        origin = Origin(server.url)
        with pytest.raises(LineError) as caught:
            await origin.send(b"GET", b"/", timeout=0)
        await origin.close()
    assert caught.value.fault == "timeout"


async def test_only_so_many_idle_connections_are_kept() -> None:
    together = asyncio.Barrier(6)

    async def meet(peer: Peer) -> None:
        if server.connections <= 6:
            await together.wait()
        await hello(peer)

    async with serving(meet) as server:
        origin = Origin(server.url, max_idle=2)
        await asyncio.gather(*(origin.send(b"POST", b"/", b"{}", timeout=5) for _ in range(6)))
        assert len(origin._free) == 2
        await origin.close()
    assert server.connections == 6


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({b"retry-after": b"3"}, 3.0),
        ({b"retry-after": b"0.5"}, 0.5),
        ({b"retry-after": b"-3"}, None),
        ({b"retry-after": b"soon"}, None),
        ({b"retry-after": b"\xff\xfe"}, None),
        ({b"retry-after-ms": b"250", b"retry-after": b"3"}, 0.25),
        ({b"retry-after-ms": b"x", b"retry-after": b"3"}, 3.0),
        ({b"retry-after": b"Mon, 23 Nov 2026 01:00:30 GMT"}, 30.0),
        ({b"retry-after": b"Mon, 23 Nov 2026 00:00:00 GMT"}, 0.0),
        ({b"retry-after": b"Mon, 23 Nov 2026 02:00:30 GMT", b"date": b"Mon, 23 Nov 2026 02:00:00 GMT"}, 30.0),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[bytes, bytes], seconds: float | None) -> None:
    assert words.retry_after(headers, now=1795395600.0) == seconds


@pytest.mark.parametrize(
    ("status", "text", "code", "fault"),
    [
        (400, "", "", "bad_request"),
        (400, "the request exceeds the available context size", "exceed_context_size_error", "too_long"),
        (413, "", "", "too_long"),
        (422, "prompt is too long: 9 tokens", "", "too_long"),
        (403, "", "", "unauthorized"),
        (408, "", "", "timeout"),
        (409, "", "", "bad_request"),
        (500, "", "", "server_error"),
        (507, "", "", "server_error"),
        (302, "", "", "bad_answer"),
    ],
)
def test_a_status_is_a_fault(status: int, text: str, code: str, fault: str) -> None:
    assert words.of_status(status, text, code) == fault
