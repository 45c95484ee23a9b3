"""A world for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.sdk.http import network


@pytest.fixture
async def world() -> AsyncIterator[network.World]:
    async with network.world() as made:
        yield made
