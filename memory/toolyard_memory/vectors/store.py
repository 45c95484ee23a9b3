"""Vectors of passages, searched by what a text means; SQL is the truth, and no text leaves it for an index.

What a search returns are ids and numbers: whoever asks joins them back to `passage`, so that a vector that should be
gone finds nothing.
"""

from msgspec import Struct
from toolyard_sdk.ports import Clock, Database, Embedder

from toolyard_memory.records import Reader, documents_of
from toolyard_memory.vectors.embedding import Embedding
from toolyard_memory.vectors.index import VectorIndex
from toolyard_memory.vectors.indexer import Indexer, Progress, followed_by
from toolyard_memory.vectors.shelves import FLAT, Shelves, States, shelf_of, shelves_of
from toolyard_memory.vectors.statements import HOW_MANY_WAIT

COUNTED = 10_000
"""Waiting changes up to which they are counted."""


class VectorState(Struct, frozen=True):
    """How the vectors of a tenant are: `waiting` changes are not followed yet (at most `COUNTED` are counted).

    `embedder` is whose vectors are searched now. `degraded` says in words what a search may miss, "" for nothing.
    """

    embedder: str
    state: str
    waiting: int
    shelves: int
    degraded: str = ""


class Vectors:
    """The vectors of all tenants, by one embedder.

    `former` is the embedder whose vectors serve while `embedder` makes its own; without it, what has been made so far
    is searched. `index` takes the owners with more than `flat` passages; without it their newest are searched.
    """

    def __init__(
        self,
        database: Database,
        embedder: Embedder,
        index: VectorIndex | None,
        clock: Clock,
        *,
        former: Embedder | None = None,
        flat: int = FLAT,
    ) -> None:
        self._database = database
        self._embedding = Embedding(database, embedder)
        self._former = Embedding(database, former) if former is not None else None
        self._shelves = Shelves(database, index, clock, flat)
        self._indexer = Indexer(database, self._embedding, self._shelves, clock)

    async def search(self, reader: Reader, text: str, limit: int) -> dict[bytes, float]:
        """Return the passages most similar to a text, with their cosine similarity; raises EmbedderError.

        Up to `limit` of the reader's owner and as many of the tenant's documents, in no order. Whether the reader may
        see them is not asked here.
        """
        if limit < 1 or not text.strip():
            return {}
        tenant = reader.owner.tenant
        await self._indexer.catch_up(tenant)
        states = await self._shelves.states(tenant)
        embedding = self._serving(states)
        vector = await embedding.of_query(tenant, text)
        found: dict[bytes, float] = {}
        for owner in dict.fromkeys((reader.owner, documents_of(tenant))):
            shelf = shelf_of(states, tenant, owner.scope, embedding.embedder.id)
            found.update(await self._shelves.nearest(shelf, owner.scope, embedding.embedder.id, vector, limit))
            if shelf is not None:
                self._indexer.look_at(shelf)
        return found

    async def warm_up(self) -> None:
        """Load what a search would wait for; embeds nothing."""
        await self._shelves.warm_up()

    async def state(self, tenant: str) -> VectorState:
        """Return how the vectors of a tenant are."""
        states = await self._shelves.states(tenant)
        rows = await self._database.read(HOW_MANY_WAIT, {"of_tenant": tenant, "most": COUNTED})
        serving, wanted = self._serving(states).embedder.id, self._embedding.embedder.id
        own, waiting = states.get(followed_by(wanted)), rows[0][0]
        degraded = self._shelves.trouble.get(tenant, "") or self._indexer.trouble.get(tenant, "")
        if own is not None and own.state == "building" and serving == wanted:
            degraded = degraded or f"all vectors are being made anew by {wanted}, and {waiting} passages have none yet"
        if waiting and not degraded and (slow := self._embedding.slow()):
            degraded = f"{slow}, and {waiting} passages have none yet: they are found by their words only"
        return VectorState(
            serving,
            own.state if own is not None else "serving",
            waiting,
            len(shelves_of(states, tenant)),
            degraded,
        )

    async def follow(self) -> int:
        """Follow a batch of every tenant's changes and return how many that were; 0 when nothing is left to do now.

        What a crash or an error interrupts is done again, to the same end. Raises EmbedderError, IndexDown.
        """
        return await self._indexer.follow()

    async def run(self) -> None:
        """Follow for ever: when woken, and from time to time; what fails is logged and tried again."""
        await self._indexer.run()

    def wake(self) -> None:
        """Say that passages have been added or dropped."""
        self._indexer.wake()

    async def settle(self) -> None:
        """Return when no shelf is being built."""
        await self._indexer.settle()

    async def rebuild(self, tenant: str, progress: Progress | None = None) -> None:
        """Build all shelves of a tenant in a new generation, from SQL alone; raises IndexDown."""
        await self._indexer.rebuild(tenant, progress)

    async def forget(self, tenant: str, progress: Progress | None = None) -> None:
        """Have no index of a tenant hold a byte of a passage that SQL has dropped; raises IndexDown.

        Shelves in which anything was deleted are built in a new generation, and the old one is removed.
        """
        await self._indexer.forget(tenant, progress)

    async def strays(self, tenant: str) -> tuple[int, int]:
        """Return how many vectors the index has of a tenant, and how many of no passage there is; raises IndexDown."""
        return await self._shelves.strays(tenant)

    async def close(self) -> None:
        """End what is being built, and let go of the index and the embedders."""
        await self._indexer.close()
        await self._shelves.close()
        for embedding in (self._embedding, self._former):
            if embedding is not None:
                await embedding.embedder.close()

    def _serving(self, states: States) -> Embedding:
        own = states.get(followed_by(self._embedding.embedder.id))
        if self._former is None or (own is not None and own.state == "serving"):
            return self._embedding
        former = states.get(followed_by(self._former.embedder.id))
        return self._former if former is not None and former.state == "serving" else self._embedding
