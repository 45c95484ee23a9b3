"""A question waits for its vector only so long, a batch of passages not for ever, and who is slow is told of."""

import asyncio
import re
from collections.abc import Sequence

import pytest
from toolyard_memory.vectors import embedding
from toolyard_sdk.errors import EmbedderError

from tests.memory.vectors.world import ADA, Spelling, World, best, follow


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


class Slow(Spelling):
    """An embedder that makes the vectors of `most` texts at once, and of more than that none in any time."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.batches: list[int] = []

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        self.batches.append(len(texts))
        if len(texts) > self.most:
            await asyncio.Event().wait()
        return await super().embed(texts, query=query)


async def test_a_batch_that_does_not_come_is_given_up_and_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "LONGEST", 0.05)
    await world.say(ADA, "the harbour is in the north")
    vectors = world.vectors(Silent())
    async with asyncio.timeout(5):
        with pytest.raises(EmbedderError, match="has not made the vectors of 1 texts"):
            await vectors.follow()
    assert "has not made the vectors" in (await vectors.state("acme")).degraded
    assert await world.count("outbox") == 1


async def test_while_a_batch_is_waited_for_it_is_said_that_passages_have_no_vectors(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "SLOW", 0.05)
    await world.say(ADA, "the harbour is in the north", "the ferry leaves at eight")
    silent = Silent()
    vectors = world.vectors(silent)
    following = asyncio.create_task(vectors.follow())
    try:
        async with asyncio.timeout(5):
            while not (told := (await vectors.state("acme")).degraded):
                assert not following.done()
                await asyncio.sleep(0.01)
        assert re.fullmatch(r"spelling:1 has been making vectors for \d+ s, and 2 passages have none yet: .*", told)
        assert (await vectors.state("other")).degraded == "", "nothing of theirs waits"
    finally:
        silent.back.set()
        async with asyncio.timeout(5):
            await following
    assert (await vectors.state("acme")).degraded == ""


async def test_an_embedder_that_is_too_slow_for_a_batch_is_asked_for_less_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "LONGEST", 0.5)
    monkeypatch.setattr(embedding, "SLOW", 0.0)
    said = await world.say(ADA, *(f"note {n} on rivers" for n in range(40)))
    slow = Slow(12)
    vectors = world.vectors(slow, flat=1_000)
    for _ in range(2):
        with pytest.raises(EmbedderError, match="at a time now"):
            await vectors.follow()
    assert await follow(vectors) == len(said)
    assert slow.batches[:3] == [40, 20, 10]
    assert len(await best(vectors, ADA, "rivers", 100)) == len(said)


async def test_an_embedder_that_is_quick_again_is_asked_for_more_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "LONGEST", 0.5)
    slow = Slow(8)
    asking = embedding.Embedding(world.database, slow)
    with pytest.raises(EmbedderError, match="at a time now"):
        await asking.of_texts("acme", {bytes([n]): "a note" for n in range(16)})
    slow.most = 100
    for expected in (16, 32, embedding.BATCH, embedding.BATCH):
        await asking.of_texts("acme", {bytes([n]): "a note" for n in range(asking.at_once)})
        assert asking.at_once == expected
