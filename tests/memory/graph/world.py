"""What tests of the graph begin with: owners with the same names in their memories, and things said, known and read."""

from toolyard_memory.graph.neighbourhood import Neighbourhood
from toolyard_memory.graph.store import Graph
from toolyard_memory.graph.whole import Wholes
from toolyard_memory.records import NewFact, Owner, Passage, Reader, documents_of
from toolyard_sdk.ports import Database

from tests.memory.facts.told import ANN, SetClock, Told

DAY = 86_400_000_000
MAY_10 = 19_487 * DAY
"""Wednesday, 10 May 2023."""


class World:
    """A memory with a graph."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SetClock(MAY_10)
        self.told = Told(database, self.clock)
        self.passages = self.told.passages
        self.graph = Graph(database, self.clock)
        self.wholes = Wholes(database, self.clock)

    async def say(
        self, *texts: str, owner: Owner = ANN, agent: str = "", session: bytes | None = None, speaker: str = ""
    ) -> list[bytes]:
        """Have messages said in one transaction; return their ids."""
        tx = self.database.begin()
        said = [
            Passage(
                self.told.new_id(),
                owner,
                "message",
                text,
                self.clock.at,
                agent,
                speaker,
                session=session,
                position=place,
            )
            for place, text in enumerate(texts)
        ]
        for passage in said:
            self.passages.add(tx, passage)
            await self.graph.note(tx, passage)
        await self.database.commit(tx)
        return [passage.id for passage in said]

    async def know(self, new: NewFact, owner: Owner = ANN) -> bytes:
        """Have a fact remembered; return its id."""
        tx = self.database.begin()
        fact = (await self.told.facts.remember(tx, owner, new, self.clock.at)).fact
        passage = Passage(fact.id, owner, "fact", fact.text, self.clock.at, fact.agent)
        await self.graph.note(tx, passage, subject=fact.subject, attribute=fact.attribute)
        await self.database.commit(tx)
        return fact.id

    async def read_in(self, text: str, tenant: str = "acme", agents: tuple[str, ...] = ("*",)) -> bytes:
        """Have a document of one piece added; return the piece's id."""
        piece = (await self.told.document(text, tenant, agents)).source
        assert piece is not None
        tx = self.database.begin()
        await self.graph.note(tx, Passage(piece, documents_of(tenant), "chunk", text, self.clock.at, trust="page"))
        await self.database.commit(tx)
        return piece

    async def around(self, *passages: bytes, names: tuple[str, ...] = (), reader: Reader | None = None) -> set[bytes]:
        """Return the passages of a neighbourhood."""
        near = await self.near(*passages, names=names, reader=reader)
        return {passage.id for passage in near.passages}

    async def near(
        self, *passages: bytes, names: tuple[str, ...] = (), reader: Reader | None = None, relations: bool = False
    ) -> Neighbourhood:
        """Return a neighbourhood: of Ann's, for the clerk."""
        return await self.graph.neighbourhood(reader or Reader(ANN, "clerk"), passages, names, relations=relations)


def shown(near: Neighbourhood) -> set[str]:
    """Return what a neighbourhood's entities are called."""
    return {entity.shown for entity in near.entities}
