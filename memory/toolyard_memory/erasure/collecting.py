"""Collects from SQL, before it is erased, what must be found nowhere afterwards; erases nothing and opens no file.

Ids stay in journals, as text: their bytes are looked for everywhere, their text only in the folder of an index.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, select
from toolyard_sdk.ports import Database

from toolyard_memory.erasure.needles import NAME, Needle, distinct, parts_of_vectors, pieces, whole
from toolyard_memory.passages import AT_ONCE
from toolyard_memory.records import Owner
from toolyard_memory.tables.facts import EVIDENCE, FACT
from toolyard_memory.tables.passages import ENTITY, PASSAGE
from toolyard_memory.tables.vectors import EMBEDDING

_OWN = PASSAGE.c.tenant == bindparam("of_tenant"), PASSAGE.c.owner == bindparam("of_owner")
PASSAGES = (
    select(PASSAGE.c.key, PASSAGE.c.id, PASSAGE.c.text)
    .where(*_OWN, PASSAGE.c.key > bindparam("after"))
    .order_by(PASSAGE.c.key)
    .limit(AT_ONCE)
)
ENTITIES = (
    select(ENTITY.c.id, ENTITY.c.name, ENTITY.c.shown)
    .where(
        ENTITY.c.tenant == bindparam("of_tenant"),
        ENTITY.c.owner == bindparam("of_owner"),
        ENTITY.c.id > bindparam("after"),
    )
    .order_by(ENTITY.c.id)
    .limit(AT_ONCE)
)
FACTS = (
    select(FACT.c.id, FACT.c.subject)
    .where(
        FACT.c.tenant == bindparam("of_tenant"), FACT.c.owner == bindparam("of_owner"), FACT.c.id > bindparam("after")
    )
    .order_by(FACT.c.id)
    .limit(AT_ONCE)
)
OF_IDS = select(PASSAGE.c.text).where(
    PASSAGE.c.tenant == bindparam("of_tenant"), PASSAGE.c.id.in_(bindparam("ids", expanding=True))
)
VECTORS = select(EMBEDDING.c.vector).where(EMBEDDING.c.passage.in_(bindparam("ids", expanding=True)))
WORDS = select(EVIDENCE.c.words).where(
    EVIDENCE.c.fact.in_(bindparam("ids", expanding=True)), EVIDENCE.c.words != bindparam("nothing")
)


async def needles_of(database: Database, owner: Owner, index: str = "") -> tuple[Needle, ...]:
    """Return what to look for when an owner is erased; `index` is the folder of the vectors."""
    needles = [*whole("id of the end user", [owner.end_user]), *whole("scope", [owner.scope])]
    of = {"of_tenant": owner.tenant, "of_owner": owner.end_user}
    after: Any = 0
    while rows := await database.scan(PASSAGES, {**of, "after": after}):
        after = rows[-1][0]
        needles += pieces("text", (text.encode() for _, _, text in rows))
        needles += await _around(database, [id_ for _, id_, _ in rows], index)
    after = b""
    while rows := await database.scan(FACTS, {**of, "after": after}):
        after = rows[-1][0]
        needles += whole("subject", (subject for _, subject in rows), NAME)
        needles += await _around(database, [id_ for id_, _ in rows], index)
    after = b""
    while rows := await database.scan(ENTITIES, {**of, "after": after}):
        after = rows[-1][0]
        needles += whole("name", (name for row in rows for name in row[1:]), NAME)
        needles += _ids((id_ for id_, _, _ in rows), index)
    return distinct(needles)


async def needles_of_passages(database: Database, tenant: str, ids: Sequence[bytes], index: str) -> tuple[Needle, ...]:
    """Return what to look for when some passages and facts of a tenant are forgotten, by their ids."""
    needles: list[Needle] = []
    for start in range(0, len(ids), AT_ONCE):
        part = ids[start : start + AT_ONCE]
        texts = await database.scan(OF_IDS, {"of_tenant": tenant, "ids": part})
        needles += pieces("text", (text.encode() for (text,) in texts))
        needles += await _around(database, part, index)
    return distinct(needles)


async def _around(database: Database, ids: Sequence[bytes], index: str) -> list[Needle]:
    """Return what else to look for of passages or facts: their vectors, evidence and ids."""
    vectors = await database.scan(VECTORS, {"ids": ids})
    words = await database.scan(WORDS, {"ids": ids, "nothing": ""})
    return [
        *parts_of_vectors(vector for (vector,) in vectors),
        *pieces("evidence", (said.encode() for (said,) in words)),
        *_ids(ids, index),
    ]


def _ids(ids: Iterable[bytes], index: str) -> Iterator[Needle]:
    for id_ in ids:
        yield Needle("id", id_)
        if index:
            yield Needle("id", id_.hex().encode(), index)
