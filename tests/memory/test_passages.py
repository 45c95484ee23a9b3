"""Passages: who may see which from what moment, found by their words as soon as committed, gone without a trace."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import bindparam, select, text, update
from toolyard_memory.passages import AT_ONCE, NEVER, granted
from toolyard_memory.records import AsOf, Owner, Passage, Reader
from toolyard_memory.tables.documents import DOCUMENT
from toolyard_memory.tables.facts import FACT
from toolyard_memory.tables.passages import PASSAGE
from toolyard_memory.tables.vectors import OUTBOX
from toolyard_runtime.store.opening import open_database

from tests.memory.facts.told import ANN, BOB, Told, stated

RETIRE_DOCUMENT = update(DOCUMENT).values(retired_at=bindparam("at"))
GIVE_FACTS_TO = update(FACT).values(owner=bindparam("to"))
MATCHES = text("SELECT rowid FROM passage_text WHERE passage_text MATCH :words").bindparams(bindparam("words"))
READER = Reader(ANN, "")


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Told]:
    database = await open_database(f"sqlite:///{tmp_path}/data.db")
    yield Told(database)
    await database.close()


def said(told: Told, words: str, owner: Owner = ANN, at: int = 1_000) -> Passage:
    return Passage(told.new_id(), owner, "message", words, at)


async def add(told: Told, *passages: Passage) -> list[bytes]:
    tx = told.database.begin()
    for passage in passages:
        told.passages.add(tx, passage)
    await told.database.commit(tx)
    return [passage.id for passage in passages]


async def drop(told: Told, *passages: Passage) -> None:
    tx = told.database.begin()
    told.passages.drop(tx, passages)
    await told.database.commit(tx)


async def test_a_passage_is_found_by_its_words_when_it_is_committed_and_not_after_it_is_dropped(told: Told) -> None:
    passage = said(told, "caf\u00e9 au lait")
    await add(told, passage, said(told, "tea"))
    found = await told.database.read(MATCHES, {"words": "cafe"})
    loaded = (await told.passages.load(READER, [passage.id]))[passage.id]
    assert [row[0] for row in found] == [loaded.key]
    await drop(told, loaded)
    assert await told.database.read(MATCHES, {"words": "cafe"}) == []
    assert len(await told.database.read(MATCHES, {"words": "tea"})) == 1


async def test_indexes_are_told_of_every_change_in_order(told: Told) -> None:
    one, other = said(told, "one"), said(told, "other")
    await add(told, one, other)
    await drop(told, one)
    rows = await told.database.read(select(OUTBOX).order_by(OUTBOX.c.seq))
    assert [tuple(row[1:]) for row in rows] == [
        ("acme", one.id, "added"),
        ("acme", other.id, "added"),
        ("acme", one.id, "dropped"),
    ]


async def test_many_are_loaded_at_once_and_those_of_others_are_left_out(told: Told) -> None:
    mine = await add(told, *(said(told, f"{n}") for n in range(AT_ONCE + 3)))
    others = await add(told, said(told, "Bob's", BOB), said(told, "foreign", Owner("evil", "ann")))
    found = await told.passages.load(READER, [*mine, *others, b"nobody's", mine[0]])
    assert list(found) == mine
    assert all(id_ == passage.id for id_, passage in found.items())
    assert await told.passages.load(READER, []) == {}


async def test_a_message_is_not_remembered_before_it_was_said(told: Told) -> None:
    (message,) = await add(told, said(told, "hello", at=5_000))
    assert await told.passages.load(READER, [message], AsOf(recorded=4_999)) == {}
    assert message in await told.passages.load(READER, [message], AsOf(valid=0, recorded=5_000))


async def test_moments_beyond_all_dates_are_the_farthest_there_are(told: Told) -> None:
    (message,) = await add(told, said(told, "hello"))
    fact = (await told.remember(stated("Likes tea"))).fact.id
    for far in (NEVER, NEVER + 1, 1 << 80):
        assert set(await told.passages.load(READER, [message, fact], AsOf(far, far))) == {message, fact}
        assert await told.passages.load(READER, [message, fact], AsOf(-far, -far)) == {}


async def test_a_fact_is_seen_while_it_holds_by_the_clock(told: Told) -> None:
    fact = (await told.remember(stated("Is on holiday", since=2_000, until=3_000))).fact.id
    seen = []
    for told.clock.at in (1_999, 2_000, 2_999, 3_000):
        seen.append(fact in await told.passages.load(READER, [fact]))
    assert seen == [False, True, True, False]


async def test_words_of_a_fact_without_the_fact_or_with_another_owners_are_nobodys(told: Told) -> None:
    (alone,) = await add(told, Passage(told.new_id(), ANN, "fact", "a rest of something", 1))
    fact = (await told.remember(stated("Likes tea"))).fact.id
    tx = told.database.begin()
    tx.write(GIVE_FACTS_TO, ("bob",))
    await told.database.commit(tx)
    for reader in (READER, Reader(BOB, "")):
        assert await told.passages.load(reader, [alone, fact]) == {}


async def test_a_document_is_seen_from_when_it_was_added_until_it_was_retired(told: Told) -> None:
    told.clock.at = 2_000
    piece = (await told.document("Tea is good")).source or b""
    tx = told.database.begin()
    tx.write(RETIRE_DOCUMENT, (3_000,))
    await told.database.commit(tx)
    seen = [piece in await told.passages.load(READER, [piece], AsOf(recorded=at)) for at in (1_999, 2_000, 3_000)]
    assert seen == [False, True, False]
    assert await told.passages.load(READER, [piece]) == {}


async def test_a_tenants_passage_that_is_of_no_document_is_nobodys(told: Told) -> None:
    (stray,) = await add(told, said(told, "stray", Owner("acme", "")))
    for reader in (READER, Reader(Owner("acme", ""), "")):
        assert await told.passages.load(reader, [stray]) == {}


async def test_dropping_takes_no_passage_of_another_tenant(told: Told) -> None:
    passage = said(told, "stays")
    await add(told, passage)
    await drop(told, Passage(passage.id, Owner("evil", "ann"), "message", "", 0))
    assert len(await told.database.read(select(PASSAGE))) == 1


def test_documents_are_granted_by_globs_and_to_nobody_without_one() -> None:
    assert granted('["support*", "sales"]', "support-eu")
    assert not granted('["support*"]', "sales")
    assert not granted('["Support"]', "support")
    assert granted('["sales"]', "")
    assert not granted("[]", "")
    assert not granted(None, "support")
