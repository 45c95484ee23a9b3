"""The graph of what passages speak of, in SQL: written within the passage's transaction, read as neighbourhoods.

It knows no ranking. An entity's id is made of its owner and its name, so that writing reads nothing and two
transactions that speak of the same thing do not meet; and so that nobody's name leads to anybody else's passages.
"""

import asyncio
import importlib
from collections.abc import Sequence
from typing import Final

from toolyard_sdk.ports import Clock, Database, Transaction

from toolyard_memory.graph import statements
from toolyard_memory.graph.entities import entities_in, entity_id
from toolyard_memory.graph.neighbourhood import Neighbourhood
from toolyard_memory.graph.walking import Walk
from toolyard_memory.graph.words import canonical
from toolyard_memory.passages import PRESENT, sight
from toolyard_memory.records import AsOf, Owner, Passage, Reader
from toolyard_memory.tables.passages import EDGE, ENTITY, MENTION

SAYS: Final = "says"
"""The relation between a fact's subject and what the fact speaks of, where the fact has no attribute."""


class Graph:
    """The store of entities, mentions and edges; `Passages.drop` takes away those of a passage."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._loaded = False
        self._add_entity, self._add_mention, self._add_edge = (
            statements.write_once(table, database.dialect) for table in (ENTITY, MENTION, EDGE)
        )

    async def note(self, tx: Transaction, passage: Passage, *, subject: str = "", attribute: str = "") -> None:
        """Add what a passage speaks of; of a fact, `subject` and `attribute` say what it says of whom.

        It may be done again, and beside others: what is there already is left alone.
        """
        owner, scope = passage.owner, passage.owner.scope
        found = entities_in(passage.text, passage.speaker or subject, passage.at)
        about = entity_id(scope, canonical(subject)) if subject else b""
        for one in found:
            id_ = entity_id(scope, one.name)
            tx.write(self._add_entity, (id_, owner.tenant, owner.end_user, one.name, one.shown, one.kind))
            tx.write(self._add_mention, (id_, passage.id))
            if about and id_ != about:
                tx.write(self._add_edge, (about, id_, attribute or SAYS, passage.id))

    async def neighbourhood(
        self,
        reader: Reader,
        passages: Sequence[bytes],
        entities: Sequence[str],
        *,
        hops: int = 2,
        most: int = 150,
        as_of: AsOf = PRESENT,
        relations: bool = False,
    ) -> Neighbourhood:
        """Return what lies around some passages and some entities (canonical names) for this reader.

        Two hops lead from passages to what they speak of and on to others that speak of the same. Rare entities are
        followed first, one with more than `HUB` mentions never; of what is found so, the `most` passages are kept that
        share most. With `relations`, as a person wants to see it, hubs are shown, lead to their latest mentions when
        asked for by name, and facts say how entities are related.
        """
        await self.warm_up()
        walk = Walk(self._database, reader, sight(reader, as_of, self._clock.now()), most)
        await walk.begin(passages, entities, hubs=relations)
        for _ in range(1, hops, 2):
            await walk.go_on()
        return await walk.end(relations=relations)

    async def warm_up(self) -> None:
        """Load what ranks: a quarter of a second, in which the event loop is not to stand still."""
        if not self._loaded:
            await asyncio.to_thread(importlib.import_module, "networkx")
            self._loaded = True

    def sweep(self, tx: Transaction, owner: Owner) -> None:
        """Delete the owner's entities that no passage speaks of any more; `tx` drops passages before it sweeps."""
        tx.write(statements.SWEEP, (owner.tenant, owner.end_user))
