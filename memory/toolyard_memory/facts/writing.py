"""How facts get into a transaction, with their passages and evidence; decides nothing about what is true."""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace
from toolyard_sdk.ports import Database, Transaction

from toolyard_memory.facts import statements as sql
from toolyard_memory.facts.intervals import Interval
from toolyard_memory.facts.wording import digest
from toolyard_memory.passages import Passages
from toolyard_memory.records import Evidence, Fact, Passage

KEPT_EVIDENCE: Final = 64
"""Pieces of evidence a fact keeps: said again and again, it is known well enough."""


class Writing:
    """Writes facts, and refuses the commit when what it was told about them has meanwhile changed."""

    def __init__(self, database: Database, passages: Passages) -> None:
        self._database = database
        self._passages = passages

    def retire(self, tx: Transaction, tenant: str, facts: Iterable[bytes], by: bytes | None, at: int) -> None:
        """End the belief in facts. To be called before `add` in every transaction, also without any.

        Rows are applied in the order of each statement's first use, and what is replaced goes before what replaces it.
        """
        tx.write(sql.RETIRE, (at, by, tenant, b""))
        for fact in facts:
            tx.write(sql.RETIRE, (at, by, tenant, fact))

    def add(self, tx: Transaction, fact: Fact) -> None:
        """Add a fact that is believed from now on; the commit is refused when another holds in its place."""
        statement = sql.ADD_VALUE if fact.attribute else sql.ADD_STATEMENT
        tx.write(statement, _row(fact), expect=1)
        self._passages.add(tx, _passage(fact, fact.recorded_at))
        _support(tx, fact.id, 0, fact.evidence)

    def leave(self, tx: Transaction, old: Fact, id_: bytes, valid: Interval, by: bytes, at: int) -> None:
        """Go on believing a fact for `valid` only, as a version of its own, now that `by` has taken its place."""
        left = replace(old, id=id_, valid_from=valid.start, valid_to=valid.stop, recorded_at=at)
        statement = sql.ADD_LEFT_VALUE if old.attribute else sql.ADD_LEFT_STATEMENT
        tx.write(statement, (*_row(left), old.id, by), expect=1)
        self._passages.add(tx, _passage(left, old.recorded_at))
        _support(tx, id_, 0, old.evidence)

    def hold(self, tx: Transaction, tenant: str, facts: Iterable[bytes]) -> None:
        """Have the commit refused when one of the facts is not believed any more."""
        for fact in facts:
            tx.write(sql.HOLD, (tenant, tenant, fact), expect=1)

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
        if fresh:
            self.hold(tx, fact.owner.tenant, (fact.id,))
            _support(tx, fact.id, rows[-1][1] + 1 if rows else 0, fresh)
        return replace(fact, evidence=(*held, *fresh))


def _support(tx: Transaction, fact: bytes, first: int, evidence: Iterable[Evidence]) -> None:
    for n, one in enumerate(evidence, first):
        row = (one.kind, one.source, one.item, one.start, one.stop, one.words, one.extractor, one.prompt)
        tx.write(sql.ADD_EVIDENCE, (fact, n, *row))


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
        digest(fact.text),
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
