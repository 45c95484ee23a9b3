"""The port `VectorIndex`: every index keeps vectors by shelf, finds the nearest, and removes what it is told to."""

import asyncio
import math
import random
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from toolyard_memory.vectors.chroma import ChromaIndex
from toolyard_memory.vectors.chroma_server import ChromaServerIndex
from toolyard_memory.vectors.exact import nearest
from toolyard_memory.vectors.index import MemoryIndex, Shelf, ShelfLost, VectorIndex
from toolyard_runtime.models.connection import Origin
from toolyard_sdk.ids import uuid7

from tests.memory.vectors.chroma_process import chroma_server

Opening = Callable[[Path, str], AbstractAsyncContextManager[VectorIndex]]


@asynccontextmanager
async def memory(_folder: Path, _server: str) -> AsyncIterator[VectorIndex]:
    yield MemoryIndex()


@asynccontextmanager
async def folder(path: Path, _server: str) -> AsyncIterator[VectorIndex]:
    yield ChromaIndex(path / "vectors")


@asynccontextmanager
async def server(_folder: Path, server: str) -> AsyncIterator[VectorIndex]:
    index = ChromaServerIndex(Origin(server))
    for tenant in ("acme", "other"):
        await index.keep_only(tenant, ())
    yield index


ADAPTERS: dict[str, Opening] = {"memory": memory, "chroma folder": folder, "chroma server": server}
SHELF = Shelf("acme", "s" + "0" * 32, "hashing:v1:256", 1)
OTHERS = (
    Shelf("acme", "s" + "1" * 32, "hashing:v1:256", 1),
    Shelf("acme", "s" + "0" * 32, "openai:m", 1),
    Shelf("acme", "s" + "0" * 32, "hashing:v1:256", 2),
    Shelf("other", "s" + "0" * 32, "hashing:v1:256", 1),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chroma_server(tmp_path_factory.mktemp("chroma")) as url:
        yield url


@pytest.fixture(params=ADAPTERS)
async def index(request: pytest.FixtureRequest, tmp_path: Path, served: str) -> AsyncIterator[VectorIndex]:
    async with ADAPTERS[request.param](tmp_path, served) as adapter:
        yield adapter
        await adapter.close()


def vector(*numbers: float) -> bytes:
    length = math.sqrt(sum(number * number for number in numbers))
    return array("f", [number / length for number in numbers]).tobytes()


def some(count: int, seed: int = 1) -> list[tuple[bytes, bytes]]:
    chance = random.Random(seed)
    return [(uuid7(), vector(*(chance.gauss() for _ in range(16)))) for _ in range(count)]


async def test_the_nearest_come_first_with_their_cosine(index: VectorIndex) -> None:
    rows = [(b"a" * 16, vector(1, 0)), (b"b" * 16, vector(1, 1)), (b"c" * 16, vector(-1, 0))]
    await index.make(SHELF)
    await index.put(SHELF, rows)
    found = await index.nearest(SHELF, vector(1, 0), 3)
    assert [id_ for id_, _ in found] == [b"a" * 16, b"b" * 16, b"c" * 16]
    assert [score for _, score in found] == pytest.approx([1, math.sqrt(0.5), -1], abs=1e-5)


async def test_it_finds_what_looking_at_everything_finds(index: VectorIndex) -> None:
    rows = some(1500)
    await index.make(SHELF)
    await index.put(SHELF, rows)
    assert await index.count(SHELF) == 1500
    for _, wanted in some(5, seed=2):
        found = {id_ for id_, _ in await index.nearest(SHELF, wanted, 10)}
        assert len(found & {id_ for id_, _ in nearest(wanted, rows, 10)}) >= 9


async def test_what_is_put_twice_is_there_once_with_its_last_vector(index: VectorIndex) -> None:
    await index.make(SHELF)
    await index.put(SHELF, [(b"a" * 16, vector(1, 0))])
    await index.put(SHELF, [(b"a" * 16, vector(0, 1))])
    assert await index.count(SHELF) == 1
    assert (await index.nearest(SHELF, vector(0, 1), 5))[0][1] == pytest.approx(1, abs=1e-5)


async def test_what_is_dropped_is_neither_held_nor_found_and_dropping_again_is_nothing(index: VectorIndex) -> None:
    rows = some(40)
    gone = [id_ for id_, _ in rows[:15]]
    await index.make(SHELF)
    await index.put(SHELF, rows)
    assert await index.held(SHELF, [*gone, b"?" * 16]) == 15
    for _ in range(2):
        await index.drop(SHELF, [*gone, b"?" * 16])
        assert await index.held(SHELF, gone) == 0
        assert await index.count(SHELF) == 25
        assert not {id_ for id_, _ in await index.nearest(SHELF, rows[0][1], 40)} & set(gone)


async def test_all_ids_that_lie_on_a_shelf_can_be_asked_for(index: VectorIndex) -> None:
    rows = some(1_100)
    await index.make(SHELF)
    assert await index.ids(SHELF) == []
    await index.put(SHELF, rows)
    await index.drop(SHELF, [rows[0][0]])
    assert sorted(await index.ids(SHELF)) == sorted(id_ for id_, _ in rows[1:])
    with pytest.raises(ShelfLost):
        await index.ids(OTHERS[0])


async def test_an_empty_shelf_finds_nothing(index: VectorIndex) -> None:
    await index.make(SHELF)
    assert await index.nearest(SHELF, vector(1, 0), 5) == []
    assert await index.count(SHELF) == 0
    await index.put(SHELF, [])
    await index.drop(SHELF, [])
    assert await index.held(SHELF, []) == 0


async def test_shelves_do_not_see_each_other(index: VectorIndex) -> None:
    for n, shelf in enumerate((SHELF, *OTHERS)):
        await index.make(shelf)
        await index.put(shelf, some(n + 1, seed=n))
    assert [await index.count(shelf) for shelf in (SHELF, *OTHERS)] == [1, 2, 3, 4, 5]


async def test_a_shelf_that_was_never_made_is_lost(index: VectorIndex) -> None:
    for asking in (
        index.nearest(SHELF, vector(1, 0), 3),
        index.put(SHELF, some(1)),
        index.drop(SHELF, [b"a" * 16]),
        index.held(SHELF, [b"a" * 16]),
        index.count(SHELF),
    ):
        with pytest.raises(ShelfLost):
            await asking


async def test_making_it_again_makes_it_empty(index: VectorIndex) -> None:
    await index.make(SHELF)
    await index.put(SHELF, some(5))
    await index.make(SHELF)
    assert await index.count(SHELF) == 0


async def test_only_what_is_to_be_kept_of_a_tenant_is_kept(index: VectorIndex) -> None:
    for shelf in (SHELF, *OTHERS):
        await index.make(shelf)
    await index.keep_only("acme", {OTHERS[0]})
    await index.keep_only("nobody", ())
    assert await index.count(OTHERS[0]) == 0
    assert await index.count(OTHERS[3]) == 0
    for shelf in (SHELF, *OTHERS[1:3]):
        with pytest.raises(ShelfLost):
            await index.count(shelf)
    await index.keep_only("acme", ())
    with pytest.raises(ShelfLost):
        await index.count(OTHERS[0])


async def test_whatever_lies_there_is_named_by_its_tenants_home_and_its_own_name(index: VectorIndex) -> None:
    assert set(await index.names()) == set()
    for shelf in (SHELF, *OTHERS):
        await index.make(shelf)
    assert set(await index.names()) == {(shelf.home, shelf.name) for shelf in (SHELF, *OTHERS)}
    await index.keep_only("acme", {SHELF})
    assert set(await index.names()) == {(shelf.home, shelf.name) for shelf in (SHELF, OTHERS[3])}


async def test_many_ask_at_once_while_one_writes(index: VectorIndex) -> None:
    rows = some(600)
    await index.make(SHELF)
    await index.put(SHELF, rows[:200])

    async def write() -> None:
        for start in range(200, 600, 100):
            await index.put(SHELF, rows[start : start + 100])

    async def ask(n: int) -> None:
        assert (await index.nearest(SHELF, rows[n][1], 1))[0][0] == rows[n][0]

    async with asyncio.timeout(30):
        await asyncio.gather(write(), *(ask(n) for n in range(60)))
    assert await index.count(SHELF) == 600


async def test_closing_twice_is_closing_once(index: VectorIndex) -> None:
    await index.make(SHELF)
    await index.close()
    await index.close()
