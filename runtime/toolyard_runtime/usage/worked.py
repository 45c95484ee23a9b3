"""Reads which tools have lately worked for a tenant, from the journals of its newest runs; knows no run under way."""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import bindparam, or_, select
from toolyard_sdk import events as e
from toolyard_sdk.ports import Database

from toolyard_runtime.store.tables import EVENT, RUN
from toolyard_runtime.store.upcasters import UPCASTERS, read_head

MOST: Final = 200
"""Runs that are looked at: the first run after a start waits for it."""

_KINDS = ("ToolStarted", "ToolReturned")
_NEWEST = (
    select(RUN.c.id).where(RUN.c.tenant == bindparam("of_tenant")).order_by(RUN.c.id.desc()).limit(bindparam("at_most"))
)
_HEADS = (
    select(EVENT.c.run, EVENT.c.head)
    .where(
        EVENT.c.run.in_(bindparam("runs", expanding=True)),
        or_(*(EVENT.c.head.like(f'{{"event":"{kind}"%') for kind in _KINDS)),
    )
    .order_by(EVENT.c.run, EVENT.c.seq)
)


async def lately_worked(database: Database, tenant: str) -> tuple[str, ...]:
    """Return the release of every call that gave a result in a tenant's newest runs, the oldest first."""
    runs = [row[0] for row in await database.scan(_NEWEST, {"of_tenant": tenant, "at_most": MOST})]
    if not runs:
        return ()
    return await asyncio.to_thread(_worked, await database.scan(_HEADS, {"runs": runs}))


def _worked(rows: Sequence[tuple[Any, ...]]) -> tuple[str, ...]:
    found: list[str] = []
    for _, heads in groupby(rows, itemgetter(0)):
        try:
            found += _of_run(read_head(text, UPCASTERS) for _, text in heads)
        except e.UnknownEvent:  # of a later version: what it says is not known here
            continue
    return tuple(found)


def _of_run(events: Iterable[e.RunEvent]) -> list[str]:
    """Return the releases of one run's calls that gave a result, in order."""
    started: dict[int, str] = {}
    worked: list[str] = []
    for event in events:
        if isinstance(event, e.ToolStarted):
            started[event.call] = event.release
        elif isinstance(event, e.ToolReturned) and event.source == "tool" and not event.is_error:
            worked += [started[event.call]] if event.call in started else []
    return worked
