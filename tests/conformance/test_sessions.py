"""What sessions need of a database: chains and compactions come back as they were written, and summaries are erased."""

import os

from toolyard_memory.sessions.compaction import Compaction
from toolyard_memory.sessions.store import Session, Sessions
from toolyard_memory.sessions.window import Item
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.store import payloads
from toolyard_runtime.store.erasure import Eraser
from toolyard_runtime.store.runs import RunRow, Runs
from toolyard_runtime.store.schema import PACKAGES
from toolyard_sdk.events import ItemRef

from tests.conformance.adapters import Adapter

SESSION, EVE, ADAM, LATE = b"s" * 16, b"e" * 16, b"a" * 16, b"l" * 16
FULL = Compaction(
    run=ADAM,
    seq=7,
    at=11,
    after=ItemRef(ADAM, 1),
    start=ItemRef(EVE, 1),
    end=ItemRef(EVE, 2),
    end_position=1,
    pinned=1,
    above=300,
    until=ItemRef(EVE, 2),
    summary=3,
    source=b"\x00\xff" * 16,
    model="lab/m",
    prompt="sha256:1",
    tokens_before=20_000,
    tokens_after=9_000,
    counted=True,
)
BARE = Compaction(LATE, 2, 12, ItemRef(LATE, 1))


async def written(adapter: Adapter) -> Sessions:
    """Write a session in which two people spoke: what eve said is summed up in a run of adam's."""
    sessions, tx = Sessions(adapter.database), adapter.begin()
    sessions.open(tx, Session("acme", SESSION, "key_1", "eve", "support", None), 1)
    parent: ItemRef | None = None
    for position, ref in enumerate((ItemRef(EVE, 1), ItemRef(EVE, 2), ItemRef(ADAM, 1), ItemRef(LATE, 1))):
        sessions.add(tx, SESSION, Item(ref, "user", 5, position), parent, 1)
        parent = ref
    sessions.add_compaction(tx, SESSION, FULL)
    sessions.add_compaction(tx, SESSION, BARE)
    for run, end_user in ((EVE, "eve"), (ADAM, "adam"), (LATE, "adam")):
        row = RunRow("acme", run, SESSION, "key_1", end_user, "support", "sha256:1", "foreground", "finished")
        Runs(adapter.database).add(tx, row)
        payloads.add(tx, run, 1, "user", b"the old mill")
    payloads.add(tx, ADAM, 3, "summary", b"eve lives in the old mill")
    await adapter.commit(tx)
    return sessions


async def test_compactions_come_back_as_they_were_written(adapter: Adapter) -> None:
    sessions = await written(adapter)
    assert sorted(await sessions.compactions(SESSION), key=lambda one: one.seq) == [BARE, FULL]
    assert await sessions.compactions(b"t" * 16) == []


async def test_erasing_one_erases_what_others_made_of_their_words_and_nothing_else(adapter: Adapter) -> None:
    await written(adapter)
    eraser = Eraser(adapter.database, SystemClock(), os.urandom, PACKAGES)
    tx = adapter.begin()
    erased = await eraser.erase(tx, "acme", "eve", "test")
    await adapter.commit(tx)
    kept = await payloads.load_many(adapter.database, [(EVE, 1), (ADAM, 1), (ADAM, 3), (LATE, 1)])
    assert [key for key, payload in kept.items() if payload == payloads.ERASED] == [(EVE, 1), (ADAM, 3)]
    assert await eraser.verify_erased("acme", erased.pseudonym)


async def test_a_summary_that_is_left_is_found(adapter: Adapter) -> None:
    await written(adapter)
    eraser = Eraser(adapter.database, SystemClock(), os.urandom, PACKAGES)
    tx = adapter.begin()
    erased = await eraser.erase(tx, "acme", "eve", "test")
    await adapter.commit(tx)
    tx = adapter.begin()
    payloads.add(tx, ADAM, 3, "summary", b"eve lives in the old mill")
    await adapter.commit(tx)
    assert not await eraser.verify_erased("acme", erased.pseudonym)


async def test_erasing_who_came_later_leaves_a_summary_alone(adapter: Adapter) -> None:
    await written(adapter)
    tx = adapter.begin()
    again = RunRow("acme", b"z" * 16, SESSION, "key_1", "zoe", "support", "sha256:1", "foreground", "finished")
    Runs(adapter.database).add(tx, again)
    Sessions(adapter.database).add(tx, SESSION, Item(ItemRef(again.id, 1), "user", 5, 4), ItemRef(LATE, 1), 1)
    await adapter.commit(tx)
    tx = adapter.begin()
    await Eraser(adapter.database, SystemClock(), os.urandom, PACKAGES).erase(tx, "acme", "zoe", "test")
    await adapter.commit(tx)
    assert (await payloads.load(adapter.database, ADAM, [3]))[3] != payloads.ERASED
