"""Opens long-term memory when it is first needed: chooses its embedder and its index; recalls nothing itself.

A server whose agents remember nobody loads none of it.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from toolyard_registry.releases import AgentRelease
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.ids import NewId
from toolyard_sdk.ports import Clock, Database

from toolyard_runtime.config import FILE, MemoryTable
from toolyard_runtime.engine.embedding import Embedders
from toolyard_runtime.engine.memory_settings import has_chroma, trouble_with
from toolyard_runtime.run.mind import Mind

if TYPE_CHECKING:  # loaded when an agent that remembers is first met
    from toolyard_memory.memory import Memory
    from toolyard_memory.vectors.index import VectorIndex
    from toolyard_memory.vectors.store import Vectors

FOLDER = "vectors"
"""Below the state folder."""


class Rebuilding(Struct):
    """How far an index has been built again: `done` of `total` passages; `error` says why it was given up."""

    done: int = 0
    total: int = 0
    over: bool = False
    error: str = ""


class LongTerm:
    """The memory of a server, opened once; `settings` is its `[memory]` table."""

    def __init__(
        self,
        settings: MemoryTable,
        database: Database,
        clock: Clock,
        new_id: NewId,
        entropy: Callable[[int], bytes],
        *,
        embedders: Embedders,
        state_dir: Path,
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._entropy = entropy
        self._embedders = embedders
        self._state_dir = state_dir
        self._memory: Memory | None = None
        self._mind: Mind | None = None
        self._following: asyncio.Task[None] | None = None
        self._builds: dict[str, asyncio.Task[None]] = {}
        self.embedded = False
        """Whether an index lies in the folder."""
        self.rebuilding: dict[str, Rebuilding] = {}
        """By tenant, how far a rebuild is, or how the last one ended."""

    @property
    def folder(self) -> Path:
        """Where an embedded index lies."""
        return self._state_dir / FOLDER

    @property
    def is_open(self) -> bool:
        """Whether somebody has asked for the memory."""
        return self._memory is not None

    @property
    def in_use(self) -> bool:
        """Whether memory is open, or there is an index of it: whether anything but SQL may hold what was said."""
        return self._memory is not None or self.folder.exists() or bool(self._settings.chroma_url)

    def check(self) -> None:
        """Raise ConfigError for settings that name what is not there: at the start, not when somebody first asks."""
        trouble = trouble_with(self._settings, self._embedders.providers, self._embedders.repository)
        if trouble:
            raise ConfigError(trouble, path=FILE)

    def memory(self) -> "Memory":
        """Return the memory, opened now if it was not; raises ConfigError for settings that cannot be used."""
        if self._memory is None:
            from toolyard_memory.memory import Memory  # noqa: PLC0415 - loaded when an agent that remembers is first met

            vectors = self._vectors()
            self._memory = Memory(self._database, self._clock, self._new_id, self._entropy, vectors)
            self._following = asyncio.get_running_loop().create_task(
                vectors.run() if vectors is not None else self._follow_nothing()
            )
            logging.getLogger("toolyard.memory").info("memory is open: embedder %s", self._settings.embedder)
        return self._memory

    def mind(self) -> Mind:
        """Return the memory as runs ask it."""
        if self._mind is None:
            from toolyard_runtime.run.recalling import Recalling  # noqa: PLC0415 - as above

            self._mind = Recalling(self.memory())
        return self._mind

    async def warm_up(self) -> None:
        """Load what the first recall would wait for, one thing after the other, in threads; nothing while shut."""
        if self._memory is None:
            return
        await self._memory.graph.warm_up()
        if self._memory.vectors is not None:
            await self._embedders.warm_up()
            await self._memory.vectors.warm_up()

    def rebuild(self, tenant: str) -> Rebuilding:
        """Begin to build a tenant's vector index again from SQL, unless that is under way; return how far it is."""
        if tenant not in self._builds:
            self.rebuilding[tenant] = Rebuilding()
            task = self._builds[tenant] = asyncio.get_running_loop().create_task(self._build(tenant))
            task.add_done_callback(lambda _task: self._builds.pop(tenant, None))
        return self.rebuilding[tenant]

    async def _build(self, tenant: str) -> None:
        progress, vectors = self.rebuilding[tenant], self.memory().vectors

        def tell(done: int, total: int) -> None:
            progress.done, progress.total = done, total

        try:
            if vectors is not None:
                await vectors.rebuild(tenant, tell)
        except Exception as error:  # noqa: BLE001 - whoever waits is told, and the index that was there still serves
            progress.error = str(error) or type(error).__name__
        progress.over = True

    async def close(self) -> None:
        """Let go of what was opened."""
        tasks = [*self._builds.values(), *([self._following] if self._following is not None else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._memory is not None:
            await self._memory.close()

    async def _follow_nothing(self) -> None:
        from toolyard_memory.vectors.unfollowed import follow_nothing  # noqa: PLC0415 - as above

        await follow_nothing(self._database, self._clock)

    def _vectors(self) -> "Vectors | None":
        if self._settings.vectors == "none":
            return None
        from toolyard_memory.vectors.store import Vectors  # noqa: PLC0415 - as above

        settings = self._settings
        former = self._embedders.named(settings.former, settings) if settings.former else None
        named = self._embedders.named(settings.embedder, settings)
        return Vectors(self._database, named, self._index(), self._clock, former=former)

    def _index(self) -> "VectorIndex | None":
        wanted = self._settings.vectors
        if self._settings.chroma_url and wanted in ("auto", "chroma"):
            return self._server()
        if wanted == "exact" or (wanted == "auto" and not has_chroma()):
            return None
        from toolyard_memory.vectors.chroma import ChromaIndex  # noqa: PLC0415 - as above

        self.embedded = True
        return ChromaIndex(self.folder)

    def _server(self) -> "VectorIndex":
        from toolyard_memory.vectors.chroma_server import ChromaServerIndex  # noqa: PLC0415 - as above

        from toolyard_runtime.models.connection import Origin  # noqa: PLC0415 - as above

        try:
            return ChromaServerIndex(Origin(self._settings.chroma_url))
        except ValueError as error:
            raise ConfigError(f"[memory] chroma_url: {error}", path=FILE) from error


@contextlib.asynccontextmanager
async def long_term_memory(long_term: LongTerm, agents: Iterable[AgentRelease]) -> AsyncIterator[LongTerm]:
    """Hand out memory until the server stops; opened at once where one of the agents remembers.

    Raises ConfigError for settings that cannot be used, whoever remembers.
    """
    long_term.check()
    try:
        if any(release.memory is not None for release in agents):
            long_term.memory()
        yield long_term
    finally:
        await long_term.close()
