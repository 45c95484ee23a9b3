"""Whatever is said in whatever order, every question about every moment has the answer that was true of it."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from toolyard_memory.passages import Passages
from toolyard_memory.records import AsOf, Reader
from toolyard_runtime.store.opening import open_database

from tests.memory.facts.told import ANN, Told, stated

SPAN = range(8)
BOUND = st.one_of(st.none(), st.integers(0, 8))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), BOUND), min_size=1, max_size=6))
def test_as_of_answers_with_what_the_last_word_of_that_time_was(said: list[tuple[int, int | None]]) -> None:
    asyncio.run(_believe(said))


async def _believe(said: list[tuple[int, int | None]]) -> None:
    """Say a new value for each interval, and compare all answers with a table of moments that is simply overwritten."""
    database = await open_database("sqlite://")
    told = Told(database)
    believed: dict[int, str] = {}
    snapshots: list[dict[int, str]] = []
    for n, (since, until) in enumerate(said):
        told.clock.at = 100 + n
        if until is None or since < until:
            await told.remember(stated(f"value {n}", "thing", since=since, until=until))
            believed |= {at: f"value {n}" for at in SPAN if since <= at and (until is None or at < until)}
        snapshots.append(dict(believed))
    reader = Reader(ANN, "")
    for n, snapshot in enumerate(snapshots):
        for at in SPAN:
            found = await told.facts.listed(reader, as_of=AsOf(at, 100 + n))
            assert [fact.text for fact in found] == [snapshot[at]] if at in snapshot else not found
    versions = [fact.id for fact in await told.facts.timeline(reader, "user")]
    for at in SPAN:
        seen = await Passages(database, told.clock).load(reader, versions, AsOf(at))
        assert [one.text for one in seen.values()] == ([believed[at]] if at in believed else [])
    await database.close()
