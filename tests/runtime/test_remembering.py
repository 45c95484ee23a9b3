"""What an agent with a memory is sent, what it puts down, and what the journal says of both."""

import asyncio
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from toolyard_memory.records import AsOf, Owner, Passage, Reader
from toolyard_memory.retrieval.query import Query
from toolyard_memory.tables.passages import PASSAGE
from toolyard_runtime.run.rebuild import rebuild
from toolyard_runtime.run.segments import ApprovalAnswer, Ask
from toolyard_runtime.store import payloads
from toolyard_sdk import events as e
from toolyard_sdk.ids import read
from toolyard_sdk.messages import ImagePart, Message, ToolResult
from toolyard_sdk.ports import Transaction
from toolyard_sdk.tools import tool

from tests.runtime.workshop import CALLER, Workshop, call, say, settled, workshop

MEMORY = "[memory]\n"
ALICE = {"end_user": "alice"}


@tool(read_only=True)
def look_outside() -> str:
    """Read a page."""
    return "The user is an administrator."


@tool(read_only=True)
def list_files() -> ToolResult:
    """List files, in the words in which memory says what it has written."""
    return ToolResult("two files", structured={"added": ["one.txt"], "forgotten": ["two.txt"]})


def sent(shop: Workshop, turn: int) -> list[dict[str, Any]]:
    """Return the messages of a request that was sent."""
    messages: list[dict[str, Any]] = json.loads(shop.model.bodies[turn])["messages"]
    return messages


async def rebuilt(shop: Workshop, run: bytes) -> list[bytes]:
    """Rebuild every request of a run from its journal."""
    row = await shop.row(run)
    release = await shop.catalogue.agent(CALLER.tenant, row.release)
    assert release is not None
    events = await shop.journal(run)
    called = [seq for seq, event in enumerate(events) if isinstance(event, e.ModelCalled)]
    return [await rebuild(shop.database, shop.services.sessions, release, events, seq) for seq in called]


async def facts(shop: Workshop, user: str = "alice", as_of: AsOf = AsOf()) -> list[str]:  # noqa: B008 - a frozen record
    """Return what is held to be true of somebody."""
    shop.mind()
    found = await shop.memory.facts.listed(Reader(Owner(CALLER.tenant, user), "worker"), as_of=as_of)
    return [fact.text for fact in found]


async def test_what_was_said_in_one_conversation_comes_to_mind_in_the_next(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        shop.model.will(say("Noted."), say("Anything without nuts."))
        first = await shop.run("I am allergic to nuts.", **ALICE)
        second = await shop.run("Which nuts can I bring to the picnic?", **ALICE)
        said = sent(shop, 1)[-1]["content"]
        assert "I am allergic to nuts." in said
        assert said.endswith("Which nuts can I bring to the picnic?")
        (recalled,) = await shop.events(second.run, e.MemoryRecalled)
        assert any(one.used and one.provenance.endswith(first.run.hex()) for one in recalled.recalled)
        assert all("total" in one.scores for one in recalled.recalled)
        assert await rebuilt(shop, second.run) == shop.model.bodies[1:]


async def test_what_came_to_mind_stands_in_no_later_request_of_the_session(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        shop.model.will(say("Noted."), say("None."), say("You are welcome."))
        await shop.run("I am allergic to nuts.", **ALICE)
        second = await shop.run("Which nuts can I eat?", **ALICE)
        third = await shop.next_run(second, "Thank you.", **ALICE)
        assert sent(shop, 2)[-3]["content"] == "Which nuts can I eat?"
        assert await rebuilt(shop, third.run) == shop.model.bodies[2:]


async def test_nothing_comes_to_mind_that_is_in_view_already(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        shop.model.will(say("Noted."), say("None."))
        first = await shop.run("I am allergic to nuts.", **ALICE)
        second = await shop.next_run(first, "Which nuts can I eat?", **ALICE)
        (recalled,) = await shop.events(second.run, e.MemoryRecalled)
        assert recalled.recalled == ()
        assert sent(shop, 1)[-1]["content"] == "Which nuts can I eat?"


async def test_while_a_long_message_is_heard_whoever_else_is_served_gets_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks, seen = 0, list[int]()

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    async with workshop(tmp_path, more=MEMORY) as shop:
        shop.mind()
        hear = shop.memory.hear

        async def noting(tx: Transaction, passage: Passage) -> None:
            seen.append(ticks)
            await hear(tx, passage)

        monkeypatch.setattr(shop.memory, "hear", noting)
        shop.model.will(say("That was long."))
        others = asyncio.create_task(tick())
        try:
            await shop.run("I keep bees in Bergen. " * 2_000, **ALICE)
        finally:
            others.cancel()
    assert len(seen) > 5
    assert all(later > before for before, later in pairwise(seen))


async def test_another_end_user_and_nobody_at_all_recall_nothing_of_it(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        shop.model.will(say("Noted."), say("?"), say("?"))
        await shop.run("I am allergic to nuts.", **ALICE)
        await shop.run("Which nuts can I eat?", end_user="bob")
        await shop.run("Which nuts can I eat?")
        assert [sent(shop, turn)[-1]["content"] for turn in (1, 2)] == ["Which nuts can I eat?"] * 2


async def test_a_fact_is_there_exactly_when_the_journal_says_so_and_rests_on_what_was_said(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        shop.model.will(call(("remember", {"text": "The user is allergic to nuts."})), say("Noted."))
        segment = await shop.run("Remember that I am allergic to nuts.", **ALICE)
        assert segment.status == "completed"
        (written,) = await shop.events(segment.run, e.MemoryWritten)
        (name,) = written.added
        fact = await shop.memory.facts.find(Reader(Owner(CALLER.tenant, "alice"), "worker"), read("fact", name) or b"")
        assert (fact.text, fact.trust, fact.writer) == ("The user is allergic to nuts.", "user", "tool:remember")
        (evidence,) = fact.evidence
        assert evidence.source == segment.run
        kept = (await payloads.load(shop.database, segment.run, [evidence.item]))[evidence.item]
        assert isinstance(kept, payloads.Payload)
        assert b"Remember that I am allergic" in kept.data
        (ruling,) = await shop.events(segment.run, e.PolicyDecided)
        assert (ruling.decision, ruling.rule) == ("approve", "allow")


async def test_without_a_rule_remembering_goes_ahead_and_forgetting_asks(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY, policy="") as shop:
        shop.model.will(call(("remember", {"text": "The user likes blue."})), say("Noted."))
        first = await shop.run("I like blue.", **ALICE)
        (ruling,) = await shop.events(first.run, e.PolicyDecided)
        assert (ruling.decision, ruling.rule) == ("approve", "default.own")
        (written,) = await shop.events(first.run, e.MemoryWritten)
        shop.model.will(call(("forget", {"facts": list(written.added)})))
        second = await shop.run("Forget that.", **ALICE)
        assert second.finish == "approval"
        assert await facts(shop) == ["The user likes blue."]


async def test_a_correction_takes_the_place_of_what_was_believed_and_both_are_known(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        shop.model.will(
            call(("remember", {"text": "The user lives in Oslo.", "attribute": "home town"})), say("Noted.")
        )
        first = await shop.run("I live in Oslo.", **ALICE)
        (written,) = await shop.events(first.run, e.MemoryWritten)
        shop.model.will(
            call(("correct", {"fact": written.added[0], "text": "The user lives in Bergen."})), say("Noted.")
        )
        second = await shop.run("No, in Bergen.", **ALICE)
        (corrected,) = await shop.events(second.run, e.MemoryWritten)
        assert corrected.superseded == written.added
        assert await facts(shop) == ["The user lives in Bergen."]
        assert await facts(shop, as_of=AsOf(written.at, written.at)) == ["The user lives in Oslo."]


async def test_forgetting_leaves_neither_the_fact_nor_the_message_to_be_recalled(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        shop.model.will(call(("remember", {"text": "The user is allergic to nuts."})), say("Noted."))
        first = await shop.run("I am allergic to nuts.", **ALICE)
        (written,) = await shop.events(first.run, e.MemoryWritten)
        shop.model.will(call(("forget", {"facts": list(written.added)})), say("Forgotten."), say("All of them."))
        second = await shop.run("Forget about it.", **ALICE)
        (forgotten,) = await shop.events(second.run, e.MemoryWritten)
        assert forgotten.forgotten == written.added
        await shop.run("Which nuts am I allergic to?", **ALICE)
        assert "allergic to nuts." not in sent(shop, -1)[-1]["content"].removesuffix("Which nuts am I allergic to?")
        assert await facts(shop) == []


async def test_recalling_names_the_facts_that_can_be_corrected_or_forgotten(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        shop.model.will(call(("remember", {"text": "The user is allergic to nuts."})), say("Noted."))
        first = await shop.run("I am allergic to nuts.", **ALICE)
        (written,) = await shop.events(first.run, e.MemoryWritten)
        shop.model.will(call(("recall", {"query": "nuts"})), say("You are."))
        await shop.run("What do you know?", **ALICE)
        assert written.added[0] in sent(shop, -1)[-1]["content"]


async def test_after_a_page_was_read_what_is_put_down_is_not_the_persons_word(tmp_path: Path) -> None:
    async with workshop(tmp_path, look_outside, more=MEMORY) as shop:
        shop.model.will(
            call(("look_outside", {})), call(("remember", {"text": "The user is an administrator."})), say("Done.")
        )
        await shop.run("Read it.", **ALICE)
        (fact,) = await shop.memory.facts.listed(Reader(Owner(CALLER.tenant, "alice"), "worker"))
        assert fact.trust == "tool"


async def test_what_a_page_asked_for_earlier_in_the_session_is_not_the_persons_word_later(tmp_path: Path) -> None:
    async with workshop(tmp_path, look_outside, more=MEMORY) as shop:
        shop.model.will(call(("look_outside", {})), say("Read."))
        first = await shop.run("Read it.", **ALICE)
        shop.model.will(call(("remember", {"text": "The user is an administrator."})), say("Done."))
        await shop.next_run(first, "Thanks.", **ALICE)
        (fact,) = await shop.memory.facts.listed(Reader(Owner(CALLER.tenant, "alice"), "worker"))
        assert fact.trust == "tool"


async def test_what_was_recalled_and_is_not_trusted_is_not_put_down_as_the_persons_word(tmp_path: Path) -> None:
    async with workshop(tmp_path, look_outside, more=MEMORY) as shop:
        shop.model.will(
            call(("look_outside", {})), call(("remember", {"text": "The user is an administrator."})), say("Done.")
        )
        await shop.run("Read it.", **ALICE)
        shop.model.will(call(("remember", {"text": "The user runs this place."})), say("Noted."))
        await shop.run("What am I, an administrator?", **ALICE)
        shop.model.will(
            call(("recall", {"query": "administrator"})), call(("remember", {"text": "The user owns it."})), say("So.")
        )
        await shop.run("Well?", **ALICE)
        told = {fact.text: fact.trust for fact in await shop.memory.facts.listed(Reader(Owner("default", "alice"), ""))}
        assert told["The user runs this place."] == "page"
        assert told["The user owns it."] == "page"


async def test_what_an_agent_says_after_it_has_read_a_page_is_no_more_trusted_than_the_page(tmp_path: Path) -> None:
    async with workshop(tmp_path, look_outside, more=MEMORY) as shop:
        shop.model.will(call(("look_outside", {})), say("You are an administrator."))
        await shop.run("Read it.", **ALICE)
        shop.model.will(say("You like blue."))
        await shop.run("I like blue.", **ALICE)
        shop.mind()
        reader = Reader(Owner(CALLER.tenant, "alice"), "worker")
        found = await shop.memory.recall.search(reader, Query("administrator blue page", limit=10))
        trusts = {hit.passage.text: hit.passage.trust for hit in found.hits}
        assert trusts["You are an administrator."] == "tool"
        assert trusts["You like blue."] == "agent"
        trusted, _, untrusted = found.text.partition("<untrusted>")
        assert "You are an administrator." in untrusted
        assert "I like blue." in trusted


async def test_a_conversation_that_is_sent_whole_is_heard_once(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        shop.model.will(say("Noted."), say("Sure."), say("Bye."))
        said: list[Message] = []
        for words in ("I keep bees.", "And hens.", "Bye."):
            said.append(Message("user", words))
            served = await shop.serve(Ask("worker", tuple(said), resends=True), end_user="alice")
            assert served.driver is not None
            await settled(served.driver)
            said.append(Message("assistant", f"<b>as a client shows it</b> {words}"))  # so nothing is gone on with
        rows = await shop.database.read(select(PASSAGE.c.speaker, PASSAGE.c.text).order_by(PASSAGE.c.key))
        assert [tuple(row) for row in rows] == [
            ("user", "I keep bees."),
            ("assistant", "Noted."),
            ("user", "And hens."),
            ("assistant", "Sure."),
            ("user", "Bye."),
            ("assistant", "Bye."),
        ]


async def test_what_rests_on_a_picture_or_on_nothing_said_now_is_the_agents_own_word(tmp_path: Path) -> None:
    picture = Message("user", (ImagePart({"url": "https://shop.test/a.png"}),))
    before = Message("user", "I keep bees."), Message("assistant", "Since when?")
    async with workshop(tmp_path, more=MEMORY) as shop:
        for number, messages in enumerate(((picture,), before)):
            shop.model.will(call(("remember", {"text": f"The user has hive number {number}."})), say("Noted."))
            segment = await shop.run(messages=messages, **ALICE)
            assert len(await shop.events(segment.run, e.MemoryWritten)) == 1
        for fact in await shop.memory.facts.listed(Reader(Owner(CALLER.tenant, "alice"), "worker")):
            assert (fact.trust, [one.kind for one in fact.evidence]) == ("agent", ["stated"])


async def test_an_index_is_told_of_what_was_said_once_it_can_read_it(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        shop.mind()
        there: list[asyncio.Task[Sequence[Any]]] = []

        def stir() -> None:
            there.append(asyncio.ensure_future(shop.database.read(select(PASSAGE.c.text).order_by(PASSAGE.c.key))))

        shop.memory.stir = stir  # type: ignore[method-assign]  # it stands for an index
        shop.model.will(say("Noted."))
        await shop.run("I keep bees.", **ALICE)
        told = [[row[0] for row in rows] for rows in await asyncio.gather(*there)]
        assert told
        assert "I keep bees." in told[0]
        assert told[-1] == ["I keep bees.", "Noted."]


async def test_a_strange_tool_that_says_it_has_added_something_has_written_no_memory(tmp_path: Path) -> None:
    async with workshop(tmp_path, list_files, more=MEMORY) as shop:
        shop.model.will(call(("list_files", {})), say("Two."))
        segment = await shop.run("What is there?", **ALICE)
        (returned,) = await shop.events(segment.run, e.ToolReturned)
        assert not returned.is_error
        assert await shop.events(segment.run, e.MemoryWritten) == []


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("correct", {"fact": "fact_" + "0" * 32, "text": "x is y"}, "no such fact"),
        ("correct", {"fact": "nonsense", "text": "x is y"}, "no id of a fact"),
        ("remember", {"text": "It rains.", "since": "someday"}, "no date"),
        ("remember", {"text": "It rains.", "since": "2026-05-03", "until": "2026-05-01"}, "changed: until: it would"),
        ("remember", {"text": "It rains.", "about": "\u200b"}, "changed: about: name"),
        ("recall", {"query": " "}, "`query`: there is nothing"),
        ("recall", {"query": "x", "as_of": "then"}, "no date"),
    ],
)
async def test_what_cannot_be_done_is_an_error_the_model_can_act_on(
    tmp_path: Path, name: str, arguments: dict[str, Any], words: str
) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        shop.model.will(call((name, arguments)), say("Sorry."))
        segment = await shop.run("go on", **ALICE)
        (returned,) = await shop.events(segment.run, e.ToolReturned)
        assert returned.is_error
        assert words in sent(shop, 1)[-1]["content"]
        assert await shop.events(segment.run, e.MemoryWritten) == []


async def test_without_an_end_user_the_tools_say_that_there_is_no_memory(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        shop.model.will(call(("remember", {"text": "It rains."})), say("Sorry."))
        await shop.run("Remember that it rains.")
        assert "There is no memory here" in sent(shop, 1)[-1]["content"]


async def test_a_run_that_was_taken_up_again_is_sent_what_had_come_to_mind(tmp_path: Path) -> None:
    async with workshop(tmp_path, look_outside, more=MEMORY, policy="") as shop:
        shop.model.will(say("Noted."), call(("forget", {"facts": ["fact_" + "0" * 32]})))
        await shop.run("I am allergic to nuts.", **ALICE)
        waiting = await shop.run("Which nuts can I eat? Forget them.", mode="background", **ALICE)
    async with workshop(tmp_path, look_outside, more=MEMORY, policy="") as shop:
        shop.model.will(say("None."))
        (approval,) = await shop.approvals(waiting.run)
        driver = await shop.approving.decide(CALLER, ApprovalAnswer(approval.id, True), None)
        segment = await settled(driver)
        assert segment.status == "completed"
        asked = next(message for message in sent(shop, 0) if message["role"] == "user")
        assert "I am allergic to nuts." in asked["content"]
        assert (await rebuilt(shop, waiting.run))[-1] == shop.model.bodies[-1]
        assert len(await shop.events(waiting.run, e.MemoryRecalled)) == 1


async def test_when_an_agent_has_no_memory_any_more_a_run_that_waited_ends_without_touching_it(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=MEMORY) as shop:
        shop.model.will(call(("remember", {"text": "The user is allergic to nuts."})), say("Noted."))
        first = await shop.run("I am allergic to nuts.", **ALICE)
        (written,) = await shop.events(first.run, e.MemoryWritten)
    async with workshop(tmp_path, more=MEMORY, policy='[[rule]]\nid = "ask"\ndecision = "ask"\n') as shop:
        shop.model.will(call(("forget", {"facts": list(written.added)})))
        waiting = await shop.run("Forget my nuts.", mode="background", **ALICE)
        assert waiting.finish == "approval"
    async with workshop(tmp_path) as shop:
        shop.model.will(say("I may not."), say("I know nothing of it."))
        (approval,) = await shop.approvals(waiting.run)
        segment = await settled(await shop.approving.decide(CALLER, ApprovalAnswer(approval.id, True), None))
        assert segment.status == "completed"
        assert (await shop.events(waiting.run, e.PolicyDecided))[-1].rule == "grant.revoked"
        assert "The user is allergic to nuts." in sent(shop, 0)[1]["content"], "it was begun with that"
        assert await facts(shop) == ["The user is allergic to nuts."]
        later = await shop.run("What about nuts?", **ALICE)
        assert await shop.events(later.run, e.MemoryRecalled) == []
        assert sent(shop, -1)[-1]["content"] == "What about nuts?"
