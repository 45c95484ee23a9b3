"""All that was ever believed of somebody and is not forgotten: what an export is made of."""

from collections.abc import AsyncIterator
from typing import Final

from sqlalchemy import bindparam
from toolyard_sdk.ports import Database

from toolyard_memory.facts import statements as sql
from toolyard_memory.records import Fact, Owner
from toolyard_memory.tables.facts import FACT

AT_ONCE: Final = 200

ALL = sql.FACTS.where(sql.OF_OWNER, FACT.c.id > bindparam("after")).order_by(FACT.c.id).limit(bindparam("at_most"))


async def everything(database: Database, owner: Owner) -> AsyncIterator[Fact]:
    """Yield an owner's facts with their evidence, also those that are not believed any more, oldest first."""
    after = b""
    while rows := await database.scan(ALL, {**sql.of(owner), "after": after, "at_most": AT_ONCE}):
        evidence = sql.evidence_of(await database.scan(sql.EVIDENCE_OF, {"ids": [row[0] for row in rows]}))
        for row in rows:
            yield sql.fact_of(row, evidence.get(row[0], ()))
        after = rows[-1][0]
