"""Long-term memory as one thing: its stores put together, and what has to be done in more than one of them."""

import asyncio
from collections.abc import Callable, Iterable

from toolyard_sdk.ids import NewId
from toolyard_sdk.ports import Clock, Database, Transaction

from toolyard_memory.documents.store import Documents
from toolyard_memory.facts.store import Facts
from toolyard_memory.graph.store import Graph
from toolyard_memory.graph.whole import Wholes
from toolyard_memory.passages import Passages
from toolyard_memory.records import Evidence, Fact, NewFact, Owner, Passage, Written
from toolyard_memory.retrieval.recall import Recall
from toolyard_memory.standing import Said, as_said, own_word
from toolyard_memory.vectors.store import Vectors


class Memory:
    """The long-term memory of a server. `vectors` is None where nothing is searched by meaning."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        new_id: NewId,
        entropy: Callable[[int], bytes],
        vectors: Vectors | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.passages = Passages(database, clock)
        self.facts = Facts(database, self.passages, new_id, entropy)
        self.graph = Graph(database, clock)
        self.wholes = Wholes(database, clock)
        self.vectors = vectors
        self.documents = Documents(database, self.passages, new_id)
        self.recall = Recall(database, self.passages, self.graph, vectors)

    async def hear(self, tx: Transaction, passage: Passage) -> None:
        """Let a message be recalled by its words, and by what it speaks of."""
        self.passages.add(tx, passage)
        await self.graph.note(tx, passage)

    async def link(self, tx: Transaction, pieces: Iterable[Passage]) -> None:
        """Let new pieces of a document be reached by what they speak of; others go on between them."""
        for piece in pieces:
            await self.graph.note(tx, piece)
            await asyncio.sleep(0)

    async def own_word(
        self, owner: Owner, new: NewFact, messages: Iterable[Said], at: int, wrong: Fact | None = None
    ) -> Evidence | None:
        """Return where the owner's messages say what is to be put down at `at`, in the place of `wrong` if it is given.

        None where it is not their own word, or would take the place of what these words do not speak of.
        """
        return await own_word(self.database, owner, new, messages, at, wrong)

    async def as_said(self, owner: Owner, new: NewFact, said_at: int) -> NewFact | None:
        """Return what is to be put down of what was said at a moment and is heard only now; None for nothing."""
        return await as_said(self.database, owner, new, said_at)

    async def put_down(self, tx: Transaction, owner: Owner, new: NewFact, at: int) -> Written:
        """Put a fact down, in the place of what it contradicts; raises MemoryRefused."""
        return await self._noted(tx, await self.facts.remember(tx, owner, new, at), at)

    async def put_right(self, tx: Transaction, owner: Owner, fact: bytes, new: NewFact, at: int) -> Written:
        """Put a fact down in the place of a wrong one; raises MemoryRefused and NoSuchMemory."""
        return await self._noted(tx, await self.facts.correct(tx, owner, fact, new, at), at)

    async def _noted(self, tx: Transaction, written: Written, at: int) -> Written:
        if not written.known:
            fact = written.fact
            await self.graph.note(tx, passage_of(fact, at), subject=fact.subject, attribute=fact.attribute)
            self.passages.shed(tx, fact.id)
        return written

    def stir(self) -> None:
        """Say that a transaction has changed something which an index follows."""
        if self.vectors is not None:
            self.vectors.wake()

    async def close(self) -> None:
        """Let go of the indexes."""
        if self.vectors is not None:
            await self.vectors.close()


def passage_of(fact: Fact, at: int) -> Passage:
    """Return the passage of a fact that was put down at a moment."""
    return Passage(fact.id, fact.owner, "fact", fact.text, at, fact.agent, trust=fact.trust)
