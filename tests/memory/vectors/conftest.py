"""A database, and vectors over what is said in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from toolyard_runtime.store.opening import open_database

from tests.memory.vectors.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Give an empty world on a SQLite file."""
    database = await open_database(f"sqlite:///{tmp_path}/data.db")
    world = World(database)
    yield world
    await world.close()
    await database.close()
