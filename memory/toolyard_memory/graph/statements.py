"""The SQL of the graph. Every passage it gives is one that `VISIBLE` lets the reader see.

An entity is one owner's. What a reader may see is two owners': their own and the tenant's documents; so what follows a
mention goes by the name, to the entities of these two and no others.
"""

from typing import Any, Final, Literal

from sqlalchemy import (
    CTE,
    BindParameter,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    select,
    tuple_,
    union,
)

from toolyard_memory.graph.neighbourhood import HUB
from toolyard_memory.passages import SEEN_FROM, VISIBLE
from toolyard_memory.tables.documents import DOCUMENT
from toolyard_memory.tables.facts import FACT
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


def _mentions(of: Any) -> Any:
    """Return how many passages speak of an entity, counted no further than tells whether it is a hub."""
    some = select(MENTION.c.passage).where(MENTION.c.entity == of.c.entity).limit(HUB + 1).correlate(of).subquery()
    return select(func.count()).select_from(some).scalar_subquery().label("mentions")


def _follow(met: CTE) -> Select[Any]:
    counted = select(met.c.entity, _mentions(met)).cte("counted").prefix_with("MATERIALIZED")
    rare = case((counted.c.mentions <= HUB, counted.c.mentions), else_=0)
    summed = select(
        counted, func.sum(rare).over(order_by=(counted.c.mentions, counted.c.entity)).label("looked_at")
    ).cte("summed")
    follow = case((and_(summed.c.mentions <= HUB, summed.c.looked_at <= bindparam("links")), summed.c.entity))
    return select(summed.c.entity, summed.c.mentions, MENTION.c.passage).select_from(
        summed.outerjoin(MENTION, MENTION.c.entity == follow)
    )


_MET = union(_SPOKEN_OF, _ASKED).cte("met")
FOLLOW = _follow(_MET)
"""The entities that some passages speak of, or that are asked for, with how many speak of it and each that does.

At most `links` mentions are looked at, of the rarest entities; of one with more than `HUB`, or beyond `links`, there is
one row without a passage. (The condition is on the mention's side, as a CASE: an outer join would look at all mentions
of a hub before it left them out.)
"""

_FIRST, _TWIN = ENTITY.alias("first"), ENTITY.alias("twin")
_BOTH = (
    select(_TWIN.c.id.label("entity"))
    .select_from(_MET.join(_FIRST, _FIRST.c.id == _MET.c.entity))
    .join(
        _TWIN,
        and_(
            _TWIN.c.tenant == bindparam("tenant"),
            _TWIN.c.owner.in_(_several("owners")),
            _TWIN.c.name == _FIRST.c.name,
        ),
    )
    .cte("both")
)
FOLLOW_ACROSS = _follow(_BOTH)
"""As `FOLLOW`, and from an entity also to the one of the same name that is the reader's other owner's."""

GROUNDED = select(PASSAGE.c.key).where(PASSAGE.c.scope == bindparam("scope")).limit(1)
"""Whether there is any passage of an owner: of a tenant's documents."""

LATEST = (
    select(MENTION.c.passage)
    .where(MENTION.c.entity == bindparam("entity"))
    .order_by(MENTION.c.passage.desc())
    .limit(HUB)
)

MENTIONS = select(MENTION.c.entity, MENTION.c.passage).where(MENTION.c.passage.in_(_several("ids")))

EDGES = select(EDGE.c.source, EDGE.c.target, EDGE.c.relation, EDGE.c.passage).where(EDGE.c.passage.in_(_several("ids")))

ENTITIES = select(ENTITY.c.id, ENTITY.c.owner, ENTITY.c.name, ENTITY.c.shown, ENTITY.c.kind).where(
    ENTITY.c.id.in_(_several("ids")),
    func.coalesce(ENTITY.c.tenant, "") == bindparam("tenant"),
    func.coalesce(ENTITY.c.owner, "").in_(_several("owners")),
)
"""`coalesce` keeps SQLite from going through all names of the owner when it is given their ids."""

_OF_TENANT = ENTITY.c.tenant == bindparam("tenant")
MARK = select(
    select(func.count()).select_from(ENTITY).where(_OF_TENANT).scalar_subquery(),
    select(func.count())
    .select_from(ENTITY.join(MENTION, MENTION.c.entity == ENTITY.c.id))
    .where(_OF_TENANT)
    .scalar_subquery(),
)
"""How many entities and mentions a tenant has: what tells that its graph has moved on."""

PAGE_OF_ENTITIES = (
    select(ENTITY.c.owner, ENTITY.c.name, ENTITY.c.id)
    .where(
        _OF_TENANT, tuple_(ENTITY.c.owner, ENTITY.c.name) > tuple_(bindparam("after_owner"), bindparam("after_name"))
    )
    .order_by(ENTITY.c.owner, ENTITY.c.name)
    .limit(bindparam("most"))
)

MENTIONS_OF = (
    select(MENTION.c.entity, PASSAGE.c.key)
    .select_from(SEEN_FROM.join(MENTION, MENTION.c.passage == PASSAGE.c.id))
    .where(
        MENTION.c.entity.in_(_several("ids")),
        PASSAGE.c.tenant == bindparam("tenant"),
        FACT.c.retired_at.is_(None),
        DOCUMENT.c.retired_at.is_(None),
    )
)
"""What speaks of some of a tenant's entities and is believed now."""

SWEEP = delete(ENTITY).where(
    ENTITY.c.tenant == bindparam("of_tenant"),
    ENTITY.c.owner == bindparam("of_owner"),
    ~exists().where(MENTION.c.entity == ENTITY.c.id),
)
