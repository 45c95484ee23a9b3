"""What the graph part of a recall costs: `python -m tests.memory.graph_speed [PASSAGES]`.

One owner's 100,000 passages with some 700,000 mentions, whose words are spread as those of a language are (Zipf), in
one SQLite file; then questions about a few dozen passages each, as full text would have found them.
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from toolyard_memory.graph.entities import entities_in, entity_id
from toolyard_memory.graph.ranking import spread
from toolyard_memory.graph.store import Graph
from toolyard_memory.passages import Passages
from toolyard_memory.records import Owner, Passage, Reader
from toolyard_memory.tables.passages import MENTION
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.store.opening import open_database
from toolyard_sdk.ids import uuid7

PASSAGES = 100_000
WORDS = 30_000
QUESTIONS = 60
SEEDS = 12
OWNER = Owner("tenant", "ann")


def sentences(count: int, chance: random.Random) -> list[str]:
    """Return texts of six words of which the commonest is in one of ten, and names among them."""
    words = [f"{'bcdfghklmnprst'[n % 14]}{'aeiou'[n % 5]}{n:x}z".replace("0", "o") for n in range(WORDS)]
    weights = [1 / (n + 10) for n in range(WORDS)]
    drawn = chance.choices(words, weights, k=count * 6)
    return [" ".join(("we", *drawn[n : n + 5], drawn[n + 5].capitalize())) for n in range(0, count * 6, 6)]


async def fill(folder: Path, count: int) -> tuple[Graph, Any, list[Passage]]:
    """Return a graph over `count` passages in sessions of twenty."""
    database = await open_database(f"sqlite:///{folder / 'data.db'}")
    clock = SystemClock()
    graph, store = Graph(database, clock), Passages(database, clock)
    passages = []
    spent = 0.0
    session = b""
    for start in range(0, count, 1000):
        tx = database.begin()
        for n, text in enumerate(sentences(min(1000, count - start), random.Random(start))):
            session = uuid7() if n % 20 == 0 else session
            passage = Passage(uuid7(), OWNER, "message", text, 1, speaker="Ann", session=session, position=n % 20)
            store.add(tx, passage)
            began = time.process_time()
            await graph.note(tx, passage)
            spent += time.process_time() - began
            passages.append(passage)
        await database.commit(tx)
    print(f"a passage is noted in {spent / count * 1e3:.3f} ms CPU, besides its share of the commit")
    return graph, database, passages


async def main(count: int) -> None:
    """Fill, ask, and print."""
    chance = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        graph, database, passages = await fill(Path(folder), count)
        ((mentions,),) = await database.scan(select(func.count()).select_from(MENTION))
        reader = Reader(OWNER, "clerk")
        reads, walks, sizes, joined = [], [], [], []
        for number in range(QUESTIONS + 1):
            seeds = {passage.id: 1 / (n + 1) for n, passage in enumerate(chance.sample(passages, SEEDS))}
            asked = [one.name for one in entities_in(chance.choice(passages).text)]
            began = time.process_time()
            near = await graph.neighbourhood(reader, list(seeds), asked)
            read = time.process_time()
            spread(near, {**seeds, **{entity_id(OWNER.scope, name): 0.2 for name in asked}})
            done = time.process_time()
            if number:  # the first also loads networkx
                reads.append((read - began) * 1e3)
                walks.append((done - read) * 1e3)
                sizes.append(len(near.passages))
                joined.append(len(near.mentions))
        await database.close()
    both = [a + b for a, b in zip(reads, walks, strict=True)]
    print(
        f"{count} passages, {mentions} mentions; a neighbourhood has {statistics.mean(sizes):.0f} passages and "
        f"{statistics.mean(joined):.0f} mentions"
    )
    for name, spent in (("neighbourhood", reads), ("spread", walks), ("together", both)):
        print(
            f"{name}: {statistics.mean(spent):.1f} ms CPU on average, p95 {statistics.quantiles(spent, n=20)[18]:.1f}"
        )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else PASSAGES))
