"""What embeds texts, by its name in toolyard.toml; embeds none itself. What embeds is loaded when it is asked for.

Who names the same has the same: a model in this process lies in memory once, whether tools or memories are searched.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path
from typing import Final

from toolyard_registry.search.tools import documents_of
from toolyard_registry.toolbox.collecting import Toolbox
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.ports import Clock, Embedder

from toolyard_runtime.config import FILE, EmbedderTable, SearchTable
from toolyard_runtime.engine.routing import Routes
from toolyard_runtime.meters import Meters
from toolyard_runtime.run.meanings import Meanings

HASHING: Final = "hashing"
ONNX: Final = "onnx:"


class _Shared:
    """Implements the Embedder port for several, each of whom closes it; it is closed with the last of them."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.users = 0

    @property
    def id(self) -> str:
        return self._embedder.id

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        return await self._embedder.embed(texts, query=query)

    async def close(self) -> None:
        self.users -= 1
        if not self.users:
            await self._embedder.close()


class Embedders:
    """The embedders of a server, each made when it is first named and closed when everybody has closed it."""

    def __init__(self, routes: Routes, repository: Path, clock: Clock) -> None:
        self.repository = repository
        self._routes = routes
        self._clock = clock
        self._made: dict[EmbedderTable, _Shared] = {}

    @property
    def providers(self) -> Collection[str]:
        """The names of those that may have embedders on their servers."""
        return self._routes.providers

    def named(self, named: str, settings: EmbedderTable) -> Embedder:
        """Return the embedder that `"hashing"`, `"onnx:FOLDER"` or `"provider/model"` means; raises ConfigError.

        A server's is another one where `settings` ask it for something else.
        """
        key = _key(named, settings)
        found = self._made.get(key)
        if found is None or not found.users:
            found = self._made[key] = _Shared(self._open(key))
        found.users += 1
        return found

    async def warm_up(self) -> None:
        """Load those that are in use and compute in this process: the first question has no time for it."""
        for key, shared in list(self._made.items()):
            if shared.users and _is_local(key.embedder):
                await shared.embed(["?"], query=True)

    def _open(self, key: EmbedderTable) -> Embedder:
        if key.embedder == HASHING:
            from toolyard_memory.embedders.hashing import HashingEmbedder  # noqa: PLC0415 - only who asks pays for it

            return HashingEmbedder()
        if key.embedder.startswith(ONNX):
            from toolyard_memory.embedders.onnx import OnnxEmbedder  # noqa: PLC0415 - as above

            return OnnxEmbedder(self.repository / key.embedder.removeprefix(ONNX))
        return self._routes.embedder(key.embedder, key, self._clock)


def _is_local(named: str) -> bool:
    return named == HASHING or named.startswith(ONNX)


def _key(named: str, settings: EmbedderTable) -> EmbedderTable:
    """Return what an embedder is made from: nothing but its name where it is in this process."""
    if _is_local(named):
        return EmbedderTable(named)
    return EmbedderTable(named, settings.revision, settings.dimensions, settings.text_prefix, settings.query_prefix)


def unusable(named: str, providers: Collection[str], repository: Path) -> str:
    """Return why there is no such embedder, with what to write in its place; "" where there is."""
    if named == HASHING:
        return ""
    if named.startswith(ONNX):
        folder = repository / named.removeprefix(ONNX)
        return "" if folder.is_dir() else f"there is no directory {folder}"
    provider, _, model = named.partition("/")
    if provider in providers and model:
        return ""
    known = ", ".join(f'"{name}/MODEL"' for name in sorted(providers)) or "none, as there are no [providers]"
    return f'no embedder has this name; there are "{HASHING}", "{ONNX}FOLDER", and of servers: {known}'


@contextlib.asynccontextmanager
async def meanings(
    settings: SearchTable, box: Toolbox, embedders: Embedders, meters: Meters
) -> AsyncIterator[Meanings | None]:
    """Hand out what makes vectors for the search over tools until the server stops; None where nothing shall.

    It begins with the tools in `box`. Raises ConfigError for settings that cannot be used.
    """
    named = settings.embedder
    if not named:
        yield None
        return
    if trouble := unusable(named, embedders.providers, embedders.repository):
        raise ConfigError(f'[search] embedder = "{named}": {trouble}', path=FILE)
    made = Meanings(embedders.named(named, settings), meters, settings.weight)
    try:
        made.learn((await asyncio.to_thread(documents_of, box.releases, box.about)).values())
        yield made
    finally:
        await made.close()
