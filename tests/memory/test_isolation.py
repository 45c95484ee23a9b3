"""Nobody's memory is anybody else's: by no path, with no index however wrong, and with another process writing."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from toolyard_memory.embedders.hashing import HashingEmbedder
from toolyard_memory.erasure.subjects import Subjects
from toolyard_memory.facts.everything import everything
from toolyard_memory.graph.words import canonical
from toolyard_memory.memory import Memory
from toolyard_memory.records import (
    AsOf,
    Evidence,
    MemoryRefused,
    NewFact,
    NoSuchMemory,
    Owner,
    Passage,
    Reader,
    documents_of,
)
from toolyard_memory.retrieval.query import Query
from toolyard_memory.vectors.chroma import ChromaIndex
from toolyard_memory.vectors.exact import Row
from toolyard_memory.vectors.index import MemoryIndex, Shelf, VectorIndex
from toolyard_memory.vectors.store import Vectors
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.store.opening import open_database
from toolyard_sdk.ids import uuid7
from toolyard_sdk.ports import Database

from tests.memory.vectors.world import follow

PEOPLE = tuple(Owner(tenant, user) for tenant in ("acme", "globex") for user in ("ada", "bob"))
SAID = (
    "Melanie moved to Oslo with her dog Rex last spring.",
    "Rex, the dog of Melanie, is afraid of the Oslo tram.",
    "The passphrase for the house in Oslo is heliotrope.",
    "Melanie paints the tram on Tuesdays.",
)
TOLD = (("home town", "Melanie lives in Oslo."), ("", "Rex likes liver."), ("dog", "Melanie has a dog called Rex."))
QUESTIONS = ("Where does Melanie live with Rex?", "heliotrope passphrase", "Rex", "Oslo tram", "refunds in Oslo")
PAPERS = {"refunds.md": ("support*",), "prices.md": ("sales",)}
SECONDS = 60.0


class Lying(MemoryIndex):
    """An index that gives everybody everything it has ever seen, as if it were just what was looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[bytes, None] = {}

    async def put(self, shelf: Shelf, rows: Sequence[Row]) -> None:
        await super().put(shelf, rows)
        self.seen.update((id_, None) for id_, _ in rows)

    async def nearest(self, shelf: Shelf, vector: bytes, limit: int) -> list[tuple[bytes, float]]:
        honest = await super().nearest(shelf, vector, limit)
        return [*((id_, 1.0) for id_ in self.seen), *honest]


INDEXES: dict[str, Callable[[Path], VectorIndex]] = {
    "memory": lambda _: MemoryIndex(),
    "chroma": lambda folder: ChromaIndex(folder / "vectors"),
    "lying": lambda _: Lying(),
}


class Everybody(Struct):
    """A memory in which four people say and are told the same, and what is whose."""

    memory: Memory
    vectors: Vectors
    database: Database
    sessions: dict[Owner, bytes]
    facts: dict[Owner, list[bytes]]

    async def mine(self, reader: Reader) -> set[bytes]:
        """Return all ids that a reader may see, by a statement that shares nothing with what is tested."""
        found: set[bytes] = set()
        connection: Any = self.database
        rows = connection.connection.execute(
            "SELECT p.id, p.owner, d.agents FROM passage p LEFT JOIN document d ON d.id = p.source WHERE p.tenant = ?",
            (reader.owner.tenant,),
        ).fetchall()
        for id_, owner, agents in rows:
            paper = agents is not None and (
                not reader.agent or any(reader.agent.startswith(glob.rstrip("*")) for glob in json.loads(agents))
            )
            if owner == reader.owner.end_user or (owner == "" and paper):
                found.add(id_)
        return found

    async def looks(self, reader: Reader, question: str, **more: Any) -> list[Passage]:
        """Return what comes to a reader's mind, having seen to it that all of it is theirs."""
        found = await self.memory.recall.search(reader, Query(question, limit=50, budget_tokens=4_000, **more))
        mine = await self.mine(reader)
        assert {hit.passage.id for hit in found.hits} <= mine, question
        for hit in found.hits:
            assert hit.passage.owner in (reader.owner, documents_of(reader.owner.tenant))
        return [hit.passage for hit in found.hits]

    async def waves(self, reader: Reader) -> list[Passage]:
        """Return what comes to a reader's mind of waves, which nobody but the other process has written."""
        found = await self.memory.recall.search(reader, Query("Wave at the Oslo tram", limit=50, budget_tokens=4_000))
        return [hit.passage for hit in found.hits if hit.passage.text.startswith("Wave ")]


async def tell(memory: Memory, owner: Owner, session: bytes) -> list[bytes]:
    """Have somebody say and be told what everybody says and is told; return the ids of facts."""
    facts: list[bytes] = []
    tx, now = memory.database.begin(), memory.clock.now()
    for n, text in enumerate(SAID):
        said = Passage(
            uuid7(), owner, "message", text, now, speaker="user", session=session, position=n, source=uuid7(), n=n
        )
        await memory.hear(tx, said)
    await memory.database.commit(tx)
    for attribute, text in TOLD:
        tx = memory.database.begin()
        new = NewFact(text, (Evidence("stated", words=text),), subject="Melanie", attribute=attribute)
        facts.append((await memory.put_down(tx, owner, new, memory.clock.now())).fact.id)
        await memory.database.commit(tx)
    return facts


@pytest.fixture(params=INDEXES)
async def everybody(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Everybody]:
    database = await open_database(f"sqlite:///{tmp_path}/data.db")
    vectors = Vectors(database, HashingEmbedder(), INDEXES[request.param](tmp_path), SystemClock(), flat=3)
    memory = Memory(database, SystemClock(), uuid7, os.urandom, vectors)
    sessions = {owner: uuid7() for owner in PEOPLE}
    facts = {owner: await tell(memory, owner, sessions[owner]) for owner in PEOPLE}
    for tenant in ("acme", "globex"):
        for name, agents in PAPERS.items():
            tx = database.begin()
            text = f"# {name} of {tenant}\n\nMelanie gets refunds in Oslo, says {tenant}, and Rex does not.".encode()
            added = await memory.documents.add(
                tx, tenant, name, text, "text/markdown", agents, "key", memory.clock.now()
            )
            await memory.link(tx, added.passages)
            await database.commit(tx)
    await follow(vectors)
    yield Everybody(memory, vectors, database, sessions, facts)
    await memory.close()
    await database.close()


GRANTED = {
    "": {"refunds.md", "prices.md"},
    "support-1": {"refunds.md"},
    "sales": {"prices.md"},
    "stranger": set[str](),
}
"""Which documents an agent may recall; nobody in particular, all of them."""


@pytest.mark.parametrize("agent", GRANTED)
async def test_what_comes_to_mind_is_ones_own_by_words_vectors_and_graph(everybody: Everybody, agent: str) -> None:
    for owner in PEOPLE:
        reader = Reader(owner, agent)
        papers: list[str] = []
        for question in QUESTIONS:
            found = await everybody.looks(reader, question)
            assert [passage for passage in found if passage.owner == owner], "one's own is there"
            papers += [passage.text for passage in found if passage.kind == "chunk"]
        assert all(owner.tenant in text for text in papers)
        assert {name for name in PAPERS if any(name in text for text in papers)} == GRANTED[agent]


async def test_neighbours_of_a_session_are_not_those_of_anothers(everybody: Everybody) -> None:
    for owner in PEOPLE:
        for other in PEOPLE:
            session = everybody.sessions[other]
            seen = await everybody.memory.passages.of_session(Reader(owner, ""), session, range(10))
            assert bool(seen) is (owner == other)
            await everybody.looks(Reader(owner, ""), "Oslo", session=session)


async def test_no_walk_through_the_graph_leads_to_somebody_else(everybody: Everybody) -> None:
    for owner in PEOPLE:
        reader = Reader(owner, "stranger")
        mine = await everybody.mine(reader)
        foreign = [id_ for other in PEOPLE if other != owner for id_ in everybody.facts[other]]
        known = [canonical(name) for name in ("Melanie", "Rex", "Oslo")]
        for start, names in (((), known), (foreign, []), (foreign, known[:1])):
            near = await everybody.memory.graph.neighbourhood(reader, start, names, hops=4, most=500, relations=True)
            assert {one.id for one in near.passages} <= mine
            assert {passage for _, passage in near.mentions} <= mine
            assert {edge.passage for edge in near.edges} <= mine
            assert bool(near.passages) is bool(names)


async def test_facts_are_found_listed_told_and_exported_to_their_owner_alone(everybody: Everybody) -> None:
    facts = everybody.memory.facts
    for owner in PEOPLE:
        reader = Reader(owner, "")
        for as_of in (AsOf(), AsOf(recorded=everybody.memory.clock.now()), AsOf(valid=everybody.memory.clock.now())):
            assert {fact.id for fact in await facts.listed(reader, as_of=as_of)} == set(everybody.facts[owner])
            assert {fact.owner for fact in await facts.listed(reader, "Melanie", as_of=as_of)} == {owner}
        assert {fact.owner for fact in await facts.timeline(reader, "Melanie")} == {owner}
        assert {fact.id async for fact in everything(everybody.database, owner)} == set(everybody.facts[owner])
        for other in PEOPLE:
            for id_ in everybody.facts[other] if other != owner else ():
                for as_of in (AsOf(), AsOf(recorded=1 << 60)):
                    with pytest.raises(NoSuchMemory):
                        await facts.find(reader, id_, as_of)
                with pytest.raises(NoSuchMemory):
                    await facts.timeline(reader, id_)
                tx = everybody.database.begin()
                new = NewFact("Is mine now.", (Evidence("stated", words="x"),), subject="Melanie")
                with pytest.raises(NoSuchMemory):
                    await facts.correct(tx, owner, id_, new, 1)
                with pytest.raises(NoSuchMemory):
                    await facts.forget(tx, owner, [everybody.facts[owner][0], id_], "me", 1)


async def test_nobody_else_learns_that_there_was_a_fact_which_was_forgotten(everybody: Everybody) -> None:
    memory, (ada, *others) = everybody.memory, PEOPLE
    gone = everybody.facts[ada][0]
    tx = everybody.database.begin()
    await memory.facts.forget(tx, ada, [gone], "ada", memory.clock.now())
    await everybody.database.commit(tx)
    new = NewFact("Is mine now.", (Evidence("stated", words="x"),), subject="Melanie")
    with pytest.raises(MemoryRefused, match="was forgotten"):
        await memory.facts.correct(everybody.database.begin(), ada, gone, new, 1)
    for other in others:
        with pytest.raises(NoSuchMemory):
            await memory.facts.correct(everybody.database.begin(), other, gone, new, 1)


async def test_one_who_is_nobody_recalls_documents_alone(everybody: Everybody) -> None:
    for question in QUESTIONS:
        assert {one.kind for one in await everybody.looks(Reader(Owner("acme", ""), "sales"), question)} <= {"chunk"}


async def test_an_index_a_thousand_changes_behind_shows_nothing_that_is_gone(everybody: Everybody) -> None:
    """What was superseded, forgotten, erased or retired since the index last followed is in it, and in no answer."""
    memory, database = everybody.memory, everybody.database
    ada, bob = PEOPLE[0], PEOPLE[1]
    tx = database.begin()
    many = [Passage(uuid7(), ada, "message", f"Melanie saw Rex in Oslo, time {n}.", n) for n in range(1_000)]
    for passage in many:
        memory.passages.add(tx, passage)
    await database.commit(tx)
    await follow(everybody.vectors)
    tx = database.begin()
    memory.passages.drop(tx, many[:990])
    await database.commit(tx)
    tx = database.begin()
    town = NewFact("Melanie lives in Bergen.", (Evidence("stated", words="moved"),), "Melanie", "home town")
    await memory.put_right(tx, ada, everybody.facts[ada][0], town, memory.clock.now())
    await database.commit(tx)
    tx = database.begin()
    await memory.facts.forget(tx, ada, [everybody.facts[ada][1]], "ada", memory.clock.now())
    await memory.documents.retire(tx, "acme", "refunds.md", memory.clock.now())
    Subjects(database, uuid7, os.urandom).erase(tx, bob, "operator", memory.clock.now())
    await database.commit(tx)
    gone = {passage.id for passage in many[:990]} | {everybody.facts[ada][0], everybody.facts[ada][1]}

    hits = await everybody.vectors.search(Reader(ada, ""), "Where does Melanie live with Rex?", 2_000)
    assert gone & set(hits), "or it is not behind"
    for question in (*QUESTIONS, "Melanie saw Rex in Oslo, time 7."):
        found = {passage.id for passage in await everybody.looks(Reader(ada, "support-1"), question)}
        assert not found & gone
        assert await everybody.looks(Reader(bob, ""), question, documents=()) == []
    await follow(everybody.vectors)
    await everybody.vectors.forget("acme")
    await everybody.vectors.rebuild("globex")
    for owner in (ada, *PEOPLE[2:]):
        for question in QUESTIONS:
            assert not {one.id for one in await everybody.looks(Reader(owner, ""), question)} & gone


WRITER = """
import os, sqlite3, sys, time
sys.path[:0] = sys.argv[3:]
from toolyard_memory.records import Owner
file, waves = sys.argv[1], int(sys.argv[2])
database = sqlite3.connect(file, isolation_level=None, timeout=30)
people = [Owner(tenant, user) for tenant in ("acme", "globex") for user in ("ada", "bob")]
add = (
    "INSERT INTO passage"
    " (id, tenant, owner, agent, scope, kind, text, speaker, trust, at, session, position, source, n)"
    " VALUES (?, ?, ?, '', ?, 'message', ?, 'user', 'user', ?, NULL, 0, NULL, 0)"
)
for wave in range(1, waves + 1):
    database.execute("BEGIN IMMEDIATE")
    database.execute("DELETE FROM passage WHERE speaker = 'user' AND text LIKE 'Wave %'")
    for person in people:
        for n in range(10):
            text = f"Wave {wave} at the Oslo tram, number {n}, for {person.tenant} {person.end_user}."
            database.execute(add, (os.urandom(16), person.tenant, person.end_user, person.scope, text, wave))
    database.execute("COMMIT")
    print(wave, flush=True)
print("end", flush=True)
"""


async def test_while_another_process_writes_no_answer_holds_a_wrong_row(everybody: Everybody, tmp_path: Path) -> None:
    """Rows come and go beneath: each answer is the reader's own, and of no wave that had gone when it was asked for."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(tmp_path / "data.db"), "40", *sys.path, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    written, answers = 0, 0

    async def read_on(stream: asyncio.StreamReader) -> None:
        nonlocal written
        while (line := (await stream.readline()).strip()) != b"end":
            assert line, "the writer broke off"
            written = int(line)

    async with asyncio.timeout(SECONDS):
        reading = asyncio.create_task(read_on(process.stdout))
        while not reading.done() or not answers:
            for owner in PEOPLE:
                since = written
                for passage in await everybody.waves(Reader(owner, "")):
                    assert passage.owner == owner
                    assert f"for {owner.tenant} {owner.end_user}." in passage.text
                    assert int(passage.text.split()[1]) >= since
                    answers += 1
        await reading
        assert await process.wait() == 0
    assert written == 40
    assert answers >= len(PEOPLE)  # how many more depends on which of the two processes is quicker
