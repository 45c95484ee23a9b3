"""The Egress port: what every adapter does alike. A new adapter joins by one more entry in `ADAPTERS`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from toolyard_sdk.egress import Egress
from toolyard_sdk.errors import EgressRefused, ToolError
from toolyard_sdk.http import ForwardedEgress, serve_request
from toolyard_sdk.testing import RecordedEgress

from tests.sdk.http.network import PUBLIC, Got, answer, settle, world

URL = "http://example.com"
JSON = b'{"city":"Oslo"}'


@asynccontextmanager
async def sending() -> AsyncIterator[Egress]:
    """Yield the HTTP client, before a server that does what the adapters without one have been told."""
    never = asyncio.Event()

    def reply(got: Got) -> bytes | asyncio.Event | None:
        replies: dict[str, bytes | asyncio.Event | None] = {
            "/page": answer(b"hello", Content_Type="text/plain; charset=utf-8", X_Mine="1"),
            "/orders": answer(JSON, "201 Created", Content_Type="application/json"),
            "/slow": never,
            "/lost": None,
        }
        return replies.get(got.path, answer(b"nothing here", "404 Not Found"))

    async with world() as made:
        made.names["example.com"] = (PUBLIC,)
        await settle(made, PUBLIC, reply)
        yield made.tool()


@asynccontextmanager
async def forwarded() -> AsyncIterator[Egress]:
    """Yield the way out of another process, as bytes go there and back."""
    async with sending() as inner:
        yield ForwardedEgress(lambda request: serve_request(inner, request))


@asynccontextmanager
async def recorded() -> AsyncIterator[Egress]:
    """Yield the fake that tool authors write their tests with."""
    fake = RecordedEgress()
    fake.answer("GET", f"{URL}/page", "hello", headers={"X-Mine": "1"})
    fake.answer("POST", f"{URL}/orders", {"city": "Oslo"}, status=201)
    fake.answer("GET", f"{URL}/none", b"nothing here", status=404)
    fake.fail("GET", f"{URL}/slow", "timeout").fail("POST", f"{URL}/lost", "lost")
    yield fake.fail("GET", "http://nowhere.example.com/", "unreachable")


ADAPTERS: dict[str, Callable[[], AbstractAsyncContextManager[Egress]]] = {
    "http": sending,
    "forwarded": forwarded,
    "recorded": recorded,
}


@pytest.fixture(params=ADAPTERS)
async def egress(request: pytest.FixtureRequest) -> AsyncIterator[Egress]:
    async with ADAPTERS[request.param]() as made:
        yield made


async def test_an_answer_comes_with_its_status_its_headers_in_lower_case_and_its_body(egress: Egress) -> None:
    reply = await egress.request("GET", f"{URL}/page", headers={"Accept": "text/plain"})
    assert (reply.status, reply.body, reply.url) == (200, b"hello", f"{URL}/page")
    assert (reply.header("X-Mine"), reply.header("x-mine"), reply.header("x-none", "?")) == ("1", "1", "?")
    assert reply.header("content-type") == "text/plain; charset=utf-8"


async def test_a_body_is_sent_and_one_comes_back(egress: Egress) -> None:
    reply = await egress.request("POST", f"{URL}/orders", headers={"content-type": "application/json"}, body=JSON)
    assert (reply.status, reply.body, reply.header("content-type")) == (201, JSON, "application/json")


async def test_an_error_of_the_server_is_an_answer(egress: Egress) -> None:
    reply = await egress.request("GET", f"{URL}/none")
    assert (reply.status, reply.body) == (404, b"nothing here")


async def test_an_answer_that_is_longer_than_asked_for_is_an_error_of_the_tool(egress: Egress) -> None:
    with pytest.raises(ToolError, match="longer than 3 bytes") as caught:
        await egress.request("GET", f"{URL}/page", max_bytes=3)
    assert not isinstance(caught.value, EgressRefused)


async def test_what_has_not_answered_in_time_may_have_been_reached(egress: Egress) -> None:
    with pytest.raises(TimeoutError, match=r"has not answered within 0\.05 s"):
        await egress.request("GET", f"{URL}/slow", timeout=0.05)


async def test_a_connection_that_is_lost_may_have_carried_the_request(egress: Egress) -> None:
    with pytest.raises(ConnectionError) as caught:
        await egress.request("POST", f"{URL}/lost")
    assert type(caught.value) is ConnectionError


async def test_a_host_that_is_not_there_has_been_sent_nothing(egress: Egress) -> None:
    with pytest.raises(ConnectionRefusedError, match="nothing was sent"):
        await egress.request("GET", "http://nowhere.example.com/")


async def test_what_is_not_allowed_is_refused_in_words(egress: Egress) -> None:
    with pytest.raises(EgressRefused, match=r"GET http://10\.0\.0\.1/ was not sent"):
        await egress.request("GET", "http://10.0.0.1/")


async def test_half_a_character_is_refused(egress: Egress) -> None:
    with pytest.raises(EgressRefused, match="was not sent"):
        await egress.request("GET", f"{URL}/\ud800")
