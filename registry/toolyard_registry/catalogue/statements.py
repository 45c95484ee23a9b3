"""The catalogue's statements, made once at import; knows no connection.

A row of a write gives each value once, in the order of the statement's `row` option: the table's columns.
"""

from typing import Any

from sqlalchemy import Insert, Select, Table, bindparam, exists, func, insert, literal_column, select
from sqlalchemy.sql.elements import BindParameter, ColumnElement

from toolyard_registry.catalogue.tables import AgentReleaseTable, ChannelTable, PromptTable, ToolReleaseTable, ToolTable


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table


TOOL = _table(ToolTable)
TOOL_RELEASE = _table(ToolReleaseTable)
PROMPT = _table(PromptTable)
AGENT_RELEASE = _table(AgentReleaseTable)
CHANNEL = _table(ChannelTable)


def _bind(column: ColumnElement[Any], name: str = "") -> BindParameter[Any]:
    return bindparam(name or column.key, type_=column.type)


def _insert_unless(table: Table, taken: ColumnElement[bool]) -> Insert:
    """Insert a row unless `taken` holds: `ON CONFLICT DO NOTHING` in words that every database knows."""
    names = tuple(column.key for column in table.columns)
    row = select(*(_bind(column) for column in table.columns)).where(~exists(literal_column("1")).where(taken))
    return insert(table).from_select(list(names), row).execution_options(row=names)


def _insert_once(table: Table) -> Insert:
    keys = list(table.primary_key.columns)
    taken = keys[0] == _bind(keys[0])
    for key in keys[1:]:
        taken = taken & (key == _bind(key))
    return _insert_unless(table, taken)


PUT_TOOL = _insert_once(TOOL)
PUT_TOOL_RELEASE = _insert_once(TOOL_RELEASE)
PUT_PROMPT = _insert_once(PROMPT)
PUT_AGENT_RELEASE = _insert_once(AGENT_RELEASE)


def _same_channel() -> ColumnElement[bool]:
    return (
        (CHANNEL.c.tenant == _bind(CHANNEL.c.tenant))
        & (CHANNEL.c.kind == _bind(CHANNEL.c.kind))
        & (CHANNEL.c.name == _bind(CHANNEL.c.name))
        & (CHANNEL.c.channel == _bind(CHANNEL.c.channel))
    )


MOVE_CHANNEL = _insert_unless(CHANNEL, _same_channel() & (CHANNEL.c.seq >= _bind(CHANNEL.c.seq)))
"""Changes no row when somebody else has moved the channel meanwhile."""


def _heads() -> Select[Any]:
    """Select the newest row of every channel of a tenant: (kind, name, channel, seq, digest)."""
    later = CHANNEL.alias()
    newest = (
        select(func.max(later.c.seq))
        .where(
            later.c.tenant == CHANNEL.c.tenant,
            later.c.kind == CHANNEL.c.kind,
            later.c.name == CHANNEL.c.name,
            later.c.channel == CHANNEL.c.channel,
        )
        .scalar_subquery()
    )
    columns = (CHANNEL.c.kind, CHANNEL.c.name, CHANNEL.c.channel, CHANNEL.c.seq, CHANNEL.c.digest)
    return select(*columns).where(CHANNEL.c.tenant == _bind(CHANNEL.c.tenant), CHANNEL.c.seq == newest)


HEADS_OF_CHANNEL = _heads().where(CHANNEL.c.channel == _bind(CHANNEL.c.channel))
HEADS_OF_KIND = _heads().where(CHANNEL.c.kind == _bind(CHANNEL.c.kind))
HEADS_OF_NAME = HEADS_OF_KIND.where(CHANNEL.c.name == _bind(CHANNEL.c.name))
HEAD = _heads().where(
    CHANNEL.c.kind == _bind(CHANNEL.c.kind),
    CHANNEL.c.name == _bind(CHANNEL.c.name),
    CHANNEL.c.channel == _bind(CHANNEL.c.channel),
)
PLACES = (
    _heads()
    .where(
        CHANNEL.c.kind == _bind(CHANNEL.c.kind),
        CHANNEL.c.channel == _bind(CHANNEL.c.channel),
        CHANNEL.c.name > _bind(CHANNEL.c.name, "after"),
        CHANNEL.c.digest != "",
    )
    .order_by(CHANNEL.c.name)
    .limit(bindparam("most"))
)
HISTORY = (
    select(CHANNEL.c.seq, CHANNEL.c.digest, CHANNEL.c.moved_at, CHANNEL.c.moved_by)
    .where(_same_channel(), CHANNEL.c.seq > _bind(CHANNEL.c.seq, "after"))
    .order_by(CHANNEL.c.seq)
    .limit(bindparam("most"))
)


def _body(table: Table) -> Select[Any]:
    tenant, digest = table.c.tenant, table.c.digest
    return select(table.c.body).where(tenant == _bind(tenant), digest == _bind(digest))


AGENT_BODY = _body(AGENT_RELEASE)
PROMPT_BODY = _body(PROMPT)
HOLDER_OF_POLICY = (
    select(AGENT_RELEASE.c.digest)
    .where(
        AGENT_RELEASE.c.tenant == _bind(AGENT_RELEASE.c.tenant), AGENT_RELEASE.c.policy == _bind(AGENT_RELEASE.c.policy)
    )
    .order_by(AGENT_RELEASE.c.digest)
    .limit(1)
)
TOOL_BODY = _body(TOOL_RELEASE)


def _named(table: Table) -> Select[Any]:
    tenant, digest, name = table.c.tenant, table.c.digest, table.c.name
    return select(digest).where(tenant == _bind(tenant), name == _bind(name), digest == _bind(digest))


NAMED = {"agent": _named(AGENT_RELEASE), "prompt": _named(PROMPT), "tool": _named(TOOL_RELEASE)}
"""By kind: whether a release of that digest has that name."""

TOOL_VERSION = (
    select(TOOL_RELEASE.c.digest)
    .where(
        TOOL_RELEASE.c.tenant == _bind(TOOL_RELEASE.c.tenant),
        TOOL_RELEASE.c.name == _bind(TOOL_RELEASE.c.name),
        TOOL_RELEASE.c.version == _bind(TOOL_RELEASE.c.version),
    )
    .order_by(TOOL_RELEASE.c.created_at.desc(), TOOL_RELEASE.c.digest)
    .limit(1)
)
