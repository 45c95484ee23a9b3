"""What embeds texts, by its name in toolyard.toml; embeds none itself. What embeds is loaded when it is asked for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
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


def embedder_named(named: str, settings: EmbedderTable, routes: Routes, repository: Path, clock: Clock) -> Embedder:
    """Return the embedder that `"hashing"`, `"onnx:FOLDER"` or `"provider/model"` means; raises ConfigError."""
    if named == HASHING:
        from toolyard_memory.embedders.hashing import HashingEmbedder  # noqa: PLC0415 - only who asks for it pays for it

        return HashingEmbedder()
    if named.startswith(ONNX):
        from toolyard_memory.embedders.onnx import OnnxEmbedder  # noqa: PLC0415 - as above

        return OnnxEmbedder(repository / named.removeprefix(ONNX))
    return routes.embedder(named, settings, clock)


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
    settings: SearchTable, box: Toolbox, routes: Routes, repository: Path, clock: Clock, meters: Meters
) -> AsyncIterator[Meanings | None]:
    """Hand out what makes vectors for the search over tools until the server stops; None where nothing shall.

    It begins with the tools in `box`. Raises ConfigError for settings that cannot be used.
    """
    named = settings.embedder
    if not named:
        yield None
        return
    if trouble := unusable(named, routes.providers, repository):
        raise ConfigError(f'[search] embedder = "{named}": {trouble}', path=FILE)
    made = Meanings(embedder_named(named, settings, routes, repository, clock), meters, settings.weight)
    try:
        made.learn((await asyncio.to_thread(documents_of, box.releases, box.about)).values())
        yield made
    finally:
        await made.close()
