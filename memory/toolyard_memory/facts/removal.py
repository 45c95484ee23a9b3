"""Forgetting in SQL: the rows that go, by the rule of `forgetting`, and going again when a backup brings them back."""

from collections.abc import Iterable, Sequence

from sqlalchemy import LargeBinary, Text, bindparam, select, tuple_
from toolyard_sdk.ids import show
from toolyard_sdk.ports import Database, Transaction

from toolyard_memory.facts import statements as sql
from toolyard_memory.facts.forgetting import fallen, messages_of
from toolyard_memory.facts.tombstones import Stones, Tombstones, fact_name, found_in, passage_name, words_name
from toolyard_memory.passages import AT_ONCE, OF_PASSAGE, Passages, passage_of
from toolyard_memory.records import Evidence, Fact, Forgotten, NoSuchMemory, Owner, Passage
from toolyard_memory.tables.facts import FACT
from toolyard_memory.tables.passages import PASSAGE

ALL_FACTS = (
    select(*FACT.columns, PASSAGE.c.text)
    .select_from(FACT.outerjoin(PASSAGE, PASSAGE.c.id == FACT.c.id))
    .where(
        FACT.c.tenant == bindparam("of_tenant"),
        tuple_(FACT.c.owner, FACT.c.id)
        > tuple_(bindparam("owner", type_=Text()), bindparam("after", type_=LargeBinary())),
    )
    .order_by(FACT.c.owner, FACT.c.id)
    .limit(AT_ONCE)
)
ALL_PASSAGES = (
    select(*OF_PASSAGE)
    .where(PASSAGE.c.tenant == bindparam("of_tenant"), PASSAGE.c.key > bindparam("after"))
    .order_by(PASSAGE.c.key)
    .limit(AT_ONCE)
)


class Removal:
    """Takes facts away with all that leans on them."""

    def __init__(self, database: Database, passages: Passages, tombstones: Tombstones) -> None:
        self._database = database
        self._passages = passages
        self._tombstones = tombstones

    async def forget(self, tx: Transaction, owner: Owner, facts: Sequence[bytes], actor: str, at: int) -> Forgotten:
        """Forget facts of an owner with what goes with them, leaving tombstones; raises NoSuchMemory."""
        wanted = list(dict.fromkeys(facts))
        known = {fact.id for fact in await self._facts(owner, wanted)}
        for fact in wanted:
            if fact not in known:
                raise NoSuchMemory(f"there is no fact {show('fact', fact)}")
        gone, lost = await self._reached(owner, wanted)
        passages = await self._messages(owner, lost)
        self._drop(tx, owner.tenant, gone, (*await self._of_facts(owner.tenant, list(gone)), *passages))
        names = [fact_name(owner, fact) for fact in gone]
        names += {words_name(owner, fact.subject, fact.attribute, fact.text): None for fact in gone.values()}
        names += [passage_name(passage.id) for passage in passages]
        self._tombstones.bury(tx, owner.tenant, names, actor, at)
        return Forgotten(tuple(gone), tuple(passage.id for passage in passages))

    async def _reached(self, owner: Owner, wanted: Sequence[bytes]) -> tuple[dict[bytes, Fact], set[tuple[bytes, int]]]:
        """Return all facts that go with the wanted ones, and the messages they rest on."""
        gone: dict[bytes, Fact] = {}
        lost: set[tuple[bytes, int]] = set()
        derived: dict[bytes, tuple[Evidence, ...]] = {}
        reached = list(wanted)
        while reached:
            fresh = await self._facts(owner, [fact for fact in reached if fact not in gone])
            gone.update((fact.id, fact) for fact in fresh)
            lost |= messages_of(one for fact in fresh for one in fact.evidence)
            twins = [twin for fact in fresh for twin in await self._twins(owner, fact)]
            resting = await self._ids(sql.RESTING_ON, [fact.id for fact in fresh])
            of_owner = await self._facts(owner, resting)
            derived.update((fact.id, fact.evidence) for fact in of_owner)
            reached = [fact for fact in (*twins, *fallen(derived, set(gone), lost)) if fact not in gone]
        return gone, lost

    async def _twins(self, owner: Owner, fact: Fact) -> list[bytes]:
        words = sql.words_of(fact)
        rows = await self._database.read(sql.TWINS, {**sql.of(owner), **words})
        return [row[0] for row in rows]

    async def _facts(self, owner: Owner, ids: Sequence[bytes]) -> list[Fact]:
        found: list[Fact] = []
        for start in range(0, len(ids), AT_ONCE):
            part = ids[start : start + AT_ONCE]
            rows = await self._database.read(sql.OF_IDS, {**sql.of(owner), "ids": part})
            evidence = sql.evidence_of(await self._database.read(sql.EVIDENCE_OF, {"ids": part}))
            found += [sql.fact_of(row, evidence.get(row[0], ())) for row in rows]
        return found

    async def _ids(self, statement: object, ids: Sequence[bytes]) -> list[bytes]:
        found: list[bytes] = []
        for start in range(0, len(ids), AT_ONCE):
            rows = await self._database.read(statement, {"ids": ids[start : start + AT_ONCE]})
            found += [row[0] for row in rows]
        return found

    async def _messages(self, owner: Owner, lost: Iterable[tuple[bytes, int]]) -> list[Passage]:
        found: list[Passage] = []
        for run, n in lost:
            rows = await self._database.read(sql.MESSAGES, {**sql.of(owner), "of_source": run, "of_n": n})
            found += [passage_of(row) for row in rows]
        return found

    async def _of_facts(self, tenant: str, facts: Sequence[bytes]) -> list[Passage]:
        found: list[Passage] = []
        for start in range(0, len(facts), AT_ONCE):
            part = {"of_tenant": tenant, "ids": facts[start : start + AT_ONCE]}
            found += [passage_of(row) for row in await self._database.read(sql.PASSAGES_OF, part)]
        return found

    def _drop(self, tx: Transaction, tenant: str, facts: Iterable[bytes], passages: Iterable[Passage]) -> None:
        for fact in facts:
            tx.write(sql.DROP_FACT, (tenant, fact))
            tx.write(sql.DROP_EVIDENCE, (fact,))
            tx.write(sql.DROP_RESTING, ("fact", fact))
        self._passages.drop(tx, passages)

    async def reapply(self, tx: Transaction, tenant: str, more: Stones | None = None) -> int:
        """Drop again the facts and messages of a tenant that tombstones name; return how many."""
        stones = await self._tombstones.all_of(tenant)
        for kind, found in (more or {}).items():
            stones[kind] = [*stones.get(kind, ()), *found]
        if not stones:
            return 0
        facts = await self._returned_facts(tenant, stones)
        dropped = {passage.id: passage for passage in await self._of_facts(tenant, facts)}
        after = 0
        while rows := await self._database.scan(ALL_PASSAGES, {"of_tenant": tenant, "after": after}):
            after = rows[-1][13]
            passages = (passage_of(row) for row in rows if found_in(stones, passage_name(row[0])) is not None)
            dropped.update((passage.id, passage) for passage in passages)
        self._drop(tx, tenant, facts, dropped.values())
        return len(dropped.keys() | set(facts))

    async def _returned_facts(self, tenant: str, stones: Stones) -> list[bytes]:
        found: list[bytes] = []
        owner, after = "", b""
        while rows := await self._database.scan(ALL_FACTS, {"of_tenant": tenant, "owner": owner, "after": after}):
            owner, after = rows[-1][2], rows[-1][0]
            found += [row[0] for row in rows if _forgotten(sql.fact_of(row), stones)]
        return found


def _forgotten(fact: Fact, stones: Stones) -> bool:
    """Tell whether a tombstone names the fact, or its words as they were when it was forgotten: not if said later."""
    if found_in(stones, fact_name(fact.owner, fact.id)) is not None:
        return True
    if fact.text is None:  # without its passage it says nothing that could be compared
        return False
    at = found_in(stones, words_name(fact.owner, fact.subject, fact.attribute, fact.text))
    return at is not None and fact.recorded_at < at
