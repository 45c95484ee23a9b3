"""Streams that end before their answer does: the server breaks off, or a reader leaves."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from toolyard_runtime.engine.requests import Served
from toolyard_runtime.http.openai_routes import Front, _events
from toolyard_runtime.run.drive import Driver
from toolyard_runtime.run.segments import Closed, Opened, StreamEvent

from tests.http.breaking import failing
from tests.http.serving import Client, Server
from tests.runtime.workshop import Workshop, workshop
from tests.wire.samples import events_of

GRACE = "[limits]\ngrace_seconds = 0.05\n"
DEADLINE = 5.0


def test_a_chat_stream_whose_run_breaks_ends_with_an_error_the_client_can_read(server: Server, user: Client) -> None:
    body = {"model": "clerk", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    with failing(server, after=1):
        answered = user.ask("POST", "/v1/chat/completions", body)
    assert answered.status == 200
    assert answered.body.endswith(b"data: [DONE]\n\n")
    errors = [data["error"] for _, data in events_of(answered.body) if "error" in data]
    assert [error["code"] for error in errors] == ["unavailable"]
    assert str(server.root) not in answered.body.decode()


def test_a_response_stream_whose_run_breaks_ends_as_failed(server: Server, user: Client) -> None:
    with failing(server, after=1):
        answered = user.ask("POST", "/v1/responses", {"model": "clerk", "stream": True, "input": "hi"})
    assert answered.status == 200
    events = [data for _, data in events_of(answered.body)]
    assert [event["type"] for event in events][-1] == "response.failed"
    assert events[-1]["response"]["error"]["message"].startswith("unavailable: The server's store cannot be used now")
    assert str(server.root) not in answered.body.decode()


@pytest.mark.parametrize(
    ("query", "param", "says"),
    [
        ("stream=maybe", "stream", "true nor false"),
        ("stream=", "stream", "true nor false"),
        ("stream=true&starting_after=x", "starting_after", "sequence_number"),
        ("stream=true&starting_after=-1", "starting_after", "sequence_number"),
        ("starting_after=1.5", "starting_after", "sequence_number"),
        ("starting_after=" + "9" * 5000, "starting_after", "sequence_number"),
    ],
)
def test_a_bad_query_of_a_response_names_the_field_and_the_fix(user: Client, query: str, param: str, says: str) -> None:
    response = user.post("/v1/responses", {"model": "clerk", "input": "hi"})["id"]
    answered = user.ask("GET", f"/v1/responses/{response}?{query}")
    assert answered.status == 400
    assert answered.body["error"]["param"] == param
    assert says in answered.body["error"]["message"]


@pytest.mark.parametrize("yes", ["true", "True", "1"])
def test_a_response_is_streamed_from_where_the_client_left_off(user: Client, yes: str) -> None:
    response = user.post("/v1/responses", {"model": "clerk", "input": "hi"})["id"]
    path = f"/v1/responses/{response}"
    whole = [data for _, data in events_of(user.get(f"{path}?stream={yes}"))]
    rest = [
        data for _, data in events_of(user.get(f"{path}?stream={yes}&starting_after={whole[1]['sequence_number']}"))
    ]
    assert rest == whole[2:]
    assert user.get(f"{path}?stream=false")["id"] == response


def never(_request: Any) -> Any:
    return asyncio.get_running_loop().create_future()


def _words(events: Sequence[StreamEvent]) -> bytes:
    return b"".join(type(event).__name__.encode() + b" " for event in events)


def _broken(code: str, message: str) -> bytes:
    return f"{code}: {message}".encode()


def reading(shop: Workshop, driver: Driver) -> AsyncGenerator[bytes, None]:
    front = Front(shop.desk, shop.engine, "")
    return cast("AsyncGenerator[bytes, None]", _events(front, Served(driver=driver), _words, _broken))


async def leaves(reader: AsyncGenerator[bytes, None]) -> None:
    """Go away while waiting for more, as a client does whose connection closes."""
    waiting = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await reader.aclose()


@pytest.mark.parametrize("first", ["asker", "watcher"])
async def test_a_foreground_run_ends_when_its_last_reader_has_left(tmp_path: Path, first: str) -> None:
    async with workshop(tmp_path, more=GRACE) as shop:
        shop.model.will(never)
        driver = await shop.start(stream=True)
        readers = [reading(shop, driver), reading(shop, driver)]
        for reader in readers:
            assert await anext(reader) == Opened.__name__.encode() + b" "
        last = readers.pop(0 if first == "watcher" else 1)
        await leaves(readers[0])
        assert driver.log.feed.followed
        waiting = asyncio.ensure_future(anext(last))
        await asyncio.wait([waiting], timeout=0.2)
        assert not driver.gone.is_set(), "somebody still reads it"
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        await last.aclose()
        async with asyncio.timeout(DEADLINE):
            await driver.gone.wait()
        assert (await shop.row(driver.row.id)).reason == "cancelled"


async def test_a_reader_who_stays_is_given_everything_and_ends_nothing(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=GRACE) as shop:
        driver = await shop.start(stream=True)
        async with asyncio.timeout(DEADLINE):
            words = b"".join([part async for part in reading(shop, driver)])
        assert words.split()[-1] == Closed.__name__.encode()
        await driver.gone.wait()
        assert (await shop.row(driver.row.id)).reason == "stop"
