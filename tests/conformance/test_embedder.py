"""The Embedder port: what every adapter does alike. A new adapter joins by one more entry in `ADAPTERS`."""

from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from operator import mul
from pathlib import Path

import pytest
from toolyard_memory.embedders.hashing import HashingEmbedder
from toolyard_memory.embedders.onnx import OnnxEmbedder
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.models.embedding import OpenAIEmbedder
from toolyard_sdk.ports import Embedder

from tests.faults.model_server.server import serving
from tests.memory.embedders.small_model import write_model
from tests.models.embedding_server import embeddings

Opening = Callable[[Path], AbstractAsyncContextManager[Embedder]]


@asynccontextmanager
async def hashing(_folder: Path) -> AsyncIterator[Embedder]:
    yield HashingEmbedder()


@asynccontextmanager
async def onnx(folder: Path) -> AsyncIterator[Embedder]:
    yield OnnxEmbedder(write_model(folder / "model"))


@asynccontextmanager
async def openai(_folder: Path) -> AsyncIterator[Embedder]:
    async with serving(embeddings) as server:
        yield OpenAIEmbedder(server.url, "m", SystemClock())


ADAPTERS: dict[str, Opening] = {"hashing": hashing, "onnx": onnx, "openai": openai}


@pytest.fixture(params=ADAPTERS)
async def embedder(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Embedder]:
    async with ADAPTERS[request.param](tmp_path) as adapter:
        yield adapter
        await adapter.close()


def numbers(vector: bytes) -> "array[float]":
    return array("f", vector)


async def test_there_is_one_vector_of_unit_length_for_each_text_and_all_have_one_dimension(embedder: Embedder) -> None:
    texts = ["red", "a blue bird", "", " \n", "green " * 3000, "größer \U0001f426 東京"]
    vectors = [numbers(vector) for vector in await embedder.embed(texts)]
    assert len(vectors) == len(texts)
    assert len({len(vector) for vector in vectors}) == 1
    assert [sum(map(mul, vector, vector)) for vector in vectors] == pytest.approx([1.0] * len(texts), abs=1e-4)


async def test_the_same_text_has_the_same_vector_alone_and_among_others(embedder: Embedder) -> None:
    together = await embedder.embed([f"red {word}" for word in ("cat", "dog", "bird", "cat")] * 40)
    assert together[0] == together[3]
    [alone] = await embedder.embed(["red cat"])
    assert numbers(alone).tolist() == pytest.approx(numbers(together[0]).tolist(), abs=1e-5)


async def test_a_question_is_nearest_to_what_it_asks_for(embedder: Embedder) -> None:
    texts = ["red cat", "green dog", "blue bird"]
    found = [numbers(vector) for vector in await embedder.embed(texts)]
    for text, expected in zip(texts, range(3), strict=True):
        [question] = await embedder.embed([text], query=True)
        scores = [sum(map(mul, numbers(question), vector)) for vector in found]
        assert max(range(3), key=scores.__getitem__) == expected


async def test_no_texts_have_no_vectors(embedder: Embedder) -> None:
    assert await embedder.embed([]) == []


async def test_its_id_stays_and_names_no_address(embedder: Embedder) -> None:
    before = embedder.id
    await embedder.embed(["red"])
    assert embedder.id == before
    assert ":" in before
    assert "127.0.0.1" not in before


async def test_closing_twice_is_closing_once(embedder: Embedder) -> None:
    await embedder.close()
    await embedder.close()
