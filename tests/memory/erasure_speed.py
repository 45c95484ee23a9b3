"""How long an erasure takes, and what it leaves: `python -m tests.memory.erasure_speed [FACTS] [OTHERS]`.

A real server with SQLite and an embedded Chroma; the person has a shelf of their own, and so have the others.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from toolyard_memory.records import Evidence, NewFact, Owner, Passage
from toolyard_sdk.ids import uuid7

from tests.http.serving import eventually, serving

FACTS, OTHERS = 2_000, 4
AGENT = """
instructions = "You remember."

[memory]
"""
PERSON = "penelope-farnsworth-1815@example.org"
SECONDS = 600.0
AT_ONCE = 50
LARGE = 100
"""Messages of everybody beside their facts, so that an owner of 2,000 facts has a shelf."""


def sentence(chance: random.Random, words: list[str], whose: str) -> str:
    """Return a sentence that nobody else says."""
    return f"{whose.partition('-')[0]} " + " ".join(chance.choices(words, k=16)) + f" {chance.getrandbits(40):x}."


async def fill(memory: Any, people: list[str], facts: int) -> None:
    """Have everybody say something, and be remembered by as many facts."""
    chance = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(chance.choices(letters, k=chance.randint(3, 10))) for _ in range(5_000)]
    names = [word.title() for word in words[:300]]
    for person in people:
        owner = Owner("default", person)
        for start in range(0, facts + LARGE, AT_ONCE):
            tx, now = memory.database.begin(), memory.clock.now()
            for n in range(start, start + AT_ONCE):
                said = sentence(chance, [*words, *names], person)
                if n >= facts:
                    await memory.hear(tx, Passage(uuid7(), owner, "message", said, now, source=uuid7()))
                else:
                    grounds = (Evidence("stated", words=f"heard: {said}"),)
                    await memory.put_down(tx, owner, NewFact(said, grounds, subject=chance.choice(names)), now)
            await memory.database.commit(tx)
    memory.stir()


def main() -> None:
    """Print the figures."""
    facts, others = (int(one) for one in (*sys.argv[1:], *(str(FACTS), str(OTHERS))[len(sys.argv) - 1 :]))
    people = [PERSON, *(f"neighbour-{n}@example.org" for n in range(others))]
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), "") as server:
        (Path(folder) / "repository" / "agents" / "friend.toml").write_text(AGENT)
        eventually(lambda: server.wiring.agents.release("friend"), lambda: server.wiring.agents.problems)
        admin = server.wiring.app.state["admin"]

        async def opened() -> Any:
            return admin.long_term.memory()

        def call(work: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(work, server._loop).result(SECONDS)

        memory = call(opened())
        call(fill(memory, people, facts))
        app = server.client("default", "frontend", "user").speaking_for(PERSON)
        for n in range(5):
            app.finished(app.start(f"say the passphrase is heliotrope-{n}-marzipan and nobody knows", agent="friend"))
        begun = time.monotonic()
        wanted = (len(people) if facts + LARGE > 2_000 else 0, 0)
        while True:
            state = call(memory.vectors.state("default"))
            if (state.shelves, state.waiting) == wanted or time.monotonic() - begun > SECONDS:
                break
            time.sleep(0.2)
        held, _ = call(memory.vectors.strays("default"))
        print(f"{len(people)} people with {facts} facts each; {state.shelves} shelves with {held} vectors")

        needles = call(admin.proving.needles("default", PERSON))
        before = call(admin.proving.of_subject("default", PERSON, needles))
        print(f"before: {len(before.files.found)} places of {before.files.needles} needles; rows {before.rows}")
        begun = time.perf_counter()
        done = call(admin.erasing.erase("default", PERSON, "key"))
        took = time.perf_counter() - begun
        print(f"erased in {took:.2f} s: log emptied {done.log_emptied}, index emptied {done.index_emptied}")
        begun = time.perf_counter()
        proof = call(admin.proving.of_subject("default", PERSON, needles))
        looked = time.perf_counter() - begun
        left = [one for one in proof.files.found if not one.stays_in]
        size = sum(one.size for one in left)
        print(
            f"{size} bytes of {proof.files.needles} needles found in {proof.files.files} files "
            f"({proof.files.bytes / 1e6:.1f} MB, looked through in {looked:.1f} s)"
        )
        print(f"rows {proof.rows}, terms {proof.terms}, stray vectors {proof.stray_vectors}, clean {proof.clean}")
        for (what, file), count in Counter((one.what, one.file) for one in left).most_common(20):
            example = next(one for one in left if (one.what, one.file) == (what, file))
            print(f"  left: {count} of {what} in {file}, as at byte {example.at}")
        print(f"{len(proof.files.found) - len(left)} places of what stays by right; {proof.notes}")


if __name__ == "__main__":
    main()
