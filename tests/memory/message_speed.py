"""What a message costs besides embedding: `python -m tests.memory.message_speed [--facts 100000] [URL]`.

A message of eleven words, ten of which are names to the graph, in a large memory: noted, committed with the full-text
index, and followed by the vectors of an embedder that costs nothing. Printed is the CPU time of the whole process for
each message: alone, as the two of a turn, and as a server does it that hears some turns a second. URL names another
database than a SQLite file of its own.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from toolyard_memory.memory import Memory
from toolyard_memory.records import Passage
from toolyard_memory.vectors.store import Vectors
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.store.opening import OwnedDatabase, open_database
from toolyard_sdk.ids import uuid7

from tests.memory.recall_speed import OWNER, Texts, fill

MESSAGES = 400
TURNS_A_SECOND = 20
LIMIT = 1.0
"""Milliseconds that a message may cost."""


class Free:
    """An embedder that gives every text the same vector of 384 numbers, at no cost."""

    id = "free:1"

    def __init__(self) -> None:
        self._vector = bytes(383 * 4) + b"\x00\x00\x80\x3f"

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        del query
        return [self._vector] * len(texts)

    async def close(self) -> None:
        """Nothing to let go of."""


class Costs:
    """Milliseconds of CPU by step."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        """Add what is spent meanwhile to a step."""
        began = time.process_time()
        yield
        self.steps[step] = self.steps.get(step, 0.0) + (time.process_time() - began) * 1e3

    def take_off(self, step: str, spent: float) -> None:
        """Take off what waiting for the next turn costs by itself."""
        self.steps[step] -= spent

    def show(self, name: str, messages: int) -> None:
        """Print a row: the whole for each message, then its steps."""
        each = {step: spent / messages for step, spent in self.steps.items()}
        parts = ", ".join(f"{step} {spent:.2f}" for step, spent in each.items())
        print(f"{name:44} {sum(each.values()):6.2f} ms CPU a message ({parts}); the limit is {LIMIT:g}")


def said(texts: Sequence[str]) -> list[Passage]:
    """Return the messages of a conversation."""
    session, now = uuid7(), SystemClock().now()
    return [
        Passage(uuid7(), OWNER, "message", text, now, speaker=("user", "assistant")[n % 2], session=session, position=n)
        for n, text in enumerate(texts)
    ]


async def step_by_step(name: str, memory: Memory, vectors: Vectors, texts: Texts, together: int) -> None:
    """Have messages heard, so many in a transaction, each transaction followed before the next."""
    costs, passages = Costs(), said(texts.several(MESSAGES))
    for start in range(0, MESSAGES, together):
        tx = memory.database.begin()
        with costs.of("noted"):
            for passage in passages[start : start + together]:
                await memory.hear(tx, passage)
        with costs.of("committed"):
            await memory.database.commit(tx)
        with costs.of("followed"):
            while await vectors.follow():
                pass
    costs.show(name, MESSAGES)


async def as_a_server(memory: Memory, vectors: Vectors, texts: Texts) -> None:
    """Have turns come while vectors follow by themselves, until the last is followed."""
    costs, idle, passages = Costs(), Costs(), said(texts.several(MESSAGES))
    with idle.of("in all"):
        for _ in range(0, MESSAGES, 2):
            await asyncio.sleep(1 / TURNS_A_SECOND)
    following = asyncio.create_task(vectors.run())
    with costs.of("in all"):
        for start in range(0, MESSAGES, 2):
            tx = memory.database.begin()
            for passage in passages[start : start + 2]:
                await memory.hear(tx, passage)
            await memory.database.commit(tx)
            memory.stir()
            await asyncio.sleep(1 / TURNS_A_SECOND)
        following.cancel()
        await asyncio.wait([following])
        while await vectors.follow():
            pass
    costs.take_off("in all", idle.steps["in all"])
    costs.show(f"{TURNS_A_SECOND} turns a second, by a server", MESSAGES)


async def main(url: str, facts: int) -> None:
    """Fill, say, and print."""
    clock, texts = SystemClock(), Texts()
    database: OwnedDatabase = await open_database(url)
    vectors = Vectors(database, Free(), None, clock)
    memory = Memory(database, clock, uuid7, os.urandom, vectors)
    try:
        await fill(database, memory.passages, memory.graph, facts, texts)
        while await vectors.follow():
            pass
        print(f"{facts} facts are there", flush=True)
        await step_by_step("each message alone", memory, vectors, texts, 1)
        await step_by_step("the two of a turn together", memory, vectors, texts, 2)
        await as_a_server(memory, vectors, texts)
    finally:
        await memory.close()
        await database.close()


if __name__ == "__main__":
    command = argparse.ArgumentParser(prog="python -m tests.memory.message_speed", description="What a message costs.")
    command.add_argument("url", nargs="?", default="", help="a database; a SQLite file of its own without it")
    command.add_argument("--facts", type=int, default=100_000)
    given = command.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(given.url or f"sqlite:///{Path(folder) / 'data.db'}", given.facts))
