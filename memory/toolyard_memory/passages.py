"""The store of passages, and the one rule of who may see which; knows no ranking and no index.

`VISIBLE` with the values of `sight` is that rule in SQL: whatever finds a passage by another way (full text, a vector,
the graph) puts it into its WHERE clause or has `Passages.load` do so. What an agent may see of a tenant's documents is
said by globs over its name, so that part is judged here, by `granted`.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BindParameter,
    LargeBinary,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
)
from toolyard_sdk.ports import Clock, Database, Transaction

from toolyard_memory.records import AsOf, Owner, Passage, Reader
from toolyard_memory.tables.documents import DOCUMENT
from toolyard_memory.tables.facts import FACT
from toolyard_memory.tables.passages import EDGE, ENTITY, MENTION, PASSAGE
from toolyard_memory.tables.vectors import EMBEDDING, INDEX_STATE, OUTBOX, SOILED

NEVER: Final = (1 << 63) - 1
"""The microsecond that no interval reaches: an open end, so that ends can be compared."""

PRESENT: Final = AsOf()

AT_ONCE: Final = 500
"""Ids in one statement: SQLite and Postgres both take more."""

WRITTEN: Final = tuple(column.key for column in PASSAGE.columns if column.key != "key")
"""The columns that `row_of` gives: all but the one the database itself numbers."""
ADD = insert(PASSAGE).inline().values({name: bindparam(name) for name in WRITTEN}).execution_options(row=WRITTEN)
_UNFOLLOWED = (
    select(INDEX_STATE.c.index)
    .where(INDEX_STATE.c.tenant == literal_column("''"), INDEX_STATE.c.index == literal_column("'unfollowed'"))
    .exists()
)
FOLLOW = (
    insert(OUTBOX)
    .inline()
    .from_select(
        ["tenant", "passage", "change"],
        select(
            bindparam("tenant", type_=Text), bindparam("passage", type_=LargeBinary), bindparam("change", type_=Text)
        ).where(~_UNFOLLOWED),
        include_defaults=False,
    )
    .execution_options(row=("tenant", "passage", "change"))
)
"""Has an index follow a change, where there is one that does."""
_ID: BindParameter[bytes] = bindparam("of_id")
DROP = (
    delete(PASSAGE)
    .where(PASSAGE.c.tenant == bindparam("of_tenant"), PASSAGE.c.id == _ID)
    .execution_options(row=("of_tenant", "of_id"))
)
_STILL = (
    select(MENTION.c.entity)
    .join(PASSAGE, PASSAGE.c.id == MENTION.c.passage)
    .where(MENTION.c.entity == ENTITY.c.id)
    .exists()
)
DROP_ENTITIES = delete(ENTITY).where(ENTITY.c.id.in_(select(MENTION.c.entity).where(MENTION.c.passage == _ID)), ~_STILL)
"""A name that no passage speaks of any more goes with the last that did; passages are dropped before."""
DROP_EDGES = delete(EDGE).where(EDGE.c.passage == _ID)
DROP_MENTIONS = delete(MENTION).where(MENTION.c.passage == _ID)
DROP_VECTORS = delete(EMBEDDING).where(EMBEDDING.c.passage == _ID)
_UNWRITTEN = ~select(PASSAGE.c.id).where(PASSAGE.c.id == _ID).exists()
SHED = tuple(
    statement.where(_UNWRITTEN).execution_options(row=("of_id",))
    for statement in (DROP_ENTITIES, DROP_EDGES, DROP_MENTIONS)
)
"""The same, of a passage that has not come to be."""

OF_PASSAGE = (
    PASSAGE.c.id,
    PASSAGE.c.tenant,
    PASSAGE.c.owner,
    PASSAGE.c.kind,
    PASSAGE.c.text,
    PASSAGE.c.at,
    PASSAGE.c.agent,
    PASSAGE.c.speaker,
    PASSAGE.c.trust,
    PASSAGE.c.session,
    PASSAGE.c.position,
    PASSAGE.c.source,
    PASSAGE.c.n,
    PASSAGE.c.key,
)
"""The columns that `passage_of` reads, in its order."""

SEEN_FROM = PASSAGE.outerjoin(FACT, FACT.c.id == PASSAGE.c.id).outerjoin(
    DOCUMENT, and_(PASSAGE.c.owner == "", DOCUMENT.c.id == PASSAGE.c.source)
)
_VALID: BindParameter[int] = bindparam("seen_valid")
_RECORDED: BindParameter[int] = bindparam("seen_recorded")
_AGENT: BindParameter[str] = bindparam("seen_agent")
BELIEVED = and_(
    FACT.c.recorded_at <= _RECORDED,
    func.coalesce(FACT.c.retired_at, NEVER) > _RECORDED,
    FACT.c.valid_from <= _VALID,
    func.coalesce(FACT.c.valid_to, NEVER) > _VALID,
)
"""Which facts hold at the moment looked from, as they were believed then; with the values of `sight`."""

_BELIEVED = and_(FACT.c.tenant == PASSAGE.c.tenant, FACT.c.owner == PASSAGE.c.owner, BELIEVED)
_OWN = and_(
    PASSAGE.c.owner != "",
    PASSAGE.c.owner == bindparam("seen_owner"),
    or_(_AGENT == "", PASSAGE.c.agent == "", PASSAGE.c.agent == _AGENT),
    or_(and_(PASSAGE.c.kind != "fact", PASSAGE.c.at <= _RECORDED), and_(PASSAGE.c.kind == "fact", _BELIEVED)),
)
_GROUND = and_(
    PASSAGE.c.owner == "",
    DOCUMENT.c.tenant == PASSAGE.c.tenant,
    DOCUMENT.c.added_at <= _RECORDED,
    func.coalesce(DOCUMENT.c.retired_at, NEVER) > _RECORDED,
)
VISIBLE = and_(PASSAGE.c.tenant == bindparam("seen_tenant"), or_(_OWN, _GROUND))
"""What a reader may see, over the rows of `SEEN_FROM`, with the values of `sight`; of documents, `granted` decides."""

LOAD = (
    select(*OF_PASSAGE, DOCUMENT.c.agents)
    .select_from(SEEN_FROM)
    .where(PASSAGE.c.id.in_(bindparam("ids", expanding=True)), VISIBLE)
)
OF_SESSION = (
    select(*OF_PASSAGE, DOCUMENT.c.agents)
    .select_from(SEEN_FROM)
    .where(
        PASSAGE.c.session == bindparam("of_session"),
        PASSAGE.c.position.in_(bindparam("positions", expanding=True)),
        VISIBLE,
    )
    .order_by(PASSAGE.c.position, PASSAGE.c.key)
)

_globs = msgspec.json.Decoder(list[str]).decode


def granted(agents: str | None, agent: str) -> bool:
    """Tell whether a document's `agents` (a JSON list of globs) let this agent recall it; "" stands for any agent."""
    return agents is not None and any(not agent or fnmatchcase(agent, glob) for glob in _globs(agents))


def readable(agents: str | None, reader: Reader) -> bool:
    """Tell whether a reader may see a document with these `agents`."""
    return reader.grounded and granted(agents, reader.agent)


def sight(reader: Reader, as_of: AsOf, now: int) -> dict[str, Any]:
    """Return the values of `VISIBLE` for a reader who looks from a moment; `now` is UTC microseconds."""
    valid, recorded = as_of.valid, as_of.recorded
    return {
        "seen_tenant": reader.owner.tenant,
        "seen_owner": reader.owner.end_user,
        "seen_agent": reader.agent,
        "seen_valid": now if valid is None else _storable(valid),
        "seen_recorded": NEVER - 1 if recorded is None else _storable(recorded),
    }


def _storable(moment: int) -> int:
    """Return the moment, or the nearest that a column can hold."""
    return max(-NEVER, min(moment, NEVER - 1))


def passage_of(row: Sequence[Any]) -> Passage:
    """Return the passage of a row that begins with the columns `OF_PASSAGE`."""
    id_, tenant, owner, kind, text, at, agent, speaker, trust, session, position, source, n, key = row[:14]
    return Passage(id_, Owner(tenant, owner), kind, text, at, agent, speaker, trust, session, position, source, n, key)


def row_of(passage: Passage) -> tuple[Any, ...]:
    """Return the columns `WRITTEN` of a passage."""
    owner = passage.owner
    return (
        passage.id,
        owner.tenant,
        owner.end_user,
        passage.agent,
        owner.scope,
        passage.kind,
        passage.text,
        passage.speaker,
        passage.trust,
        passage.at,
        passage.session,
        passage.position,
        passage.source,
        passage.n,
    )


class Passages:
    """The store of passages; writes join a transaction, reads see what was committed.

    What comes and goes waits in the outbox for the index that follows it, also before there is one. Where there is to
    be none, `vectors.unfollowed` says so.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @property
    def now(self) -> int:
        """The moment that an `AsOf` without one looks from, in UTC microseconds."""
        return self._clock.now()

    def add(self, tx: Transaction, passage: Passage) -> None:
        """Add a passage: it can be found by its words once committed, by its meaning when an index has followed."""
        tx.write(ADD, row_of(passage))
        tx.write(FOLLOW, (passage.owner.tenant, passage.id, "added"))

    def drop(self, tx: Transaction, passages: Iterable[Passage]) -> None:
        """Drop passages with their vectors, mentions, edges, and the names that nothing else speaks of.

        What is left of them in indexes is noted, for `erasure.words` and `Vectors.forget`.
        """
        gone = [(passage.owner.tenant, passage.id) for passage in passages]
        for row in gone:
            tx.write(DROP, row)
        for tenant, id_ in gone:
            for statement in (DROP_ENTITIES, DROP_EDGES, DROP_MENTIONS, DROP_VECTORS):
                tx.write(statement, (id_,))
            tx.write(FOLLOW, (tenant, id_, "dropped"))
        for tenant in {tenant for tenant, _ in gone}:
            tx.write(SOILED, (tenant, self.now))

    def shed(self, tx: Transaction, passage: bytes) -> None:
        """Drop what was noted of a passage that is not there: of a fact that was not added after all."""
        for statement in SHED:
            tx.write(statement, (passage,))

    async def load(self, reader: Reader, ids: Iterable[bytes], as_of: AsOf = PRESENT) -> dict[bytes, Passage]:
        """Return those of the passages that the reader may see from that moment, by id; the others are left out."""
        wanted, seen = list(dict.fromkeys(ids)), sight(reader, as_of, self._clock.now())
        found: dict[bytes, Passage] = {}
        for start in range(0, len(wanted), AT_ONCE):
            rows = await self._database.read(LOAD, {**seen, "ids": wanted[start : start + AT_ONCE]})
            found.update((row[0], passage_of(row)) for row in rows if _readable(row, reader))
        return found

    async def of_session(
        self, reader: Reader, session: bytes, positions: Iterable[int], as_of: AsOf = PRESENT
    ) -> list[Passage]:
        """Return the passages at these positions of a session that the reader may see, in order."""
        wanted, seen = sorted(set(positions)), sight(reader, as_of, self._clock.now())
        found: list[Passage] = []
        for start in range(0, len(wanted), AT_ONCE):
            part = {**seen, "of_session": session, "positions": wanted[start : start + AT_ONCE]}
            rows = await self._database.read(OF_SESSION, part)
            found += [passage_of(row) for row in rows if _readable(row, reader)]
        return found


def _readable(row: Sequence[Any], reader: Reader) -> bool:
    return row[2] != "" or readable(row[14], reader)
