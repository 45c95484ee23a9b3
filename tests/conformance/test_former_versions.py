"""Asking as of a moment finds what documents said then, in any database, for who might read it then and may now."""

import msgspec
import pytest
from toolyard_memory.documents.store import Documents
from toolyard_memory.records import AsOf, Owner, Reader
from toolyard_memory.retrieval.query import Query, Recalled
from toolyard_memory.retrieval.recall import Recall
from toolyard_sdk.ids import uuid7

from tests.conformance.adapters import Adapter
from tests.memory.facts.told import ANN
from tests.memory.graph.world import World

FIRST = b"# Refunds\n\nPaid within 14 days.\n\n# Returns\n\nAt our cost.\n"
SECOND = FIRST.replace(b"14 days", b"30 days")
APRIL, MAY, JUNE = 1_000, 2_000, 3_000


@pytest.fixture
def world(adapter: Adapter) -> World:
    return World(adapter.database)


@pytest.fixture
def recall(world: World) -> Recall:
    return Recall(world.database, world.passages, world.graph)


async def add(world: World, data: bytes, at: int, agents: tuple[str, ...] = (), name: str = "handbook.md") -> None:
    documents = Documents(world.database, world.passages, uuid7)
    tx = world.database.begin()
    await documents.add(tx, "acme", name, data, "", agents, "key_1", at)
    await world.database.commit(tx)


async def remove(world: World, at: int, *, erase: bool = False) -> None:
    documents = Documents(world.database, world.passages, uuid7)
    tx = world.database.begin()
    if erase:
        await documents.erase(tx, "acme", "handbook.md")
    else:
        await documents.retire(tx, "acme", "handbook.md", at)
    await world.database.commit(tx)


async def asked(
    recall: Recall, text: str, recorded: int | None, *, agent: str = "clerk", owner: Owner = ANN, **more: object
) -> Recalled:
    """Return what comes to mind as of a moment."""
    query = msgspec.structs.replace(Query(text, as_of=AsOf(recorded, recorded)), **more)
    return await recall.search(Reader(owner, agent), query)


def texts(recalled: Recalled) -> list[str]:
    """Return what came to mind, in the order of the alphabet."""
    return sorted(hit.passage.text for hit in recalled.hits)


async def test_a_version_is_found_as_of_when_it_was_current_and_cited_by_its_number(
    world: World, recall: Recall
) -> None:
    await add(world, FIRST, APRIL)
    await add(world, SECOND, MAY)
    assert texts(await asked(recall, "refunds paid", APRIL - 1)) == []
    then = await asked(recall, "refunds paid", APRIL)
    assert texts(then) == ["# Refunds\n\nPaid within 14 days."]
    assert "[d1] handbook.md, version 1, Refunds: " in then.text
    assert then.hits[0].passage.trust == "page"
    assert then.hits[0].used
    for recorded in (MAY, JUNE, None):
        now = await asked(recall, "refunds paid", recorded)
        assert now.hits[0].passage.text == "# Refunds\n\nPaid within 30 days."
        assert "14 days" not in now.text
        assert "[d1] handbook.md, Refunds: " in now.text


async def test_a_piece_that_the_versions_share_is_found_in_the_one_of_that_time(world: World, recall: Recall) -> None:
    await add(world, FIRST, APRIL)
    await add(world, SECOND, MAY)
    then = await asked(recall, "returns cost", APRIL)
    assert texts(then) == ["# Returns\n\nAt our cost."]
    assert "handbook.md, version 1, Returns" in then.text
    assert "handbook.md, Returns" in (await asked(recall, "returns cost", MAY)).text


async def test_a_removed_document_is_found_as_of_before_and_an_erased_one_never(world: World, recall: Recall) -> None:
    await add(world, FIRST, APRIL)
    await remove(world, MAY)
    assert texts(await asked(recall, "refunds", MAY)) == []
    assert texts(await asked(recall, "refunds", APRIL)) == ["# Refunds\n\nPaid within 14 days."]
    await remove(world, JUNE, erase=True)
    assert texts(await asked(recall, "refunds", APRIL)) == []


async def test_a_former_version_is_for_who_might_read_it_then_and_may_read_the_document_now(
    world: World, recall: Recall
) -> None:
    await add(world, FIRST, APRIL, ("clerk", "lawyer"))
    await add(world, SECOND, MAY, ("clerk", "cook"))
    found = {agent: texts(await asked(recall, "refunds", APRIL, agent=agent)) for agent in ("clerk", "lawyer", "cook")}
    assert found == {"clerk": ["# Refunds\n\nPaid within 14 days."], "lawyer": [], "cook": []}
    assert texts(await asked(recall, "refunds", APRIL, owner=Owner("other", "ann"))) == []
    assert texts(await asked(recall, "refunds", APRIL, documents=())) == []
    assert texts(await asked(recall, "refunds", APRIL, documents=("other*",))) == []
    assert texts(await asked(recall, "refunds", APRIL, kinds=("fact",))) == []


async def shown(
    world: World, piece: bytes, *, agent: str = "clerk", owner: Owner = ANN
) -> tuple[str, int | None] | None:
    """Return the words of a former piece, and until when they were the document's."""
    documents = Documents(world.database, world.passages, uuid7)
    found = await documents.former(Reader(owner, agent), piece)
    assert found is None or found[0].source == found[1].document
    return (found[0].text, found[1].retired_at) if found is not None else None


async def test_a_former_piece_is_shown_with_when_it_ended_to_who_might_read_it_then_and_may_now(
    world: World, recall: Recall
) -> None:
    await add(world, FIRST, APRIL, ("clerk", "lawyer"))
    piece = (await asked(recall, "refunds paid", None)).hits[0].passage.id
    assert await shown(world, piece) is None, "it is a passage, and no former one"
    await add(world, SECOND, MAY, ("clerk", "cook"))
    assert await shown(world, piece) == ("# Refunds\n\nPaid within 14 days.", MAY)
    assert await shown(world, piece, agent="") == ("# Refunds\n\nPaid within 14 days.", MAY)
    for agent in ("lawyer", "cook"):
        assert await shown(world, piece, agent=agent) is None
    assert await shown(world, piece, owner=Owner("other", "ann")) is None
    assert await shown(world, uuid7()) is None
    await remove(world, JUNE, erase=True)
    assert await shown(world, piece) is None


async def test_a_piece_of_a_removed_document_is_shown_as_of_the_last_version_that_had_it(
    world: World, recall: Recall
) -> None:
    await add(world, FIRST, APRIL)
    piece = (await asked(recall, "returns cost", None)).hits[0].passage.id
    await add(world, SECOND, MAY)
    assert await shown(world, piece) is None
    await remove(world, JUNE)
    assert await shown(world, piece) == ("# Returns\n\nAt our cost.", JUNE)


async def test_what_was_said_and_what_documents_said_are_ranked_together(world: World, recall: Recall) -> None:
    await add(world, FIRST, APRIL)
    await add(world, SECOND, MAY)
    world.clock.at = APRIL
    await world.say("Are refunds paid in cash?")
    found = await asked(recall, "how are refunds paid", APRIL)
    assert texts(found) == ["# Refunds\n\nPaid within 14 days.", "Are refunds paid in cash?"]
    for hit in found.hits:
        parts = sum(score for name, score in hit.scores.items() if name != "total")
        assert parts == pytest.approx(hit.scores["total"])
