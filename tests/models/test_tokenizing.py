"""Tokens counted by a model server over a real socket: asked beside /v1, and let be when it has no answer."""

import json

import pytest
from toolyard_runtime.models import tokenizing
from toolyard_runtime.models.tokenizing import Tokenizer

from tests.faults.model_server import faults
from tests.faults.model_server.server import Fault, Peer, serving

MESSAGES = b'[{"role":"user","content":"Hello"}]'


async def counting(peer: Peer) -> None:
    """Answer as vLLM does."""
    assert peer.head.startswith(b"POST /tokenize ")
    asked = json.loads(peer.body)
    count = 10 * len(asked["messages"])
    await peer.answer(json.dumps({"count": count, "max_model_len": 4096, "tokens": [1] * count}).encode())


async def nothing(peer: Peer) -> None:
    """Answer as a server does that has no such route."""
    await peer.answer(b'{"detail":"Not Found"}', status="404 Not Found")


async def test_a_server_is_asked_with_the_model_and_the_messages_as_they_are_sent() -> None:
    async with serving(counting) as server:
        counter = Tokenizer(server.url, "sk-x")
        assert await counter.count("qwen3", MESSAGES) == 10
        assert json.loads(server.requests[0]) == {"model": "qwen3", "messages": json.loads(MESSAGES)}
        await counter.close()


@pytest.mark.parametrize("fault", [nothing, faults.html_with_200, faults.server_error, faults.reset_in_the_head])
async def test_one_that_gives_no_count_is_let_be_for_a_while(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(fault) as server:
        counter = Tokenizer(server.url)
        assert await counter.count("qwen3", MESSAGES) is None
        asked = server.connections
        assert await counter.count("qwen3", MESSAGES) is None
        assert server.connections == asked, "not asked again"
        server.fault = counting
        monkeypatch.setattr(counter, "_silent_until", 0.0)
        assert await counter.count("qwen3", MESSAGES) == 10
        await counter.close()


async def test_an_absurd_count_is_none() -> None:
    async def absurd(peer: Peer) -> None:
        await peer.answer(b'{"count":-5}')

    async with serving(absurd) as server:
        counter = Tokenizer(server.url)
        assert await counter.count("qwen3", MESSAGES) is None
        await counter.close()
    assert tokenizing.PAUSE >= 10
