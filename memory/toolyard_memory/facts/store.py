"""Facts in SQL: written within a transaction of the caller's, read back as a reader may see them; ranks nothing.

A transaction does not see its own writes. Of two statements about one attribute that join the same transaction, or are
made at once, the later one holds and the other is history; what was left of the time before may then be lost.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from toolyard_sdk.ids import NewId, show
from toolyard_sdk.ports import Database, Transaction

from toolyard_memory.facts import statements as sql
from toolyard_memory.facts.consolidating import Consolidating
from toolyard_memory.facts.consolidation import PAST_US, Change
from toolyard_memory.facts.grounds import EXTRACTOR, Grounds, examine, least_trust, rests_on
from toolyard_memory.facts.intervals import Interval, Settled, Statement, Version, outranked, settle, settle_correction
from toolyard_memory.facts.removal import Removal
from toolyard_memory.facts.tombstones import Stones, Tombstones, fact_name, words_name
from toolyard_memory.facts.wording import (
    MOST_AGENT,
    MOST_ATTRIBUTE,
    MOST_SUBJECT,
    MOST_TEXT,
    canonical,
    digest,
    says_nothing,
    unstorable,
)
from toolyard_memory.facts.writing import Writing
from toolyard_memory.passages import AT_ONCE, PRESENT, Passages, sight
from toolyard_memory.records import (
    AsOf,
    Evidence,
    Fact,
    Forgotten,
    MemoryRefused,
    NewFact,
    NoSuchMemory,
    Owner,
    Reader,
    Trust,
    Written,
)

FARTHEST: Final = 1 << 62
"""Microseconds from 1970, either way, beyond which nothing is dated."""

LAST: Final = b"\xff" * 16


class _Said(Struct, frozen=True):
    """A statement whose words, subject and evidence have been looked at."""

    new: NewFact
    text: str
    subject: str
    attribute: str
    words: bytes
    grounds: Grounds


class Facts:
    """The store of facts; writes join a transaction, reads see what was committed."""

    def __init__(self, database: Database, passages: Passages, new_id: NewId, entropy: Callable[[int], bytes]) -> None:
        self._database = database
        self._passages = passages
        self._new_id = new_id
        self._tombstones = Tombstones(database, new_id, entropy)
        self._writing = Writing(database)
        self._consolidating = Consolidating(database, self._writing, new_id)
        self._removal = Removal(database, passages, self._tombstones)

    # Writing

    async def remember(self, tx: Transaction, owner: Owner, new: NewFact, at: int) -> Written:
        """Put a fact down, in the place of what it contradicts; `at` is UTC microseconds. Raises MemoryRefused.

        What is known already only gains evidence. An extractor cannot put down what was forgotten.
        """
        said = await self._look_at(owner, new, new.agent)
        rows = await self._held(owner, said, at)
        settled = settle(_statement(said, at), [_version(row) for row in rows])
        if settled.known is None and new.writer.startswith(EXTRACTOR):
            await self._refuse_forgotten(owner, said)
        return await self._settle(tx, owner, said, settled, _by_id(rows), at)

    async def correct(self, tx: Transaction, owner: Owner, fact: bytes, new: NewFact, at: int) -> Written:
        """Put a fact down in the place of a wrong one, for as long as that one held unless it says otherwise.

        Without an attribute it is about what the wrong one was about. Who could recall the wrong one recalls the right
        one. Raises MemoryRefused, also for a fact that is not believed any more, and NoSuchMemory.
        """
        found = await self._database.read(sql.OF_IDS, {**sql.of(owner), "ids": [fact]})
        if not found:
            if await self._tombstones.covers(owner.tenant, fact_name(owner, fact)) is not None:
                raise MemoryRefused("fact", f"{show('fact', fact)} was forgotten: remember what is true instead")
            raise NoSuchMemory(f"there is no fact {show('fact', fact)}")
        wrong = sql.fact_of(found[0])
        if wrong.retired_at is not None:
            await self._refuse_retired(owner, wrong)
        if new.agent not in ("", wrong.agent):
            raise MemoryRefused(
                "agent", f"{show('fact', fact)} is not this agent's own: remember it, do not correct it"
            )
        if not new.attribute:
            new = replace(new, subject=wrong.subject, attribute=wrong.attribute)
        said = await self._look_at(owner, new, wrong.agent)
        rows = await self._held(owner, said, min(at, wrong.valid_from))
        held = [_version(row) for row in rows if said.text == wrong.text or row[0] != fact]
        settled = settle_correction(_statement(said, at), _version(found[0]), held)
        written = await self._settle(tx, owner, said, settled, _by_id((*rows, found[0])), at)
        if not wrong.attribute:
            if not written.known:  # what is forgotten meanwhile does not go on in other words
                tx.write(sql.LET_FALL, (written.fact.id, fact))
            tx.write(sql.RETIRE_OTHER, (at, written.fact.id, owner.tenant, fact))
        return written

    async def trust_of(self, owner: Owner, new: NewFact) -> Trust:
        """Return how far a statement can be trusted for what it rests on, at most as it says; raises MemoryRefused."""
        return await least_trust(self._database, owner, new)

    async def forget(self, tx: Transaction, owner: Owner, facts: Sequence[bytes], actor: str, at: int) -> Forgotten:
        """Forget facts with what was derived from them and the messages they rest on; raises NoSuchMemory.

        `facts.forgetting` says what goes with a fact. Nothing is left of them but tombstones; commit with `full`
        durability and call the database's `scrub` where no byte may stay.
        """
        return await self._removal.forget(tx, owner, facts, actor, at)

    async def reapply(self, tx: Transaction, tenant: str, more: Stones | None = None) -> int:
        """Drop again what was forgotten and has come back, as by a restored backup; return how many rows that was.

        `more` are tombstones that the database has not, or not yet.
        """
        return await self._removal.reapply(tx, tenant, more)

    # Consolidating

    async def plan(self, owner: Owner, now: int, past_us: int = PAST_US) -> tuple[Change, ...]:
        """Return what consolidation would change at `now`, by the rules of `facts.consolidation`; nothing is written.

        Facts which ended more than `past_us` microseconds ago expire.
        """
        return await self._consolidating.plan(owner, now, past_us)

    async def apply(self, tx: Transaction, owner: Owner, changes: Iterable[Change], at: int) -> tuple[Change, ...]:
        """Write planned changes; return those that were written: not such as speak of facts no longer believed."""
        return await self._consolidating.apply(tx, owner, changes, at)

    # Reading

    async def find(self, reader: Reader, id_: bytes, as_of: AsOf = PRESENT) -> Fact:
        """Return a fact that held at that moment, as it was believed then; raises NoSuchMemory."""
        seen = sight(reader, as_of, self._passages.now)
        rows = await self._database.read(sql.FIND, {**seen, "of_id": id_})
        if not rows:
            raise NoSuchMemory(f"there is no fact {show('fact', id_)}")
        return (await self._whole(rows))[0]

    async def kept(self, reader: Reader, id_: bytes) -> Fact:
        """Return a fact whether it is believed or was once; raises NoSuchMemory."""
        seen = sight(reader, PRESENT, self._passages.now)
        rows = await self._database.read(sql.KNOWN, {**seen, "ids": [id_]})
        if not rows:
            raise NoSuchMemory(f"there is no fact {show('fact', id_)}")
        return (await self._whole(rows))[0]

    async def listed(
        self,
        reader: Reader,
        subject: str | None = None,
        as_of: AsOf = PRESENT,
        after: bytes | None = None,
        limit: int = 100,
    ) -> list[Fact]:
        """Return at most `limit` (1 to 100) facts, newest first, that were put down before the fact `after`."""
        page = {
            **sight(reader, as_of, self._passages.now),
            "before": after or LAST,
            "at_most": max(1, min(limit, 100)),
        }
        if subject is None:
            return await self._whole(await self._database.scan(sql.LISTED, page))
        if unstorable(subject):
            return []
        about = {**page, "subject": canonical(subject)}
        return await self._whole(await self._database.scan(sql.LISTED_ABOUT, about))

    async def timeline(self, reader: Reader, of: bytes | str, limit: int = 100) -> list[Fact]:
        """Return the versions of a fact (its id), or of all about a subject (its name), oldest belief first.

        Of more than `limit` (1 to 100) the newest. A fact without an attribute has the versions in the same words, and
        those that it took the place of, or that took its place. Raises NoSuchMemory.
        """
        seen = {**sight(reader, PRESENT, self._passages.now), "at_most": max(1, min(limit, 100))}
        if isinstance(of, str):
            if unstorable(of):
                return []
            rows = await self._database.scan(sql.VERSIONS_OF_SUBJECT, {**seen, "subject": canonical(of)})
            return (await self._whole(rows))[::-1]
        found = await self._database.read(sql.KNOWN, {**seen, "ids": [of]})
        if not found:
            raise NoSuchMemory(f"there is no fact {show('fact', of)}")
        about = {**seen, "subject": found[0][4], "attribute": found[0][5]}
        if found[0][5]:
            return (await self._whole(await self._database.scan(sql.VERSIONS, about)))[::-1]
        same = await self._database.scan(sql.VERSIONS_IN_WORDS, {**about, "words": found[0][6]})
        versions = _by_id((*same, *found))
        await self._follow(seen, versions, seen["at_most"])
        ordered = sorted(versions.values(), key=lambda row: (row[9], row[7], row[0]))
        return await self._whole(ordered[-seen["at_most"] :])

    # How

    async def _look_at(self, owner: Owner, new: NewFact, agent: str) -> _Said:
        """Look at a statement before anything is written; raises MemoryRefused."""
        if not owner.end_user:
            raise MemoryRefused("end_user", "facts are an end user's: say whose")
        text = new.text.strip()
        subject, attribute = canonical(new.subject), canonical(new.attribute)
        for field, value, most in (
            ("text", text, MOST_TEXT),
            ("subject", subject, MOST_SUBJECT),
            ("attribute", attribute, MOST_ATTRIBUTE),
            ("agent", new.agent, MOST_AGENT),
        ):
            if len(value) > most:
                raise MemoryRefused(field, f"at most {most} characters, not {len(value)}: say it in fewer words")
            if wrong := unstorable(value):
                raise MemoryRefused(field, wrong)
        if says_nothing(text):
            raise MemoryRefused("text", "it says nothing: write what holds, in a sentence")
        if says_nothing(subject):
            raise MemoryRefused("subject", "name whom or what it is about; the end user is `user`")
        for field, moment in (("valid_from", new.valid_from), ("valid_to", new.valid_to)):
            if moment is not None and not -FARTHEST < moment < FARTHEST:
                raise MemoryRefused(field, "no date: give UTC microseconds since 1970")
        grounds = await examine(self._database, owner, new, agent)
        said = replace(new, agent=agent)
        return _Said(said, text, subject, attribute, digest(text, subject), grounds)

    async def _held(self, owner: Owner, said: _Said, at: int) -> Sequence[tuple[Any, ...]]:
        """Return what is believed of the same, and had not ended before `at` and before what the statement says."""
        since = said.new.valid_from
        about = {
            **sql.of(owner),
            "of_subject": said.subject,
            "of_attribute": said.attribute,
            "not_before": at if since is None else min(since, at),
        }
        if said.attribute:
            return await self._database.read(sql.CURRENT_VALUES, about)
        return await self._database.read(sql.CURRENT_STATEMENTS, {**about, "of_digest": said.words})

    async def _settle(
        self,
        tx: Transaction,
        owner: Owner,
        said: _Said,
        settled: Settled,
        rows: dict[bytes, Sequence[Any]],
        at: int,
    ) -> Written:
        """Write what a statement does to the facts in `rows`, by their ids; raises MemoryRefused."""
        new, valid = said.new, settled.valid
        replaced = tuple(one.id for one in settled.replaced)
        for one in settled.replaced:
            if outranked(new.trust, one.trust):
                raise MemoryRefused(
                    "trust",
                    f"what is only trusted as {new.trust!r} does not take the place of {show('fact', one.id)}, which "
                    f"is trusted as {one.trust!r}: let the end user say so",
                )
        if settled.known is not None:
            known = sql.fact_of(rows[settled.known.id])
            cited = await rests_on(self._database, said.grounds.facts, known.id)
            if cited is not None:
                raise MemoryRefused(
                    "evidence",
                    f"{show('fact', cited)} rests on {show('fact', known.id)}, which says the same: no fact is its own "
                    "evidence",
                )
            self._writing.retire(tx, owner.tenant, replaced, known.id, at)
            return Written(await self._writing.support(tx, known, new.evidence), replaced, known=True)
        if valid.stop is not None and valid.stop <= valid.start:
            raise MemoryRefused(
                "valid_to" if new.valid_to is not None else "valid_from",
                "it would end before it begins: give both moments, the later one last",
            )
        fact = Fact(
            self._new_id(),
            owner,
            said.text,
            said.subject,
            said.attribute,
            valid.start,
            valid.stop,
            at,
            None,
            None,
            new.trust,
            new.writer,
            new.release,
            new.run,
            new.agent,
            new.evidence,
        )
        self._writing.add(tx, fact, replaced, said.grounds.facts)
        if settled.left:
            evidence = await self._evidence([one.id for one, _ in settled.left])
            for one, part in settled.left:
                old = sql.fact_of(rows[one.id], evidence.get(one.id, ()))
                self._writing.leave(tx, old, self._new_id(), part, fact.id, at)
        return Written(fact, replaced)

    async def _refuse_forgotten(self, owner: Owner, said: _Said) -> None:
        name = words_name(owner, said.subject, said.attribute, said.text)
        if await self._tombstones.covers(owner.tenant, name) is not None:
            raise MemoryRefused("text", "it was forgotten: only somebody who asks for it may put it down again")

    async def _refuse_retired(self, owner: Owner, wrong: Fact) -> None:
        """Say what took the place of a fact that is not believed any more."""
        shown, by = show("fact", wrong.id), wrong.superseded_by
        if by is None:
            raise MemoryRefused("fact", f"{shown} is not believed any more: remember what is true instead")
        if not await self._database.read(sql.OF_IDS, {**sql.of(owner), "ids": [by]}):
            raise MemoryRefused("fact", f"what took the place of {shown} was forgotten: remember what is true instead")
        raise MemoryRefused("fact", f"{show('fact', by)} took the place of {shown}: correct that one")

    async def _follow(self, seen: dict[str, Any], versions: dict[bytes, Sequence[Any]], most: int) -> None:
        """Add to versions those that they took the place of, and that took theirs, until there are enough."""
        reached = list(versions.values())
        while reached and len(versions) < most:
            ids = [row[0] for row in reached][:AT_ONCE]
            before = await self._database.read(sql.REPLACED, {"ids": ids})
            linked = {row[0] for row in before} | {row[11] for row in reached if row[11] is not None}
            wanted = list(linked - versions.keys())[:AT_ONCE]
            reached = list(await self._database.read(sql.KNOWN, {**seen, "ids": wanted})) if wanted else []
            versions.update((row[0], row) for row in reached)

    async def _evidence(self, ids: Sequence[bytes]) -> dict[bytes, tuple[Evidence, ...]]:
        return sql.evidence_of(await self._database.read(sql.EVIDENCE_OF, {"ids": ids}))

    async def _whole(self, rows: Sequence[Sequence[Any]]) -> list[Fact]:
        """Return the facts of rows with what they rest on."""
        evidence = await self._evidence([row[0] for row in rows]) if rows else {}
        return [sql.fact_of(row, evidence.get(row[0], ())) for row in rows]


def _by_id(rows: Iterable[Sequence[Any]]) -> dict[bytes, Sequence[Any]]:
    return {row[0]: row for row in rows}


def _version(row: Sequence[Any]) -> Version:
    return Version(row[0], Interval(row[7], row[8]), row[6], row[12], row[3])


def _statement(said: _Said, at: int) -> Statement:
    new = said.new
    return Statement(said.words, new.trust, at, new.valid_from, new.valid_to, new.agent)
