"""One owner per database file, for as long as its process lives."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from toolyard_runtime.store.errors import OwnerError
from toolyard_runtime.store.opening import open_database

OWNER = """
import asyncio, sys
from toolyard_runtime.store.opening import open_database

async def hold(url):
    await open_database(url)
    print("mine", flush=True)
    await asyncio.Event().wait()

asyncio.run(hold(sys.argv[1]))
"""


async def test_a_second_process_is_refused_and_told_who_has_the_database_until_that_one_dies(file: Path) -> None:
    url = f"sqlite:///{file}"
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, url, stdout=asyncio.subprocess.PIPE)
    try:
        assert owner.stdout is not None
        assert await asyncio.wait_for(owner.stdout.readline(), 60) == b"mine\n"
        with pytest.raises(OwnerError, match=f"in use by process {owner.pid}") as refused:
            await open_database(url)
        assert refused.value.pid == owner.pid
    finally:
        os.kill(owner.pid, signal.SIGKILL)
        await asyncio.wait_for(owner.wait(), 10)
    await (await open_database(url)).close()


async def test_a_database_can_be_opened_again_after_it_was_closed(file: Path) -> None:
    for _ in range(3):
        await (await open_database(f"sqlite:///{file}")).close()


async def test_a_refused_opening_does_not_take_the_database_from_its_owner(file: Path) -> None:
    database = await open_database(f"sqlite:///{file}")
    for _ in range(2):
        with pytest.raises(OwnerError, match=f"process {os.getpid()}"):
            await open_database(f"sqlite:///{file}")
    await database.close()


async def test_nobody_else_can_read_the_file(file: Path) -> None:
    database = await open_database(f"sqlite:///{file}")
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in file.parent.iterdir()}
    await database.close()
    assert set(modes.values()) == {"0o600"}, modes
    assert {"data.db", "data.db-wal", "data.db.lock"} <= set(modes)
