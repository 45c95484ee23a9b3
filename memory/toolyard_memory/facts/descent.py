"""Which facts came out of runs, and which were derived from these: ids without words, for whoever follows a trail."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import LargeBinary, Select, Text, bindparam, select
from toolyard_sdk.ports import Database

from toolyard_memory.passages import AT_ONCE
from toolyard_memory.records import UNTRUSTED
from toolyard_memory.tables.facts import EVIDENCE, FACT

MOST: Final = 10_000
"""Facts that came out of runs, the newest first, and facts that are followed to others."""

_TENANT = bindparam("tenant", type_=Text())
_IDS = bindparam("ids", type_=LargeBinary(), expanding=True)
_HEARD = (FACT.c.tenant == _TENANT, FACT.c.trust.in_(sorted(UNTRUSTED)))

_PUT_DOWN = (
    select(FACT.c.run, FACT.c.id, FACT.c.retired_at)
    .where(FACT.c.run.is_not(None), *_HEARD)
    .order_by(FACT.c.id.desc())
    .limit(bindparam("at_most"))
)
"""Looked through once, rather than asked for run by run: `fact.run` has no index."""
_RESTING = (
    select(EVIDENCE.c.source, FACT.c.id, FACT.c.retired_at)
    .join(FACT, FACT.c.id == EVIDENCE.c.fact)
    .where(EVIDENCE.c.source.in_(_IDS), EVIDENCE.c.kind == "message", *_HEARD)
    .order_by(FACT.c.id.desc())
    .limit(bindparam("at_most"))
)
_DERIVED = (
    select(EVIDENCE.c.source, FACT.c.id, FACT.c.retired_at)
    .join(FACT, FACT.c.id == EVIDENCE.c.fact)
    .where(EVIDENCE.c.source.in_(_IDS), EVIDENCE.c.kind == "fact", FACT.c.tenant == _TENANT)
    .limit(bindparam("at_most"))
)


class Descent(Struct, frozen=True):
    """What came of runs: (run, fact) for what was heard in them, (fact, fact) for what was derived from a fact.

    `past` are facts that are not believed any more; `complete` is false when there was more than was followed.
    """

    heard: tuple[tuple[bytes, bytes], ...] = ()
    derived: tuple[tuple[bytes, bytes], ...] = ()
    past: frozenset[bytes] = frozenset()
    complete: bool = True


async def descent(database: Database, tenant: str, runs: Collection[bytes]) -> Descent:
    """Return the facts of a tenant that were put down in runs, or rest on their messages, and what came of those.

    Of what was put down in a run, it is the facts that are not the person's word alone: trusted as `tool` or `page`.
    """
    if not runs:
        return Descent()
    wanted = frozenset(runs)
    put_down = await database.scan(_PUT_DOWN, {"tenant": tenant, "at_most": MOST + 1})
    resting, all_resting = await _of(database, _RESTING, tenant, sorted(wanted))
    complete = len(put_down) <= MOST and all_resting
    rows = [*(row for row in put_down[:MOST] if row[0] in wanted), *resting]
    heard = sorted({(row[0], row[1]) for row in rows})
    derived: set[tuple[bytes, bytes]] = set()
    seen = {fact for _, fact in heard}
    fresh = sorted(seen)
    while fresh and len(seen) <= MOST:
        found, all_found = await _of(database, _DERIVED, tenant, fresh)
        complete = complete and all_found
        derived |= {(row[0], row[1]) for row in found}
        rows += found
        fresh = sorted({row[1] for row in found} - seen)
        seen |= set(fresh)
    past = frozenset(row[1] for row in rows if row[2] is not None)
    return Descent(tuple(heard), tuple(sorted(derived)), past, complete and not fresh)


async def _of(
    database: Database, statement: Select[Any], tenant: str, ids: Sequence[bytes]
) -> tuple[list[Sequence[Any]], bool]:
    """Return the rows of a statement for these ids, at most MOST, and whether these are all."""
    found: list[Sequence[Any]] = []
    for part in _parts(ids):
        keys = {"tenant": tenant, "ids": part, "at_most": MOST + 1 - len(found)}
        found += await database.scan(statement, keys)
        if len(found) > MOST:
            return found[:MOST], False
    return found, True


def _parts(ids: Sequence[bytes]) -> Iterable[list[bytes]]:
    return (list(ids[start : start + AT_ONCE]) for start in range(0, len(ids), AT_ONCE))
