"""Following that is cut off at any step, and begun again by another process, ends where it would have ended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from toolyard_memory.embedders.hashing import HashingEmbedder
from toolyard_memory.vectors import indexer, shelves
from toolyard_memory.vectors.index import IndexDown
from toolyard_memory.vectors.indexer import FEW
from toolyard_memory.vectors.store import Vectors
from toolyard_sdk.errors import EmbedderError
from toolyard_sdk.ports import Database, Durability, Transaction

from tests.memory.vectors.world import ADA, Spelling, World, best, follow

STEPS = 14


class Cut(IndexDown, EmbedderError):
    """The end of the process, as it looks from inside."""


class Scissors:
    """Lets so many steps pass, and none after them."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self) -> None:
        if not self.left:
            raise Cut("cut off")
        self.left -= 1


class CutDatabase:
    """A database whose commits are steps."""

    def __init__(self, database: Database, scissors: Scissors) -> None:
        self._database = database
        self._scissors = scissors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def commit(self, tx: Transaction, durability: Durability = "normal") -> None:
        self._scissors.step()
        await self._database.commit(tx, durability)


class CutIndex:
    """An index whose every call is a step."""

    def __init__(self, index: Any, scissors: Scissors) -> None:
        self._index = index
        self._scissors = scissors

    def __getattr__(self, name: str) -> Any:
        work = getattr(self._index, name)

        async def step(*arguments: Any) -> Any:
            self._scissors.step()
            return await work(*arguments)

        return step


class CutEmbedder(Spelling):
    """An embedder whose every call is a step."""

    def __init__(self, scissors: Scissors) -> None:
        super().__init__()
        self._scissors = scissors

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        self._scissors.step()
        return await super().embed(texts, query=query)


@pytest.mark.parametrize("steps", range(STEPS))
async def test_cut_off_after_any_step_it_ends_the_same(
    world: World, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "TAIL", 2)
    said = await world.say(ADA, *(f"note {n} on rivers" for n in range(8)))
    first = world.vectors(Spelling())
    await follow(first)
    await first.close()
    await world.drop(*said[:2])
    added = await world.say(ADA, *(f"note {n} on lakes" for n in range(4)))
    scissors = Scissors(steps)
    dying = Vectors(
        CutDatabase(world.database, scissors),
        CutEmbedder(scissors),
        CutIndex(world.index, scissors),
        world.clock,
        flat=5,
    )
    with contextlib.suppress(Cut):  # or it was cut off in background
        while await dying.follow() or scissors.left:
            await dying.settle()
            await dying.forget("acme")
    await dying.settle()
    assert scissors.left == 0

    later = world.vectors(Spelling())
    await follow(later)
    await later.forget("acme")
    expected = {passage.id for passage in (*said[2:], *added)}
    assert set(await best(later, ADA, "rivers and lakes", 50)) == expected
    await later.settle()
    assert set(await best(later, ADA, "rivers and lakes", 50)) == expected
    assert await world.count("embedding") == len(expected)
    assert await world.count("outbox") == 0
    [shelf] = world.index._shelves
    gone = [passage.id for passage in said[:2]]
    assert await world.index.held(shelf, gone) == 0
    assert (await world.rows("SELECT generation FROM index_state WHERE generation > 0")) == [(shelf.generation,)]


class FullDisk:
    """A database whose first commit fails as when a disk is full."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.failed = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def commit(self, tx: Transaction, durability: Durability = "normal") -> None:
        if not self.failed.is_set():
            self.failed.set()
            raise OSError("no space left on device")
        await self._database.commit(tx, durability)


async def test_a_disk_that_was_full_for_a_moment_does_not_end_the_following_for_good(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(indexer, "LOOK_EVERY", 0.01)
    (said,) = await world.say(ADA, "I keep bees")
    database: Any = FullDisk(world.database)
    vectors = Vectors(database, HashingEmbedder(), None, world.clock)
    following = asyncio.create_task(vectors.run())
    try:
        async with asyncio.timeout(10):
            await database.failed.wait()
            while (await vectors.state("acme")).waiting:
                assert not following.done()
                await asyncio.sleep(0.001)
        assert await best(vectors, ADA, "bees") == [said.id]
        assert "no space left on device" in caplog.text
    finally:
        following.cancel()
        await asyncio.wait([following])
        await vectors.close()


class Held:
    """A clock on which a second lasts until it is let go."""

    def __init__(self) -> None:
        self.waits = asyncio.Event()
        self.let_go = asyncio.Event()

    def now(self) -> int:
        return 1

    async def sleep(self, seconds: float) -> None:
        del seconds
        self.waits.set()
        await self.let_go.wait()


class Batches(Spelling):
    """Notes which texts came together."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []
        self.asked = asyncio.Event()

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        self.batches.append(list(texts))
        self.asked.set()
        return await super().embed(texts, query=query)


async def test_what_is_said_one_after_the_other_is_followed_together(world: World) -> None:
    clock, embedder = Held(), Batches()
    await world.say(ADA, "what was there at the start")
    vectors = Vectors(world.database, embedder, None, clock)
    following = asyncio.create_task(vectors.run())
    try:
        async with asyncio.timeout(10):
            await embedder.asked.wait()
            vectors.wake()
            await clock.waits.wait()
            embedder.asked.clear()
            for words in ("one", "two", "three"):
                await world.say(ADA, words)
                vectors.wake()
            clock.let_go.set()
            await embedder.asked.wait()
        assert embedder.batches == [["what was there at the start"], ["one", "two", "three"]]
    finally:
        following.cancel()
        await asyncio.wait([following])
        await vectors.close()


class Moody(Batches):
    """Embeds what is asked, and of what was said only the first."""

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        if self.batches and not query:
            raise EmbedderError("not now")
        return await super().embed(texts, query=query)


@contextlib.asynccontextmanager
async def gathering(world: World, embedder: Batches) -> AsyncIterator[Vectors]:
    """Give vectors that are being followed, and gather for as long as nobody lets time pass."""
    clock = Held()
    await world.say(ADA, "what was there at the start")
    vectors = Vectors(world.database, embedder, None, clock)
    following = asyncio.create_task(vectors.run())
    try:
        async with asyncio.timeout(10):
            await embedder.asked.wait()
            vectors.wake()
            await clock.waits.wait()
            yield vectors
    finally:
        following.cancel()
        await asyncio.wait([following])
        await vectors.close()


async def test_who_searches_finds_by_meaning_what_is_still_being_gathered(world: World) -> None:
    async with gathering(world, Batches()) as vectors:
        (said,) = await world.say(ADA, "bees make honey")
        assert (await best(vectors, ADA, "bees"))[0] == said.id
        assert (await vectors.state(ADA.tenant)).waiting == 0


async def test_a_search_does_not_wait_for_much_that_is_still_being_gathered(world: World) -> None:
    embedder = Batches()
    async with gathering(world, embedder) as vectors:
        said = await world.say(ADA, *(f"bees make honey {number}" for number in range(FEW + 1)))
        assert not {passage.id for passage in said} & set(await best(vectors, ADA, "bees"))
    assert embedder.batches == [["what was there at the start"], ["bees"]]


class Silent(Batches):
    """Embeds questions at once, and what was said only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.speaks = asyncio.Event()

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        if self.batches and not query:
            await self.speaks.wait()
        return await super().embed(texts, query=query)


async def test_a_search_waits_a_moment_for_an_embedder_that_is_silent_about_what_was_said(world: World) -> None:
    embedder = Silent()
    async with gathering(world, embedder) as vectors:
        (said,) = await world.say(ADA, "bees make honey")
        assert said.id not in await best(vectors, ADA, "bees")
        embedder.speaks.set()
        while (await vectors.state(ADA.tenant)).waiting:  # noqa: ASYNC110 - what is waited for happens in SQL
            await asyncio.sleep(0.01)
        assert (await best(vectors, ADA, "bees"))[0] == said.id
    assert embedder.batches.count(["bees make honey"]) == 1, "what a search no longer waits for is followed once"


async def test_what_cannot_be_followed_at_once_does_not_keep_anybody_from_searching(world: World) -> None:
    async with gathering(world, Moody()) as vectors:
        await world.say(ADA, "bees make honey")
        assert len(await best(vectors, ADA, "the start")) == 1
        assert (await vectors.state(ADA.tenant)).waiting == 1
