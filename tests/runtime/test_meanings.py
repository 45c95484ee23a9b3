"""Vectors in the search over tools: what they find that words do not, and what becomes of a run without them."""

import asyncio
import json
import logging
from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from math import sqrt
from pathlib import Path
from random import Random
from typing import Any

import pytest
from toolyard_memory.embedders.hashing import HashingEmbedder
from toolyard_registry.names import FIND_TOOLS
from toolyard_registry.search.documents import Document
from toolyard_runtime.meters import Meters
from toolyard_runtime.run import meanings as module
from toolyard_runtime.run.meanings import BATCH, Meanings
from toolyard_sdk import events as e
from toolyard_sdk.errors import EmbedderError
from toolyard_sdk.ports import Embedder

from tests.runtime.test_offering import MANY, SIX, offers, sent
from tests.runtime.test_rebuild import rebuilt
from tests.runtime.workshop import SECONDS, Workshop, call, eventually, say, settled, workshop

CONCEPTS = (
    {"measure", "deep", "long", "gauge"},
    {"photograph", "snapshot", "camera"},
    {"paint", "watercolour"},
    {"name", "christen"},
    {"river", "stream", "rhine"},
    {"volcano", "lava", "etna"},
    {"lake", "pond"},
)
HELLO = "gauge the stream"
"""Has no word in common with any tool, and means `measure_river`."""


class Concepts:
    """Implements the Embedder port as a model would: words that mean the same are the same number.

    Its last digits differ from one time to the next. `before` is awaited before it answers; `trouble` is raised.
    """

    id = "concepts:1"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.texts: list[str] = []
        self.hold: asyncio.Event | None = None
        self.hold_texts: asyncio.Event | None = None
        self.trouble: Exception | None = None
        self.refuses = ""
        self._dice = Random(3)

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
        """Return one vector for each text."""
        (self.asked if query else self.texts).extend(texts)
        hold = self.hold if query else self.hold_texts
        if hold is not None:
            await hold.wait()
        if self.trouble is not None:
            raise self.trouble
        if self.refuses and any(self.refuses in text for text in texts):
            raise EmbedderError("there is nothing in it", refused=True)
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> bytes:
        words = set(text.lower().replace(":", " ").replace(".", " ").split())
        numbers = [0.3, *(float(len(words & concept) > 0) for concept in CONCEPTS)]
        numbers = [number + self._dice.uniform(-1e-6, 1e-6) for number in numbers]
        length = sqrt(sum(number * number for number in numbers))
        return array("f", [number / length for number in numbers]).tobytes()

    async def close(self) -> None:
        """Let go of nothing."""


@asynccontextmanager
async def opened(embedder: Embedder, **more: Any) -> AsyncIterator[tuple[Meanings, Meters]]:
    meters = Meters()
    made = Meanings(embedder, meters, **more)
    try:
        yield made, meters
    finally:
        async with asyncio.timeout(SECONDS):
            await made.close()


@asynccontextmanager
async def shop_with(
    root: Path, embedder: Embedder, more: str = SIX, *, learn: bool = True, recover: bool = True, **settings: Any
) -> AsyncIterator[tuple[Workshop, Meters]]:
    """Open the engine with vectors; unless told otherwise, those of the tools are there."""
    async with (
        opened(embedder, **settings) as (meanings, meters),
        workshop(root, *MANY, more=more, meanings=meanings, recover=recover) as shop,
    ):
        if learn:
            agent = shop.agents.current("worker")
            assert agent is not None
            assert agent.shortlists is not None
            await agent.shortlists.near([])
            async with asyncio.timeout(SECONDS):
                await meanings.learned()
        yield shop, meters


def outcomes(meters: Meters) -> dict[str, int]:
    """Return how searches went, by outcome, since the tools were learnt."""
    lines = [
        line for line in meters.exposition().decode().splitlines() if line.startswith("toolyard_vector_searches_t")
    ]
    counts = {line.partition('outcome="')[2].partition('"')[0]: int(float(line.rpartition(" ")[2])) for line in lines}
    return {outcome: count for outcome, count in counts.items() if outcome != "learning"}


async def test_a_tool_that_means_what_is_asked_for_in_other_words_is_offered_and_its_score_is_in_the_journal(
    tmp_path: Path,
) -> None:
    async with shop_with(tmp_path, Concepts()) as (shop, meters):
        segment = await shop.run(HELLO)
        assert "measure_river" in sent(shop)
        (offer,) = await offers(shop, segment.run)
        scores = {one.name: one.score or 0.0 for one in offer.candidates}
        assert max(scores, key=lambda name: scores[name]) == "measure_river"
        assert scores["measure_river"] == pytest.approx(1.0)
        assert await rebuilt(shop, segment.run) == shop.model.bodies
        assert outcomes(meters) == {"used": 1}


async def test_words_count_beside_vectors(tmp_path: Path) -> None:
    async with shop_with(tmp_path, Concepts()) as (shop, _):
        segment = await shop.run("gauge the glacier")
        (offer,) = await offers(shop, segment.run)
        scores = {one.name: one.score or 0.0 for one in offer.candidates}
        assert max(scores, key=lambda name: scores[name]) == "measure_glacier"
        assert scores["paint_glacier"] > scores["paint_desert"]


async def test_find_tools_finds_by_meaning_too(tmp_path: Path) -> None:
    async with shop_with(tmp_path, Concepts()) as (shop, _):
        shop.model.will(call((FIND_TOOLS, {"query": "watercolour of lava"})), say("done"))
        await shop.run("measure the river")
        told = json.loads(shop.model.messages()[-1]["content"])
        assert told["tools"][0]["name"] == "paint_volcano"


async def test_a_run_asks_the_embedder_once_however_many_turns_it_has(tmp_path: Path) -> None:
    embedder = Concepts()
    async with shop_with(tmp_path, embedder) as (shop, _):
        shop.model.will(*[call(("measure_river", {"place": "Rhine"}))] * 3, say("done"))
        await shop.run(HELLO)
        assert embedder.asked == [HELLO]


async def test_until_all_tools_have_their_vectors_words_are_searched_and_nobody_waits(tmp_path: Path) -> None:
    embedder = Concepts()
    embedder.hold_texts = asyncio.Event()
    async with shop_with(tmp_path, embedder, learn=False) as (shop, meters):
        await shop.run(HELLO)
        assert sent(shop) == [FIND_TOOLS]
        assert embedder.asked == []
        assert b'toolyard_vector_searches_total{outcome="learning"} 1.0' in meters.exposition()
        embedder.hold_texts.set()
        agent = shop.agents.current("worker")
        assert agent is not None
        await eventually(lambda: len(embedder.texts) == len(MANY))
        await shop.run(HELLO)
        assert "measure_river" in sent(shop)


async def test_each_tool_is_embedded_once_whoever_holds_it(tmp_path: Path) -> None:
    embedder = Concepts()
    async with shop_with(tmp_path, embedder) as (shop, _):
        await shop.agents.reload()
        await shop.run(HELLO)
        assert "measure_river" in sent(shop)
        assert len(embedder.texts) == len(set(embedder.texts)) == len(MANY)


async def test_an_embedder_that_is_late_costs_a_run_its_vectors_and_is_left_alone_for_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    embedder = Concepts()
    async with shop_with(tmp_path, embedder, patience=0.01, rest=600.0) as (shop, meters):
        embedder.hold = asyncio.Event()
        with caplog.at_level(logging.WARNING, "toolyard.search"):
            segment = await shop.run("measure the river")
            await shop.run("measure the river")
        assert "measure_river" in sent(shop)
        assert segment.status == "completed"
        assert outcomes(meters) == {"late": 1, "resting": 1}
        assert len(embedder.asked) == 1
        assert [record.message for record in caplog.records] == [
            "tools are found by words alone while concepts:1 does not answer: it took longer than 0.01 seconds"
        ]


@pytest.mark.parametrize("trouble", [EmbedderError("503"), ValueError("a defect")])
async def test_an_embedder_that_fails_is_said_once_and_used_again_when_it_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, trouble: Exception
) -> None:
    embedder = Concepts()
    async with shop_with(tmp_path, embedder, rest=0.0) as (shop, meters):
        embedder.trouble = trouble
        with caplog.at_level(logging.WARNING, "toolyard.search"):
            for _ in range(3):
                await shop.run(HELLO)
        assert sent(shop) == [FIND_TOOLS]
        assert len(caplog.records) == 1
        embedder.trouble = None
        await shop.run(HELLO)
        assert "measure_river" in sent(shop)
        assert outcomes(meters) == {"failed": 3, "used": 1}


async def test_after_a_crash_the_run_is_offered_what_its_journal_says_and_no_embedder_is_asked(tmp_path: Path) -> None:
    async with shop_with(tmp_path, Concepts()) as (shop, _):
        shop.model.will(lambda _request: asyncio.get_running_loop().create_future())
        driver = await shop.start(HELLO, mode="background")
        await shop.model.until(1)
        before = shop.model.bodies
    embedder = Concepts()
    async with shop_with(tmp_path, embedder, recover=False) as (shop, _):
        shop.model.will(call(("measure_river", {"place": "Rhine"})), say("done"))
        await shop.upkeep.recover()
        assert (await settled(shop.engine.live[driver.row.id])).status == "completed"
        assert embedder.asked == []
        assert json.loads(shop.model.bodies[0])["tools"] == json.loads(before[0])["tools"]
        assert len(await offers(shop, driver.row.id)) == 1
        assert await rebuilt(shop, driver.row.id) == [*before, *shop.model.bodies]


async def test_the_same_request_is_offered_the_same_bytes_though_vectors_come_out_a_little_otherwise(
    tmp_path: Path,
) -> None:
    async with shop_with(tmp_path, Concepts()) as (shop, _):
        offered: list[e.ToolsOffered] = []
        for _ in range(8):
            segment = await shop.run("gauge the stream, and then a snapshot of lava")
            offered += await offers(shop, segment.run)
        assert len({body.partition(b'"messages"')[0] for body in shop.model.bodies}) == 1
        assert len({(offer.digest, offer.candidates) for offer in offered}) == 1


async def test_a_text_that_cannot_be_embedded_costs_no_other_tool_its_vector(tmp_path: Path) -> None:
    embedder = Concepts()
    embedder.refuses = "paint lake"
    async with shop_with(tmp_path, embedder) as (shop, _):
        await shop.run(HELLO)
        assert "measure_river" in sent(shop)
        assert len(set(embedder.texts)) == len(MANY)


async def test_tools_that_could_not_be_embedded_are_tried_again() -> None:
    embedder = Concepts()
    embedder.trouble = EmbedderError("503")
    async with opened(embedder, rest=0.001) as (meanings, _):
        sense = meanings.sense({f"t{n}": Document(f"t{n}", "A tool.", "", "s") for n in range(2 * BATCH)})
        assert await sense.near(["t1"]) == ()
        await eventually(lambda: len(embedder.texts) >= 2 * BATCH)
        embedder.trouble = None
        async with asyncio.timeout(SECONDS):
            await meanings.learned()
        await eventually(lambda: sense.near(["t1"]))


@pytest.mark.parametrize("broken", ["too few", "shorter ones"])
async def test_vectors_that_cannot_be_are_those_of_an_embedder_that_fails(
    caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    class Broken(Concepts):
        async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[bytes]:
            vectors = await super().embed(texts, query=query)
            return vectors[1:] if broken == "too few" else [vectors[0][:8], *vectors[1:]]

    async with opened(Broken(), rest=600.0) as (meanings, meters):
        sense = meanings.sense({f"t{n}": Document(f"t{n}", "A tool.", "", "s") for n in range(3)})
        assert await sense.near(["t1"]) == ()
        await eventually(lambda: outcomes(meters) == {"failed": 1})
        assert await sense.near(["t1"]) == ()
        assert len(caplog.records) == 1


async def test_of_too_many_tools_the_others_are_found_by_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 10)
    async with opened(HashingEmbedder()) as (meanings, _):
        documents = {f"t{n:02}": Document(f"t{n:02}", f"Does {n} times {n}.", "", "s") for n in range(25)}
        sense, other = (
            meanings.sense(documents),
            meanings.sense({f"x{n}": Document(f"x{n}", "", "", "s") for n in range(9)}),
        )
        for each in (sense, other):
            await each.near(["t05"])
            await meanings.learned()
        (near,) = await other.near(["x3"])
        assert max(near.scores, key=lambda name: near.scores[name]) == "x3"
        await sense.near(["t05"])
        await meanings.learned()
        (near,) = await sense.near(["t05"])
        assert set(near.scores) <= set(sorted(documents)[:10])
