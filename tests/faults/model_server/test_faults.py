"""Every fault of a model server, against the real client over a real socket."""

import asyncio
import socket
import time

import pytest
from toolyard_runtime.models.chat_client import ThinModel
from toolyard_sdk.errors import ModelError
from toolyard_sdk.events import ModelFault
from toolyard_sdk.ports import Delta, Turn

from tests.faults.model_server import faults
from tests.faults.model_server.recorded import TEXT_EVENTS, completion
from tests.faults.model_server.server import Fault, Peer, serving

KEY = "sk-very-secret"
DEADLINE = 0.5
PLAIN = b'{"model":"m","stream":false,"messages":[]}'
STREAM = b'{"model":"m","stream":true,"messages":[]}'


def name(value: object) -> str:
    return getattr(value, "__name__", "") or (str(value) if isinstance(value, str | bool) else "turn")


def thin(url: str, *, connect_timeout: float = 5.0, idle_timeout: float = 120.0) -> ThinModel:
    return ThinModel(url, KEY, max_bytes=8 * 1024 * 1024, connect_timeout=connect_timeout, idle_timeout=idle_timeout)


@pytest.mark.parametrize(("fault", "stream", "expected"), faults.FAILS, ids=name)
async def test_a_fault_ends_in_an_error_that_says_whose_fault_it_is(
    fault: Fault, stream: bool, expected: ModelFault
) -> None:
    shown: list[Delta] = []
    async with serving(fault) as server:
        model = thin(server.url)
        began = time.monotonic()
        with pytest.raises(ModelError) as caught:
            await model.reply(STREAM if stream else PLAIN, timeout=DEADLINE, on_delta=shown.append if stream else None)
        took = time.monotonic() - began
        await model.close()
    message = str(caught.value)
    assert caught.value.fault == expected
    assert took < DEADLINE + 1
    assert server.url in message
    assert KEY not in message
    assert len(message) < 500


@pytest.mark.parametrize(("fault", "stream", "expected"), faults.HEALS, ids=name)
async def test_an_oddity_still_gives_the_right_turn(fault: Fault, stream: bool, expected: Turn) -> None:
    shown: list[Delta] = []
    async with serving(fault) as server:
        model = thin(server.url)
        turn = await model.reply(STREAM if stream else PLAIN, timeout=5, on_delta=shown.append if stream else None)
        await model.close()
    assert turn == expected
    if stream:
        assert "".join(delta.text for delta in shown) == turn.text
        assert "".join(delta.reasoning for delta in shown) == turn.reasoning


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (faults.rate_limited_with_seconds, 7),
        (faults.rate_limited_with_milliseconds, 1.5),
        (faults.rate_limited_with_a_date, 30),
        (faults.rate_limited_without_a_word, None),
        (faults.overloaded, 2),
    ],
    ids=name,
)
async def test_the_wait_a_server_asks_for_is_told(fault: Fault, seconds: float | None) -> None:
    async with serving(fault) as server:
        model = thin(server.url)
        with pytest.raises(ModelError) as caught:
            await model.reply(PLAIN, timeout=5)
        await model.close()
    assert caught.value.retry_after == seconds
    assert caught.value.status in (429, 503)


async def test_a_refused_connection_is_a_fault_of_connecting() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = thin(f"http://127.0.0.1:{port}/v1")
    with pytest.raises(ModelError, match="is the server running") as caught:
        await model.reply(PLAIN, timeout=5)
    assert caught.value.fault == "connect"


async def test_a_server_that_never_accepts_is_given_up_after_the_connect_timeout() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(4):  # the backlog is full after one or two
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(full.getsockname())
            waiting.append(client)
        model = thin(f"http://127.0.0.1:{full.getsockname()[1]}/v1", connect_timeout=0.2)
        began = time.monotonic()
        with pytest.raises(ModelError) as caught:
            await model.reply(PLAIN, timeout=5)
        for client in waiting:
            client.close()
    assert caught.value.fault == "connect"
    assert time.monotonic() - began < 1.2


async def test_a_slow_drip_is_cut_at_the_deadline() -> None:
    async def slow_drip(peer: Peer) -> None:
        await peer.open_stream()
        gone = asyncio.ensure_future(peer.until_gone())
        for byte in b": keep alive\n\n" * 1000:
            done, _ = await asyncio.wait((gone,), timeout=0.02)
            if done:
                return
            await peer.chunk(bytes((byte,)))

    async with serving(slow_drip) as server:
        model = thin(server.url)
        began = time.monotonic()
        with pytest.raises(ModelError) as caught:
            await model.reply(STREAM, timeout=DEADLINE, on_delta=lambda _: None)
        assert caught.value.fault == "timeout"
        assert DEADLINE - 0.05 < time.monotonic() - began < DEADLINE + 1
        await model.close()


async def test_silence_in_mid_stream_is_noticed_before_the_deadline() -> None:
    async with serving(faults.silence_in_mid_stream) as server:
        model = thin(server.url, idle_timeout=0.2)
        began = time.monotonic()
        with pytest.raises(ModelError, match="silent") as caught:
            await model.reply(STREAM, timeout=30, on_delta=lambda _: None)
        assert caught.value.fault == "timeout"
        assert time.monotonic() - began < 1.2
        await model.close()


async def test_a_kept_connection_that_died_is_replaced_once_and_nothing_is_sent_twice() -> None:
    answer = completion({"content": "Hello"})

    async def answer_once(peer: Peer) -> None:
        await peer.answer(answer)
        peer.close()  # without saying so: the client finds out when it uses the connection again

    async with serving(answer_once) as server:
        model = thin(server.url)
        for _ in range(3):
            assert (await model.reply(PLAIN, timeout=5)).text == "Hello"
        await model.close()
    assert len(server.requests) == 3
    assert server.connections == 3


async def test_a_fresh_connection_that_dies_is_not_tried_again() -> None:
    async with serving(faults.closed_without_an_answer) as server:
        model = thin(server.url)
        with pytest.raises(ModelError):
            await model.reply(PLAIN, timeout=5)
        await model.close()
    assert len(server.requests) == 1


async def test_connections_are_kept_and_used_again() -> None:
    async def answer(peer: Peer) -> None:
        if b'"stream":true' in peer.body:
            await peer.stream(*TEXT_EVENTS)
        else:
            await peer.answer(completion({"content": "Hello"}))

    async with serving(answer) as server:
        model = thin(server.url)
        for _ in range(5):
            await model.reply(PLAIN, timeout=5)
            await model.reply(STREAM, timeout=5, on_delta=lambda _: None)
        await model.close()
    assert server.connections == 1
    assert len(server.requests) == 10


@pytest.mark.parametrize(
    "fault", [faults.silence_in_mid_stream, faults.silence, faults.silence_after_the_head], ids=name
)
async def test_a_cancelled_call_closes_its_connection_and_leaves_nothing_for_the_next_one(fault: Fault) -> None:
    gone = asyncio.Event()
    began = asyncio.Event()

    async def watched(peer: Peer) -> None:
        began.set()
        await fault(peer)
        gone.set()

    async with serving(watched) as server:
        model = thin(server.url)
        call = asyncio.ensure_future(model.reply(STREAM, timeout=30, on_delta=lambda _: None))
        await asyncio.wait_for(began.wait(), 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(gone.wait(), 5)
        server.fault = faults.whole_text
        assert (await model.reply(STREAM, timeout=5, on_delta=lambda _: None)).finish == "stop"
        await model.close()
    assert server.connections == 2


async def test_answers_of_parallel_calls_never_mix() -> None:
    async def echo(peer: Peer) -> None:
        await peer.answer(completion({"content": peer.body.decode()}))

    async with serving(echo) as server:
        model = thin(server.url)
        bodies = [b'{"stream":false,"n":%d}' % number for number in range(40)]
        turns = await asyncio.gather(*(model.reply(body, timeout=5) for body in bodies for _ in range(3)))
        await model.close()
    assert [turn.text.encode() for turn in turns] == [body for body in bodies for _ in range(3)]
    assert server.connections <= 120


async def test_an_exception_of_the_reader_of_deltas_ends_the_call_and_the_connection() -> None:
    def broken(_: Delta) -> None:
        raise RuntimeError("the reader left")

    async with serving(faults.whole_text) as server:
        model = thin(server.url)
        with pytest.raises(RuntimeError, match="the reader left"):
            await model.reply(STREAM, timeout=5, on_delta=broken)
        assert (await model.reply(STREAM, timeout=5, on_delta=lambda _: None)).finish == "stop"
        await model.close()
    assert server.connections == 2


def test_at_least_25_different_faults_are_served() -> None:
    assert len({fault for fault, _, _ in faults.FAILS}) >= 25
    assert len({fault for fault, _, _ in faults.HEALS}) >= 25
