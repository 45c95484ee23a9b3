"""The Model port: what every adapter does alike. A new adapter joins by one more entry in `ADAPTERS`."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from toolyard_runtime.models.chat_client import ThinModel
from toolyard_runtime.models.encoder import GENERIC, encode_message, encode_tools, request_head
from toolyard_runtime.models.openai_sdk import OpenAIModel
from toolyard_runtime.models.rehearsal import RehearsalModel
from toolyard_runtime.run.segments import Sampling
from toolyard_sdk.errors import ModelError
from toolyard_sdk.messages import Message, ToolCall, ToolSpec
from toolyard_sdk.ports import Delta, Model, RawCall

from tests.faults.model_server.server import serving
from tests.models import rehearsal_server

ADAPTERS: dict[str, Callable[[str], Model]] = {
    "thin": lambda url: ThinModel(url, "sk-x"),
    "openai sdk": lambda url: OpenAIModel(url, "sk-x"),
    "rehearsal": lambda _: RehearsalModel(pause=0.001, sleep=patient),
}
ADD = ToolSpec(
    "add",
    "Add two numbers.",
    {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
)


async def patient(seconds: float) -> None:
    await asyncio.sleep(seconds)


def body(*messages: Message | str, stream: bool = False) -> bytes:
    written = [message if isinstance(message, Message) else Message("user", message) for message in messages]
    head = request_head(
        model="rehearsal",
        tools=encode_tools((ADD,), strict=False),
        sampling=Sampling(),
        profile=GENERIC,
        stream=stream,
        variant="plain",
        cache_salt=None,
    )
    return head + b",".join(encode_message(message) for message in written) + b"]}"


@pytest.fixture(params=ADAPTERS)
async def model(request: pytest.FixtureRequest) -> AsyncIterator[Model]:
    async with serving(rehearsal_server.server()) as server:
        adapter = ADAPTERS[request.param](server.url)
        yield adapter
        await adapter.close()


async def test_a_whole_turn_comes_back_with_its_usage_and_its_source(model: Model) -> None:
    turn = await model.reply(body("say Hello to you"), timeout=5)
    assert turn.text == "Hello to you"
    assert turn.finish == "stop"
    assert turn.model == "rehearsal"
    assert turn.usage.input_tokens > 0
    assert turn.usage.output_tokens == 3


@pytest.mark.parametrize("stream", [False, True])
async def test_calls_come_back_raw_and_in_order(model: Model, stream: bool) -> None:
    shown: list[Delta] = []
    asked = body('call add {"a":1,"b":2}\ncall nobody {"broken":', stream=stream)
    turn = await model.reply(asked, timeout=5, on_delta=shown.append if stream else None)
    assert turn.calls == (RawCall("add", '{"a":1,"b":2}'), RawCall("nobody", '{"broken":'))
    assert turn.text == ""
    assert shown == []


async def test_what_is_shown_is_what_the_turn_holds(model: Model) -> None:
    shown: list[Delta] = []
    words = " ".join(f"word{n} ø🌍" for n in range(50))
    turn = await model.reply(body(f"say {words}", stream=True), timeout=5, on_delta=shown.append)
    assert turn.text == words
    assert "".join(delta.text for delta in shown) == words


async def test_a_stream_and_a_whole_answer_are_the_same_turn(model: Model) -> None:
    streamed = await model.reply(body("add 3 and 4", stream=True), timeout=5, on_delta=lambda _: None)
    assert streamed == await model.reply(body("add 3 and 4"), timeout=5)
    assert streamed.calls == (RawCall("add", '{"a":3,"b":4}'),)


async def test_results_in_the_history_lead_to_an_answer(model: Model) -> None:
    history = (
        Message("user", "add 3 and 4"),
        Message("assistant", tool_calls=(ToolCall("call_1", "add", '{"a":3,"b":4}'),)),
        Message("tool", "7", tool_call_id="call_1"),
    )
    turn = await model.reply(body(*history), timeout=5)
    assert turn.calls == ()
    assert "7" in turn.text


async def test_parallel_replies_do_not_mix(model: Model) -> None:
    shown: dict[int, list[Delta]] = {n: [] for n in range(12)}
    turns = await asyncio.gather(
        *(model.reply(body(f"say number {n}", stream=True), timeout=5, on_delta=shown[n].append) for n in shown)
    )
    assert [turn.text for turn in turns] == [f"number {n}" for n in shown]
    for n, deltas in shown.items():
        assert "".join(delta.text for delta in deltas) == f"number {n}"


async def test_a_body_that_is_no_request_is_the_callers_fault(model: Model) -> None:
    with pytest.raises(ModelError) as caught:
        await model.reply(b'{"messages": 3}', timeout=5)
    assert caught.value.fault == "bad_request"
    assert caught.value.status == 400


async def test_a_turn_that_takes_too_long_ends_at_the_deadline(model: Model) -> None:
    long = body("say be slow " + "word " * 3000, stream=True)
    began = time.monotonic()
    with pytest.raises(ModelError) as caught:
        await model.reply(long, timeout=0.3, on_delta=lambda _: None)
    assert caught.value.fault == "timeout"
    assert time.monotonic() - began < 1.3


async def test_a_cancelled_reply_leaves_the_adapter_usable(model: Model) -> None:
    slow = asyncio.ensure_future(
        model.reply(body("say be slow " + "word " * 3000, stream=True), timeout=30, on_delta=lambda _: None)
    )
    await asyncio.wait((slow,), timeout=0.1)
    assert not slow.done()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert (await model.reply(body("say Hello"), timeout=5)).text == "Hello"


async def test_closing_twice_is_closing_once(model: Model) -> None:
    await model.close()
    await model.close()
