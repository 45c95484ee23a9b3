"""What comes to mind: candidates from every index, ranked, and put into a text; the one way in which memory is read.

Full text is always there. Vectors and the graph add to it, and when they cannot, the answer says so and is given
without them. Whatever an index names is read from SQL, as the reader may see it, before anything is done with it.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

from msgspec import Struct
from toolyard_sdk.errors import EmbedderError
from toolyard_sdk.ports import Database

from toolyard_memory.graph.entities import entities_in, entity_id
from toolyard_memory.graph.ranking import spread
from toolyard_memory.graph.store import Graph
from toolyard_memory.passages import Passages
from toolyard_memory.records import MemoryRefused, Reader
from toolyard_memory.retrieval.asking import Question, Roots, understand
from toolyard_memory.retrieval.assembly import assemble
from toolyard_memory.retrieval.former import Former, former_pieces
from toolyard_memory.retrieval.fulltext import FullText, Looked, Sought, rarity_of
from toolyard_memory.retrieval.query import Hit, Query, Recalled
from toolyard_memory.retrieval.ranking import (
    Candidate,
    Ranked,
    Signals,
    first_of,
    rank,
    take_apart,
    weights_for,
    without_repetition,
)

SHORTLIST: Final = 150
"""Passages that are read because of their words."""

NEAREST: Final = 60
"""Passages that a vector index is asked for."""

FOR_MEANING: Final = 1.5
"""Seconds that a search waits for it; without it, the search goes by words."""

CENTRES: Final = 60
"""The best of them, which are read with what stands around them."""

SEEDS: Final = 12
"""Passages from which the graph is walked."""

ASKED: Final = 0.2
"""What something that a question speaks of counts as a beginning of the walk, where a passage counts 1."""

WALKED: Final = 150
"""Passages that such a walk may come by."""

REACHED: Final = 40
"""Passages that the walk may add."""

LONGEST: Final = 8_000
"""Characters that a question may have."""


class VectorState(Protocol):
    """How the vectors of a tenant are: whose they are, and in words what a search may miss."""

    @property
    def embedder(self) -> str:
        """The embedder's id."""
        ...

    @property
    def degraded(self) -> str:
        """What a search may miss, "" for nothing."""
        ...


class Nearest(Protocol):
    """What finds passages by their meaning: `toolyard_memory.vectors`, which this package does not load."""

    async def search(self, reader: Reader, text: str, limit: int) -> dict[bytes, float]:
        """Return the passages with the most similar vectors, by id, with the cosine; raises EmbedderError."""
        ...

    async def state(self, tenant: str) -> VectorState:
        """Return how the vectors of a tenant are."""
        ...


class Meant(Struct, frozen=True):
    """What is near in meaning, by whose vectors, and what was not asked."""

    near: Mapping[bytes, float] = {}
    embedder: str = ""
    degraded: str = ""


class Recall:
    """Searches memory. `weights` are of the parts of the score; None takes those that fit the embedder."""

    def __init__(
        self,
        database: Database,
        passages: Passages,
        graph: Graph | None = None,
        vectors: Nearest | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        self._database = database
        self._passages = passages
        self._fulltext = FullText(database, passages)
        self._graph = graph
        self._vectors = vectors
        self._weights = weights

    async def search(self, reader: Reader, query: Query) -> Recalled:
        """Return what comes to mind of a question, as the reader may see it; raises MemoryRefused for a bad query."""
        _check(query)
        question = understand(query.text, query.now or self._passages.now)
        sought = Sought(reader, query.as_of, query.kinds, query.documents, query.session, query.shown_from)
        looked, meant, former = await asyncio.gather(
            self._fulltext.look_up(sought, question.words),
            self._meant(reader, query.text),
            former_pieces(self._database, sought, question.roots, self._passages.now),
        )
        candidates, signals = await self._gathered(query, question, sought, looked, meant.near)
        roots = Roots(question.roots)
        candidates += [take_apart(piece, roots) for piece in former.passages.values()]
        weights = self._weights or weights_for(meant.embedder)
        ranked = without_repetition(rank(question, candidates, signals, weights), query.limit)
        return await self._told(query, sought, ranked, former, roots, meant.degraded)

    async def _gathered(
        self, query: Query, question: Question, sought: Sought, looked: Looked, near: Mapping[bytes, float]
    ) -> tuple[list[Candidate], Signals]:
        """Return what may come to mind: what has the words or the meaning, what stands around it, what is related."""
        rarity = {root: rarity_of(count) for root, count in zip(question.roots, looked.counts, strict=True)}
        roots = Roots(question.roots)
        found = await self._fulltext.read(sought, looked.best(SHORTLIST))
        found |= await self._fulltext.load(sought, near.keys() - found.keys())
        signals = Signals(rarity, {id_: how for id_, how in near.items() if id_ in found})
        apart = {id_: take_apart(passage, roots) for id_, passage in found.items()}
        centres = first_of(list(apart.values()), signals, CENTRES)
        found = await self._fulltext.around(sought, [one.passage for one in centres])
        apart |= {id_: take_apart(passage, roots) for id_, passage in found.items() if id_ not in apart}
        if self._graph is not None:
            seeds = [one.passage.id for one in centres[:SEEDS]]
            signals = Signals(rarity, signals.meaning, await self._reached(self._graph, sought, query, seeds))
            farther = sorted(signals.graph.keys() - apart.keys(), key=lambda id_: (-signals.graph[id_], id_))
            found = await self._fulltext.load(sought, farther[:REACHED])
            apart |= {id_: take_apart(passage, roots) for id_, passage in found.items()}
        return list(apart.values()), signals

    async def _meant(self, reader: Reader, text: str) -> Meant:
        if self._vectors is None:
            return Meant()
        try:
            async with asyncio.timeout(FOR_MEANING):
                near = await self._vectors.search(reader, text, NEAREST)
        except TimeoutError:
            return Meant(degraded=f"searched by words only, without vectors: none came within {FOR_MEANING:g} s")
        except EmbedderError as error:
            return Meant(degraded=f"searched by words only, without vectors: {error}")
        state = await self._vectors.state(reader.owner.tenant)
        return Meant(near, state.embedder, state.degraded)

    async def _reached(self, graph: Graph, sought: Sought, query: Query, seeds: list[bytes]) -> dict[bytes, float]:
        """Return how near passages are in the graph to some, and to what the question speaks of."""
        names = [entity.name for entity in entities_in(query.text)]
        around = await graph.neighbourhood(sought.reader, seeds, names, most=WALKED, as_of=query.as_of)
        asked = {entity_id(sought.reader.owner.scope, name): ASKED for name in names}
        return spread(around, {**dict.fromkeys(seeds, 1.0), **asked})

    async def _told(
        self, query: Query, sought: Sought, ranked: list[Ranked], former: Former, roots: Roots, degraded: str
    ) -> Recalled:
        pieces = [one.passage.id for one in ranked if one.passage.kind == "chunk"]
        places = await self._fulltext.places(sought.reader.owner.tenant, pieces)
        passages = [one.passage for one in ranked]
        told = assemble(passages, query.budget_tokens, {**places, **former.places}, roots)
        return Recalled(tuple(_hit(one, told.citations.get(one.passage.id, "")) for one in ranked), told.text, degraded)


def _hit(ranked: Ranked, citation: str) -> Hit:
    return Hit(ranked.passage, {**ranked.scores, "total": ranked.total}, citation != "", citation)


def _check(query: Query) -> None:
    if not query.text.strip():
        raise MemoryRefused("text", "there is nothing to look for: ask a question, or name what is to be remembered")
    if len(query.text) > LONGEST:
        raise MemoryRefused("text", f"a question has at most {LONGEST} characters, this has {len(query.text)}")
    if query.limit < 1:
        raise MemoryRefused("limit", "ask for at least one passage")
    if query.budget_tokens < 1:
        raise MemoryRefused("budget_tokens", "give at least one token to what is recalled")
