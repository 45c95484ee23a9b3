"""The SQL of the graph. Every passage it gives is one that `VISIBLE` lets the reader see.

An entity is one owner's. What a reader may see is two owners': their own and the tenant's documents; so what follows a
mention goes by the name, to the entities of these two and no others.
"""

from typing import Any, Final, Literal

from sqlalchemy import BindParameter, Table, and_, bindparam, delete, exists, func, select, union

from toolyard_memory.graph.neighbourhood import HUB
from toolyard_memory.passages import SEEN_FROM, VISIBLE
from toolyard_memory.tables.documents import DOCUMENT
from toolyard_memory.tables.passages import EDGE, ENTITY, MENTION, PASSAGE

SHOWN: Final = 120
"""Characters of a passage that a neighbourhood carries."""


def write_once(table: Table, dialect: Literal["sqlite", "postgresql"]) -> Any:
    """Return the insert of a row that is left alone where its key is taken, also by a transaction not yet committed."""
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415 - only the dialect that is spoken is loaded

        return insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects.postgresql import insert as insert_postgresql  # noqa: PLC0415 - as above

    return insert_postgresql(table).on_conflict_do_nothing()


def _several(name: str) -> BindParameter[Any]:
    return bindparam(name, expanding=True)


NEAR = (
    PASSAGE.c.owner,
    DOCUMENT.c.agents,
    PASSAGE.c.id,
    PASSAGE.c.kind,
    PASSAGE.c.session,
    PASSAGE.c.position,
    PASSAGE.c.at,
    PASSAGE.c.speaker,
    func.substr(PASSAGE.c.text, 1, SHOWN),
)
"""Whose it is and, of a document, the agents that may recall it; then the fields of `Near`."""

PASSAGES = select(*NEAR).select_from(SEEN_FROM).where(PASSAGE.c.id.in_(_several("ids")), VISIBLE)

_SPOKEN_OF = select(MENTION.c.entity).where(MENTION.c.passage.in_(_several("passages")))
_ASKED = select(ENTITY.c.id).where(ENTITY.c.id.in_(_several("entities")))
_MET = union(_SPOKEN_OF, _ASKED).cte("met")
_FIRST = ENTITY.alias("first")
_SAME = and_(
    ENTITY.c.tenant == bindparam("tenant"),
    ENTITY.c.owner.in_(_several("owners")),
    ENTITY.c.name == _FIRST.c.name,
)
_COUNTED = select(MENTION.c.passage).where(MENTION.c.entity == ENTITY.c.id).limit(HUB + 1).correlate(ENTITY).subquery()
_MENTIONED = select(func.count()).select_from(_COUNTED).scalar_subquery().label("mentions")
_KNOWN = (
    select(
        ENTITY.c.id,
        ENTITY.c.owner,
        ENTITY.c.name,
        ENTITY.c.shown,
        ENTITY.c.kind,
        _MENTIONED,
    )
    .select_from(_MET.join(_FIRST, _FIRST.c.id == _MET.c.entity).join(ENTITY, _SAME))
    .cte("known")
    .prefix_with("MATERIALIZED")
)
FOLLOW = (
    select(*_KNOWN.c, MENTION.c.passage)
    .select_from(_KNOWN.outerjoin(MENTION, and_(MENTION.c.entity == _KNOWN.c.id, _KNOWN.c.mentions <= HUB)))
    .order_by(_KNOWN.c.mentions, _KNOWN.c.id)
    .limit(bindparam("links"))
)
"""The entities that some passages speak of, or that are asked for, rarest first, each with all passages that speak of
it; of one with more than `HUB` of these there is one row without a passage."""

LATEST = (
    select(MENTION.c.passage)
    .where(MENTION.c.entity == bindparam("entity"))
    .order_by(MENTION.c.passage.desc())
    .limit(HUB)
)

MENTIONS = select(MENTION.c.entity, MENTION.c.passage).where(MENTION.c.passage.in_(_several("ids")))

EDGES = select(EDGE.c.source, EDGE.c.target, EDGE.c.relation, EDGE.c.passage).where(EDGE.c.passage.in_(_several("ids")))

ENTITIES = select(
    ENTITY.c.id,
    ENTITY.c.owner,
    ENTITY.c.name,
    ENTITY.c.shown,
    ENTITY.c.kind,
    _MENTIONED,
).where(
    ENTITY.c.id.in_(_several("ids")),
    func.coalesce(ENTITY.c.tenant, "") == bindparam("tenant"),
    func.coalesce(ENTITY.c.owner, "").in_(_several("owners")),
)
"""`coalesce` keeps SQLite from going through all names of the owner when it is given their ids."""

SWEEP = delete(ENTITY).where(
    ENTITY.c.tenant == bindparam("of_tenant"),
    ENTITY.c.owner == bindparam("of_owner"),
    ~exists().where(MENTION.c.entity == ENTITY.c.id),
)
