"""The SQL of facts, made once at import, and how a row becomes a fact; knows no rule.

A transaction does not see its own writes, so what a rule has read is checked again by the statements that rely on it:
a new fact is refused (no row is written, where one is expected) when another has meanwhile come to hold in its place.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Insert,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from toolyard_memory.facts.wording import digest
from toolyard_memory.passages import BELIEVED, NEVER, OF_PASSAGE
from toolyard_memory.records import Evidence, Fact, Owner
from toolyard_memory.tables.documents import DOCUMENT
from toolyard_memory.tables.facts import EVIDENCE, FACT
from toolyard_memory.tables.passages import PASSAGE

_NEVER: ColumnElement[int] = literal_column(str(NEVER))
_ALL: ColumnElement[str] = literal_column("''")
"""Written out: the row of a statement that writes holds values of columns only."""

COLUMNS = tuple(column.key for column in FACT.columns)


def _bind(column: ColumnElement[Any], name: str = "") -> BindParameter[Any]:
    return bindparam(name or column.key, type_=column.type)


OF_OWNER = and_(FACT.c.tenant == bindparam("of_tenant"), FACT.c.owner == bindparam("of_owner"))
_AGENT: BindParameter[str] = bindparam("seen_agent")
AUDIENCE = and_(
    FACT.c.tenant == bindparam("seen_tenant"),
    FACT.c.owner == bindparam("seen_owner"),
    or_(_AGENT == "", FACT.c.agent == "", FACT.c.agent == _AGENT),
)


def _add(*same: str, after: bool = False) -> Insert:
    """Insert a fact unless a current one with the same columns holds at the same time, for the same readers.

    With `after`, only if it goes on from a fact (`of`) whose place another (`by`) has just taken.
    """
    other = FACT.alias()
    start, stop = _bind(FACT.c.valid_from), _bind(FACT.c.valid_to)
    agent = _bind(FACT.c.agent)
    taken = (
        select(literal_column("1"))
        .select_from(other)
        .where(
            *(other.c[name] == _bind(FACT.c[name]) for name in ("tenant", "owner", *same)),
            other.c.retired_at.is_(None),
            other.c.valid_from < func.coalesce(stop, _NEVER),
            func.coalesce(other.c.valid_to, _NEVER) > start,
            or_(agent == _ALL, other.c.agent == agent),
        )
        .exists()
    )
    row = select(*(_bind(column) for column in FACT.columns)).where(~taken)
    if not after:
        return insert(FACT).from_select(list(COLUMNS), row).execution_options(row=COLUMNS)
    before = FACT.alias()
    replaced = (
        select(literal_column("1"))
        .select_from(before)
        .where(before.c.id == _bind(FACT.c.id, "of"), before.c.superseded_by == _bind(FACT.c.id, "by"))
        .exists()
    )
    return insert(FACT).from_select(list(COLUMNS), row.where(replaced)).execution_options(row=(*COLUMNS, "of", "by"))


RETIRE = (
    update(FACT)
    .where(FACT.c.tenant == bindparam("of_tenant"), FACT.c.id == bindparam("of_id"), FACT.c.retired_at.is_(None))
    .values(retired_at=bindparam("at"), superseded_by=bindparam("by"))
    .execution_options(row=("at", "by", "of_tenant", "of_id"))
)
ADD_VALUE = _add("subject", "attribute")
ADD_STATEMENT = _add("subject", "attribute", "digest")
ADD_LEFT_VALUE = _add("subject", "attribute", after=True)
ADD_LEFT_STATEMENT = _add("subject", "attribute", "digest", after=True)
HOLD = (
    update(FACT)
    .where(FACT.c.tenant == bindparam("of_tenant"), FACT.c.id == bindparam("of_id"), FACT.c.retired_at.is_(None))
    .values(tenant=bindparam("same_tenant"))
    .execution_options(row=("same_tenant", "of_tenant", "of_id"))
)
"""Changes nothing; it finds no row when the fact is not believed any more."""
ADD_EVIDENCE = insert(EVIDENCE)
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

_FACTS = select(*FACT.columns, PASSAGE.c.text).select_from(FACT.join(PASSAGE, PASSAGE.c.id == FACT.c.id))
CURRENT_VALUES = _FACTS.where(
    OF_OWNER,
    FACT.c.subject == bindparam("subject"),
    FACT.c.attribute == bindparam("attribute"),
    FACT.c.retired_at.is_(None),
).order_by(FACT.c.valid_from, FACT.c.id)
CURRENT_STATEMENTS = CURRENT_VALUES.where(FACT.c.digest == bindparam("words"))
OF_IDS = _FACTS.where(OF_OWNER, FACT.c.id.in_(bindparam("ids", expanding=True)))
FIND = _FACTS.where(AUDIENCE, FACT.c.id == bindparam("of_id"), BELIEVED)
KNOWN = _FACTS.where(AUDIENCE, FACT.c.id.in_(bindparam("ids", expanding=True)))
LISTED = (
    _FACTS.where(AUDIENCE, BELIEVED, FACT.c.id < bindparam("before"))
    .order_by(FACT.c.id.desc())
    .limit(bindparam("at_most"))
)
LISTED_ABOUT = LISTED.where(FACT.c.subject == bindparam("subject"))
_NEWEST = (FACT.c.recorded_at.desc(), FACT.c.valid_from.desc(), FACT.c.id.desc())
VERSIONS = (
    _FACTS.where(AUDIENCE, FACT.c.subject == bindparam("subject"), FACT.c.attribute == bindparam("attribute"))
    .order_by(*_NEWEST)
    .limit(bindparam("at_most"))
)
VERSIONS_IN_WORDS = VERSIONS.where(FACT.c.digest == bindparam("words"))
VERSIONS_OF_SUBJECT = (
    _FACTS.where(AUDIENCE, FACT.c.subject == bindparam("subject")).order_by(*_NEWEST).limit(bindparam("at_most"))
)
REPLACED = select(FACT.c.id).where(AUDIENCE, FACT.c.superseded_by.in_(bindparam("ids", expanding=True)))
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
    return {"subject": fact.subject, "attribute": fact.attribute, "words": digest(fact.text)}


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
