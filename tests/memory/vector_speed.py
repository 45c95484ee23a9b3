"""What vectors cost: `python -m tests.memory.vector_speed [ROWS]`; prints, and judges nothing.

One large owner with all the rows but a thousand, on a shelf, and a small one with those; vectors of 384 numbers in
clusters, as meanings lie.
"""

import asyncio
import random
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np
from toolyard_memory.embedders.hashing import HashingEmbedder
from toolyard_memory.passages import Passages
from toolyard_memory.records import Owner, Passage, Reader
from toolyard_memory.vectors.chroma import ChromaIndex
from toolyard_memory.vectors.exact import nearest
from toolyard_memory.vectors.index import Shelf
from toolyard_memory.vectors.shelves import FLAT
from toolyard_memory.vectors.statements import OF_OWNER
from toolyard_memory.vectors.store import Vectors
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.store.opening import open_database
from toolyard_sdk.ids import uuid7
from toolyard_sdk.ports import Database

DIMENSIONS = 384
CLUSTERS = 500
SMALL = 1_000
QUESTIONS = 60
LARGE_OWNER, SMALL_OWNER = Owner("acme", "large"), Owner("acme", "small")


class Drawn:
    """An embedder that draws its vectors, the same for the same text, at next to no cost."""

    id = "drawn:1"

    def __init__(self) -> None:
        self._centres = np.random.default_rng(7).normal(size=(CLUSTERS, DIMENSIONS))

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        return [self._vector(int(text)) for text in texts]

    async def close(self) -> None:
        """Nothing to let go of."""

    def _vector(self, n: int) -> bytes:
        drawn = np.random.Generator(np.random.PCG64(n)).normal(size=DIMENSIONS)
        vector = self._centres[n % CLUSTERS] + 1.2 * drawn
        made: bytes = (vector / np.linalg.norm(vector)).astype("<f4").tobytes()
        return made


def resident() -> float:
    """Return this process's memory in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


async def timed(name: str, work: Callable[[int], Awaitable[object]]) -> None:
    """Print how long one of some pieces of work takes, by the clock and in CPU."""
    await work(0)
    took, began = [], time.process_time()
    for n in range(QUESTIONS):
        at = time.perf_counter()
        await work(n)
        took.append(1e3 * (time.perf_counter() - at))
    cpu = 1e3 * (time.process_time() - began) / QUESTIONS
    took.sort()
    print(f"{name:58} p50 {took[len(took) // 2]:7.1f} ms  p95 {took[int(len(took) * 0.95)]:7.1f} ms  CPU {cpu:6.1f} ms")


async def hashing() -> None:
    """Measure the hashing embedder on sentences of about fifteen words."""
    chance = random.Random(3)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(3_000)]
    texts = [" ".join(chance.choices(words, k=15)) for _ in range(2_000)]
    embedder = HashingEmbedder()
    await embedder.embed(texts[:200])
    began = time.process_time()
    await embedder.embed(texts)
    print(f"{'hashing embedder, a text of 15 words':58} {1e6 * (time.process_time() - began) / len(texts):7.1f} us CPU")


async def say(database: Database, passages: Passages, owner: Owner, numbers: range) -> None:
    """Add passages whose texts are numbers."""
    for start in range(numbers.start, numbers.stop, 1_000):
        tx = database.begin()
        for n in range(start, min(start + 1_000, numbers.stop)):
            passages.add(tx, Passage(uuid7(), owner, "message", str(n), n))
        await database.commit(tx)


async def measure(folder: Path, rows: int) -> None:
    """Measure everything."""
    await hashing()
    clock, embedder = SystemClock(), Drawn()
    database = await open_database(f"sqlite:///{folder}/data.db")
    passages = Passages(database, clock)
    began = time.process_time()
    await embedder.embed([str(n) for n in range(500)])
    drawing = (time.process_time() - began) / 500
    index = ChromaIndex(folder / "vectors")
    vectors = Vectors(database, embedder, index, clock)

    await say(database, passages, SMALL_OWNER, range(SMALL))
    began = time.process_time()
    while await vectors.follow():
        pass
    cost = (time.process_time() - began) / SMALL - drawing
    print(f"{'following a passage, besides embedding, no shelf':58} {1e6 * cost:7.0f} us CPU")

    began = time.process_time()
    for n in range(20_000_000, 20_000_000 + QUESTIONS):
        await say(database, passages, SMALL_OWNER, range(n, n + 1))
    said = time.process_time() - began
    while await vectors.follow():
        pass
    began = time.process_time()
    for n in range(30_000_000, 30_000_000 + QUESTIONS):
        await say(database, passages, SMALL_OWNER, range(n, n + 1))
        await vectors.follow()
    cost = (time.process_time() - began - said) / QUESTIONS - drawing
    print(f"{'the same, one at a time':58} {1e6 * cost:7.0f} us CPU")

    await say(database, passages, LARGE_OWNER, range(SMALL, rows))
    flat = Vectors(database, embedder, None, clock)
    while await flat.follow():
        pass
    print(f"{'memory before a shelf is opened':58} {resident():7.0f} MB")
    at, began = time.perf_counter(), time.process_time()
    await vectors.rebuild("acme")
    cost, took = time.process_time() - began, time.perf_counter() - at
    print(f"{'building a shelf, a passage':58} {1e6 * cost / (rows - SMALL):7.0f} us CPU, {took:.0f} s in all")
    print(f"{'memory with the shelf open':58} {resident():7.0f} MB")

    more = await following(database, passages, vectors, rows, said, drawing)

    def ask(owner: Owner) -> Callable[[int], Awaitable[object]]:
        return lambda n: vectors.search(Reader(owner, ""), str(10_000_000 + n), 50)

    await timed(f"searching {rows - SMALL + more} passages on a shelf", ask(LARGE_OWNER))
    await timed(f"searching {SMALL} passages one by one, in SQL", ask(SMALL_OWNER))
    await recall(database, embedder, index, rows)
    await vectors.close()
    await flat.close()
    await database.close()


async def following(
    database: Database, passages: Passages, vectors: Vectors, rows: int, said: float, drawing: float
) -> int:
    """Print what following costs with a shelf; return how many passages were added."""
    more = 512
    await say(database, passages, LARGE_OWNER, range(rows, rows + more))
    began = time.process_time()
    while await vectors.follow():
        pass
    cost = (time.process_time() - began) / more - drawing
    print(f"{'following a passage, besides embedding, with a shelf':58} {1e6 * cost:7.0f} us CPU")

    began = time.process_time()
    for n in range(rows + more, rows + more + QUESTIONS):
        await say(database, passages, LARGE_OWNER, range(n, n + 1))
        await vectors.follow()
    cost = (time.process_time() - began - said) / QUESTIONS - drawing
    print(f"{'the same, one at a time':58} {1e6 * cost:7.0f} us CPU")
    return more + QUESTIONS


async def recall(database: Database, embedder: Drawn, index: ChromaIndex, rows: int) -> None:
    """Print how much of the truth a shelf finds."""
    whole = {"of_scope": LARGE_OWNER.scope, "of_embedder": embedder.id, "most": 2 * rows}
    everything = await database.scan(OF_OWNER, whole)
    held = [(row[0], row[1]) for row in everything]
    shelf, found = Shelf("acme", LARGE_OWNER.scope, embedder.id, 1), 0
    for n in range(20):
        [vector] = await embedder.embed([str(10_000_000 + n)])
        truth = {id_ for id_, _ in nearest(vector, held, 20)}
        found += len(truth & {id_ for id_, _ in await index.nearest(shelf, vector, 20)})
    print(f"{f'of the 20 nearest among {rows - SMALL}, a shelf finds':58} {found / 400:7.3f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        print(f"owners with more than {FLAT} passages have a shelf")
        asyncio.run(measure(Path(temporary), int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
