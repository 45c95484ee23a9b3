"""What the store costs this process, in CPU microseconds; prints, and judges nothing.

python -m tests.store.measure                          SQLite
python -m tests.store.measure postgresql://HOST/NAME   an empty database there
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial

import uvloop
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.store import payloads
from toolyard_runtime.store.journal import SqlJournal, beginning
from toolyard_runtime.store.keys import Keys
from toolyard_runtime.store.opening import OwnedDatabase, open_database
from toolyard_runtime.store.runs import RunRow, Runs
from toolyard_runtime.store.tenants import Tenants
from toolyard_sdk.events import Content, ModelReplied
from toolyard_sdk.ids import uuid7

EVENT = ModelReplied(at=5, turn=1, attempt=1, message=Content(3, b"y" * 32), text=True, finish="stop")
REPEATS = 3
COMMITS = 4000


async def cheapest(name: str, count: int, work: Callable[[], Awaitable[None]]) -> float:
    """Print and return the CPU microseconds of one of `count` pieces of work, the best of some repeats."""
    best = float("inf")
    for _ in range(REPEATS):
        started = time.process_time()
        await work()
        best = min(best, (time.process_time() - started) / count * 1e6)
    print(f"{name:60} {best:8.2f} us")
    return best


async def commits(database: OwnedDatabase, clients: int, rows: int) -> None:
    """Commit transactions of so many rows (half events, half payloads) from so many runs at once."""
    journal = SqlJournal(database)

    async def one() -> None:
        for step in range(COMMITS // clients):
            if step % 8 == 0:
                run = uuid7()
                tail = beginning(run)
            tx = database.begin()
            tail = journal.append(tx, tail, [EVENT] * (rows // 2))
            for number in range(rows // 2):
                payloads.add(tx, run, tail.seq + number, "user", b"d" * 300)
            await database.commit(tx)

    await asyncio.gather(*(one() for _ in range(clients)))


async def measure(url: str) -> None:
    """Measure everything on one database."""
    database = await open_database(url)
    journal, tail = SqlJournal(database), beginning(uuid7())

    async def append() -> None:
        tx = database.begin()
        for _ in range(10_000):
            journal.append(tx, tail, (EVENT,))

    await cheapest("an event encoded, chained and added to a transaction", 10_000, append)
    for clients in (1, 8, 64):
        two = await cheapest(f"a commit of 2 rows, {clients} at once", COMMITS, partial(commits, database, clients, 2))
        six = await cheapest(f"a commit of 6 rows, {clients} at once", COMMITS, partial(commits, database, clients, 6))
        print(f"{'   of which each row':60} {(six - two) / 4:8.2f} us")

    run = uuid7()
    runs = Runs(database)
    keys = Keys(database, SystemClock(), uuid7, os.urandom)
    tx = database.begin()
    runs.add(tx, RunRow("acme", run, run, "key", None, "a", "r", "foreground", "running"))
    payloads.add(tx, run, 1, "user", b"d" * 300)
    Tenants(database, SystemClock(), keys).create(tx, "acme", "owner")
    secret = keys.create(tx, "acme", "laptop", ["user"], actor="owner").secret
    await database.commit(tx)

    async def find() -> None:
        for _ in range(5000):
            await runs.find("acme", run)

    async def load() -> None:
        for _ in range(5000):
            await payloads.load(database, run, [1])

    async def verify() -> None:
        for _ in range(20_000):
            await keys.verify(secret)

    await cheapest("a run found by its id", 5000, find)
    await cheapest("a payload read", 5000, load)
    await cheapest("a key verified", 20_000, verify)
    await database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        uvloop.run(measure(sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{temporary}/data.db"))
