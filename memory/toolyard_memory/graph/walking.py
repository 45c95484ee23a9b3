"""A walk through one reader's graph, hop by hop, bounded by what it may look at; knows nothing of how it is ranked.

Mentions alone are followed first, for they are short; then the passages that share most with where the walk came from
are joined with what the reader may see.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from msgspec import structs
from toolyard_sdk.ports import Database

from toolyard_memory.graph import statements
from toolyard_memory.graph.entities import entity_id
from toolyard_memory.graph.neighbourhood import Edge, Entity, Near, Neighbourhood
from toolyard_memory.passages import granted
from toolyard_memory.records import Reader, documents_of

LINKS: Final = 1500
"""Mentions that one hop looks at."""

AT_ONCE: Final = 64
"""Keys up to which rows are read on the event loop; more are read by a thread."""


class Walk:
    """One neighbourhood on its way: what has been found, and where to go on from. `sight` is the reader's."""

    def __init__(self, database: Database, reader: Reader, sight: dict[str, Any], most: int) -> None:
        self._database = database
        self._agent = reader.agent
        self._owner = reader.owner
        self._scope = reader.owner.scope
        self._whose = {"tenant": reader.owner.tenant, "owners": sorted({reader.owner.end_user, ""})}
        self._sight = sight
        self._most = most
        self._passages: dict[bytes, Near] = {}
        self._entities: dict[bytes, Entity] = {}
        self._node: dict[bytes, bytes] = {}
        self._mentions: set[tuple[bytes, bytes]] = set()
        self._fresh: list[bytes] = []
        self._asked: list[bytes] = []
        self._cut = False

    async def begin(self, passages: Iterable[bytes], entities: Iterable[str], *, hubs: bool) -> None:
        """Start at these passages and entities; with `hubs`, also at the latest that speak of a hub among them."""
        wanted = list(dict.fromkeys(passages))
        scopes = dict.fromkeys((self._scope, documents_of(self._owner.tenant).scope))
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
            if owner != "" or granted(agents, self._agent):
                self._passages[near[0]] = Near(*near)
                self._fresh.append(near[0])

    async def _rows(
        self, statement: Any, keys: Collection[Any], parameters: dict[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        read = self._database.read if len(keys) <= AT_ONCE else self._database.scan
        return await read(statement, parameters)

    async def go_on(self) -> None:
        """Go from the passages found last, by what they speak of, to the others that share most with them."""
        start = {
            "passages": self._fresh,
            "entities": self._asked,
            "links": LINKS,
            **self._whose,
        }
        rows = await self._database.scan(statements.FOLLOW, start)
        self._cut = self._cut or len(rows) == LINKS
        links: list[tuple[bytes, bytes]] = []
        shared: dict[bytes, float] = {}
        for id_, owner, name, shown, kind, mentions, passage in rows:
            node = self._node.get(id_)
            if node is None:
                node = self._meet(id_, owner, Entity(id_, name, shown, kind, mentions))
            if passage is not None:
                links.append((node, passage))
                shared[passage] = shared.get(passage, 0.0) + 1 / mentions
        best = sorted(shared, key=lambda id_: (-shared[id_], id_))
        self._asked = []
        await self._see(best)
        self._mentions.update(link for link in links if link[1] in self._passages)

    def _meet(self, id_: bytes, owner: str, entity: Entity) -> bytes:
        """Take in an entity, of the reader's own or of the tenant's documents: one node where they share a name."""
        node = id_ if owner == self._owner.end_user else entity_id(self._scope, entity.name)
        there = self._entities.get(node)
        mentions = entity.mentions + (there.mentions if there is not None else 0)
        self._entities[node] = structs.replace(there or entity, id=node, mentions=mentions)
        self._node[id_] = node
        return node

    async def end(self, *, relations: bool) -> Neighbourhood:
        """Return what was found, in an order of its own."""
        edges: list[Edge] = []
        if relations and self._passages:
            edges = await self._relations()
        return Neighbourhood(
            tuple(self._passages[id_] for id_ in sorted(self._passages)),
            tuple(self._entities[id_] for id_ in sorted(self._entities)),
            tuple(sorted(self._mentions)),
            tuple(sorted(edges, key=lambda edge: (edge.source, edge.target, edge.relation, edge.passage))),
            self._cut,
        )

    async def _relations(self) -> list[Edge]:
        """Add which passages speak of the hubs that were met, and return what facts say of two entities."""
        ids = list(self._passages)
        for entity, passage in await self._rows(statements.MENTIONS, ids, {"ids": ids}):
            if entity in self._node:
                self._mentions.add((self._node[entity], passage))
        edges = [Edge(*row) for row in await self._rows(statements.EDGES, ids, {"ids": ids})]
        ends = list({end for edge in edges for end in (edge.source, edge.target)} - self._node.keys())
        for id_, owner, *entity in await self._rows(statements.ENTITIES, ends, {"ids": ends, **self._whose}):
            self._meet(id_, owner, Entity(id_, *entity))
        known = self._node
        return [
            structs.replace(edge, source=known[edge.source], target=known[edge.target])
            for edge in edges
            if edge.source in known and edge.target in known
        ]
