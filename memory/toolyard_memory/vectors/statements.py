"""The SQL of vectors: what waits to be followed, what is kept, and how far each index has come; decides nothing."""

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
    text,
)

from toolyard_memory.tables.passages import PASSAGE
from toolyard_memory.tables.vectors import EMBEDDING, INDEX_STATE, OUTBOX

_TENANT: BindParameter[str] = bindparam("of_tenant")
_SCOPE: BindParameter[str] = bindparam("of_scope")
_EMBEDDER: BindParameter[str] = bindparam("of_embedder", type_=Text)
_PASSAGE: BindParameter[bytes] = bindparam("of_passage")
_INDEX: BindParameter[str] = bindparam("of_index", type_=Text)
_BY_IT = and_(EMBEDDING.c.passage == PASSAGE.c.id, EMBEDDING.c.embedder == _EMBEDDER)

# The outbox

NEXT_TENANT = select(OUTBOX.c.tenant).where(OUTBOX.c.tenant > bindparam("after")).order_by(OUTBOX.c.tenant).limit(1)
WAITING = (
    select(OUTBOX.c.seq, OUTBOX.c.passage, PASSAGE.c.scope, PASSAGE.c.text, EMBEDDING.c.vector)
    .select_from(
        OUTBOX.outerjoin(
            PASSAGE, and_(PASSAGE.c.id == OUTBOX.c.passage, PASSAGE.c.tenant == OUTBOX.c.tenant)
        ).outerjoin(EMBEDDING, _BY_IT)
    )
    .where(OUTBOX.c.tenant == _TENANT)
    .order_by(OUTBOX.c.seq)
    .limit(bindparam("most"))
)
"""The oldest changes, each with what is true of its passage now: without a scope, it is gone."""

FOLLOWED = delete(OUTBOX).where(OUTBOX.c.seq == bindparam("of_seq"))
HOW_MANY_WAIT = select(func.count()).select_from(
    select(OUTBOX.c.seq).where(OUTBOX.c.tenant == _TENANT).limit(bindparam("most")).subquery()
)
NEWEST_CHANGE = select(func.coalesce(func.max(OUTBOX.c.seq), 0)).where(OUTBOX.c.tenant == _TENANT)
SETTLED = (
    delete(OUTBOX)
    .where(
        OUTBOX.c.tenant == _TENANT,
        OUTBOX.c.seq <= bindparam("until_seq"),
        OUTBOX.c.passage.not_in(select(PASSAGE.c.id)),
    )
    .execution_options(row=("of_tenant", "until_seq"))
)
"""There is nothing left to follow of passages that are gone, once no index has any of them: not even their ids stay."""

GONE = (
    select(OUTBOX.c.passage)
    .select_from(OUTBOX.outerjoin(PASSAGE, PASSAGE.c.id == OUTBOX.c.passage))
    .where(OUTBOX.c.tenant == _TENANT, OUTBOX.c.change == "dropped", PASSAGE.c.id.is_(None))
)

# Vectors

KEEP = (
    insert(EMBEDDING)
    .inline()
    .from_select(
        ["passage", "embedder", "tenant", "vector"],
        select(PASSAGE.c.id, _EMBEDDER, PASSAGE.c.tenant, bindparam("vector", type_=LargeBinary)).where(
            PASSAGE.c.id == _PASSAGE, ~select(EMBEDDING.c.passage).where(_BY_IT).correlate(PASSAGE).exists()
        ),
        include_defaults=False,
    )
    .execution_options(row=("of_passage", "of_embedder", "vector"))
)
"""Keep a vector, unless its passage has gone meanwhile, or it is there already."""

UNKEEP = delete(EMBEDDING).where(EMBEDDING.c.passage == _PASSAGE)
DIMENSION = (
    select(func.length(EMBEDDING.c.vector))
    .where(EMBEDDING.c.tenant == _TENANT, EMBEDDING.c.embedder == _EMBEDDER)
    .limit(1)
)
_NEWEST = select(PASSAGE.c.key).where(PASSAGE.c.scope == _SCOPE).order_by(PASSAGE.c.at.desc()).limit(bindparam("most"))
OF_OWNER = (
    select(PASSAGE.c.id, EMBEDDING.c.vector).join(EMBEDDING, _BY_IT).where(PASSAGE.c.key.in_(_NEWEST.scalar_subquery()))
)
"""The vectors of an owner's newest passages."""

_PAGE = (
    select(PASSAGE.c.key)
    .where(PASSAGE.c.scope == _SCOPE, PASSAGE.c.key > bindparam("after"))
    .order_by(PASSAGE.c.key)
    .limit(bindparam("most"))
)
PAGE = (
    select(PASSAGE.c.key, PASSAGE.c.id, EMBEDDING.c.vector)
    .outerjoin(EMBEDDING, _BY_IT)
    .where(PASSAGE.c.key.in_(_PAGE.scalar_subquery()))
    .order_by(PASSAGE.c.key)
)
"""An owner's passages after a key, with their vectors where they have one."""

HOW_MANY = select(func.count()).select_from(
    select(PASSAGE.c.key).where(PASSAGE.c.scope == _SCOPE).limit(bindparam("most")).subquery()
)
WITH_VECTORS = select(PASSAGE.c.id).join(EMBEDDING, _BY_IT).where(PASSAGE.c.scope == _SCOPE).order_by(PASSAGE.c.key)
"""An owner's passages that have a vector, oldest first."""

VECTORS_OF = select(EMBEDDING.c.vector).where(
    EMBEDDING.c.embedder == _EMBEDDER, EMBEDDING.c.passage.in_(bindparam("ids", expanding=True))
)
LIVING = select(PASSAGE.c.id).where(PASSAGE.c.scope == _SCOPE, PASSAGE.c.id.in_(bindparam("ids", expanding=True)))
"""Which of these are passages of an owner."""

LARGE = (
    select(PASSAGE.c.scope, func.count())
    .where(PASSAGE.c.tenant == _TENANT)
    .group_by(PASSAGE.c.scope)
    .having(func.count() > bindparam("more_than"))
    .order_by(PASSAGE.c.scope)
)
"""The owners of a tenant with more passages than are looked at one by one."""

# How far each index has come

STATES = select(INDEX_STATE.c.index, INDEX_STATE.c.position, INDEX_STATE.c.generation, INDEX_STATE.c.state).where(
    INDEX_STATE.c.tenant == _TENANT
)
INDEXED = select(INDEX_STATE.c.tenant).where(INDEX_STATE.c.tenant != literal_column("''")).distinct()
"""The tenants of whom there is, or was, an index."""

UNSTATE = (
    delete(INDEX_STATE)
    .where(INDEX_STATE.c.tenant == _TENANT, INDEX_STATE.c.index == _INDEX)
    .execution_options(row=("of_tenant", "of_index"))
)
STATE = insert(INDEX_STATE)
_KNOWN = INDEX_STATE.alias("known")
_NEW = INDEX_STATE.alias("new")
_FOLLOWED_BY_OTHERS = select(_KNOWN.c.tenant).where(
    _KNOWN.c.index >= literal_column("'vectors:'"), _KNOWN.c.index < literal_column("'vectors;'")
)
_FOLLOWED_BY_IT = select(_NEW.c.tenant).where(_NEW.c.index == _INDEX)
NEWLY_EMBEDDED = _FOLLOWED_BY_OTHERS.where(_KNOWN.c.tenant.not_in(_FOLLOWED_BY_IT)).distinct()
"""The tenants whose vectors are another embedder's."""

RENEW = (
    insert(OUTBOX)
    .inline()
    .from_select(
        ["tenant", "passage", "change"],
        select(PASSAGE.c.tenant, PASSAGE.c.id, literal_column("'added'")).where(
            PASSAGE.c.tenant.in_(_FOLLOWED_BY_OTHERS), PASSAGE.c.tenant.not_in(_FOLLOWED_BY_IT)
        ),
        include_defaults=False,
    )
    .execution_options(row=("of_index",))
)
"""Have an embedder that is new to a tenant follow all of its passages, as if they had just been added."""

_UNFOLLOWED = and_(INDEX_STATE.c.tenant == literal_column("''"), INDEX_STATE.c.index == literal_column("'unfollowed'"))
UNFOLLOWED = select(INDEX_STATE.c.updated_at).where(_UNFOLLOWED)
"""Whether nothing is followed, as `passages.FOLLOW` goes by it, and since when."""

UNFOLLOW = text(
    'INSERT INTO index_state (tenant, "index", position, generation, state, updated_at) '
    "VALUES ('', 'unfollowed', 0, 0, 'unfollowed', :at) ON CONFLICT (tenant, \"index\") DO NOTHING"
).execution_options(row=("at",))
UNWAIT = delete(OUTBOX)
UNSTATE_ALL = delete(INDEX_STATE).where(
    or_(INDEX_STATE.c.index.like(literal_column("'vectors:%'")), INDEX_STATE.c.index.like(literal_column("'shelf:%'")))
)
REFOLLOW = delete(INDEX_STATE).where(_UNFOLLOWED)
EVERY_TENANT = select(PASSAGE.c.tenant).distinct()
RENEW_ALL = (
    insert(OUTBOX)
    .inline()
    .from_select(
        ["tenant", "passage", "change"],
        select(PASSAGE.c.tenant, PASSAGE.c.id, literal_column("'added'")),
        include_defaults=False,
    )
)
"""Have all passages followed: those that have a vector keep it."""

BUILDING = select(INDEX_STATE.c.tenant).where(INDEX_STATE.c.index == _INDEX, INDEX_STATE.c.state == "building")
FORGET_OTHERS = (
    delete(EMBEDDING)
    .where(EMBEDDING.c.tenant == _TENANT, EMBEDDING.c.embedder != _EMBEDDER)
    .execution_options(row=("of_tenant", "of_embedder"))
)
