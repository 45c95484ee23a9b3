"""The Journal port in SQL: heads of events, each chained to the one before; knows neither payloads nor the loop.

A run's chain begins with the SHA-256 of its stream's name (`run:` and the id in hex), so no event of one run can
pass for an event of another. Each event's hash is `chain(previous hash, head)`, where the head is the exact bytes of
`encode_head`.

Fencing: an event's primary key is (run, seq). A new owner's first event is `RunResumed` with the next epoch; from then
on whatever a former owner appends has a number that is taken, and its commit is refused.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import bindparam, func, insert, select
from toolyard_sdk.canonical import chain
from toolyard_sdk.events import RunEvent, RunResumed, RunStarted, encode_head
from toolyard_sdk.ports import Database, Tail, Transaction

from toolyard_runtime.store.tables import EVENT
from toolyard_runtime.store.upcasters import UPCASTERS, Upcasters, read_head

ADD_EVENT = insert(EVENT)
EVENTS_OF_RUN = (
    select(EVENT.c.seq, EVENT.c.head, EVENT.c.hash).where(EVENT.c.run == bindparam("run")).order_by(EVENT.c.seq)
)
LAST_OF_RUN = select(func.max(EVENT.c.seq)).where(EVENT.c.run == bindparam("run"))
LONG = 1_000
"""Events of a run above which a thread reads them, so that nobody else waits for it."""


def genesis(stream: str) -> bytes:
    """Return the hash before a stream's first entry: the SHA-256 of its name."""
    return hashlib.sha256(stream.encode()).digest()


def beginning(run: bytes) -> Tail:
    """Return the tail of a run that has no event yet."""
    return Tail(run=run, seq=0, epoch=0, hash=genesis("run:" + run.hex()))


class Recorded(Struct, frozen=True):
    """An event as it was stored: its head's exact text, and the hash that chains it to the one before."""

    event: RunEvent
    head: str
    hash: bytes


class SqlJournal:
    """The journal of all runs of one database."""

    def __init__(self, database: Database, upcasters: Upcasters = UPCASTERS) -> None:
        self._database = database
        self._upcasters = upcasters

    def append(self, tx: Transaction, tail: Tail, events: Iterable[RunEvent]) -> Tail:
        """Add events after `tail` and return the new tail, which is true once `tx` is committed."""
        run, seq, epoch, last = tail.run, tail.seq, tail.epoch, tail.hash
        for event in events:
            if type(event) is RunResumed or type(event) is RunStarted:
                if event.epoch != epoch + 1:
                    raise ValueError(f"epoch {event.epoch} cannot follow epoch {epoch} of run {run.hex()}")
                epoch = event.epoch
            head = encode_head(event)
            last = chain(last, head)
            tx.write(ADD_EVENT, (run, seq, event.at, head.decode(), last))
            seq += 1
        return Tail(run=run, seq=seq, epoch=epoch, hash=last)

    async def load(self, run: bytes) -> tuple[RunEvent, ...]:
        """Return the run's events in order, none for a run nobody knows; raises UnknownEvent."""
        return tuple([read_head(head, self._upcasters) for _, head, _ in await self._rows(run)])

    async def _rows(self, run: bytes) -> Sequence[tuple[Any, ...]]:
        last = await self._database.read(LAST_OF_RUN, {"run": run})
        read = self._database.scan if (last[0][0] or 0) >= LONG else self._database.read
        return await read(EVENTS_OF_RUN, {"run": run})

    async def recorded(self, run: bytes) -> tuple[Recorded, ...]:
        """Return the run's events in order with what a chain is computed from; raises UnknownEvent."""
        rows = await self._rows(run)
        return tuple([Recorded(read_head(head, self._upcasters), head, last) for _, head, last in rows])

    async def resume(self, run: bytes) -> tuple[tuple[RunEvent, ...], Tail]:
        """Return the run's events and the tail to append after; raises UnknownEvent."""
        rows = await self._rows(run)
        events = tuple([read_head(head, self._upcasters) for _, head, _ in rows])
        if not rows:
            return events, beginning(run)
        epoch = max((event.epoch for event in events if isinstance(event, RunStarted | RunResumed)), default=0)
        seq, _, last = rows[-1]
        return events, Tail(run=run, seq=seq + 1, epoch=epoch, hash=last)

    async def verify(self, run: bytes) -> int | None:
        """Compute the chain again from the stored heads; return the first `seq` that does not fit, or None."""
        last = genesis("run:" + run.hex())
        for expected, (seq, head, stored) in enumerate(await self._database.scan(EVENTS_OF_RUN, {"run": run})):
            last = chain(last, head.encode())
            if seq != expected or last != stored:
                return expected
        return None
