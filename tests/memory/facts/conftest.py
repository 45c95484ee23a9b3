"""A memory of facts in a database of its own."""

from collections.abc import AsyncIterator

import pytest
from toolyard_runtime.store.opening import open_database

from tests.memory.facts.told import Told


@pytest.fixture
async def told() -> AsyncIterator[Told]:
    database = await open_database("sqlite://")
    yield Told(database)
    await database.close()
