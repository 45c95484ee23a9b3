"""Both adapters of the Model port, fed the same recorded and damaged answers, must say the same."""

import asyncio

import pytest
from toolyard_runtime.models.chat_client import ThinModel
from toolyard_runtime.models.openai_sdk import OpenAIModel
from toolyard_sdk.errors import ModelError
from toolyard_sdk.ports import Delta, Model, Turn

from tests.faults.model_server import faults
from tests.faults.model_server.recorded import TEXT_EVENTS
from tests.faults.model_server.server import Fault, Peer, serving

PLAIN = b'{"model":"m","stream":false,"messages":[]}'
STREAM = b'{"model":"m","stream":true,"messages":[]}'
KEY = "sk-very-secret"

DIFFERENT = {
    faults.redirected: "the SDK follows redirections, and finds nobody there",
    faults.not_http: "the SDK cannot tell noise from a dropped connection",
    faults.broken_chunk_size: "the SDK cannot tell noise from a dropped connection",
    faults.endless_answer: "the SDK knows no bound on an answer",
    faults.endless_event: "the SDK knows no bound on an event",
    faults.no_done_no_length_no_last_blank_line: "the SDK drops an event without its blank line, as the standard says",
    faults.open_for_ever_after_done: "the SDK waits for the end of the body",
    faults.reset_after_done: "the SDK may find the connection gone before it has read what arrived",
}
ROWS = [
    *((fault, stream) for fault, stream, _ in faults.FAILS if fault not in DIFFERENT),
    *((fault, stream) for fault, stream, _ in faults.HEALS if fault not in DIFFERENT),
]


async def outcome(model: Model, *, stream: bool) -> tuple[Turn, str, str] | tuple[str, int, float | None, bool]:
    shown: list[Delta] = []
    try:
        turn = await model.reply(STREAM if stream else PLAIN, timeout=0.7, on_delta=shown.append if stream else None)
    except ModelError as error:
        return error.fault, error.status, error.retry_after, KEY in str(error)
    finally:
        await model.close()
    return turn, "".join(delta.text for delta in shown), "".join(delta.reasoning for delta in shown)


@pytest.mark.parametrize(("fault", "stream"), ROWS, ids=lambda value: getattr(value, "__name__", str(value)))
async def test_both_adapters_say_the_same(fault: Fault, stream: bool) -> None:
    async with serving(fault) as server:
        thin, sdk = await asyncio.gather(
            outcome(ThinModel(server.url, KEY), stream=stream), outcome(OpenAIModel(server.url, KEY), stream=stream)
        )
    assert sdk == thin


async def test_both_adapters_send_the_same_body_and_request_id() -> None:
    heads: list[bytes] = []

    async def answer(peer: Peer) -> None:
        heads.append(peer.head.lower())
        await faults.named_choice_ends_in_stop(peer)

    async with serving(answer) as server:
        for model in (ThinModel(server.url, KEY), OpenAIModel(server.url, KEY)):
            await model.reply(PLAIN, timeout=5, request_id="run_1-2")
            await model.close()
    assert server.requests == [PLAIN, PLAIN]
    for head in heads:
        assert b"x-request-id: run_1-2\r\n" in head
        assert b"authorization: bearer sk-very-secret\r\n" in head
        assert head.startswith(b"post /v1/chat/completions http/1.1\r\n")


async def test_a_stream_that_says_done_without_a_finish_reason_is_whole_for_the_thin_client_only() -> None:
    async def unfinished(peer: Peer) -> None:
        await peer.stream(*TEXT_EVENTS[:4])

    async with serving(unfinished) as server:
        thin = await outcome(ThinModel(server.url), stream=True)
        sdk = await outcome(OpenAIModel(server.url), stream=True)
    assert isinstance(thin[0], Turn)
    assert sdk[0] == "broken_stream"


async def test_a_refused_connection_is_the_same_fault_for_both() -> None:
    async with serving(faults.silence) as server:
        url = server.url
    for model in (ThinModel(url), OpenAIModel(url)):
        with pytest.raises(ModelError) as caught:
            await model.reply(PLAIN, timeout=5)
        assert caught.value.fault == "connect"
        await model.close()
