"""Counts a tool's use over the newest stored runs, on demand: what is asked now and then costs nothing meanwhile.

Only the heads that count are read, in portions, by threads: whoever is served meanwhile does not wait for it. `MOST`
bounds the work; what was left out is said.
"""

import asyncio
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import bindparam, func, or_, select
from toolyard_sdk.events import UnknownEvent
from toolyard_sdk.ids import uuid7_floor
from toolyard_sdk.ports import Database

from toolyard_runtime.engine.direct import AGENT as DIRECT
from toolyard_runtime.store.tables import EVENT, RUN
from toolyard_runtime.store.upcasters import UPCASTERS, read_head
from toolyard_runtime.usage.counting import Tally, count

MOST: Final = 10_000
"""Runs that are looked at, the newest first."""

AT_ONCE = 500
"""Runs of one portion."""

_COUNTING = ("ToolsOffered", "ModelReplied", "ToolReturned", "ToolInDoubt")
_NEWEST = (
    select(RUN.c.tenant, RUN.c.id, RUN.c.agent)
    .where(RUN.c.id >= bindparam("since"))
    .order_by(RUN.c.id.desc())
    .limit(bindparam("at_most"))
)
_NEWEST_OF_TENANT = _NEWEST.where(RUN.c.tenant == bindparam("of_tenant"))
_TENANTS = select(func.count(RUN.c.tenant.distinct())).where(RUN.c.id >= bindparam("since"))
_HEADS = (
    select(EVENT.c.run, EVENT.c.head)
    .where(
        EVENT.c.run.in_(bindparam("runs", expanding=True)),
        or_(*(EVENT.c.head.like(f'{{"event":"{kind}"%') for kind in _COUNTING)),
    )
    .order_by(EVENT.c.run.desc(), EVENT.c.seq)
)


class Use(Struct, frozen=True):
    """What was counted: a tally by (tenant, release), over so many runs; not `complete` when there were more."""

    tallies: dict[tuple[str, str], Tally]
    runs: int
    complete: bool

    def releases(self) -> tuple[str, ...]:
        """Return the releases that were offered, those offered last coming first."""
        return tuple(dict.fromkeys(release for _, release in self.tallies))

    def of(self, release: str) -> list[Tally]:
        """Return a release's tallies, one for each tenant."""
        return [tally for (_, found), tally in self.tallies.items() if found == release]


class UsageReader:
    """Reads what the journals of runs say of a tool."""

    def __init__(self, database: Database, most: int = MOST) -> None:
        self._database = database
        self._most = most

    async def read(self, tenant: str, name: str, since: int, least: int) -> tuple[Use, Use | None]:
        """Count over a tenant's runs and over everybody's that began since `since` (UTC microseconds), newest first.

        Where fewer than `least` tenants have any, nothing can be told of everybody: None. A run is read once for both.
        """
        keys: dict[str, Any] = {"since": uuid7_floor(since)}
        bounds = {**keys, "at_most": self._most + 1}
        own = await self._database.scan(_NEWEST_OF_TENANT, {**bounds, "of_tenant": tenant})
        ((tenants,),) = await self._database.scan(_TENANTS, keys)
        everybody = await self._database.scan(_NEWEST, bounds) if tenants >= least else ()
        of_own, of_all = _Counted(own[: self._most]), _Counted(everybody[: self._most])
        runs = sorted(of_own.whose.keys() | of_all.whose.keys(), reverse=True)
        for start in range(0, len(runs), AT_ONCE):
            rows = await self._database.scan(_HEADS, {"runs": runs[start : start + AT_ONCE]})
            await asyncio.to_thread(_add, rows, name, (of_own, of_all))
        if tenants < least:
            return of_own.use(complete=len(own) <= self._most), None
        return of_own.use(complete=len(own) <= self._most), of_all.use(complete=len(everybody) <= self._most)


class _Counted:
    """What has been counted so far over some runs, `whose` tenant and agent are known by id."""

    def __init__(self, newest: Sequence[tuple[Any, ...]]) -> None:
        self.whose: dict[bytes, tuple[str, str]] = {run: (tenant, agent) for tenant, run, agent in newest}
        self._tallies: dict[tuple[str, str], Tally] = {}

    def add(self, tenant: str, found: dict[str, Tally]) -> None:
        for release, tally in found.items():
            self._tallies.setdefault((tenant, release), Tally()).update(tally)

    def use(self, *, complete: bool) -> Use:
        return Use(self._tallies, len(self.whose), complete)


def _add(rows: Sequence[tuple[Any, ...]], name: str, counts: tuple[_Counted, ...]) -> None:
    """Count the runs of these rows into whichever of the counts they belong to."""
    named = f'"name":"{name}"'
    for run, heads in groupby(rows, itemgetter(0)):
        texts = [head for _, head in heads]
        if not any(named in text for text in texts):
            continue
        wanted = [each for each in counts if run in each.whose]
        tenant, agent = wanted[0].whose[run]
        found: dict[str, Tally] = {}
        try:
            count((read_head(text, UPCASTERS) for text in texts), name, found, by_model=agent != DIRECT)
        except UnknownEvent:  # of a later version: what it says is not known here
            continue
        for each in wanted:
            each.add(tenant, found)
