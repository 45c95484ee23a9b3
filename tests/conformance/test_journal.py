"""What every adapter of the Journal port does: order, fencing, and a chain that shows every change."""

import asyncio
import random
from typing import Any

import msgspec
import pytest
from sqlalchemy import bindparam, delete, insert, update
from toolyard_runtime.store.journal import LONG, SqlJournal, beginning
from toolyard_runtime.store.tables import EVENT
from toolyard_sdk.errors import Conflict
from toolyard_sdk.events import CancelRequested, RunEvent, RunResumed, UnknownEvent
from toolyard_sdk.ids import uuid7
from toolyard_sdk.ports import Tail

from tests.conformance.adapters import Adapter
from tests.conformance.any_event import KINDS, a_run

OF_RUN = EVENT.c.run == bindparam("of_run")
AT_SEQ = EVENT.c.seq == bindparam("of_seq")
SET_HEAD = update(EVENT).where(OF_RUN, AT_SEQ).values(head=bindparam("text"))
SET_HASH = update(EVENT).where(OF_RUN, AT_SEQ).values(hash=bindparam("new"))
MOVE = update(EVENT).where(OF_RUN, AT_SEQ).values(seq=bindparam("to"))
HAND_OVER = update(EVENT).where(OF_RUN).values(run=bindparam("other"))
DROP = delete(EVENT).where(OF_RUN, AT_SEQ)


async def write(adapter: Adapter, statement: Any, *rows: tuple[Any, ...]) -> None:
    tx = adapter.begin()
    for row in rows:
        tx.write(statement, row)
    await adapter.commit(tx)


async def append(adapter: Adapter, tail: Tail, *events: RunEvent) -> Tail:
    tx = adapter.begin()
    new = SqlJournal(adapter.database).append(tx, tail, events)
    await adapter.commit(tx)
    return new


async def a_journal(adapter: Adapter, seed: int = 1) -> tuple[bytes, list[RunEvent], Tail]:
    run = uuid7()
    events = a_run(run, random.Random(seed))
    return run, events, await append(adapter, beginning(run), *events)


async def test_events_of_every_kind_come_back_as_they_were(adapter: Adapter) -> None:
    run, events, _ = await a_journal(adapter)
    assert {type(event) for event in events} == set(KINDS)
    assert await SqlJournal(adapter.database).load(run) == tuple(events)
    assert await SqlJournal(adapter.database).verify(run) is None


async def test_a_long_journal_is_read_by_a_thread_and_as_it_was_written(
    adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = uuid7()
    events = tuple(CancelRequested(at, "x", "user") for at in range(LONG + 1))
    tail = await append(adapter, beginning(run), *events)
    scanned: list[Any] = []
    scan = adapter.database.scan

    async def counted(statement: Any, parameters: dict[str, Any] | None = None) -> Any:
        scanned.append(statement)
        return await scan(statement, parameters)

    monkeypatch.setattr(adapter.database, "scan", counted)
    journal = SqlJournal(adapter.database)
    assert await journal.load(run) == events
    assert await journal.resume(run) == (events, tail)
    assert await journal.verify(run) is None
    assert len(scanned) == 3
    short, some, _ = await a_journal(adapter)
    assert await journal.load(short) == tuple(some)
    assert len(scanned) == 3


async def test_a_run_nobody_knows_has_no_events_and_begins_at_the_beginning(adapter: Adapter) -> None:
    journal, run = SqlJournal(adapter.database), uuid7()
    assert await journal.load(run) == ()
    assert await journal.resume(run) == ((), beginning(run))
    assert await journal.verify(run) is None


async def test_appending_one_by_one_or_together_gives_the_same_journal(adapter: Adapter) -> None:
    run = uuid7()
    events = a_run(run, random.Random(3))
    apart = beginning(run)
    for event in events:
        apart = await append(adapter, apart, event)
    together = SqlJournal(adapter.database).append(adapter.begin(), beginning(run), events)
    assert apart == together


async def test_whoever_takes_a_run_up_goes_on_where_its_last_owner_was(adapter: Adapter) -> None:
    run, events, tail = await a_journal(adapter)
    assert await SqlJournal(adapter.database).resume(run) == (tuple(events), tail)
    assert (tail.seq, tail.epoch) == (len(events), 2)


async def test_a_former_owner_is_refused_once_another_has_moved_on(adapter: Adapter) -> None:
    run, events, former = await a_journal(adapter)
    _, tail = await SqlJournal(adapter.database).resume(run)
    await append(adapter, tail, RunResumed(at=1, epoch=3, why="recovered"))
    with pytest.raises(Conflict):
        await append(adapter, former, CancelRequested(at=2, by="former", reason="user"))
    assert len(await SqlJournal(adapter.database).load(run)) == len(events) + 1
    assert await SqlJournal(adapter.database).verify(run) is None


async def test_of_two_new_owners_at_once_one_gets_the_run(adapter: Adapter) -> None:
    run, _, tail = await a_journal(adapter)
    results = await asyncio.gather(
        *(append(adapter, tail, RunResumed(at=at, epoch=3, why="recovered")) for at in (1, 2)), return_exceptions=True
    )
    assert [type(result) for result in results] == [Tail, Conflict]
    assert await SqlJournal(adapter.database).verify(run) is None


async def test_an_epoch_that_does_not_follow_is_refused_at_once(adapter: Adapter) -> None:
    _, _, tail = await a_journal(adapter)
    with pytest.raises(ValueError, match="epoch 7 cannot follow epoch 2"):
        SqlJournal(adapter.database).append(adapter.begin(), tail, [RunResumed(at=1, epoch=7, why="recovered")])


async def test_a_refused_append_leaves_the_journal_as_it_was(adapter: Adapter) -> None:
    run, events, tail = await a_journal(adapter)
    tx = adapter.begin()
    SqlJournal(adapter.database).append(tx, tail, [CancelRequested(at=1, by="a", reason="user")])
    tx.write(insert(EVENT), (run, 0, 0, "{}", b""))
    with pytest.raises(Conflict):
        await adapter.commit(tx)
    assert await SqlJournal(adapter.database).resume(run) == (tuple(events), tail)


async def test_a_changed_head_breaks_the_chain_where_it_was_changed(adapter: Adapter) -> None:
    run, events, _ = await a_journal(adapter)
    changed = msgspec.structs.replace(events[5], at=events[5].at + 1)
    await write(adapter, SET_HEAD, (msgspec.json.encode(changed).decode(), run, 5))
    assert await SqlJournal(adapter.database).verify(run) == 5


async def test_white_space_in_a_head_breaks_the_chain_though_it_means_the_same(adapter: Adapter) -> None:
    run, events, _ = await a_journal(adapter)
    await write(adapter, SET_HEAD, (msgspec.json.encode(events[4]).decode() + " ", run, 4))
    assert await SqlJournal(adapter.database).load(run) == tuple(events)
    assert await SqlJournal(adapter.database).verify(run) == 4


async def test_a_changed_hash_breaks_the_chain(adapter: Adapter) -> None:
    run, _, _ = await a_journal(adapter)
    await write(adapter, SET_HASH, (bytes(32), run, 9))
    assert await SqlJournal(adapter.database).verify(run) == 9


async def test_a_missing_event_breaks_the_chain(adapter: Adapter) -> None:
    run, events, _ = await a_journal(adapter)
    await write(adapter, DROP, (run, 3))
    assert await SqlJournal(adapter.database).verify(run) == 3
    rest = [(number - 1, run, number) for number in range(4, len(events))]
    for row in rest:
        await write(adapter, MOVE, row)
    assert await SqlJournal(adapter.database).verify(run) == 3


async def test_two_events_in_each_others_place_break_the_chain(adapter: Adapter) -> None:
    run, _, _ = await a_journal(adapter)
    for row in ((99, run, 6), (6, run, 7), (7, run, 99)):
        await write(adapter, MOVE, row)
    assert await SqlJournal(adapter.database).verify(run) == 6


async def test_one_runs_journal_does_not_pass_for_anothers(adapter: Adapter) -> None:
    run, _, _ = await a_journal(adapter)
    other = uuid7()
    await write(adapter, HAND_OVER, (other, run))
    assert await SqlJournal(adapter.database).verify(other) == 0


@pytest.mark.parametrize("head", ['{"event":"Teleported","at":1}', '{"event":"RunParked"}', "[]", "not JSON"])
async def test_a_head_this_version_cannot_read_is_said_so_and_left_alone(adapter: Adapter, head: str) -> None:
    run, _, _ = await a_journal(adapter)
    await write(adapter, SET_HEAD, (head, run, 5))
    journal = SqlJournal(adapter.database)
    with pytest.raises(UnknownEvent):
        await journal.load(run)
    with pytest.raises(UnknownEvent):
        await journal.resume(run)


async def test_runs_that_are_written_at_once_keep_apart(adapter: Adapter) -> None:
    async def one(seed: int) -> tuple[bytes, list[RunEvent]]:
        run = uuid7()
        events = a_run(run, random.Random(seed))
        tail = beginning(run)
        for event in events:
            tail = await append(adapter, tail, event)
        return run, events

    journal = SqlJournal(adapter.database)
    for run, events in await asyncio.wait_for(asyncio.gather(*(one(seed) for seed in range(16))), 60):
        assert await journal.load(run) == tuple(events)
        assert await journal.verify(run) is None
