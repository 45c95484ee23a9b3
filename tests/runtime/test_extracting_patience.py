"""What is done about messages that a model cannot be had to read: a real server over a socket that hangs or errs."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from toolyard_memory.facts.extractions import Extractions
from toolyard_memory.records import AsOf, Owner, Reader
from toolyard_runtime.clocks import SystemClock
from toolyard_runtime.engine import extracting as extracting_module
from toolyard_runtime.engine.extracting import RESTS, WAITS, Extracting
from toolyard_runtime.engine.noting import EXTRACTOR
from toolyard_runtime.models.chat_client import ThinModel

from tests.faults.model_server import faults
from tests.faults.model_server.server import Fault, FaultyServer, Peer, serving
from tests.runtime.workshop import AGENT, CALLER, Workshop, say, workshop

READS = "[memory]\nextract = true\n"
ALICE = Reader(Owner(CALLER.tenant, "alice"), "worker")
BEES, HENS = "I keep bees.", "I keep hens."
HOUR = 3_600.0
PERSON = {"end_user": "alice"}


class Later:
    """A clock that is ahead by as many seconds as a test says."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> int:
        return SystemClock().now() + int(self.ahead * 1e6)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def completion(*, calls: Any = None, text: str = "") -> bytes:
    """Return the body of an answer that calls `note_facts`, or says something."""
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls is not None:
        function = {"name": "note_facts", "arguments": calls if isinstance(calls, str) else json.dumps(calls)}
        message["tool_calls"] = [{"id": "c1", "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls is not None else "stop"}
    usage = {"prompt_tokens": 30, "completion_tokens": 10, "total_tokens": 40}
    return json.dumps(
        {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
    ).encode()


async def reads(peer: Peer) -> None:
    """Note what a message says, whatever that is."""
    asked = json.loads(peer.body)["messages"][-1]["content"]
    said = asked.rpartition("\n")[2]
    fact = {
        "text": said.replace("I keep", "The user keeps"),
        "quote": said,
        "about": "user",
        "attribute": "",
        "since": "",
    }
    await peer.answer(completion(calls={"facts": [fact]}))


async def babbles(peer: Peer) -> None:
    """Answer what are no notes."""
    await peer.answer(completion(calls='{"facts": [{"text"'))


def for_bees(fault: Fault) -> Fault:
    """Return a server that has trouble with one message only."""

    async def answer(peer: Peer) -> None:
        asked = json.loads(peer.body)["messages"][-1]["content"]
        await (fault if asked.endswith(BEES) else reads)(peer)

    return answer


class Reading:
    """A workshop whose messages a real server reads; `again` is what the next process reads with."""

    def __init__(self, shop: Workshop, server: FaultyServer) -> None:
        self.shop = shop
        self.server = server
        self.clock = Later()
        shop.mind()
        shop.memory.clock = self.clock
        self.ledger = Extractions(shop.database)
        self.again()

    def again(self) -> None:
        services, agents = self.shop.services, self.shop.agents
        self.reader = Extracting(
            self.shop.memory, services.runs, agents.release, self.shop.routes.route, services.meters
        )

    async def go(self) -> None:
        """Read on until there is nothing more to look at, as a round does."""
        async with asyncio.timeout(20):
            while await self.reader.read_on(CALLER.tenant):
                pass

    async def tally(self) -> dict[tuple[str, str], int]:
        return {(one.outcome, one.reason): one.messages for one in await self.ledger.tally(CALLER.tenant)}

    async def facts(self) -> set[str]:
        now = self.clock.now()
        return {fact.text for fact in await self.shop.memory.facts.listed(ALICE, as_of=AsOf(now, now))}


@asynccontextmanager
async def reading(root: Path, fault: Fault, *said: str, more: str = READS) -> AsyncIterator[Reading]:
    """Have alice say things, and a server that has them to read."""
    async with workshop(root, more=more) as shop, serving(fault) as server:
        for words in said:
            shop.model.will(say("I see."))
            await shop.run(words, **PERSON)
        model = ThinModel(server.url, "", max_bytes=1 << 20, connect_timeout=1.0, idle_timeout=5.0)
        shop.routes._clients["lab"] = model
        yield Reading(shop, server)
        await model.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no answer for long."""
    monkeypatch.setattr(extracting_module, "PATIENCE", 0.3)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (faults.silence, "timeout"),
        (faults.server_error, "server_error"),
        (faults.html_with_200, "bad_answer"),
        (babbles, "unreadable"),
    ],
)
async def test_a_message_that_no_answer_can_be_had_for_is_tried_a_few_times_and_then_left_alone(
    tmp_path: Path, fault: Fault, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "toolyard.memory")
    async with reading(tmp_path, for_bees(fault), BEES, HENS) as at:
        await at.go()
        assert await at.facts() == {"The user keeps hens."}, "the other message goes on"
        assert await at.tally() == {("waiting", reason): 1, ("read", ""): 1}
        tries = 1
        for wait in WAITS:
            await at.go()
            assert len(at.server.requests) == 1 + tries, "not before its time"
            at.clock.ahead += wait + RESTS[1]
            at.again()  # the next process knows how often it was tried
            await at.go()
            tries += 1
            assert len(at.server.requests) == 1 + tries
        assert await at.tally() == {("failed", reason): 1, ("read", ""): 1}
        assert not any("left alone" in one.message for one in caplog.records[:-1])
        assert f"left alone after {tries} tries: {reason}" in caplog.records[-1].message
        at.clock.ahead += 100 * HOUR
        at.again()
        await at.go()
        assert len(at.server.requests) == 1 + tries


async def test_a_message_that_is_too_long_for_the_model_is_not_sent_again(tmp_path: Path) -> None:
    async with reading(tmp_path, for_bees(faults.prompt_too_long), BEES, HENS) as at:
        await at.go()
        assert await at.tally() == {("failed", "too_long"): 1, ("read", ""): 1}


@pytest.mark.parametrize(("fault", "reason"), [(faults.overloaded, "overloaded"), (faults.key_refused, "unauthorized")])
async def test_a_model_that_is_away_costs_no_message_a_try_and_is_left_in_peace(
    tmp_path: Path, fault: Fault, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "toolyard.memory")
    async with reading(tmp_path, fault, BEES, HENS) as at:
        for asked in range(1, 12):
            await at.go()
            assert len(at.server.requests) == asked, "one call tells that it is away"
            at.clock.ahead += 2 * RESTS[1]
        assert sum("read later" in one.message for one in caplog.records) == 1
        due = await at.ledger.due(CALLER.tenant, EXTRACTOR, at.clock.now())
        assert [one.tries for one in due] == [0, 0]
        at.server.fault = reads
        await at.go()
        assert await at.facts() == {"The user keeps bees.", "The user keeps hens."}


async def test_a_model_that_is_not_there_at_all_is_asked_later(tmp_path: Path) -> None:
    async with reading(tmp_path, reads, BEES) as at:
        at.shop.routes._clients["lab"] = ThinModel("http://127.0.0.1:9/v1", "", max_bytes=1 << 20)
        await at.go()
        assert await at.tally() == {("waiting", "connect"): 1}


async def test_when_every_call_times_out_the_model_is_left_in_peace(tmp_path: Path) -> None:
    async with reading(tmp_path, faults.silence, *(f"I keep {n} bees." for n in range(2, 8))) as at:
        await at.go()
        assert len(at.server.requests) == 2
        assert await at.tally() == {("waiting", "timeout"): 2, ("waiting", "model_away"): 4}
        at.server.fault = reads
        at.clock.ahead += RESTS[1]
        await at.go()
        assert len(await at.facts()) == 6


async def test_what_a_try_has_cost_counts_also_when_it_failed(tmp_path: Path) -> None:
    async with reading(tmp_path, babbles, BEES) as at:
        await at.go()
        at.clock.ahead += WAITS[0]
        await at.go()
        assert await at.ledger.spent(CALLER.tenant, 0) == 80


async def test_a_budget_that_is_used_up_holds_up_only_whose_it_is(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "other.toml").write_text(AGENT.format(tools="", more=READS))
    async with reading(tmp_path, reads, BEES, HENS, more=READS + "extract_tokens = 10\n") as at:
        served, at.shop.routes._clients["lab"] = at.shop.routes._clients["lab"], at.shop.model
        at.shop.model.will(say("I see."))
        await at.shop.run("I keep owls.", agent=at.shop.agents.current("other"), **PERSON)
        at.shop.routes._clients["lab"] = served
        await at.go()
        assert await at.facts() == {"The user keeps bees.", "The user keeps owls."}
        assert await at.tally() == {("waiting", "budget"): 1, ("read", ""): 2}
        at.clock.ahead += 25 * HOUR
        at.again()
        await at.go()
        assert await at.facts() == {"The user keeps bees.", "The user keeps owls.", "The user keeps hens."}


async def test_what_was_said_before_an_agent_had_it_read_is_read_when_it_has(tmp_path: Path) -> None:
    async with reading(tmp_path, reads, BEES, more="[memory]\n") as at:
        await at.go()
        assert at.server.requests == []
        release = at.shop.agents.release("worker")
        assert release is not None
        assert release.memory is not None
        reads_now = replace(release, memory=replace(release.memory, extract=True))
        at.reader._release = lambda _agent: reads_now
        await at.go()
        assert at.server.requests == [], "it is not looked for again all the time"
        at.reader.look_again()
        await at.go()
        assert await at.facts() == {"The user keeps bees."}


async def test_a_message_in_which_something_is_broken_does_not_hold_up_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading(tmp_path, reads, BEES, HENS) as at:
        said: Callable[..., Any] = at.reader._said

        async def breaks(passage: Any) -> Any:
            if passage.text == BEES:
                raise RuntimeError("broken")
            return await said(passage)

        monkeypatch.setattr(at.reader, "_said", breaks)
        await at.go()
        assert await at.facts() == {"The user keeps hens."}
        assert await at.tally() == {("waiting", "error"): 1, ("read", ""): 1}


async def test_what_was_forgotten_while_it_waited_is_not_read(tmp_path: Path) -> None:
    async with reading(tmp_path, faults.silence, BEES) as at:
        await at.go()
        (one,) = await at.ledger.due(CALLER.tenant, EXTRACTOR, at.clock.now() + int(HOUR * 1e6))
        tx = at.shop.database.begin()
        at.shop.memory.passages.drop(tx, [one.passage])
        await at.shop.database.commit(tx)
        at.server.fault = reads
        at.clock.ahead += HOUR
        await at.go()
        assert len(at.server.requests) == 1
        assert await at.facts() == set()
