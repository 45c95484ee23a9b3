"""Carrying out what consolidation plans: reads one owner's facts, shows what would change, and changes it."""

import asyncio
from collections.abc import Iterable

from msgspec.structs import replace
from toolyard_sdk.ids import NewId
from toolyard_sdk.ports import Database, Transaction

from toolyard_memory.facts import statements as sql
from toolyard_memory.facts.consolidation import Change, plan
from toolyard_memory.facts.writing import KEPT_EVIDENCE, Writing
from toolyard_memory.passages import AT_ONCE
from toolyard_memory.records import Fact, Owner


class Consolidating:
    """Plans over what is believed now, and applies a plan as far as it still fits."""

    def __init__(self, database: Database, writing: Writing, new_id: NewId) -> None:
        self._database = database
        self._writing = writing
        self._new_id = new_id

    async def plan(self, owner: Owner, now: int, past_us: int) -> tuple[Change, ...]:
        """Return what would change, and change nothing."""
        facts: list[Fact] = []
        after = b""
        while True:
            page = {**sql.of(owner), "after": after, "at_most": AT_ONCE}
            rows = await self._database.scan(sql.BELIEVED_NOW, page)
            if not rows:
                break
            after = rows[-1][0]
            evidence = sql.evidence_of(await self._database.scan(sql.EVIDENCE_OF, {"ids": [row[0] for row in rows]}))
            facts += [sql.fact_of(row, evidence.get(row[0], ())) for row in rows]
        return await asyncio.to_thread(plan, facts, now, past_us)

    async def apply(self, tx: Transaction, owner: Owner, changes: Iterable[Change], at: int) -> tuple[Change, ...]:
        """Write the changes; return those that were written: not such as speak of facts no longer believed."""
        done: list[Change] = []
        for change in changes:
            ids = [fact.id for fact in change.before]
            rows = await self._database.read(sql.OF_IDS, {**sql.of(owner), "ids": ids})
            if {row[0] for row in rows if row[10] is None} != set(ids):
                continue
            await self._apply(tx, owner, change, at)
            done.append(change)
        return tuple(done)

    async def _apply(self, tx: Transaction, owner: Owner, change: Change, at: int) -> None:
        ids, after = [fact.id for fact in change.before], change.after
        if after is None:
            self._writing.retire(tx, owner.tenant, ids, None, at)
        elif after.id:
            self._writing.retire(tx, owner.tenant, (one for one in ids if one != after.id), after.id, at)
            await self._writing.support(tx, after, after.evidence)
        else:
            made = replace(
                after, id=self._new_id(), owner=owner, recorded_at=at, evidence=after.evidence[:KEPT_EVIDENCE]
            )
            self._writing.add(tx, made, ids)
            self._writing.inherit(tx, made.id, next(fact.id for fact in change.before if fact.text == after.text))
