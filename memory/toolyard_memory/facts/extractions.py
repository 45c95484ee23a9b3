"""The ledger of what extractors have read: no message twice, what it has cost, what waits, and what was given up.

It knows no extractor. What it holds survives a restart: how often a message was tried, when it is tried again, and why.
"""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct
from sqlalchemy import and_, bindparam, func, insert, literal_column, select, update
from toolyard_sdk.ports import Database, Transaction

from toolyard_memory.passages import OF_PASSAGE, passage_of
from toolyard_memory.records import Owner, Passage
from toolyard_memory.tables.facts import EXTRACTION
from toolyard_memory.tables.passages import PASSAGE

Outcome = Literal["read", "waiting", "failed"]
"""`waiting` is for what is tried (again) at a moment, `failed` for what is left alone; unless under another name."""

SPEAKER: Final = "user"
"""Whose messages are read."""

_COLUMNS = tuple(column.key for column in EXTRACTION.columns)
_VALUES = {column.key: bindparam(column.key, type_=column.type) for column in EXTRACTION.columns}
_KEY = ("run", "n", "extractor")
_TOLD = ("at", "tokens", "facts", "outcome", "tries", "again_at", "reason")
_OTHER = EXTRACTION.alias()
_DONE = (
    select(literal_column("1")).select_from(_OTHER).where(*(_OTHER.c[name] == _VALUES[name] for name in _KEY)).exists()
)
ADD = (
    insert(EXTRACTION)
    .from_select(list(_COLUMNS), select(*_VALUES.values()).where(~_DONE))
    .execution_options(row=_COLUMNS)
)
RENEW = (
    update(EXTRACTION)
    .where(
        *(EXTRACTION.c[name] == bindparam(f"of_{name}", type_=EXTRACTION.c[name].type) for name in _KEY),
        EXTRACTION.c.outcome == literal_column("'waiting'"),
    )
    .values({name: _VALUES[name] for name in _TOLD})
    .execution_options(row=(*(f"of_{name}" for name in _KEY), *_TOLD))
)
_MESSAGE = and_(EXTRACTION.c.run == PASSAGE.c.source, EXTRACTION.c.n == PASSAGE.c.n, PASSAGE.c.kind == "message")
_READ = and_(
    EXTRACTION.c.run == PASSAGE.c.source,
    EXTRACTION.c.n == PASSAGE.c.n,
    EXTRACTION.c.extractor == bindparam("extractor"),
)
_OF_TENANT = EXTRACTION.c.tenant == bindparam("of_tenant")
UNREAD = (
    select(*OF_PASSAGE)
    .where(
        PASSAGE.c.tenant == bindparam("of_tenant"),
        PASSAGE.c.kind == "message",
        PASSAGE.c.speaker == SPEAKER,
        PASSAGE.c.source.is_not(None),
        PASSAGE.c.key > bindparam("after"),
        ~select(EXTRACTION.c.run).where(_READ).exists(),
    )
    .order_by(PASSAGE.c.key)
    .limit(bindparam("at_most"))
)
_BEFORE = PASSAGE.alias()
_FIRST_PIECE = ~(
    select(_BEFORE.c.key)
    .where(
        _BEFORE.c.source == PASSAGE.c.source,
        _BEFORE.c.n == PASSAGE.c.n,
        _BEFORE.c.kind == "message",
        _BEFORE.c.key < PASSAGE.c.key,
    )
    .exists()
)
DUE = (
    select(*OF_PASSAGE, EXTRACTION.c.tries, EXTRACTION.c.tokens)
    .select_from(EXTRACTION.join(PASSAGE, _MESSAGE))
    .where(
        _OF_TENANT,
        PASSAGE.c.tenant == bindparam("of_tenant"),
        EXTRACTION.c.outcome == "waiting",
        EXTRACTION.c.again_at <= bindparam("now"),
        EXTRACTION.c.extractor == bindparam("extractor"),
        _FIRST_PIECE,
    )
    .order_by(EXTRACTION.c.again_at, PASSAGE.c.key)
    .limit(bindparam("at_most"))
)
SPENT = select(func.coalesce(func.sum(EXTRACTION.c.tokens), 0)).where(_OF_TENANT, EXTRACTION.c.at >= bindparam("since"))
TALLY = (
    select(EXTRACTION.c.outcome, EXTRACTION.c.reason, func.count())
    .where(_OF_TENANT)
    .group_by(EXTRACTION.c.outcome, EXTRACTION.c.reason)
    .order_by(func.count().desc(), EXTRACTION.c.outcome, EXTRACTION.c.reason)
)


class Unread(Struct, frozen=True):
    """A message that an extractor has not read, how often it has tried, and the tokens which that has cost."""

    passage: Passage
    tries: int = 0
    tokens: int = 0


class Tally(Struct, frozen=True):
    """How many messages of a tenant have come to the same end for the same reason ("" where there is none)."""

    outcome: Outcome
    reason: str
    messages: int


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
        tries: int = 0,
        again_at: int = 0,
        reason: str = "",
    ) -> None:
        """Note how far an extractor is with a message (run, ordinal) of an owner; what is not `waiting` stays as noted.

        `tokens` and `tries` are all that it has cost so far, `again_at` when it is tried again (UTC microseconds).
        `reason` holds no content.
        """
        told = (at, tokens, facts, outcome, tries, again_at, reason)
        tx.write(ADD, (*message, extractor, owner.tenant, owner.end_user, *told))
        tx.write(RENEW, (*message, extractor, *told))

    async def unread(self, tenant: str, extractor: str, after: int = 0, limit: int = 100) -> Sequence[Passage]:
        """Return at most `limit` (1 to 100) messages of people that this extractor has not looked at, oldest first.

        `after` is the `key` of the last passage seen.
        """
        page = {"of_tenant": tenant, "extractor": extractor, "after": after, "at_most": max(1, min(limit, 100))}
        return [passage_of(row) for row in await self._database.scan(UNREAD, page)]

    async def due(self, tenant: str, extractor: str, now: int, limit: int = 100) -> Sequence[Unread]:
        """Return at most `limit` (1 to 100) messages that were to be tried again by now: each by its first piece."""
        page = {"of_tenant": tenant, "extractor": extractor, "now": now, "at_most": max(1, min(limit, 100))}
        return [Unread(passage_of(row), row[14], row[15]) for row in await self._database.scan(DUE, page)]

    async def spent(self, tenant: str, since: int) -> int:
        """Return the tokens that extractors of a tenant have used since a moment in UTC microseconds."""
        return int((await self._database.read(SPENT, {"of_tenant": tenant, "since": since}))[0][0])

    async def tally(self, tenant: str) -> Sequence[Tally]:
        """Return what has become of a tenant's messages, the most first."""
        return [Tally(*row) for row in await self._database.scan(TALLY, {"of_tenant": tenant})]
