"""A store's surroundings: a database of its own, and a clock and ids that a test can foresee."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from toolyard_runtime.store.opening import open_sqlite
from toolyard_runtime.store.sqlite import SqliteDatabase

from tests.store.postgres import cluster

__all__ = ["cluster"]


class HandClock:
    """A clock that a test moves."""

    def __init__(self, at: int = 1_800_000_000_000_000) -> None:
        self.at = at

    def now(self) -> int:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += int(seconds * 1_000_000)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data.db"


@pytest.fixture
async def database(file: Path) -> AsyncIterator[SqliteDatabase]:
    opened = await open_sqlite(file)
    yield opened
    await opened.close()
