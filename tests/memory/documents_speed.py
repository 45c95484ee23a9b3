"""`python -m tests.memory.documents_speed`: what adding, adding again and changing documents costs, on this machine.

A long document (some 3.5 million characters) and many short ones, in a SQLite file; it prints seconds of wall time,
and the longest time in which the event loop did nothing else.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

from toolyard_memory.documents.reading.kinds import read
from toolyard_memory.documents.store import Documents
from toolyard_memory.documents.versions import Added
from toolyard_memory.passages import Passages
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.store.opening import open_database
from toolyard_sdk.ids import uuid7
from toolyard_sdk.ports import Database

SHORT = 200
WORDS = [f"{a}{b}" for a in ("re", "in", "con", "de", "pro", "sub") for b in ("form", "tain", "ject", "ceive", "duct")]


def handbook(seed: int, sections: int) -> str:
    """Return Markdown with so many sections of some 900 characters."""
    chance = random.Random(seed)

    def sentence() -> str:
        return " ".join(chance.choices(WORDS, k=14)).capitalize() + "."

    return "\n\n".join(f"## Section {n}\n\n" + " ".join(sentence() for _ in range(8)) for n in range(sections))


async def add(database: Database, documents: Documents, name: str, text: str) -> Added:
    """Add one document."""
    tx = database.begin()
    added = await documents.add(tx, "acme", name, text.encode(), "", (), "key", 1)
    await database.commit(tx, "full")
    return added


async def measured(what: str, work: Awaitable[str]) -> None:
    """Print what some work took, and how long it held the loop at most."""
    longest, over = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal longest
        while not over.is_set():
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - began - 0.001)

    watching = asyncio.create_task(watch())
    began, cpu = time.perf_counter(), time.process_time()
    said = await work
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    over.set()
    await watching
    print(f"{what:44} {wall:7.3f} s  cpu here {cpu:7.3f} s  loop held {longest * 1000:6.1f} ms  {said}")


async def main() -> None:
    """Measure and print."""
    long = handbook(1, 3_600)
    began = time.perf_counter()
    pieces = read(long.encode(), "text/markdown").pieces
    print(f"reading and cutting {len(long)} characters: {time.perf_counter() - began:.3f} s, {len(pieces)} pieces")
    with tempfile.TemporaryDirectory() as folder:
        database = await open_database(f"sqlite:///{Path(folder) / 'data.db'}")
        documents = Documents(database, Passages(database, SystemClock()), uuid7)

        async def one(text: str) -> str:
            added = await add(database, documents, "long.md", text)
            return f"{added.outcome}, {len(added.passages)} of {added.version.pieces} pieces new"

        async def many(seed: int) -> str:
            outcomes = [
                (await add(database, documents, f"{n}.md", handbook(n + seed, 10))).outcome for n in range(SHORT)
            ]
            return f"{SHORT} files of 10 sections: {outcomes[0]}"

        await measured("a long document", one(long))
        await measured("the same again", one(long))
        await measured("a sentence of it changed", one(long.replace("## Section 1800\n\n", "## Section 1800\n\nNew. ")))
        await measured("short documents", many(10_000))
        await measured("the same again", many(10_000))
        await database.close()


if __name__ == "__main__":
    asyncio.run(main())
