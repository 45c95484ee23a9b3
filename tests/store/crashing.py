"""The child of the crash test: appends to many runs at once and says on stdout what was acknowledged."""

import asyncio
import os
import random
import sys

from toolyard_runtime.store import payloads, sqlite
from toolyard_runtime.store.journal import SqlJournal, beginning
from toolyard_runtime.store.opening import open_database
from toolyard_sdk.events import CancelRequested, RunResumed
from toolyard_sdk.ids import uuid7
from toolyard_sdk.ports import Durability


async def write_for_ever(url: str) -> None:
    """Append until killed; one line `run seq` for each commit that returned."""
    sqlite.LOG_LIMIT = 1 << 17  # so that kills also meet the copying of the log
    database = await open_database(url)
    journal = SqlJournal(database)

    async def one(durability: Durability) -> None:
        run = uuid7()
        tail = beginning(run)
        while True:
            tx = database.begin()
            first = [RunResumed(at=1, epoch=1, why="recovered")] if tail.seq == 0 else []
            tail = journal.append(tx, tail, [*first, CancelRequested(at=tail.seq, by="x" * 200, reason="user")])
            payloads.add(tx, run, tail.seq - 1, "detail", os.urandom(random.randrange(2000)))
            await database.commit(tx, durability)
            os.write(1, f"{run.hex()} {tail.seq - 1}\n".encode())

    await asyncio.gather(*(one("full" if number % 4 == 0 else "normal") for number in range(8)))


if __name__ == "__main__":
    asyncio.run(write_for_ever(sys.argv[1]))
