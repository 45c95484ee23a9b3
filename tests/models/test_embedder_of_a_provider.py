"""`[memory] embedder = "provider/model"`: the provider's address and key, and the table's own settings."""

import json

import pytest
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.config import Config, MemoryTable, ProviderTable
from toolyard_runtime.engine.routing import Routes
from toolyard_sdk.errors import ConfigError

from tests.faults.model_server.server import Peer, serving
from tests.models.embedding_server import embeddings


def routes(url: str) -> Routes:
    providers = {"lab": ProviderTable(base_url=url, api_key_env="LAB_KEY")}
    return Routes(Config(providers=providers), {"LAB_KEY": "sk-lab"}, rehearsal=False)


async def test_a_providers_model_is_asked_with_its_key_and_the_settings_of_memory() -> None:
    heads: list[bytes] = []

    async def note(peer: Peer) -> None:
        heads.append(peer.head)
        await embeddings(peer)

    settings = MemoryTable(revision="3", text_prefix="passage: ", dimensions=256)
    async with serving(note) as server:
        embedder = routes(server.url).embedder("lab/org/model", settings, SystemClock())
        await embedder.embed(["red"])
        await embedder.close()
    assert b"Authorization: Bearer sk-lab" in heads[0]
    asked = json.loads(server.requests[0])
    assert (asked["model"], asked["dimensions"], asked["input"]) == ("org/model", 256, ["passage: red"])
    assert embedder.id.startswith("openai:org/model@3:256:")


@pytest.mark.parametrize("name", ["nowhere/model", "lab", "lab/", ""])
def test_an_embedder_that_there_is_not_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(ConfigError, match="hashing, onnx:FOLDER, and of servers: lab/MODEL"):
        routes("http://127.0.0.1:1/v1").embedder(name, MemoryTable(), SystemClock())


def test_an_address_that_is_none_is_refused_by_the_providers_name() -> None:
    with pytest.raises(ConfigError, match=r"\[providers\.lab\]"):
        routes("ftp://127.0.0.1/v1").embedder("lab/m", MemoryTable(), SystemClock())
