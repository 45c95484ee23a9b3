"""Reads which calls wait for a person at an address, from the journals of the runs that wait; knows no source."""

from typing import Final

from sqlalchemy import bindparam, select
from toolyard_sdk import events as e
from toolyard_sdk.ports import Database

from toolyard_runtime.engine.answering import questions_of
from toolyard_runtime.run.ways_back import Waiting
from toolyard_runtime.store import payloads
from toolyard_runtime.store.journal import SqlJournal
from toolyard_runtime.store.runs import Runs
from toolyard_runtime.store.tables import EVENT

MOST: Final = 1_000
"""Waiting runs that are looked at, the newest."""

_ASKING = (
    select(EVENT.c.run)
    .where(EVENT.c.run.in_(bindparam("runs", expanding=True)), EVENT.c.head.like('{"event":"InputRequested"%'))
    .distinct()
)


async def waiting_links(database: Database) -> list[tuple[str, Waiting]]:
    """Return (address, call) of every call that waits for a person at one, of all tenants, the oldest run first."""
    open_runs = await Runs(database).open_of_all_tenants()
    parked = {row.id: row for row in open_runs if row.status == "parked"}
    newest = sorted(parked)[-MOST:]
    asking = await database.scan(_ASKING, {"runs": newest}) if newest else ()
    journal = SqlJournal(database)
    found: list[tuple[str, Waiting]] = []
    for (run,) in sorted(asking):
        try:
            events = await journal.load(run)
        except e.UnknownEvent:  # of a later version: it is left alone here
            continue
        contents = await payloads.load_all(database, run)
        asked = questions_of(events, {n: content.data for n, content in contents.items()}.get)
        found += [
            (one.question.url, Waiting(parked[run].tenant, run, one.call))
            for one in asked.values()
            if one.question is not None and one.question.url and one.given is None and not one.withdrawn
        ]
    return found
