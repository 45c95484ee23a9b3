"""What a recall costs in a large memory: `python -m tests.memory.recall_speed [--facts 100000] [--index none] [URL]`.

One end user's facts in one SQLite file, or in the empty PostgreSQL database at URL. Their words are spread as those of
a language are (Zipf), with full text, graph and vectors; then come questions of rare words, of common ones and of both.
Printed are the time on the clock and the CPU time of this process (PostgreSQL has its own), and how soon a new message
is found.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from toolyard_memory.embedders.hashing import HashingEmbedder
from toolyard_memory.graph.store import Graph
from toolyard_memory.passages import Passages
from toolyard_memory.records import Owner, Passage, Reader
from toolyard_memory.retrieval.query import Query
from toolyard_memory.retrieval.recall import Recall
from toolyard_memory.tables.facts import FACT
from toolyard_memory.vectors.chroma import ChromaIndex
from toolyard_memory.vectors.index import MemoryIndex
from toolyard_memory.vectors.store import Vectors
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.store.opening import open_database
from toolyard_sdk.ids import uuid7

OWNER = Owner("tenant", "ann")
READER = Reader(OWNER, "clerk")
ADD_FACT = insert(FACT)
DAY = 86_400_000_000
WORDS = 30_000
EACH = 40
MESSAGES = 200
BATCH = 1_000

KINDS = {
    "rare words": (2_000, WORDS, 5),
    "words of all kinds": (0, WORDS, 8),
    "the commonest words": (0, 12, 8),
    "a long question": (0, WORDS, 40),
}
"""Questions: from which word, counted from the commonest, up to which, and how many words."""


def vocabulary() -> list[str]:
    """Return words, the commonest first."""
    return [f"{'bcdfghklmnprst'[n % 14]}{'aeiou'[n % 5]}{n:x}z".replace("0", "o") for n in range(WORDS)]


class Texts:
    """Draws texts whose n-th word has a share of 1 / (n + 10), with a name among them."""

    def __init__(self) -> None:
        self.words = vocabulary()
        self._weights = [1 / (n + 10) for n in range(WORDS)]
        self._chance = random.Random(5)

    def several(self, count: int) -> list[str]:
        """Return texts of eleven words."""
        drawn = self._chance.choices(self.words, self._weights, k=count * 10)
        return [" ".join(("I", *drawn[n : n + 9], drawn[n + 9].capitalize())) for n in range(0, count * 10, 10)]

    def question(self, first: int, last: int, length: int) -> str:
        """Return words between the commonest `first` and `last`, spread in the same way."""
        drawn = self._chance.choices(self.words[first:last], self._weights[first:last], k=length)
        return f"What about {' '.join(drawn)}?"


class Spent:
    """Collects milliseconds by name: CPU of the process, and on the clock."""

    def __init__(self) -> None:
        self.cpu: dict[str, list[float]] = defaultdict(list)
        self.clock: dict[str, list[float]] = defaultdict(list)

    async def on(self, name: str, work: Awaitable[Any]) -> Any:
        """Await something and note what it took."""
        cpu, clock = time.process_time(), time.perf_counter()
        try:
            return await work
        finally:
            self.cpu[name].append((time.process_time() - cpu) * 1e3)
            self.clock[name].append((time.perf_counter() - clock) * 1e3)

    def show(self) -> None:
        """Print a row for each name."""
        print(f"{'':44} {'p50 ms':>8} {'p95 ms':>8} {'CPU ms':>8} {'p95 CPU':>8}")
        for name, clock in self.clock.items():
            cpu = self.cpu[name]
            print(
                f"{name:44} {statistics.median(clock):8.2f} {statistics.quantiles(clock, n=20)[18]:8.2f} "
                f"{statistics.mean(cpu):8.2f} {statistics.quantiles(cpu, n=20)[18]:8.2f}"
            )


def fact_row(passage: Passage) -> tuple[Any, ...]:
    """Return the row of a fact that holds since it was said and goes on."""
    values: Mapping[str, Any] = {
        "id": passage.id,
        "tenant": OWNER.tenant,
        "owner": OWNER.end_user,
        "subject": "ann",
        "valid_from": passage.at,
        "recorded_at": passage.at,
        "digest": passage.id,
        "trust": "user",
        "writer": "tool:remember",
    }
    return tuple(values.get(column.key, None if column.nullable else "") for column in FACT.columns)


async def fill(database: Any, passages: Passages, graph: Graph, count: int, texts: Texts) -> None:
    """Put `count` facts down, over some years."""
    now = SystemClock().now()
    for start in range(0, count, BATCH):
        tx = database.begin()
        for n, text in enumerate(texts.several(min(BATCH, count - start)), start):
            passage = Passage(uuid7(), OWNER, "fact", text, now - (count - n) * (DAY // 50))
            passages.add(tx, passage)
            tx.write(ADD_FACT, fact_row(passage))
            await graph.note(tx, passage)
        await database.commit(tx)


async def say(spent: Spent, database: Any, passages: Passages, graph: Graph, recall: Recall, texts: Texts) -> None:
    """Let messages be said one by one, and look for each at once by its only rare words."""
    session = uuid7()
    for n, text in enumerate(texts.several(MESSAGES)):
        password = f"quux{n:x}frobnicated"
        passage = Passage(
            uuid7(),
            OWNER,
            "message",
            f"{text} {password}",
            SystemClock().now(),
            speaker="user",
            session=session,
            position=n,
        )

        tx = database.begin()
        passages.add(tx, passage)
        await spent.on("a message is noted in the graph", graph.note(tx, passage))
        await spent.on("and committed, with the full-text index", database.commit(tx))
        found = await spent.on("and found", recall.search(READER, Query(f"What was {password}?", limit=1)))
        if not found.hits or found.hits[0].passage.id != passage.id:
            raise SystemExit(f"{password} was put down and not found")


async def main(count: int, index: str, url: str) -> None:
    """Fill, ask, and print."""
    texts, spent, clock = Texts(), Spent(), SystemClock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = await open_database(url or f"sqlite:///{folder / 'data.db'}")
        passages, graph = Passages(database, clock), Graph(database, clock)
        began = time.perf_counter()
        await fill(database, passages, graph, count, texts)
        print(f"{count} facts were put down in {time.perf_counter() - began:.0f} s", flush=True)
        vectors = None
        if index != "none":
            chosen = MemoryIndex() if index == "memory" else ChromaIndex(folder / "chroma")
            vectors = Vectors(database, HashingEmbedder(), chosen, clock)
            began = time.perf_counter()
            while await vectors.follow():
                await vectors.settle()  # while a shelf is being built, nothing is followed
            await vectors.settle()
            print(f"and have vectors after {time.perf_counter() - began:.0f} s more", flush=True)
        ways = {
            "words": Recall(database, passages),
            "words, graph": Recall(database, passages, graph),
            "words, graph, vectors": Recall(database, passages, graph, vectors),
        }
        if vectors is None:
            del ways["words, graph, vectors"]
        for kind, (first, last, length) in KINDS.items():
            asked = [Query(texts.question(first, last, length), now=clock.now()) for _ in range(EACH)]
            for way, recall in ways.items():
                await recall.search(READER, asked[0])
                for query in asked:
                    await spent.on(f"{kind}: {way}", recall.search(READER, query))
        await say(spent, database, passages, graph, ways["words, graph"], texts)
        spent.show()
        if vectors is not None:
            await vectors.close()
        await database.close()


if __name__ == "__main__":
    command = argparse.ArgumentParser(prog="python -m tests.memory.recall_speed", description="What a recall costs.")
    command.add_argument("url", nargs="?", default="", help="a database; a SQLite file of its own without it")
    command.add_argument("--facts", type=int, default=100_000)
    command.add_argument("--index", choices=["chroma", "memory", "none"], default="chroma")
    given = command.parse_args()
    asyncio.run(main(given.facts, given.index, given.url))
