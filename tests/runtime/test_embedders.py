"""What embeds, by its name in toolyard.toml: there once for all who name it, closed with the last, loaded early."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from toolyard_memory.embedders.onnx import OnnxEmbedder
from toolyard_registry.plugins import load_plugins
from toolyard_registry.toolbox.collecting import Toolbox
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.config import Config, MemoryTable, ProviderTable, SearchTable
from toolyard_runtime.engine.embedding import Embedders, meanings
from toolyard_runtime.engine.routing import Routes
from toolyard_runtime.meters import Meters
from toolyard_sdk.errors import ConfigError

from tests.faults.model_server.server import Peer, serving
from tests.memory.embedders.small_model import write_model

SMALL = "onnx:small"
NO_TOOLS = Toolbox({}, {}, {}, load_plugins(points=()))


def embedders(folder: Path, url: str = "http://127.0.0.1:9/v1") -> Embedders:
    """Return those of a repository with one provider."""
    provider = ProviderTable(base_url=url, profile="generic", default_model="m")
    return Embedders(Routes(Config(providers={"lab": provider}), {}, rehearsal=True), folder, SystemClock())


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The models that were loaded, as often as they were."""
    models: list[Path] = []
    load = OnnxEmbedder._load

    def noted(embedder: OnnxEmbedder) -> object:
        models.append(embedder._model)
        return load(embedder)

    monkeypatch.setattr(OnnxEmbedder, "_load", noted)
    return models


async def test_tools_and_memories_that_name_the_same_model_have_it_in_memory_once(
    tmp_path: Path, loaded: Sequence[Path]
) -> None:
    write_model(tmp_path / "small")
    made = embedders(tmp_path)
    memories = made.named(SMALL, MemoryTable(SMALL, text_prefix="passage: "))
    async with meanings(SearchTable(SMALL, weight=1.0), NO_TOOLS, made, Meters()) as tools:
        assert tools is not None
        assert tools._embedder is memories, "what only servers are asked for makes no other model"
        assert await memories.embed(["red cat"]) == await tools._embedder.embed(["red cat"])
        assert len(loaded) == 1


async def test_one_that_somebody_still_uses_is_not_closed(tmp_path: Path, loaded: Sequence[Path]) -> None:
    write_model(tmp_path / "small")
    made = embedders(tmp_path)
    one, other = made.named(SMALL, MemoryTable()), made.named(SMALL, SearchTable())
    await one.close()
    assert len(await other.embed(["red"])) == 1
    await other.close()
    again = made.named(SMALL, MemoryTable())
    assert len(await again.embed(["red"])) == 1
    assert len(loaded) == 2
    await again.close()


async def test_what_is_asked_of_a_server_in_another_way_is_another_embedder(tmp_path: Path) -> None:
    made = embedders(tmp_path)
    plain = made.named("lab/e5", MemoryTable())
    assert made.named("lab/e5", SearchTable(weight=1.0)) is plain
    assert made.named("lab/e5", SearchTable(query_prefix="query: ")) is not plain
    assert made.named("lab/other", MemoryTable()) is not plain
    with pytest.raises(ConfigError, match="no embedder is named 'nowhere/x'"):
        made.named("nowhere/x", MemoryTable())


async def test_models_of_this_process_are_loaded_beforehand_and_no_server_is_asked(
    tmp_path: Path, loaded: Sequence[Path]
) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.answer(b"{}", status="500 Internal Server Error")

    write_model(tmp_path / "small")
    async with serving(refuse) as server:
        made = embedders(tmp_path, server.url)
        used = [made.named(name, MemoryTable()) for name in (SMALL, "hashing", "lab/e5")]
        await made.warm_up()
        assert len(loaded) == 1
        assert server.requests == []
        for one in used:
            await one.close()
        await made.warm_up()
        assert len(loaded) == 1, "what nobody uses is left alone"
