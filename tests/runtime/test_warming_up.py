"""What the first recall would wait for is loaded once a server has begun, where an agent remembers; else never."""

import asyncio
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from toolyard_runtime.engine import memory_rounds
from toolyard_runtime.engine.memory_rounds import MemoryRounds
from toolyard_runtime.store.tenants import Tenants

from tests.runtime.workshop import SECONDS, Workshop, eventually, workshop

PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.config import Config, MemoryTable
from toolyard_runtime.engine.embedding import Embedders
from toolyard_runtime.engine.long_term import LongTerm
from toolyard_runtime.engine.routing import Routes
from toolyard_runtime.store.opening import open_database
from toolyard_sdk.ids import uuid7

HEAVY = {"networkx", "numpy", "chromadb"}

async def main(folder):
    database = await open_database(f"sqlite:///{folder}/data.db")
    embedders = Embedders(Routes(Config(), {}, rehearsal=True), folder, SystemClock())
    settings = MemoryTable()
    memory = LongTerm(settings, database, SystemClock(), uuid7, os.urandom, embedders=embedders, state_dir=folder)
    await memory.warm_up()
    print(sorted(HEAVY & sys.modules.keys()))
    memory.memory()
    print(sorted(HEAVY & sys.modules.keys()))
    await memory.warm_up()
    print(sorted(HEAVY & sys.modules.keys()))
    await memory.close()
    await database.close()

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_what_ranks_and_compares_is_loaded_and_chroma_only_where_there_is_a_shelf(tmp_path: Path) -> None:
    command = (sys.executable, "-c", PROGRAM, str(tmp_path))
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["[]", "[]", "['networkx', 'numpy']"]


class Warmed:
    """Stands for the server's memory; counts how often it was made ready, and fails when told to."""

    def __init__(self, *, fails: bool = False, holds: bool = False) -> None:
        self.is_open = True
        self.times = 0
        self.cancelled = False
        self._fails = fails
        self._holds = holds

    async def warm_up(self) -> None:
        self.times += 1
        if self._fails:
            raise OSError("there is no such library")
        if self._holds:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.cancelled = True


class Looked:
    """Stands for what the rounds look at beside it; counts the rounds."""

    def __init__(self) -> None:
        self.rounds = 0
        self.cleaning = self.ledger = self

    async def follow(self) -> None:
        self.rounds += 1

    async def round(self) -> None:
        """Clean nothing."""


async def gone(shop: Workshop, memory: Any, monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    """Go so many rounds."""
    monkeypatch.setattr(memory_rounds, "SOON", 0.001)
    monkeypatch.setattr(memory_rounds, "EVERY", 0.001)
    looked: Any = Looked()
    services, tenants = shop.services, Tenants(shop.database, shop.services.clock, looked)
    going = MemoryRounds(
        memory, shop.agents, shop.routes, services.runs, tenants, services.clock, looked, services.meters
    )
    task = asyncio.create_task(going.go())
    try:
        await eventually(lambda: looked.rounds >= rounds if rounds else memory.times)
    finally:
        task.cancel()
        async with asyncio.timeout(SECONDS):
            await asyncio.wait([task])


@pytest.mark.parametrize(("more", "times"), [("[memory]\n", 1), ("", 0)])
async def test_it_is_done_once_and_only_where_an_agent_remembers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, times: int
) -> None:
    async with workshop(tmp_path, more=more) as shop:
        memory = Warmed()
        await gone(shop, memory, monkeypatch, rounds=3)
        assert memory.times == times


async def test_where_it_fails_the_log_says_so_and_the_rounds_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with workshop(tmp_path, more="[memory]\n") as shop:
        with caplog.at_level(logging.ERROR, "toolyard.memory"):
            await gone(shop, Warmed(fails=True), monkeypatch, rounds=2)
        assert [record.message for record in caplog.records] == [
            "memory could not be made ready: the first recall takes longer"
        ]


async def test_a_server_that_stops_does_not_wait_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with workshop(tmp_path, more="[memory]\n") as shop:
        memory = Warmed(holds=True)
        await gone(shop, memory, monkeypatch, rounds=0)
        assert memory.cancelled
