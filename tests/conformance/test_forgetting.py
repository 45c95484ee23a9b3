"""What dropping and erasing leave to be cleaned up is noted on every database, and no row is left."""

import os

import pytest
from toolyard_memory.embedders.hashing import HashingEmbedder
from toolyard_memory.erasure.collecting import needles_of, needles_of_passages
from toolyard_memory.erasure.subjects import Subjects, subject_name
from toolyard_memory.erasure.words import cleaned, merge, to_clean, words_left
from toolyard_memory.facts.tombstones import Tombstones
from toolyard_memory.memory import Memory
from toolyard_memory.records import Evidence, NewFact, Owner, Passage
from toolyard_memory.vectors.index import MemoryIndex
from toolyard_memory.vectors.store import Vectors
from toolyard_runtime.clocks import SystemClock
from toolyard_sdk.ids import uuid7

from tests.conformance.adapters import Adapter
from tests.memory.vectors.world import follow

ADA, BOB = Owner("acme", "ada-lovelace"), Owner("acme", "bob-dylan")


@pytest.fixture
def memory(adapter: Adapter) -> Memory:
    vectors = Vectors(adapter.database, HashingEmbedder(), MemoryIndex(), SystemClock(), flat=2)
    return Memory(adapter.database, SystemClock(), uuid7, os.urandom, vectors)


async def told(memory: Memory, owner: Owner) -> list[Passage]:
    tx = memory.database.begin()
    said = [
        Passage(uuid7(), owner, "message", f"Melanie sees quokka {n} in Oslo, says {owner.end_user}.", n)
        for n in range(5)
    ]
    for passage in said:
        await memory.hear(tx, passage)
    new = NewFact(f"Likes quokkas, does {owner.end_user}.", (Evidence("stated", words="heard it"),))
    await memory.put_down(tx, owner, new, 1)
    await memory.database.commit(tx)
    assert memory.vectors is not None
    await follow(memory.vectors)
    return said


async def test_an_erased_owner_has_no_row_left_and_others_have_all_of_theirs(memory: Memory, adapter: Adapter) -> None:
    database, subjects = adapter.database, Subjects(adapter.database, uuid7, os.urandom)
    await told(memory, ADA)
    await told(memory, BOB)
    before = await subjects.left(BOB)
    assert (await subjects.left(ADA)).keys() == {"passage", "fact", "entity", "index_state"}
    what = {needle.what for needle in await needles_of(database, ADA, "/vectors")}
    assert what >= {"id of the end user", "scope", "text", "evidence", "id", "vector", "name"}
    tx = database.begin()
    subjects.erase(tx, ADA, "operator", 5)
    await adapter.commit(tx)
    assert memory.vectors is not None
    await memory.vectors.forget("acme")
    assert await subjects.left(ADA) == {}
    assert await subjects.left(BOB) == before
    assert await memory.vectors.strays("acme") == (6, 0)
    assert await needles_of(database, ADA) == await needles_of(database, Owner("acme", "ada-lovelace"), "/vectors")
    stones = await Tombstones(database, uuid7, os.urandom).all_of("acme")
    assert await subjects.returned("acme", stones, ["ada-lovelace", "bob-dylan", "carol"]) == [ADA]
    assert await subjects.returned("acme", stones) == []
    assert subject_name(ADA) != subject_name(BOB)


async def test_what_is_dropped_is_noted_until_it_is_cleaned_up(memory: Memory, adapter: Adapter) -> None:
    database = adapter.database
    said = await told(memory, ADA)
    assert await to_clean(database) == {}
    needles = await needles_of_passages(database, "acme", [said[0].id], "")
    assert {needle.what for needle in needles} == {"text", "vector", "id"}
    tx = database.begin()
    memory.passages.drop(tx, said[:1])
    memory.passages.drop(tx, said[1:2])
    await adapter.commit(tx)
    seen = (await to_clean(database))["acme"]
    left = await words_left(database)
    assert (left.terms > 0, left.sound) == (database.dialect == "sqlite", True)
    tx = database.begin()
    merge(tx, database.dialect)
    await adapter.commit(tx)
    assert (await words_left(database)).terms == 0
    tx = database.begin()
    memory.passages.drop(tx, said[2:3])
    await adapter.commit(tx)
    tx = database.begin()
    cleaned(tx, "acme", seen)
    await adapter.commit(tx)
    later = (await to_clean(database))["acme"]
    assert later > seen, "what was dropped meanwhile is still to be cleaned up"
    tx = database.begin()
    cleaned(tx, "acme", later)
    await adapter.commit(tx)
    assert await to_clean(database) == {}
