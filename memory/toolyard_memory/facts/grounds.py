"""What a fact rests on, looked at before it is believed: is it there, is it the owner's, how far is it trusted."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from toolyard_sdk.ids import show
from toolyard_sdk.ports import Database

from toolyard_memory.facts import statements as sql
from toolyard_memory.facts.intervals import RANK
from toolyard_memory.facts.wording import MOST_TEXT, unstorable
from toolyard_memory.passages import AT_ONCE, granted
from toolyard_memory.records import Evidence, MemoryRefused, NewFact, Owner, Trust

MOST_EVIDENCE: Final = 32
"""Pieces of evidence a statement may come with."""

EXTRACTOR: Final = "extractor:"
"""What the `writer` of a fact begins with when nobody asked for it to be put down."""


class Grounds(Struct, frozen=True):
    """What the evidence of a statement comes to: the least trust in it, and the facts that must still be believed."""

    trust: Trust
    facts: tuple[bytes, ...]


class _Ground(Struct, frozen=True):
    trust: Trust
    agent: str
    length: int


async def examine(database: Database, owner: Owner, new: NewFact, agent: str) -> Grounds:
    """Look at the evidence of a statement that `agent` ("" for all) is to recall; raises MemoryRefused."""
    if not new.evidence:
        raise MemoryRefused("evidence", "a fact rests on something: name the message that says so, or state its words")
    if len(new.evidence) > MOST_EVIDENCE:
        raise MemoryRefused("evidence", f"at most {MOST_EVIDENCE} pieces, not {len(new.evidence)}: name the best")
    least = new.trust
    for place, evidence in enumerate(new.evidence):
        field = f"evidence[{place}]"
        ground = await _ground(database, owner, new, evidence, agent, field)
        _within(evidence, ground, field)
        if ground.agent not in ("", agent):
            raise MemoryRefused(field, f"only the agent {ground.agent!r} may recall it: so must the fact (agent)")
        if RANK[ground.trust] < RANK[least]:
            least = ground.trust
    if least != new.trust:
        raise MemoryRefused(
            "trust", f"it rests on what is only trusted as {least!r}, so it cannot be {new.trust!r}: say {least!r}"
        )
    return Grounds(least, tuple(dict.fromkeys(one.source for one in new.evidence if one.kind == "fact" and one.source)))


async def least_trust(database: Database, owner: Owner, new: NewFact) -> Trust:
    """Return how far a statement can be trusted for what it rests on, at most as it says; raises MemoryRefused."""
    least = new.trust
    for place, evidence in enumerate(new.evidence):
        ground = await _ground(database, owner, new, evidence, new.agent, f"evidence[{place}]")
        least = min(least, ground.trust, key=RANK.__getitem__)
    return least


async def _ground(
    database: Database, owner: Owner, new: NewFact, evidence: Evidence, agent: str, field: str
) -> _Ground:
    if evidence.kind == "stated":
        return _stated(new, evidence, field)
    if evidence.source is None:
        raise MemoryRefused(field, f"a {evidence.kind} is named by its id (source)")
    of = {"of_tenant": owner.tenant}
    if evidence.kind == "message":
        found = {**of, "of_owner": owner.end_user, "of_source": evidence.source, "of_n": evidence.item}
        rows = await database.read(sql.MESSAGES, found)
        if not rows:
            raise MemoryRefused(field, "there is no such message of this end user: name one by its run and ordinal")
        length = sum(len(row[4]) for row in rows) + len(rows) - 1  # a long message is several passages
        return _Ground(rows[0][8], rows[0][6], length)
    if evidence.kind == "document":
        rows = await database.read(sql.GROUNDING, {**of, "of_id": evidence.source})
        if not rows or rows[0][2] is not None:
            raise MemoryRefused(field, "there is no such piece of a current document of this tenant")
        if not granted(rows[0][1], agent or "*"):
            raise MemoryRefused(field, "not everybody may recall the document who could recall the fact: set its agent")
        return _Ground(rows[0][0], "", rows[0][3])
    rows = await database.read(sql.OF_IDS, {**of, "of_owner": owner.end_user, "ids": [evidence.source]})
    if not rows:
        raise MemoryRefused(field, f"there is no fact {show('fact', evidence.source)} of this end user")
    fact = sql.fact_of(rows[0])
    if fact.retired_at is not None:
        after = f": {show('fact', fact.superseded_by)} took its place" if fact.superseded_by is not None else ""
        raise MemoryRefused(field, f"{show('fact', fact.id)} is not believed any more{after}")
    return _Ground(fact.trust, fact.agent, len(fact.text))


def _stated(new: NewFact, evidence: Evidence, field: str) -> _Ground:
    if new.writer.startswith(EXTRACTOR):
        raise MemoryRefused(field, "an extractor states nothing: name the message it has read")
    if not evidence.words.strip():
        raise MemoryRefused(field, "what is stated has words: say in which words")
    if len(evidence.words) > MOST_TEXT:
        raise MemoryRefused(field, f"at most {MOST_TEXT} characters of words, not {len(evidence.words)}")
    if wrong := unstorable(evidence.words):
        raise MemoryRefused(field, wrong)
    return _Ground(new.trust, "", len(evidence.words))


def _within(evidence: Evidence, ground: _Ground, field: str) -> None:
    start, stop = evidence.start, evidence.stop
    if (start, stop) != (0, 0) and not 0 <= start < stop <= ground.length:
        raise MemoryRefused(
            field, f"characters {start} to {stop} are no part of its {ground.length}: [0, 0) stands for all of it"
        )


async def rests_on(database: Database, sources: Sequence[bytes], fact: bytes) -> bytes | None:
    """Return the one of the facts `sources` that is `fact` or was derived from it, by however many steps; or None."""
    for source in sources:
        seen, reached = {source}, [source]
        while reached:
            if fact in reached:
                return source
            rows = await database.read(sql.RESTS_ON, {"ids": reached[:AT_ONCE]})
            more = [row[0] for row in rows if row[0] not in seen]
            seen.update(more)
            reached = reached[AT_ONCE:] + more
    return None
