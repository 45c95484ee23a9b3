"""The ledger of what extractors have read: no message twice, and what it has cost; knows no extractor."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import and_, bindparam, func, insert, literal_column, select
from toolyard_sdk.ports import Database, Transaction

from toolyard_memory.passages import OF_PASSAGE, passage_of
from toolyard_memory.records import Owner, Passage
from toolyard_memory.tables.facts import EXTRACTION
from toolyard_memory.tables.passages import PASSAGE

Outcome = Literal["read", "failed", "skipped"]
"""`failed` is for what the extractor made nothing of: it is not asked again, unless under another name."""

_COLUMNS = tuple(column.key for column in EXTRACTION.columns)
_VALUES = {column.key: bindparam(column.key, type_=column.type) for column in EXTRACTION.columns}
_OTHER = EXTRACTION.alias()
_DONE = (
    select(literal_column("1"))
    .select_from(_OTHER)
    .where(*(_OTHER.c[name] == _VALUES[name] for name in ("run", "n", "extractor")))
    .exists()
)
ADD = (
    insert(EXTRACTION)
    .from_select(list(_COLUMNS), select(*_VALUES.values()).where(~_DONE))
    .execution_options(row=_COLUMNS)
)
_READ = and_(
    EXTRACTION.c.run == PASSAGE.c.source,
    EXTRACTION.c.n == PASSAGE.c.n,
    EXTRACTION.c.extractor == bindparam("extractor"),
)
UNREAD = (
    select(*OF_PASSAGE)
    .where(
        PASSAGE.c.tenant == bindparam("of_tenant"),
        PASSAGE.c.kind == "message",
        PASSAGE.c.source.is_not(None),
        PASSAGE.c.key > bindparam("after"),
        ~select(EXTRACTION.c.run).where(_READ).exists(),
    )
    .order_by(PASSAGE.c.key)
    .limit(bindparam("at_most"))
)
SPENT = select(func.coalesce(func.sum(EXTRACTION.c.tokens), 0)).where(
    EXTRACTION.c.tenant == bindparam("of_tenant"), EXTRACTION.c.at >= bindparam("since")
)


class Extractions:
    """The ledger; writes join the transaction of the facts that were found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        tx: Transaction,
        owner: Owner,
        message: tuple[bytes, int],
        extractor: str,
        *,
        at: int,
        tokens: int,
        facts: int,
        outcome: Outcome = "read",
    ) -> None:
        """Note that an extractor has read a message (run, ordinal) of an owner; noted before, the first note stays."""
        tx.write(ADD, (*message, extractor, owner.tenant, owner.end_user, at, tokens, facts, outcome))

    async def unread(self, tenant: str, extractor: str, after: int = 0, limit: int = 100) -> Sequence[Passage]:
        """Return at most `limit` (1 to 100) messages of a tenant that this extractor has not read, oldest first.

        `after` is the `key` of the last passage seen.
        """
        page = {"of_tenant": tenant, "extractor": extractor, "after": after, "at_most": max(1, min(limit, 100))}
        return [passage_of(row) for row in await self._database.scan(UNREAD, page)]

    async def spent(self, tenant: str, since: int) -> int:
        """Return the tokens that extractors of a tenant have used since a moment in UTC microseconds."""
        return int((await self._database.read(SPENT, {"of_tenant": tenant, "since": since}))[0][0])
