"""Which message of a person makes a fact their own word, and whether it may then take the place of what is believed.

Words alone do not decide what a statement replaces: that is said by its attribute, its dates and the fact it corrects,
and those are chosen by whoever calls. A page that cannot put words into a person's mouth could have what they did say
put in the place of something else. So the message has to fit these too. Reads what is believed, and writes nothing.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from toolyard_sdk.ports import Database

from toolyard_memory.facts import statements as sql
from toolyard_memory.facts.own_words import Span, repeats, stands
from toolyard_memory.facts.speech import said, sentences
from toolyard_memory.facts.wording import canonical, digest
from toolyard_memory.graph.dates import dates_in
from toolyard_memory.records import UNTRUSTED, Evidence, Fact, NewFact, Owner

_UNTIL: Final = re.compile(r"\b(?:until|till|through)(?:\s+|$)$|^(?:until|till)\b", re.IGNORECASE)
_SMALL: Final = """
a an the user i me my their they his her he she it its 's be been was have had do did not no and or but so to of in
on at by for from with as that this there now any more longer
"""
_LIGHT: Final = frozenset(_SMALL.split())
"""Words that say nothing of what a sentence is about."""


class Said(Struct, frozen=True):
    """A message of the person: (run, ordinal), when it was said, its text, and what others had said in view of it."""

    source: bytes
    item: int
    at: int
    text: str
    others: tuple[str, ...] = ()


class _Held(Struct, frozen=True):
    """A trusted fact that would give way, and when what it rests on was said."""

    fact: Fact
    said_at: int


async def own_word(
    database: Database, owner: Owner, new: NewFact, messages: Iterable[Said], at: int, wrong: Fact | None = None
) -> Evidence | None:
    """Return where one of the messages says what is to be put down at `at`; None where it is not the person's word.

    `messages` are all said by `owner`, the best first; `wrong` is the fact that it corrects.
    """
    held: Sequence[_Held] | None = None
    subject = canonical(new.subject)
    for message in messages:
        span = stands(new.text, subject, message.text)
        if span is None or repeats(message.text, span, message.others) or not _dated(new, message, span):
            continue
        if held is None:
            held = await _against(database, owner, new, at, wrong)
        if all(_gives_way(one, new, message, span) for one in held):
            return Evidence("message", message.source, message.item, span.start, span.stop)
    return None


async def as_said(database: Database, owner: Owner, new: NewFact, said_at: int) -> NewFact | None:
    """Return what is to be put down of what was said at a moment, and is heard only now.

    What was said of the same attribute since then holds on: the statement ends where that begins. None where nothing is
    left of it.
    """
    words = digest(new.text.strip(), canonical(new.subject))
    since = said_at if new.valid_from is None else new.valid_from
    later = [
        fact
        for fact in await values_held(database, owner, new.subject, new.attribute, since)
        if digest(fact.text, fact.subject) != words and await said_last(database, fact) > said_at
    ]
    if not later:
        return new
    until = min(fact.valid_from for fact in later)
    until = until if new.valid_to is None else min(until, new.valid_to)
    return replace(new, valid_from=since, valid_to=until) if since < until else None


async def said_last(database: Database, fact: Fact) -> int:
    """Return when the last of what a fact rests on was said: of what has no message, when it was put down."""
    last = None
    for one in fact.evidence:
        at = fact.recorded_at
        if one.kind == "message" and one.source is not None:
            owner = {"of_tenant": fact.owner.tenant, "of_owner": fact.owner.end_user}
            rows = await database.read(sql.MESSAGES, {**owner, "of_source": one.source, "of_n": one.item})
            at = rows[0][5] if rows else at
        last = at if last is None else max(last, at)
    return fact.recorded_at if last is None else last


async def values_held(database: Database, owner: Owner, subject: str, attribute: str, at: int) -> list[Fact]:
    """Return what is believed of an attribute and had not ended before `at`, with its evidence; none without one."""
    about = {"of_subject": canonical(subject), "of_attribute": canonical(attribute), "not_before": at}
    rows = await database.read(sql.CURRENT_VALUES, {**sql.of(owner), **about}) if about["of_attribute"] else []
    evidence = sql.evidence_of(await database.read(sql.EVIDENCE_OF, {"ids": [row[0] for row in rows]})) if rows else {}
    return [sql.fact_of(row, evidence.get(row[0], ())) for row in rows]


async def _against(database: Database, owner: Owner, new: NewFact, at: int, wrong: Fact | None) -> list[_Held]:
    words = digest(new.text.strip(), canonical(new.subject))
    since = at if new.valid_from is None else min(at, new.valid_from)
    facts = await values_held(database, owner, new.subject, new.attribute, since)
    if wrong is not None and wrong.id not in {fact.id for fact in facts}:
        facts.append(wrong)
    against = [fact for fact in facts if fact.trust not in UNTRUSTED and digest(fact.text, fact.subject) != words]
    return [_Held(fact, await said_last(database, fact)) for fact in against]


def _gives_way(held: _Held, new: NewFact, message: Said, span: Span) -> bool:
    """Tell whether a fact gives way to what a message says within a span: it is older, and about the same."""
    fact = held.fact
    place = ("message", message.source, message.item)
    here = [one for one in fact.evidence if (one.kind, one.source, one.item) == place]
    if any(one.start > span.start for one in here) or held.said_at > message.at:
        return False
    if not fact.attribute:  # nothing but the person's words tells that this one is wrong
        return _about(fact.text) <= _about(message.text)
    clause = message.text[span.start : span.stop]
    named = _about(fact.attribute)
    return (bool(named) and named <= _about(clause)) or not _about(fact.text).isdisjoint(_about(new.text))


def _about(text: str) -> frozenset[str]:
    return frozenset(word for sentence in sentences(text) for word in said(sentence.words)) - _LIGHT


def _dated(new: NewFact, message: Said, span: Span) -> bool:
    """Tell whether a statement begins and ends with days that its words name: it ends with one after "until"."""
    text = message.text[span.start : span.stop]
    named: set[int] = set()
    ends: set[int] = set()
    for dated in dates_in(text, message.at):
        days = _bounds(dated.names[0])
        named.update(days[:1])
        if _UNTIL.search(text[: dated.start]) or _UNTIL.match(dated.shown):
            ends.update(days)
    return new.valid_from in (None, *named) and new.valid_to in (None, *ends)


def _bounds(name: str) -> list[int]:
    """Return where a date, as `graph.dates` names it, begins and ends in microseconds; nothing without a year."""
    try:
        if "w" in name:
            first = date.fromisocalendar(int(name[:4]), int(name[6:]), 1)
            last = first + timedelta(days=7)
        elif len(name) == len("2026-05-03"):
            first = date.fromisoformat(name)
            last = first + timedelta(days=1)
        elif len(name) == len("2026-05"):
            first = date.fromisoformat(f"{name}-01")
            last = (first + timedelta(days=31)).replace(day=1)
        else:
            first, last = date(int(name), 1, 1), date(int(name) + 1, 1, 1)
    except (ValueError, OverflowError):
        return []
    return [int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000 for day in (first, last)]
