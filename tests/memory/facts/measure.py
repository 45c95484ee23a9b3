"""What facts cost among 100,000 in a tenant, in CPU microseconds: `python -m tests.memory.facts.measure`; prints only.

--facts N     how many facts are there before
--sqlite DIR  where the database is made (a temporary folder without it)
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from toolyard_memory.facts.store import Facts
from toolyard_memory.passages import Passages
from toolyard_memory.records import AsOf, Evidence, NewFact, Owner, Passage, Reader
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.store.opening import open_database
from toolyard_sdk.ids import uuid7
from toolyard_sdk.ports import Database

OWNERS = 10
REPEATS = 400
WORDS = (
    "tea",
    "coffee",
    "boat",
    "car",
    "dog",
    "cat",
    "city",
    "river",
    "book",
    "film",
    "music",
    "bread",
    "train",
    "summer",
)


def owner(n: int) -> Owner:
    """Return one of the end users; the first of them has half of all facts."""
    return Owner("acme", f"user {n % OWNERS if n % 2 else 0}")


async def fill(database: Database, facts: Facts, passages: Passages, many: int) -> tuple[list[bytes], Evidence]:
    """Write many facts, every fourth with an attribute; return the ids of the first owner's, and a message of his."""
    rng, made = random.Random(1), []
    run = uuid7()
    for start in range(0, many, 500):
        tx = database.begin()
        if start == 0:
            passages.add(tx, Passage(uuid7(), owner(0), "message", "I like tea", 1, source=run, n=1))
        for n in range(start, min(start + 500, many)):
            text = f"{n} {' '.join(rng.choices(WORDS, k=8))}"
            attribute = f"attribute {n}" if n % 4 == 0 else ""
            new = NewFact(text, (Evidence("stated", words=text),), attribute=attribute)
            written = await facts.remember(tx, owner(n), new, 1_000_000 + n)
            if owner(n) == owner(0):
                made.append(written.fact.id)
        await database.commit(tx)
    return made, Evidence("message", run, 1)


async def cost(name: str, work: Callable[[int], Awaitable[object]], count: int = REPEATS) -> None:
    """Print the CPU of one piece of work, the mean of `count`, and the longest it took by the clock."""
    longest, started = 0.0, time.process_time()
    for n in range(count):
        began = time.perf_counter()
        await work(n)
        longest = max(longest, time.perf_counter() - began)
    print(f"{name:64} {(time.process_time() - started) / count * 1e6:9.0f} us   longest {longest * 1e3:7.2f} ms")


async def measure(folder: Path, many: int) -> None:
    """Fill a database and measure what is done to it."""
    database = await open_database(f"sqlite:///{folder}/data.db")
    clock = SystemClock()
    passages = Passages(database, clock)
    facts = Facts(database, passages, uuid7, os.urandom)
    started = time.process_time()
    made, message = await fill(database, facts, passages, many)
    print(f"{many} facts were written in {time.process_time() - started:.1f} s of CPU, {len(made)} of one end user")
    me, reader, rng = owner(0), Reader(owner(0), "clerk"), random.Random(2)

    async def remember(new: NewFact) -> None:
        tx = database.begin()
        await facts.remember(tx, me, new, clock.now())
        await database.commit(tx)

    async def forget(n: int) -> None:
        tx = database.begin()
        await facts.forget(tx, me, [made[n]], "key_1", clock.now())
        await database.commit(tx)

    def new(text: str, attribute: str = "", writer: str = "tool:remember") -> NewFact:
        return NewFact(text, (message,), attribute=attribute, writer=writer)

    await cost("remember a statement", lambda n: remember(new(f"Likes number {n}")))
    await cost("remember a value that nothing contradicts", lambda n: remember(new(f"It is {n}", f"new {n}")))
    await cost("remember a value in the place of another", lambda n: remember(new(f"Now it is {n}", f"new {n}")))
    await cost("remember what is known", lambda n: remember(new(f"likes number {n}")))
    await cost("forget a fact", forget)
    await cost(
        f"remember by an extractor, with {2 * REPEATS} tombstones",
        lambda n: remember(new(f"Found {n}", writer="extractor:x")),
    )
    await cost("find", lambda n: facts.find(reader, made[-1 - n]))
    await cost("load 50 passages of facts", lambda n: passages.load(reader, rng.sample(made[REPEATS:], 50)))
    await cost("load 50, as believed before", lambda n: passages.load(reader, rng.sample(made, 50), AsOf(recorded=9)))
    await cost("list 100 facts", lambda n: facts.listed(reader), 50)
    await cost("timeline of a value", lambda n: facts.timeline(reader, made[REPEATS * 2 + n]), 50)
    await cost("plan consolidation of one end user", lambda n: facts.plan(me, clock.now()), 1)
    await cost("apply tombstones again", lambda n: facts.reapply(database.begin(), "acme"), 1)
    await database.close()


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--facts", type=int, default=100_000)
    parser.add_argument("--sqlite", type=Path)
    options = parser.parse_args()
    if options.sqlite is not None:
        asyncio.run(measure(options.sqlite, options.facts))
        return
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), options.facts))


if __name__ == "__main__":
    main()
