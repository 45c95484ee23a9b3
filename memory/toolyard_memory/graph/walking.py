"""A walk through one reader's graph, hop by hop, bounded by what it may look at; knows nothing of how it is ranked.

Mentions alone are followed first, for they are short; then the passages that share most with where the walk came from
are joined with what the reader may see.
"""

import asyncio
import heapq
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from toolyard_sdk.ports import Database

from toolyard_memory.graph import statements
from toolyard_memory.graph.entities import entity_id
from toolyard_memory.graph.neighbourhood import HUB, Edge, Entity, Near, Neighbourhood
from toolyard_memory.passages import readable
from toolyard_memory.records import Reader, documents_of

LINKS: Final = 1500
"""Mentions that one hop looks at."""

AT_ONCE: Final = 400
"""Keys up to which rows are read on the event loop; more are read by a thread."""


class Walk:
    """One neighbourhood on its way: what has been found, and where to go on from. `sight` is the reader's."""

    def __init__(self, database: Database, reader: Reader, sight: dict[str, Any], most: int) -> None:
        self._database = database
        self._reader = reader
        self._documents = documents_of(reader.owner.tenant)
        self._whose = {"tenant": reader.owner.tenant, "owners": sorted({reader.owner.end_user, ""})}
        self._sight = sight
        self._most = most
        self._passages: dict[bytes, Near] = {}
        self._mentioned: dict[bytes, int] = {}
        self._links: list[tuple[bytes, bytes]] = []
        self._fresh: list[bytes] = []
        self._asked: list[bytes] = []
        self._across = False
        self._cut = False

    async def begin(self, passages: Iterable[bytes], entities: Iterable[str], *, hubs: bool) -> None:
        """Start at these passages and entities; with `hubs`, also at the latest that speak of a hub among them."""
        wanted = list(dict.fromkeys(passages))
        grounded = self._database.read(statements.GROUNDED, {"scope": self._documents.scope})
        rows, _ = await asyncio.gather(grounded, self._see(() if hubs else wanted))  # one way to a server and back
        self._across = bool(rows) and self._reader.grounded
        scopes = (self._reader.owner.scope, self._documents.scope)[: 1 + self._across]
        self._asked = [entity_id(scope, name) for name in dict.fromkeys(entities) for scope in scopes]
        if hubs:
            for id_ in self._asked:
                wanted += [passage for (passage,) in await self._database.read(statements.LATEST, {"entity": id_})]
            await self._see(wanted)

    async def _see(self, ids: Sequence[bytes]) -> None:
        """Take in the passages that the reader may see, as far as there is room."""
        new = [id_ for id_ in ids if id_ not in self._passages]
        room = self._most - len(self._passages)
        self._cut = self._cut or len(new) > room
        self._fresh = []
        if not (new := new[:room]):
            return
        for owner, agents, *near in await self._rows(statements.PASSAGES, new, {"ids": new, **self._sight}):
            if owner != "" or readable(agents, self._reader):
                self._passages[near[0]] = Near(*near)
                self._fresh.append(near[0])

    async def _rows(
        self, statement: Any, keys: Collection[Any], parameters: dict[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        read = self._database.read if len(keys) <= AT_ONCE else self._database.scan
        return await read(statement, parameters)

    async def go_on(self) -> None:
        """Go from the passages found last, by what they speak of, to the others that share most with them."""
        start = {"passages": self._fresh, "entities": self._asked, "links": LINKS}
        if self._across:
            rows = await self._database.scan(statements.FOLLOW_ACROSS, {**start, **self._whose})
        else:
            rows = await self._database.scan(statements.FOLLOW, start)
        shared: dict[bytes, float] = {}
        for entity, mentions, passage in rows:
            self._mentioned[entity] = mentions
            if passage is not None:
                self._links.append((entity, passage))
                shared[passage] = shared.get(passage, 0.0) + 1 / mentions
            elif mentions <= HUB:
                self._cut = True
        self._asked = []
        most = self._most + len(self._fresh)  # the best of them may be known already
        best = heapq.nsmallest(most, ((-weight, id_) for id_, weight in shared.items()))
        self._cut = self._cut or len(shared) > most
        await self._see([id_ for _, id_ in best])

    async def end(self, *, relations: bool) -> Neighbourhood:
        """Return what was found, in an order of its own: an entity is one node, whichever owner's mentions it has."""
        edges: Sequence[tuple[Any, ...]] = ()
        ids = list(self._passages)
        if relations and ids:
            self._links += await self._rows(statements.MENTIONS, ids, {"ids": ids})
            edges = await self._rows(statements.EDGES, ids, {"ids": ids})
        links = {link for link in self._links if link[1] in self._passages}
        named = {entity for entity, _ in links} | {end for edge in edges for end in edge[:2]}
        entities, node = await self._named(list(named))
        return Neighbourhood(
            tuple(self._passages[id_] for id_ in sorted(ids)),
            tuple(entities[id_] for id_ in sorted(entities)),
            tuple(sorted({(node[entity], passage) for entity, passage in links if entity in node})),
            tuple(
                sorted((Edge(node[a], node[b], *rest) for a, b, *rest in edges if a in node and b in node), key=_order)
            ),
            self._cut,
        )

    async def _named(self, ids: Collection[bytes]) -> tuple[dict[bytes, Entity], dict[bytes, bytes]]:
        """Return the entities by node, and the node of each id."""
        entities: dict[bytes, Entity] = {}
        node: dict[bytes, bytes] = {}
        for id_, owner, name, shown, kind in await self._rows(statements.ENTITIES, ids, {"ids": ids, **self._whose}):
            own = id_ if owner == self._reader.owner.end_user else entity_id(self._reader.owner.scope, name)
            mentions = self._mentioned.get(id_, 1) + (entities[own].mentions if own in entities else 0)
            entities[own] = Entity(own, name, shown, kind, mentions)
            node[id_] = own
        return entities, node


def _order(edge: Edge) -> tuple[bytes, bytes, str, bytes]:
    return edge.source, edge.target, edge.relation, edge.passage
