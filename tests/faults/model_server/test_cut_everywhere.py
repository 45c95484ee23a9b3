"""A connection cut after every byte of a recorded stream: a whole turn, or an error, and never anything between."""

import asyncio
import time

import pytest
from toolyard_runtime.models.chat_client import ThinModel
from toolyard_sdk.errors import ModelError
from toolyard_sdk.messages import Usage
from toolyard_sdk.ports import Turn

from tests.faults.model_server.recorded import CALL_EVENTS, completion, event_stream
from tests.faults.model_server.server import Peer, serving

STREAM = b'{"model":"m","stream":true,"messages":[]}'
PLAIN = b'{"model":"m","stream":false,"messages":[]}'
DEADLINE = 2.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
BODY = event_stream(CALL_EVENTS)
CHUNKED = (
    HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"%x\r\n%b\n\n\r\n" % (len(event) + 2, event) for event in BODY.split(b"\n\n")[:-1])
    + b"0\r\n\r\n"
)
UNTIL_CLOSED = HEAD + b"Connection: close\r\n\r\n" + BODY
WHOLE = completion({"content": "Hi", "tool_calls": [{"id": "a", "function": {"name": "add", "arguments": "{}"}}]})
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(WHOLE) + WHOLE


async def cut_after(answer: bytes, sizes: range, request: bytes, how: str) -> dict[int, Turn | ModelError]:
    """Return what came of the answer cut after each number of bytes, eight calls at a time."""
    outcomes: dict[int, Turn | ModelError] = {}
    sent: dict[bytes, int] = {}

    async def cut(peer: Peer) -> None:
        await peer.send(answer[: sent[peer.body]])
        peer.reset() if how == "reset" else peer.close()

    async with serving(cut) as server:
        todo = iter(sizes)

        async def work() -> None:
            for size in todo:
                model = ThinModel(server.url)
                body = request[:-1] + b',"n":%d}' % size
                sent[body] = size
                began = time.monotonic()
                try:
                    outcomes[size] = await model.reply(body, timeout=DEADLINE, on_delta=lambda _: None)
                except ModelError as error:
                    outcomes[size] = error
                assert time.monotonic() - began < DEADLINE + 1
                await model.close()

        await asyncio.gather(*(work() for _ in range(8)))
    return outcomes


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("answer", [CHUNKED, UNTIL_CLOSED], ids=["chunked", "until closed"])
async def test_a_stream_cut_after_any_byte_gives_the_whole_turn_or_none(answer: bytes, how: str) -> None:
    outcomes = await cut_after(answer, range(len(answer) + 1), STREAM, how)
    whole = outcomes[len(answer)] if how == "close" else next(x for x in outcomes.values() if isinstance(x, Turn))
    assert isinstance(whole, Turn)
    assert len(outcomes) == len(answer) + 1
    finish = answer.index(b'"finish_reason":"tool_calls"')
    for size, outcome in outcomes.items():
        if isinstance(outcome, ModelError):
            assert outcome.fault == "broken_stream", size
        else:
            assert size > finish
            assert (outcome.text, outcome.reasoning, outcome.calls) == (whole.text, whole.reasoning, whole.calls)
            assert outcome.usage in (Usage(21, 9, 16), Usage())
    assert whole.usage == Usage(21, 9, 16)
    early = [size for size, outcome in outcomes.items() if isinstance(outcome, Turn)]
    assert min(early) > finish


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_completion_cut_after_any_byte_is_no_turn(how: str) -> None:
    outcomes = await cut_after(LENGTH, range(len(LENGTH)), PLAIN, how)
    assert len(outcomes) == len(LENGTH)
    faults = {outcome.fault if isinstance(outcome, ModelError) else "turn" for outcome in outcomes.values()}
    assert faults == {"broken_stream"}
