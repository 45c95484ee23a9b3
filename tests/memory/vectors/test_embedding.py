"""A question waits for its vector only so long, and the next one does not wait for an embedder that is away."""

import asyncio
from collections.abc import Sequence

import pytest
from toolyard_memory.vectors import embedding
from toolyard_sdk.errors import EmbedderError

from tests.memory.vectors.world import Spelling, World


class Silent(Spelling):
    """An embedder that does not answer until it is `back`."""

    def __init__(self) -> None:
        super().__init__()
        self.back = asyncio.Event()
        self.asked = 0

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        self.asked += 1
        await self.back.wait()
        return await super().embed(texts, query=query)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait long."""
    monkeypatch.setattr(embedding, "PATIENCE", 0.05)


async def test_a_question_is_given_up_before_whoever_asks_gives_up(world: World) -> None:
    silent = Silent()
    with pytest.raises(EmbedderError, match="does not answer in"):
        await embedding.Embedding(world.database, silent).of_query("acme", "where is the harbour?")


async def test_an_embedder_that_let_a_question_wait_in_vain_is_not_asked_the_next_one(world: World) -> None:
    silent = Silent()
    asking = embedding.Embedding(world.database, silent)
    for _ in range(3):
        with pytest.raises(EmbedderError):
            await asking.of_query("acme", "where is the harbour?")
    assert silent.asked == 1


async def test_an_embedder_that_is_back_is_asked_again_as_soon_as_it_has_embedded_what_was_said(world: World) -> None:
    silent = Silent()
    asking = embedding.Embedding(world.database, silent)
    with pytest.raises(EmbedderError):
        await asking.of_query("acme", "where is the harbour?")
    silent.back.set()
    await asking.of_texts("acme", {b"1": "the harbour is in the north"})
    assert await asking.of_query("acme", "where is the harbour?")
