"""What tests of facts begin with: ids and times that can be read, messages that were said, documents that are there."""

from collections.abc import Callable, Iterator
from itertools import count

import msgspec
from sqlalchemy import insert
from toolyard_memory.facts.store import Facts
from toolyard_memory.passages import Passages
from toolyard_memory.records import (
    AsOf,
    Evidence,
    Forgotten,
    NewFact,
    Owner,
    Passage,
    Reader,
    Trust,
    Written,
    documents_of,
)
from toolyard_memory.tables.documents import DOCUMENT
from toolyard_sdk.ports import Database

ANN = Owner("acme", "ann")
BOB = Owner("acme", "bob")
OTHER = Owner("evil", "ann")
ADD_DOCUMENT = insert(DOCUMENT)


class SetClock:
    """A clock that stands where it was set, in microseconds."""

    def __init__(self, at: int = 1_000) -> None:
        self.at = at

    def now(self) -> int:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += int(seconds * 1_000_000)


def numbered() -> Callable[[], bytes]:
    """Return a maker of ids that are ordered as they were made."""
    numbers: Iterator[int] = count(1)
    return lambda: next(numbers).to_bytes(16)


def weak_entropy() -> Callable[[int], bytes]:
    """Return a source of salts that are all different."""
    numbers: Iterator[int] = count(1)
    return lambda size: next(numbers).to_bytes(size)


class Told:
    """A memory of facts over a database, and what has been said to it."""

    def __init__(self, database: Database, clock: SetClock | None = None) -> None:
        self.database = database
        self.clock = clock or SetClock()
        self.new_id = numbered()
        self.passages = Passages(database, self.clock)
        self.facts = Facts(database, self.passages, self.new_id, weak_entropy())

    async def message(
        self, text: str, owner: Owner = ANN, trust: Trust = "user", agent: str = "", n: int = 1
    ) -> Evidence:
        """Have a message said; return it as evidence."""
        run, tx = self.new_id(), self.database.begin()
        said = Passage(self.new_id(), owner, "message", text, self.clock.at, agent, "user", trust, b"s" * 16, n, run, n)
        self.passages.add(tx, said)
        await self.database.commit(tx)
        return Evidence("message", run, n)

    async def document(self, text: str, tenant: str = "acme", agents: tuple[str, ...] = ("*",)) -> Evidence:
        """Have a document of one piece added; return it as evidence."""
        document, piece, tx = self.new_id(), self.new_id(), self.database.begin()
        globs, name = msgspec.json.encode(agents).decode(), document.hex()
        row = (document, tenant, name, 1, "sha256:0", "text/plain", "", 1, globs, "", self.clock.at, "me", None)
        tx.write(ADD_DOCUMENT, row)
        self.passages.add(
            tx, Passage(piece, documents_of(tenant), "chunk", text, self.clock.at, trust="page", source=document)
        )
        await self.database.commit(tx)
        return Evidence("document", piece)

    async def remember(self, new: NewFact, owner: Owner = ANN) -> Written:
        """Put a fact down and commit it."""
        tx = self.database.begin()
        written = await self.facts.remember(tx, owner, new, self.clock.at)
        await self.database.commit(tx)
        return written

    async def remember_for(self, owner: Owner, text: str) -> bytes:
        """Put a stated fact of an owner down; return its id."""
        return (await self.remember(stated(text), owner)).fact.id

    async def correct(self, fact: bytes, new: NewFact, owner: Owner = ANN) -> Written:
        """Correct a fact and commit it."""
        tx = self.database.begin()
        written = await self.facts.correct(tx, owner, fact, new, self.clock.at)
        await self.database.commit(tx)
        return written

    async def forget(self, *facts: bytes, owner: Owner = ANN) -> Forgotten:
        """Forget facts and commit it."""
        tx = self.database.begin()
        forgotten = await self.facts.forget(tx, owner, facts, "key_1", self.clock.at)
        await self.database.commit(tx)
        return forgotten

    async def texts(
        self, owner: Owner = ANN, *, agent: str = "", valid: int | None = None, recorded: int | None = None
    ) -> list[str]:
        """Return what is believed, or was, in the order of the alphabet."""
        found = await self.facts.listed(Reader(owner, agent), as_of=AsOf(valid, recorded))
        return sorted(fact.text for fact in found)


def stated(
    text: str,
    attribute: str = "",
    *,
    subject: str = "user",
    since: int | None = None,
    until: int | None = None,
    trust: Trust = "user",
    agent: str = "",
    writer: str = "tool:remember",
    evidence: tuple[Evidence, ...] | None = None,
) -> NewFact:
    """Return a fact that was stated in its own words, unless it comes with other evidence."""
    grounds = evidence if evidence is not None else (Evidence("stated", words=text),)
    return NewFact(text, grounds, subject, attribute, since, until, trust, writer, agent=agent)


def derived(*facts: bytes) -> tuple[Evidence, ...]:
    """Return the evidence of a fact that was derived from others."""
    return tuple(Evidence("fact", fact) for fact in facts)
