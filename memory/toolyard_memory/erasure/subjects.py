"""Erasing all that is remembered of one end user, and telling whether any row is left; knows no index's files."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec
from sqlalchemy import Delete, Text, and_, bindparam, delete, func, insert, literal_column, or_, select
from toolyard_sdk.ids import NewId
from toolyard_sdk.ports import Database, Transaction

from toolyard_memory.facts.tombstones import Stones, Tombstones, found_in
from toolyard_memory.records import Owner
from toolyard_memory.tables.facts import EVIDENCE, EXTRACTION, FACT
from toolyard_memory.tables.passages import EDGE, ENTITY, MENTION, PASSAGE
from toolyard_memory.tables.vectors import EMBEDDING, INDEX_STATE, OUTBOX, SOILED

ROW: Final = ("of_tenant", "of_owner")

_PASSAGES = select(PASSAGE.c.id).where(
    PASSAGE.c.tenant == bindparam("of_tenant"), PASSAGE.c.owner == bindparam("of_owner")
)
_FACTS = select(FACT.c.id).where(FACT.c.tenant == bindparam("of_tenant"), FACT.c.owner == bindparam("of_owner"))
_ENTITIES = select(ENTITY.c.id).where(
    ENTITY.c.tenant == bindparam("of_tenant"), ENTITY.c.owner == bindparam("of_owner")
)

DROPPED = (
    insert(OUTBOX)
    .inline()
    .from_select(
        ["tenant", "passage", "change"],
        select(PASSAGE.c.tenant, PASSAGE.c.id, literal_column("'dropped'")).where(
            PASSAGE.c.tenant == bindparam("of_tenant"), PASSAGE.c.owner == bindparam("of_owner")
        ),
        include_defaults=False,
    )
    .execution_options(row=ROW)
)
"""What an index has to take away, for as long as it has not."""


def _deleting(statement: Delete) -> Delete:
    return statement.execution_options(row=ROW)


ERASE: Final = tuple(
    _deleting(statement)
    for statement in (
        delete(EMBEDDING).where(EMBEDDING.c.passage.in_(_PASSAGES)),
        delete(MENTION).where(or_(MENTION.c.passage.in_(_PASSAGES), MENTION.c.entity.in_(_ENTITIES))),
        delete(EDGE).where(or_(EDGE.c.passage.in_(_PASSAGES), EDGE.c.source.in_(_ENTITIES))),
        delete(EVIDENCE).where(EVIDENCE.c.fact.in_(_FACTS)),
        delete(EXTRACTION).where(
            and_(EXTRACTION.c.tenant == bindparam("of_tenant"), EXTRACTION.c.owner == bindparam("of_owner"))
        ),
        delete(FACT).where(and_(FACT.c.tenant == bindparam("of_tenant"), FACT.c.owner == bindparam("of_owner"))),
        delete(ENTITY).where(and_(ENTITY.c.tenant == bindparam("of_tenant"), ENTITY.c.owner == bindparam("of_owner"))),
        delete(PASSAGE).where(
            and_(PASSAGE.c.tenant == bindparam("of_tenant"), PASSAGE.c.owner == bindparam("of_owner"))
        ),
    )
)
"""In this order: what leans on a passage, and the passages last."""

LEFT: Final = {
    "passage": select(func.count()).select_from(_PASSAGES.subquery()),
    "fact": select(func.count()).select_from(_FACTS.subquery()),
    "entity": select(func.count()).select_from(_ENTITIES.subquery()),
    "extraction": select(func.count())
    .select_from(EXTRACTION)
    .where(EXTRACTION.c.tenant == bindparam("of_tenant"), EXTRACTION.c.owner == bindparam("of_owner")),
    "index_state": select(func.count())
    .select_from(INDEX_STATE)
    .where(
        INDEX_STATE.c.tenant == bindparam("of_tenant"), INDEX_STATE.c.index.contains(bindparam("scope", type_=Text()))
    ),
}
ORPHANS: Final = {
    "embedding": select(func.count()).where(EMBEDDING.c.passage.not_in(select(PASSAGE.c.id))),
    "mention": select(func.count()).where(MENTION.c.passage.not_in(select(PASSAGE.c.id))),
    "edge": select(func.count()).where(EDGE.c.passage.not_in(select(PASSAGE.c.id))),
    "evidence": select(func.count()).where(EVIDENCE.c.fact.not_in(select(FACT.c.id))),
}
"""Rows that lean on nothing: of whoever was erased, or of a fault."""

OWNERS = (
    select(PASSAGE.c.owner)
    .where(PASSAGE.c.tenant == bindparam("of_tenant"), PASSAGE.c.owner > bindparam("after"))
    .union(select(FACT.c.owner).where(FACT.c.tenant == bindparam("of_tenant"), FACT.c.owner > bindparam("after")))
    .order_by("owner")
    .limit(500)
)


def subject_name(owner: Owner) -> str:
    """Return the canonical name of an end user, by which a tombstone knows them."""
    return "subject:" + msgspec.json.encode((owner.tenant, owner.end_user)).decode()


class Subjects:
    """Erases end users from long-term memory."""

    def __init__(self, database: Database, new_id: NewId, entropy: Callable[[int], bytes]) -> None:
        self._database = database
        self._tombstones = Tombstones(database, new_id, entropy)

    def erase(self, tx: Transaction, owner: Owner, actor: str, at: int, *, bury: bool = True) -> None:
        """Delete every row of an owner, and leave a tombstone of them.

        Commit with `full` durability (a thread does it: many rows are looked at); then have the words merged
        (`erasure.words`), the indexes follow (`Vectors.forget`) and the database emptied of its log (`scrub`).
        """
        row = (owner.tenant, owner.end_user)
        tx.write(DROPPED, row)
        for statement in ERASE:
            tx.write(statement, row)
        tx.write(SOILED, (owner.tenant, at))
        if bury:
            self._tombstones.bury(tx, owner.tenant, [subject_name(owner)], actor, at)

    async def left(self, owner: Owner) -> dict[str, int]:
        """Return how many rows are left of an owner by table, and how many of nobody's that lean on nothing."""
        of = {"of_tenant": owner.tenant, "of_owner": owner.end_user, "scope": owner.scope}
        found = {name: int((await self._database.scan(statement, of))[0][0]) for name, statement in LEFT.items()}
        return {name: count for name, count in found.items() if count} | await self.orphans()

    async def orphans(self) -> dict[str, int]:
        """Return how many rows lean on nothing, by table."""
        found = {name: int((await self._database.scan(statement))[0][0]) for name, statement in ORPHANS.items()}
        return {name: count for name, count in found.items() if count}

    async def returned(self, tenant: str, stones: Stones, others: Iterable[str] = ()) -> list[Owner]:
        """Return the owners with memories, and of others there are, whom a tombstone names.

        A restored backup has brought them back.
        """
        found = dict.fromkeys(self._named(tenant, stones, others))
        after = ""
        while rows := await self._database.scan(OWNERS, {"of_tenant": tenant, "after": after}):
            after = rows[-1][0]
            found.update((owner, None) for owner in self._named(tenant, stones, (row[0] for row in rows)))
        return list(found)

    @staticmethod
    def _named(tenant: str, stones: Stones, people: Iterable[str]) -> Iterator[Owner]:
        owners = (Owner(tenant, person) for person in people)
        return (owner for owner in owners if found_in(stones, subject_name(owner)) is not None)
