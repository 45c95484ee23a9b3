"""The SQL of facts, made once at import, and how a row becomes a fact; decides nothing that can wait.

A transaction does not see its own writes, and others write meanwhile. So the statements that add a fact hold for what
they find when they are applied: whatever is older and in its way ends, and it gives way itself to what is newer. None
of them refuses a commit, which may hold much else.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Insert,
    LargeBinary,
    Table,
    Update,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    union_all,
    update,
)

from toolyard_memory.facts.wording import digest
from toolyard_memory.passages import BELIEVED, NEVER, OF_PASSAGE, WRITTEN
from toolyard_memory.records import Evidence, Fact, Owner
from toolyard_memory.tables.documents import DOCUMENT
from toolyard_memory.tables.facts import EVIDENCE, FACT
from toolyard_memory.tables.passages import EDGE, MENTION, PASSAGE
from toolyard_memory.tables.vectors import EMBEDDING

_ONE: ColumnElement[int] = literal_column("1")
_NEVER: ColumnElement[int] = literal_column(str(NEVER))
_ALL: ColumnElement[str] = literal_column("''")
"""Written out: the row of a statement that writes holds values of columns only."""

COLUMNS = tuple(column.key for column in FACT.columns)


def _bind(column: ColumnElement[Any], name: str = "") -> BindParameter[Any]:
    return bindparam(name or column.key, type_=column.type)


PLACE = ("kind", "item", "start", "stop", "words")
"""What makes two pieces of evidence with the same source the same."""

VALUE = ("subject", "attribute")
"""What makes two facts contradict each other."""
SAYING = ("subject", "attribute", "digest")
"""What makes two facts without an attribute the same."""

OF_OWNER = and_(FACT.c.tenant == bindparam("of_tenant"), FACT.c.owner == bindparam("of_owner"))
_AGENT: BindParameter[str] = bindparam("seen_agent")
AUDIENCE = and_(
    FACT.c.tenant == bindparam("seen_tenant"),
    FACT.c.owner == bindparam("seen_owner"),
    or_(_AGENT == "", FACT.c.agent == "", FACT.c.agent == _AGENT),
)


def _row_of(table: Table, names: Sequence[str], condition: ColumnElement[bool], *more: str) -> Insert:
    """Insert a row where the condition holds; it may have parameters of its own, `more`."""
    row = select(*(_bind(table.c[name]) for name in names)).where(condition)
    return insert(table).from_select(list(names), row).execution_options(row=(*names, *more))


def _is_there(fact: BindParameter[bytes]) -> ColumnElement[bool]:
    there = FACT.alias()
    return select(_ONE).select_from(there).where(there.c.id == fact).exists()


def _support() -> Insert:
    """Add evidence after what a fact has, unless it has it: so two who say the same at once do not collide."""
    names = [column.key for column in EVIDENCE.columns if column.key != "n"]
    given, held = {name: _bind(EVIDENCE.c[name]) for name in names}, EVIDENCE.alias()
    after_all = func.coalesce(func.max(held.c.n) + _ONE, literal_column("0"))
    following = select(after_all).where(held.c.fact == given["fact"])
    same = [held.c[name] == given[name] for name in ("fact", *PLACE)]
    source = held.c.source.is_not_distinct_from(given["source"])  # what is stated has none
    fresh = ~select(_ONE).select_from(held).where(*same, source).exists()
    row = select(*given.values(), following.scalar_subquery()).where(_is_there(given["fact"]), fresh)
    return insert(EVIDENCE).from_select([*names, "n"], row).execution_options(row=tuple(names))


def _inherit(table: Table) -> Insert:
    """Copy what a table holds of a fact's passage (`old`) to that of a version in the same words (`new`)."""
    new = bindparam("new", type_=LargeBinary())
    names = [column.key for column in table.columns]
    row = select(*(new if name == "passage" else table.c[name] for name in names)).where(
        table.c.passage == bindparam("old"), _is_there(new)
    )
    return insert(table).from_select(names, row).execution_options(row=("new", "old"))


def _goes_on(fact: FromClause, at: ColumnElement[int]) -> ColumnElement[bool]:
    return or_(fact.c.valid_to.is_(None), fact.c.valid_to > at)


def _current(
    fact: FromClause, same: Sequence[str], since: ColumnElement[int], prefix: str = "of_"
) -> ColumnElement[bool]:
    """Tell whether a fact is believed and holds after a moment, among those whose columns are parameters.

    A value may have changed ten thousand times, so the two ways of going on are two searches in an index.
    """
    if same == SAYING:
        about = (fact.c[name] == _bind(FACT.c[name], prefix + name) for name in ("tenant", "owner", *same))
        return and_(*about, fact.c.retired_at.is_(None), _goes_on(fact, since))
    halves = []
    for ends in (False, True):
        one = FACT.alias()
        about = (one.c[name] == _bind(FACT.c[name], prefix + name) for name in ("tenant", "owner", *same))
        until = one.c.valid_to > since if ends else one.c.valid_to.is_(None)
        halves.append(select(one.c.id).where(*about, one.c.retired_at.is_(None), until))
    return fact.c.id.in_(union_all(*halves))


def _in_the_way(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Tell whether `other` is believed for a time for which `one` says something else of the same."""
    return and_(
        other.c.id != one.c.id,
        other.c.valid_from < func.coalesce(one.c.valid_to, _NEVER),
        _goes_on(other, one.c.valid_from),
    )


def _older(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    return or_(
        one.c.recorded_at < other.c.recorded_at,
        and_(one.c.recorded_at == other.c.recorded_at, one.c.id < other.c.id),
    )


def _supersede(*same: str) -> Update:
    """End the belief in whatever is older than a new fact and in its way."""
    new = FACT.alias()
    replaced = and_(
        new.c.id == bindparam("by"),
        _in_the_way(new, FACT),
        or_(new.c.agent == _ALL, new.c.agent == FACT.c.agent),
    )
    return (
        update(FACT)
        .where(
            _current(FACT, same, bindparam("since")),
            select(_ONE).select_from(new).where(replaced, _older(FACT, new)).exists(),
        )
        .values(retired_at=bindparam("at"), superseded_by=bindparam("by"))
        .execution_options(row=("at", "by", "since", *("of_" + name for name in ("tenant", "owner", *same))))
    )


def _give_way(*same: str) -> Update:
    """End the belief in a new fact, in whose way something newer is."""
    newer = FACT.alias()
    found = (
        select(newer.c.id)
        .where(
            _current(newer, same, bindparam("since")),
            _in_the_way(FACT, newer),
            or_(newer.c.agent == _ALL, newer.c.agent == FACT.c.agent),
            _older(FACT, newer),
        )
        .order_by(newer.c.recorded_at.desc(), newer.c.id.desc())
        .limit(_ONE)
        .offset(literal_column("0"))
    )
    return (
        update(FACT)
        .where(FACT.c.id == bindparam("of_id"), FACT.c.retired_at.is_(None), found.correlate(FACT).exists())
        .values(retired_at=bindparam("at"), superseded_by=found.correlate(FACT).scalar_subquery())
        .execution_options(row=("at", "of_id", "since", *("of_" + name for name in ("tenant", "owner", *same))))
    )


def _leave(*same: str) -> Insert:
    """Insert what is left of a fact (`of`) whose place another (`by`) has taken, where nothing is in its way."""
    other, before = FACT.alias(), FACT.alias()
    taken = select(_ONE).where(
        _current(other, same, _bind(FACT.c.valid_from), ""),
        other.c.valid_from < func.coalesce(_bind(FACT.c.valid_to), _NEVER),
        other.c.agent == _bind(FACT.c.agent),
    )
    replaced = select(_ONE).where(
        before.c.id == _bind(FACT.c.id, "of"), before.c.superseded_by == _bind(FACT.c.id, "by")
    )
    return _row_of(FACT, COLUMNS, and_(replaced.exists(), ~taken.exists()), "of", "by")


ADD = insert(FACT)
RETIRE = (
    update(FACT)
    .where(FACT.c.tenant == bindparam("of_tenant"), FACT.c.id == bindparam("of_id"), FACT.c.retired_at.is_(None))
    .values(retired_at=bindparam("at"), superseded_by=bindparam("by"))
    .execution_options(row=("at", "by", "of_tenant", "of_id"))
)
_NEXT = FACT.alias()
_TAKEN = select(_NEXT.c.superseded_by.label("id")).where(_NEXT.c.id == bindparam("of_id")).cte(recursive=True)
_TAKEN = _TAKEN.union(select(_NEXT.c.superseded_by).join(_TAKEN, _NEXT.c.id == _TAKEN.c.id))
RETIRE_OTHER = (
    update(FACT)
    .where(
        FACT.c.tenant == bindparam("of_tenant"),
        FACT.c.id.in_(select(_TAKEN.c.id)),
        FACT.c.id != _bind(FACT.c.superseded_by, "by"),
        FACT.c.retired_at.is_(None),
    )
    .values(retired_at=bindparam("at"), superseded_by=bindparam("by"))
    .execution_options(row=("at", "by", "of_tenant", "of_id"))
)
"""Ends the belief in what other corrections, made at once, have put in the place of a fact, one after the other."""

SUPERSEDE_VALUE, SUPERSEDE_SAYING = _supersede(*VALUE), _supersede(*SAYING)
GIVE_WAY_VALUE, GIVE_WAY_SAYING = _give_way(*VALUE), _give_way(*SAYING)
LET_FALL = (
    delete(FACT)
    .where(FACT.c.id == bindparam("of_id"), ~_is_there(bindparam("source", type_=LargeBinary())))
    .execution_options(row=("of_id", "source"))
)
"""Drops a new fact when the one that it rests on has just been forgotten."""
ADD_TEXT, ADD_LEFT_TEXT = (_row_of(PASSAGE, WRITTEN, _is_there(_bind(PASSAGE.c.id))) for _ in range(2))
ADD_EVIDENCE, ADD_LEFT_EVIDENCE = (_support() for _ in range(2))
"""Twice the same: what is left of a fact is added after everything else, and its words after it."""
INHERIT, INHERIT_LEFT = (tuple(_inherit(table) for table in (MENTION, EDGE, EMBEDDING)) for _ in range(2))
"""What speaks of a fact's words, for a version in the same words."""
LEAVE_VALUE, LEAVE_SAYING = _leave(*VALUE), _leave(*SAYING)
DROP_FACT = (
    delete(FACT)
    .where(FACT.c.tenant == bindparam("of_tenant"), FACT.c.id == bindparam("of_id"))
    .execution_options(row=("of_tenant", "of_id"))
)
DROP_EVIDENCE = delete(EVIDENCE).where(EVIDENCE.c.fact == bindparam("of_fact"))
DROP_RESTING = (
    delete(EVIDENCE)
    .where(EVIDENCE.c.kind == bindparam("of_kind"), EVIDENCE.c.source == bindparam("of_source"))
    .execution_options(row=("of_kind", "of_source"))
)

FACTS = select(*FACT.columns, PASSAGE.c.text).select_from(FACT.join(PASSAGE, PASSAGE.c.id == FACT.c.id))
CURRENT_VALUES, CURRENT_STATEMENTS = (
    FACTS.where(_current(FACT, same, bindparam("not_before"))).order_by(FACT.c.valid_from, FACT.c.id)
    for same in (VALUE, SAYING)
)
OF_IDS = FACTS.where(OF_OWNER, FACT.c.id.in_(bindparam("ids", expanding=True)))
BELIEVED_NOW = (
    FACTS.where(OF_OWNER, FACT.c.retired_at.is_(None), FACT.c.id > bindparam("after"))
    .order_by(FACT.c.id)
    .limit(bindparam("at_most"))
)
FIND = FACTS.where(AUDIENCE, FACT.c.id == bindparam("of_id"), BELIEVED)
KNOWN = FACTS.where(AUDIENCE, FACT.c.id.in_(bindparam("ids", expanding=True)))
LISTED = (
    FACTS.where(AUDIENCE, BELIEVED, FACT.c.id < bindparam("before"))
    .order_by(FACT.c.id.desc())
    .limit(bindparam("at_most"))
)
LISTED_ABOUT = LISTED.where(FACT.c.subject == bindparam("subject"))
_NEWEST = (FACT.c.recorded_at.desc(), FACT.c.valid_from.desc(), FACT.c.id.desc())
VERSIONS = (
    FACTS.where(AUDIENCE, FACT.c.subject == bindparam("subject"), FACT.c.attribute == bindparam("attribute"))
    .order_by(*_NEWEST)
    .limit(bindparam("at_most"))
)
VERSIONS_IN_WORDS = VERSIONS.where(FACT.c.digest == bindparam("words"))
VERSIONS_OF_SUBJECT = (
    FACTS.where(AUDIENCE, FACT.c.subject == bindparam("subject")).order_by(*_NEWEST).limit(bindparam("at_most"))
)
REPLACED = select(FACT.c.id).where(FACT.c.superseded_by.in_(bindparam("ids", expanding=True)))
"""By their ids alone: whoever reads them is asked about when they are read."""
TWINS = select(FACT.c.id).where(
    OF_OWNER,
    FACT.c.subject == bindparam("subject"),
    FACT.c.attribute == bindparam("attribute"),
    FACT.c.digest == bindparam("words"),
)
EVIDENCE_OF = (
    select(EVIDENCE)
    .where(EVIDENCE.c.fact.in_(bindparam("ids", expanding=True)))
    .order_by(EVIDENCE.c.fact, EVIDENCE.c.n)
)
RESTING_ON = (
    select(EVIDENCE.c.fact)
    .where(EVIDENCE.c.kind == "fact", EVIDENCE.c.source.in_(bindparam("ids", expanding=True)))
    .distinct()
)
RESTS_ON = select(EVIDENCE.c.source).where(
    EVIDENCE.c.fact.in_(bindparam("ids", expanding=True)), EVIDENCE.c.kind == "fact"
)
MESSAGES = select(*OF_PASSAGE).where(
    PASSAGE.c.source == bindparam("of_source"),
    PASSAGE.c.n == bindparam("of_n"),
    PASSAGE.c.kind == "message",
    PASSAGE.c.tenant == bindparam("of_tenant"),
    PASSAGE.c.owner == bindparam("of_owner"),
)
GROUNDING = (
    select(PASSAGE.c.trust, DOCUMENT.c.agents, DOCUMENT.c.retired_at, func.length(PASSAGE.c.text))
    .select_from(PASSAGE.join(DOCUMENT, DOCUMENT.c.id == PASSAGE.c.source))
    .where(
        PASSAGE.c.id == bindparam("of_id"),
        PASSAGE.c.kind == "chunk",
        PASSAGE.c.tenant == bindparam("of_tenant"),
        PASSAGE.c.owner == "",
        DOCUMENT.c.tenant == bindparam("of_tenant"),
    )
)
PASSAGES_OF = select(*OF_PASSAGE).where(
    PASSAGE.c.tenant == bindparam("of_tenant"), PASSAGE.c.id.in_(bindparam("ids", expanding=True))
)


def of(owner: Owner) -> dict[str, Any]:
    """Return the values of `OF_OWNER`."""
    return {"of_tenant": owner.tenant, "of_owner": owner.end_user}


def words_of(fact: Fact) -> dict[str, Any]:
    """Return the values by which what a fact says is found again."""
    return {"subject": fact.subject, "attribute": fact.attribute, "words": digest(fact.text, fact.subject)}


def evidence_of(rows: Iterable[Sequence[Any]]) -> dict[bytes, tuple[Evidence, ...]]:
    """Return the evidence of `EVIDENCE_OF` rows by fact, in order."""
    found: dict[bytes, list[Evidence]] = {}
    for fact, _n, kind, source, item, start, stop, words, extractor, prompt in rows:
        found.setdefault(fact, []).append(Evidence(kind, source, item, start, stop, words, extractor, prompt))
    return {fact: tuple(evidence) for fact, evidence in found.items()}


def fact_of(row: Sequence[Any], evidence: tuple[Evidence, ...] = ()) -> Fact:
    """Return the fact of a row that holds the columns of its table and then its text."""
    (
        id_,
        tenant,
        owner,
        agent,
        subject,
        attribute,
        _digest,
        valid_from,
        valid_to,
        recorded_at,
        retired_at,
        superseded_by,
        trust,
        writer,
        release,
        run,
        text,
    ) = row
    return Fact(
        id_,
        Owner(tenant, owner),
        text,
        subject,
        attribute,
        valid_from,
        valid_to,
        recorded_at,
        retired_at,
        superseded_by,
        trust,
        writer,
        release,
        run,
        agent,
        evidence,
    )
