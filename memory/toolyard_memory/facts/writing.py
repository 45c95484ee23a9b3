"""How facts get into a transaction, with their texts and evidence; decides nothing about what is true."""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace
from sqlalchemy import Insert
from toolyard_sdk.ports import Database, Transaction

from toolyard_memory.facts import statements as sql
from toolyard_memory.facts.intervals import Interval
from toolyard_memory.facts.wording import digest
from toolyard_memory.passages import FOLLOW, row_of
from toolyard_memory.records import Evidence, Fact, Passage

KEPT_EVIDENCE: Final = 64
"""Pieces of evidence a fact keeps: said again and again, it is known well enough."""


class Writing:
    """Writes facts so that of two statements made at once the later one holds, whoever commits first.

    Rows are applied in the order of each statement's first use: so every statement has a row in every `add`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, tx: Transaction, fact: Fact, replaced: Iterable[bytes] = (), sources: Iterable[bytes] = ()) -> None:
        """Add a fact that is believed from now on in the place of others; it is not added when a source is gone."""
        owner, at = fact.owner, fact.recorded_at
        row = _row(fact)
        same = row[4:6] if fact.attribute else row[4:7]
        about = (at, fact.id, fact.valid_from, owner.tenant, owner.end_user, *same)
        tx.write(sql.ADD, row)
        self.retire(tx, owner.tenant, (b"", *replaced), fact.id, at)
        tx.write(sql.SUPERSEDE_VALUE if fact.attribute else sql.SUPERSEDE_SAYING, about)
        tx.write(sql.GIVE_WAY_VALUE if fact.attribute else sql.GIVE_WAY_SAYING, about)
        for source in (fact.id, *sources):
            tx.write(sql.LET_FALL, (fact.id, source))
        tx.write(sql.ADD_TEXT, row_of(_passage(fact, at)))
        tx.write(FOLLOW, (owner.tenant, fact.id, "added"))
        _support(tx, sql.ADD_EVIDENCE, fact.id, fact.evidence)

    def leave(self, tx: Transaction, old: Fact, id_: bytes, valid: Interval, by: bytes, at: int) -> None:
        """Go on believing a fact for `valid` only, as a version of its own, now that `by` has taken its place."""
        left = replace(old, id=id_, valid_from=valid.start, valid_to=valid.stop, recorded_at=at)
        tx.write(sql.LEAVE_VALUE if old.attribute else sql.LEAVE_SAYING, (*_row(left), old.id, by))
        tx.write(sql.ADD_LEFT_TEXT, row_of(_passage(left, old.recorded_at)))
        tx.write(FOLLOW, (old.owner.tenant, id_, "added"))
        _support(tx, sql.ADD_LEFT_EVIDENCE, id_, old.evidence)
        for statement in sql.INHERIT_LEFT:
            tx.write(statement, (id_, old.id))

    def inherit(self, tx: Transaction, new: bytes, old: bytes) -> None:
        """Let a fact that was just added have the names and vectors of one in the same words, as `leave` does."""
        for statement in sql.INHERIT:
            tx.write(statement, (new, old))

    def retire(self, tx: Transaction, tenant: str, facts: Iterable[bytes], by: bytes | None, at: int) -> None:
        """End the belief in facts, in whose place is another or nothing."""
        for fact in facts:
            tx.write(sql.RETIRE, (at, by, tenant, fact))

    async def support(self, tx: Transaction, fact: Fact, evidence: Iterable[Evidence]) -> Fact:
        """Add to a fact what of the evidence is new; return the fact with all of it."""
        rows = await self._database.read(sql.EVIDENCE_OF, {"ids": [fact.id]})
        held = sql.evidence_of(rows).get(fact.id, ())
        known = {_place(one) for one in held}
        fresh: list[Evidence] = []
        for one in evidence:
            if _place(one) not in known and len(held) + len(fresh) < KEPT_EVIDENCE:
                known.add(_place(one))
                fresh.append(one)
        _support(tx, sql.ADD_EVIDENCE, fact.id, fresh)
        return replace(fact, evidence=(*held, *fresh))


def _support(tx: Transaction, statement: Insert, fact: bytes, evidence: Iterable[Evidence]) -> None:
    for one in evidence:
        row = (one.kind, one.source, one.item, one.start, one.stop, one.words, one.extractor, one.prompt)
        tx.write(statement, (fact, *row))


def _place(one: Evidence) -> tuple[str, bytes | None, int, int, int, str]:
    return (one.kind, one.source, one.item, one.start, one.stop, one.words)


def _passage(fact: Fact, at: int) -> Passage:
    return Passage(fact.id, fact.owner, "fact", fact.text, at, fact.agent, trust=fact.trust)


def _row(fact: Fact) -> tuple[object, ...]:
    return (
        fact.id,
        fact.owner.tenant,
        fact.owner.end_user,
        fact.agent,
        fact.subject,
        fact.attribute,
        digest(fact.text, fact.subject),
        fact.valid_from,
        fact.valid_to,
        fact.recorded_at,
        None,
        None,
        fact.trust,
        fact.writer,
        fact.release,
        fact.run,
    )
