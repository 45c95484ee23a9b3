"""Writes many runs into a database, as if they had happened: their rows and the heads of their journals."""

import random
from collections.abc import Sequence

from toolyard_runtime.store.journal import SqlJournal, beginning
from toolyard_runtime.store.runs import RunRow, Runs
from toolyard_sdk.ports import Database

from tests.usage.journals import AT, RELEASE, of_run


def run_id(number: int, at: int = AT) -> bytes:
    """Return the id of the number-th run, begun at UTC microseconds `at`: a UUIDv7."""
    return (at // 1000).to_bytes(6) + bytes([0x70, 0, 0x80]) + number.to_bytes(7)


async def stock(
    database: Database, tenant: str, numbers: Sequence[int], names: Sequence[str], calls: int = 2, at: int = AT
) -> None:
    """Add runs of a tenant, each with some calls of random ones of these tools."""
    runs, journal, chance = Runs(database), SqlJournal(database), random.Random(tenant)
    tx = database.begin()
    for number in numbers:
        run = run_id(number, at)
        runs.add(tx, RunRow(tenant, run, run, "key", None, "clerk", RELEASE, "background", "finished", started_at=at))
        journal.append(tx, beginning(run), list(of_run(run, tenant, chance, names, calls)))
    await database.commit(tx)
