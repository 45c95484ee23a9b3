"""The adapters every suite here runs: one entry more is all that a new database needs."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from msgspec import Struct
from toolyard_runtime.store.opening import open_database
from toolyard_sdk.ports import Database, Durability, Transaction


class Adapter(Struct, frozen=True):
    """A database under test and the durability its commits are asked for."""

    database: Database
    durability: Durability

    def begin(self) -> Transaction:
        """Return an empty transaction."""
        return self.database.begin()

    async def commit(self, tx: Transaction) -> None:
        """Commit as this adapter is to be tested."""
        await self.database.commit(tx, self.durability)


Opening = Callable[[Path, pytest.FixtureRequest], AbstractAsyncContextManager[Adapter]]


def _sqlite(make_url: Callable[[Path], str], durability: Durability) -> Opening:
    @asynccontextmanager
    async def opening(folder: Path, _request: pytest.FixtureRequest) -> AsyncIterator[Adapter]:
        database = await open_database(make_url(folder))
        try:
            yield Adapter(database, durability)
        finally:
            await database.close()

    return opening


@asynccontextmanager
async def _postgres(_folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[Adapter]:
    """Open PostgreSQL for ordinary commits: a full one differs by a setting of the server's, which has its own test."""
    with request.getfixturevalue("cluster").lent() as url:
        database = await open_database(url)
        try:
            yield Adapter(database, "normal")
        finally:
            await database.close()


ADAPTERS: dict[str, Opening] = {
    "sqlite-file": _sqlite(lambda folder: f"sqlite:///{folder}/data.db", "normal"),
    "sqlite-file-full": _sqlite(lambda folder: f"sqlite:///{folder}/data.db", "full"),
    "sqlite-memory": _sqlite(lambda _: "sqlite://", "normal"),
    "postgres": _postgres,
}


@pytest.fixture(params=list(ADAPTERS))
async def adapter(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Adapter]:
    """Give each adapter in turn, with an empty database of the current schema."""
    async with ADAPTERS[request.param](tmp_path, request) as opened:
        yield opened
