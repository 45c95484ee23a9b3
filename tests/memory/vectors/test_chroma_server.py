"""A Chroma server that others use too: what SQL knows nothing of is removed at the start, and nothing of theirs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from toolyard_memory.vectors.chroma_server import ChromaServerIndex
from toolyard_memory.vectors.index import Shelf
from toolyard_memory.vectors.store import Vectors
from toolyard_runtime.models.connection import Origin

from tests.memory.vectors.chroma_process import chroma_server, free_port
from tests.memory.vectors.world import ADA, Spelling, World, best, follow

COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
LINES = [f"verse {n} of larks" for n in range(12)]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chroma_server(tmp_path_factory.mktemp("chroma")) as url:
        yield url


async def asked(url: str, method: bytes, body: object = None) -> Any:
    """Send one request about collections, as another product would."""
    origin = Origin(url)
    try:
        sent = b"" if body is None else msgspec.json.encode(body)
        answer = await origin.send(method, COLLECTIONS.encode(), sent, timeout=10)
    finally:
        await origin.close()
    assert answer.status in (200, 201), answer
    return msgspec.json.decode(answer.body)


async def names(url: str) -> set[str]:
    return {one["name"] for one in await asked(url, b"GET")}


@contextlib.asynccontextmanager
async def running(vectors: Vectors) -> AsyncIterator["asyncio.Task[None]"]:
    following = asyncio.create_task(vectors.run())
    try:
        async with asyncio.timeout(30):
            yield following
    finally:
        following.cancel()
        await asyncio.wait([following])


async def test_collections_that_a_crash_or_a_former_embedder_has_left_go_at_the_start_and_no_others(
    world: World, url: str
) -> None:
    said = await world.say(ADA, *LINES)
    first = world.vectors(Spelling(), index=ChromaServerIndex(Origin(url)))
    await follow(first)
    await first.close()
    [serving] = await names(url)

    index = ChromaServerIndex(Origin(url))
    home = Shelf("acme", "", "", 0).home
    for left in (Shelf("acme", ADA.scope, "spelling:0", 1), Shelf("acme", ADA.scope, "spelling:1", 2)):
        await index.make(left)
    elsewhere = Shelf("not-in-this-database", ADA.scope, "spelling:1", 1)
    await index.make(elsewhere)
    theirs = {"invoices", "toolyard-notes", f"toolyard-{home}-notes", f"toolyard-{home}-{'0' * 32}-1-old"}
    for name in theirs:
        await asked(url, b"POST", {"name": name})
    await index.close()
    kept = {serving, *theirs, f"toolyard-{elsewhere.home}-{elsewhere.name}"}
    assert len(await names(url)) == len(kept) + 2

    second = world.vectors(Spelling(), index=ChromaServerIndex(Origin(url)))
    async with running(second) as following:
        while await names(url) != kept:
            assert not following.done()
            await asyncio.sleep(0.01)
        assert set(await best(second, ADA, "larks", 50)) == {passage.id for passage in said}
        assert (await second.state("acme")).degraded == ""


async def test_a_server_that_is_away_at_the_start_is_tidied_when_it_is_back(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolyard_memory.vectors.indexer.LOOK_EVERY", 0.05)
    await world.say(ADA, "too little for a shelf")
    await follow(world.vectors())
    port = free_port()
    stray = Shelf("acme", ADA.scope, "spelling:0", 1)
    with chroma_server(tmp_path, port) as url:
        index = ChromaServerIndex(Origin(url))
        await index.make(stray)
        await index.close()
    vectors = world.vectors(index=ChromaServerIndex(Origin(f"http://127.0.0.1:{port}")))
    async with running(vectors) as following:
        await world.say(ADA, "followed though it is away")
        vectors.wake()
        while (await vectors.state("acme")).waiting:
            assert not following.done()
            await asyncio.sleep(0.01)
        server = contextlib.ExitStack()
        url = await asyncio.to_thread(server.enter_context, chroma_server(tmp_path, port))
        try:
            while await names(url):
                assert not following.done()
                await asyncio.sleep(0.01)
        finally:
            await asyncio.to_thread(server.close)
