"""Killing the process at any moment loses nothing that was acknowledged and never half a transaction."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select
from toolyard_runtime.store import payloads
from toolyard_runtime.store.journal import SqlJournal
from toolyard_runtime.store.opening import open_sqlite
from toolyard_runtime.store.tables import EVENT

LAST = select(EVENT.c.run, func.max(EVENT.c.seq)).group_by(EVENT.c.run)


def acknowledged(url: str, lines: int) -> dict[bytes, int]:
    """Run the child, kill it after so many acknowledgements, and return the last acknowledged seq of each run."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.crashing", url], stdout=subprocess.PIPE, cwd=root
    ) as child:
        assert child.stdout is not None
        seen: list[bytes] = []
        for line in child.stdout:
            seen.append(line)
            if len(seen) == lines:
                os.kill(child.pid, signal.SIGKILL)
        assert child.wait(20) == -signal.SIGKILL
    last: dict[bytes, int] = {}
    for line in seen:
        if line.endswith(b"\n"):  # the last one may be cut
            run, seq = line.split()
            last[bytes.fromhex(run.decode())] = int(seq)
    return last


@pytest.mark.parametrize("seed", range(5))
async def test_what_was_acknowledged_is_there_and_every_chain_verifies(file: Path, seed: int) -> None:
    url = f"sqlite:///{file}"
    dice = random.Random(seed)
    told: dict[bytes, int] = {}
    for _ in range(2):  # the second child recovers what the first one left
        told |= await asyncio.wait_for(asyncio.to_thread(acknowledged, url, dice.randrange(1, 1500)), 100)
    database = await open_sqlite(file)
    journal = SqlJournal(database)
    found: dict[bytes, int] = {row[0]: row[1] for row in await database.scan(LAST)}
    assert {run: seq for run, seq in told.items() if found.get(run, -1) < seq} == {}
    for run, seq in found.items():
        assert await journal.verify(run) is None
        assert len(await journal.load(run)) == seq + 1
        contents = await payloads.load_all(database, run)
        assert max(contents) == seq, "a transaction is whole: its event and its payload"
    assert database.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    await database.close()
