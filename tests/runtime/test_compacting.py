"""Conversations that are too long: summed up or put away, the same after a restart, rebuilt to the byte, told why."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from toolyard_memory.sessions.summaries import EXTRACTIVE, FRAME, PROMPT
from toolyard_runtime.models.encoder import encode_message
from toolyard_runtime.run.rebuild import rebuild
from toolyard_runtime.run.runlog import RunLog
from toolyard_runtime.run.segments import ApprovalAnswer, Segment
from toolyard_runtime.run.transcript import call_id
from toolyard_runtime.store import payloads
from toolyard_runtime.store.erasure import Eraser
from toolyard_runtime.store.schema import PACKAGES
from toolyard_runtime.telling.why import explain
from toolyard_sdk import events as e
from toolyard_sdk.canonical import digest
from toolyard_sdk.errors import ModelError
from toolyard_sdk.messages import Message, ToolSpec
from toolyard_sdk.tools import tool

from tests.runtime.workshop import CALLER, Workshop, call, eventually, say, settled, workshop

WINDOW = "[limits]\nwindow_tokens = 1600\n"
BY_MODEL = f'{WINDOW}[window]\nsummaries = "model"\n'
ASK = ToolSpec("ask", "Asks.", {"type": "object"})
LONG = "A sentence that takes its place. " * 52


@tool(read_only=True)
def fetch(page: int) -> str:
    """Fetch a page."""
    return f"page {page}: " + "word " * 600


async def rebuilt(shop: Workshop, run: bytes) -> list[bytes]:
    """Rebuild every request of a run that was a turn."""
    row = await shop.row(run)
    release = await shop.agents._catalogue.agent(CALLER.tenant, row.release)
    assert release is not None
    events = await shop.journal(run)
    sessions = shop.services.sessions
    calls = [seq for seq, event in enumerate(events) if isinstance(event, e.ModelCalled)]
    return [await rebuild(shop.database, sessions, release, events, seq) for seq in calls]


async def talked(shop: Workshop, runs: int, *, cold: bool = False, after: Segment | None = None) -> list[Segment]:
    """Have a conversation of so many runs; `cold` forgets every window in between."""
    made: list[Segment] = []
    for number in range(runs):
        if cold:
            shop.engine.windows._kept.clear()
        shop.model.will(say(f"answer {number}: {LONG}", reasoning="hm"))
        last = made[-1] if made else after
        text = f"question {number}: what about it?"
        made.append(await (shop.next_run(last, text) if last is not None else shop.run(text)))
    return made


async def compactions(shop: Workshop, made: list[Segment]) -> list[e.WindowCompacted]:
    """Return what was done to the window in all of these runs."""
    return [event for one in made for event in await shop.events(one.run, e.WindowCompacted)]


async def test_an_old_conversation_goes_on_with_a_summary_in_every_process_alike(tmp_path: Path) -> None:
    sent: list[list[bytes]] = []
    for cold in (False, True):
        async with workshop(tmp_path / str(cold), more=WINDOW) as shop:
            made = await talked(shop, 12, cold=cold)
            done = await compactions(shop, made)
            assert [body for one in made for body in await rebuilt(shop, one.run)] == shop.model.bodies
            sent.append(shop.model.bodies)
        assert len(done) >= 3
        for event in done:
            assert (event.model, event.prompt, event.fault, event.counted) == (EXTRACTIVE, "", "", False)
            assert event.tokens_before > 1280
            assert event.tokens_after <= 800
            assert event.summary is not None
        messages = shop.model.messages()
        assert [message["role"] for message in messages[:4]] == ["system", "user", "assistant", "user"]
        assert messages[1]["content"].startswith(FRAME)
        assert "question 0: what about it?" in messages[1]["content"] or "earlier lines" in messages[1]["content"]
        assert messages[-1]["content"] == "question 11: what about it?"
    assert sent[0] == sent[1]


async def test_a_summary_is_a_row_of_the_session_that_says_what_the_event_says(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=WINDOW) as shop:
        made = await talked(shop, 6)
        row = await shop.row(made[-1].run)
        (one, *_) = sorted(await shop.services.sessions.compactions(row.session), key=lambda one: one.at)
        event = (await shop.journal(one.run))[one.seq]
        assert isinstance(event, e.WindowCompacted)
        assert (one.start, one.end, one.source, one.after) == (event.start, event.end, event.source, event.after)
        assert (one.tokens_before, one.tokens_after, one.model) == (event.tokens_before, event.tokens_after, EXTRACTIVE)
        chain = await shop.services.sessions.chain(row.session, e.ItemRef(row.id, row.head_n))
        assert chain[one.end_position].ref == one.end
        assert len(chain) == 12, "nothing of the history is gone"
        assert event.summary is not None
        assert one.summary == event.summary.n


async def test_large_results_are_put_away_and_read_back(tmp_path: Path) -> None:
    async with workshop(tmp_path, fetch, more=WINDOW.replace("1600", "3200"), source="mcp:lab") as shop:
        made: list[Segment] = []
        for page in range(3):
            shop.model.will(call(("fetch", {"page": page})), say("read it"))
            made.append(await (shop.next_run(made[-1], f"page {page}") if made else shop.run(f"page {page}")))
        name = call_id(made[1].run, 1)
        shop.model.will(call(("fetch", {"page": 3})), call(("read_result", {"call": name})), say("the same"))
        made.append(await shop.next_run(made[-1], "page 3, and page 1 again"))
        (event,) = await shop.events(made[-1].run, e.WindowCompacted)
        assert (event.results, event.messages, event.end, event.summary) == (3, 0, None, None)
        shown = [message for message in shop.model.messages(-2) if message["role"] == "tool"]
        assert shown[1] == {
            "role": "tool",
            "tool_call_id": name,
            "content": f'[a result of about 777 tokens was put away; read_result(call="{name}") gives it back]',
        }
        assert shown[3]["content"].startswith("page 3: word word"), "the model has not seen it yet"
        assert shop.model.messages()[-1]["content"].startswith("page 1: word word")
        assert [body for one in made for body in await rebuilt(shop, one.run)] == shop.model.bodies
        before = shop.model.bodies[-1]
        shop.engine.windows._kept.clear()
        last = await shop.next_run(made[-1], "thanks")
        assert await rebuilt(shop, last.run) == shop.model.bodies[-1:]
        assert shop.model.bodies[-1].startswith(before[:-2]), "only the end is new"


async def test_results_of_the_request_under_way_are_put_away_once_the_model_has_seen_them(tmp_path: Path) -> None:
    async with workshop(tmp_path, fetch, more=WINDOW, source="mcp:lab") as shop:
        name = "call_{}_1"
        shop.model.will(
            call(("fetch", {"page": 1}), ("fetch", {"page": 2})),
            call(("fetch", {"page": 3})),
            lambda request: call(("read_result", {"call": request["messages"][2]["tool_calls"][0]["id"]})),
            say("done"),
        )
        segment = await shop.run("read all of them")
        assert [len(shop.model.messages(index)) for index in range(4)] == [2, 5, 7, 9]
        assert all("put away" not in message["content"] for message in shop.model.messages(1)[3:])
        away = ["put away" in (message["content"] or "") for message in shop.model.messages(2)[2:]]
        assert away == [False, True, True, False, False]
        assert shop.model.messages(3)[-1]["content"].startswith("page 1: word word")
        assert name.format(segment.run.hex()) in shop.model.messages(2)[3]["content"]
        assert await rebuilt(shop, segment.run) == shop.model.bodies


async def test_without_read_result_the_turns_of_a_long_request_are_summed_up(tmp_path: Path) -> None:
    async with workshop(tmp_path, fetch, more=WINDOW) as shop:
        shop.model.will(*(call(("fetch", {"page": page})) for page in range(6)), say("done"))
        segment = await shop.run("read all of them")
        assert segment.status == "completed"
        messages = shop.model.messages()
        assert [message["role"] for message in messages] == ["system", "user", "assistant", "user", "assistant", "tool"]
        assert messages[3]["content"] == "read all of them"
        assert "- fetch gave: page 4: word" in messages[1]["content"]
        assert "earlier lines are left out.)" in messages[1]["content"]
        assert messages[-1]["content"].startswith("page 5: word")
        assert await rebuilt(shop, segment.run) == shop.model.bodies
        last = await shop.next_run(segment, "and?")
        shop.engine.windows._kept.clear()
        again = await shop.next_run(last, "and now?")
        assert [*await rebuilt(shop, last.run), *await rebuilt(shop, again.run)] == shop.model.bodies[-2:]


async def test_the_agents_model_writes_the_summary_where_its_file_says_so(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=BY_MODEL) as shop:
        made = await talked(shop, 3)
        shop.model.will(say("They asked three things and got long answers."), say("fine"))
        last = await shop.next_run(made[-1], "go on")
        (event,) = await shop.events(last.run, e.WindowCompacted)
        assert (event.model, event.prompt, event.fault) == ("lab/m", digest(PROMPT), "")
        assert event.usage.total_tokens == 15
        asked = shop.model.messages(-2)
        assert asked[0]["role"] == "system"
        assert asked[0]["content"].startswith("You are given the earlier part")
        assert "USER: question 0: what about it?" in asked[1]["content"]
        assert shop.model.messages()[1]["content"] == FRAME + "They asked three things and got long answers."
        assert last.usage.total_tokens == 30
        row = await shop.row(last.run)
        assert (row.input_tokens, row.output_tokens) == (20, 10)
        assert await rebuilt(shop, last.run) == shop.model.bodies[-1:]


@pytest.mark.parametrize(
    ("answer", "fault", "tokens"),
    [
        (ModelError("overloaded", "busy"), "overloaded", 0),
        (say(""), "empty_response", 15),
        (say("", malformed="<tool_call"), "malformed_turn", 15),
        (lambda _request: 1 / 0, "ZeroDivisionError", 0),
    ],
)
async def test_a_summary_the_model_does_not_give_is_made_without_it(
    tmp_path: Path, answer: Any, fault: str, tokens: int
) -> None:
    async with workshop(tmp_path, more=BY_MODEL) as shop:
        made = await talked(shop, 3)
        shop.model.will(answer, say("fine"))
        last = await shop.next_run(made[-1], "go on")
        (event,) = await shop.events(last.run, e.WindowCompacted)
        assert (event.model, event.prompt, event.fault) == (EXTRACTIVE, "", fault)
        assert event.usage.total_tokens == tokens
        assert last.status == "completed"
        assert "question 0" in shop.model.messages()[1]["content"]


async def test_tokens_of_a_summary_count_against_the_runs_budget(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=BY_MODEL.replace("[limits]", "[limits]\ntokens = 15")) as shop:
        made = await talked(shop, 3)
        shop.model.will(say("Summed up."), say("never asked"))
        last = await shop.next_run(made[-1], "go on")
        assert (last.status, last.finish) == ("incomplete", "budget")
        assert shop.model.answers != [], "the turn was not asked for"


async def test_a_run_can_be_cancelled_while_its_model_sums_up(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=BY_MODEL) as shop:
        made = await talked(shop, 3)
        shop.model.will(lambda _request: asyncio.get_running_loop().create_future())
        row = await shop.row(made[-1].run)
        driver = await shop.start("go on", session=row.session, base=e.ItemRef(row.id, row.head_n))
        await shop.model.until(4)
        driver.deliver(e.CancelRequested(driver.log.now(), "test", "user"))
        segment = await settled(driver)
        assert segment.status == "cancelled"
        assert await shop.events(segment.run, e.WindowCompacted) == []


async def test_a_run_that_dies_after_its_window_was_compacted_goes_on_in_the_same_words(tmp_path: Path) -> None:
    more = WINDOW
    async with workshop(tmp_path, fetch, more=more) as shop:
        made = await talked(shop, 2)
        row = await shop.row(made[-1].run)
        shop.model.will(call(("fetch", {"page": 1})), lambda _request: asyncio.get_running_loop().create_future())
        base = e.ItemRef(row.id, row.head_n)
        driver = await shop.start("page 1", mode="background", session=row.session, base=base)
        await shop.model.until(4)
        await eventually(lambda: not driver.log._pending)
        before = shop.model.bodies[2:]
        assert len(await shop.events(driver.row.id, e.WindowCompacted)) == 1
        for task in shop.engine.tasks.values():  # as if the process had died: nothing is parked
            task.cancel()
        await driver.gone.wait()
    async with workshop(tmp_path, fetch, more=more, recover=False) as shop:
        shop.model.will(say("here it is"))
        await shop.upkeep.recover()
        again = await settled(shop.engine.live[driver.row.id])
        assert again.status == "completed"
        assert shop.model.bodies == before[-1:]
        assert await rebuilt(shop, driver.row.id) == [*before, *shop.model.bodies]
        (one,) = await shop.services.sessions.compactions(row.session)
        assert one.end_position >= 0
        last = await shop.next_run(again, "thanks")
        assert await rebuilt(shop, last.run) == shop.model.bodies[-1:]


async def test_a_run_that_waited_goes_on_with_the_window_it_had(tmp_path: Path) -> None:
    async with workshop(tmp_path, fetch, more=WINDOW, source="mcp:lab") as shop:
        shop.model.will(
            *(call(("fetch", {"page": page})) for page in range(3)), call(("ask", {})), call(("fetch", {"page": 4}))
        )
        parked = await settled(await shop.start("read all of them", client_tools=(ASK,)))
        assert parked.finish == "client_tools"

        def news(log: RunLog) -> list[e.RunEvent]:
            message = Message("tool", "yes", tool_call_id=call_id(parked.run, 4))
            return [e.ClientToolsReturned(log.now(), (e.ClientResult(4, log.put("tool", encode_message(message))),))]

        before = len(await shop.events(parked.run, e.WindowCompacted))
        await settled(await shop.engine.resume(await shop.row(parked.run), "client_tools", news))
        done = await shop.events(parked.run, e.WindowCompacted)
        assert 0 < before < len(done)
        assert await rebuilt(shop, parked.run) == shop.model.bodies
        row = await shop.row(parked.run)
        assert len(await shop.services.sessions.compactions(row.session)) == len(done)


async def test_another_branch_is_shown_what_its_own_stem_was(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=WINDOW) as shop:
        made = await talked(shop, 6)
        shop.engine.windows._kept.clear()
        early = await shop.next_run(made[1], "another way")
        assert [m["content"] for m in shop.model.messages()[1::2]] == [
            "question 0: what about it?", "question 1: what about it?", "another way",
        ]  # fmt: skip
        assert await rebuilt(shop, early.run) == shop.model.bodies[-1:]


async def test_the_first_messages_of_the_user_stay_where_the_agents_file_says_so(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=f"{WINDOW}[window]\npinned = 1\n") as shop:
        made = await talked(shop, 10)
        messages = shop.model.messages()
        assert messages[1]["content"] == "question 0: what about it?"
        assert messages[2]["content"].startswith(FRAME)
        assert [body for one in made for body in await rebuilt(shop, one.run)] == shop.model.bodies


async def test_the_servers_count_decides_and_is_asked_only_when_the_window_seems_full(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=WINDOW) as shop:
        shop.counter.counts = lambda messages: len(messages) // 8
        made = await talked(shop, 3)
        assert shop.counter.asked == []
        made += await talked(shop, 5, after=made[-1])
        (event,) = await compactions(shop, made)
        assert event.counted
        assert 1280 < event.tokens_before < 1700
        assert event.tokens_after < 900
        assert 1 < len(shop.counter.asked) <= 4
        assert [body for one in made for body in await rebuilt(shop, one.run)] == shop.model.bodies


async def test_what_is_erased_is_gone_from_summaries_that_others_made_of_it(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=WINDOW) as shop:
        shop.model.will(say(f"noted, eve lives in the mill. {LONG}"))
        made = [await shop.run("I am eve, and I live in the old mill.", end_user="eve")]
        made += await talked(shop, 4, after=made[-1])
        (event, *_) = await compactions(shop, made)
        row = await shop.row(made[-1].run)
        (one, *_) = await shop.services.sessions.compactions(row.session)
        kept = (await payloads.load(shop.database, one.run, [event.summary.n]))[event.summary.n]  # type: ignore[union-attr]  # there is one
        assert isinstance(kept, payloads.Payload)
        assert b"old mill" in kept.data
        tx = shop.database.begin()
        eraser = Eraser(shop.database, shop.services.clock, os.urandom, PACKAGES)
        erased = await eraser.erase(tx, CALLER.tenant, "eve", "test")
        await shop.database.commit(tx, "full")
        shop.engine.forget(frozenset(erased.runs))
        assert (await payloads.load(shop.database, one.run, [one.summary or 0]))[one.summary or 0] == payloads.ERASED
        assert await eraser.verify_erased(CALLER.tenant, erased.pseudonym)
        await shop.next_run(made[-1], "who am I?")
        assert b"old mill" not in shop.model.bodies[-1]
        assert "[erased]" in shop.model.messages()[1]["content"]


async def test_the_story_of_a_run_tells_of_it(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=WINDOW) as shop:
        made = await talked(shop, 4)
        (event,) = await compactions(shop, made)
        told = [explain(*await shop.engine.journal_of(one.run)) for one in made]
        (line,) = [line for one in told for line in one.lines if line.kind == "window"]
        sizes = f"from {event.tokens_before:,} to {event.tokens_after:,} tokens"
        assert (
            line.text == f"Turn 1: what it is shown was brought {sizes}: {event.messages} messages summarised by rule"
        )
        assert line.detail is not None
        assert line.detail["tokens"] == "estimated"
        assert line.detail["summary"].startswith(FRAME[:20])


async def test_a_request_that_cannot_be_made_smaller_is_sent_as_it_is(tmp_path: Path) -> None:
    async with workshop(tmp_path, more=WINDOW) as shop:
        segment = await shop.run("x" * 8_000)
        assert await shop.events(segment.run, e.WindowCompacted) == []
        shop.model.will(say("y" * 8_000))
        last = await shop.next_run(segment, "z" * 8_000)
        (event,) = await shop.events(last.run, e.WindowCompacted)
        assert event.messages == 2
        assert encode_message(Message("user", "z" * 8_000)) in shop.model.bodies[-1]


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_came_to_mind_stays_in_a_window_that_is_compacted_while_its_run_goes_on(
    tmp_path: Path, restarted: bool
) -> None:
    alice, more = {"end_user": "alice"}, f"{WINDOW}[memory]\ntokens = 50\n"
    known, asked = "I am allergic to nuts.", "Which nuts can I eat? Forget the old one."
    forget = call(("forget", {"facts": ["fact_" + "0" * 32]}), text=LONG * 2)
    bodies: list[bytes] = []
    async with workshop(tmp_path, fetch, more=more, policy="") as shop:
        shop.model.will(say("Noted."), *(say(f"answer {number}: {LONG}") for number in range(2)))
        await shop.run(known, **alice)
        last = await shop.run("Tell me of the weather.", **alice)
        last = await shop.next_run(last, "And of the sea.", **alice)
        shop.model.will(call(("fetch", {"page": 1})), forget, say("None."))
        waiting = await shop.next_run(last, asked, mode="background", **alice)
        assert waiting.finish == "approval"
        bodies += shop.model.bodies[3:]
        if not restarted:
            (approval,) = await shop.approvals(waiting.run)
            await settled(await shop.approving.decide(CALLER, ApprovalAnswer(approval.id, True), None))
            bodies += shop.model.bodies[5:]
    async with workshop(tmp_path, fetch, more=more, policy="") as shop:
        if restarted:
            shop.model.will(say("None."))
            (approval,) = await shop.approvals(waiting.run)
            await settled(await shop.approving.decide(CALLER, ApprovalAnswer(approval.id, True), None))
            bodies += shop.model.bodies
        (event, *_) = await shop.events(waiting.run, e.WindowCompacted)
        assert event.turn > 1, "it was made smaller after something came to mind"
        for body in bodies:
            said = [one["content"] for one in json.loads(body)["messages"] if one["role"] == "user"]
            assert [known in words for words in said if words.endswith(asked)] == [True]
        assert await rebuilt(shop, waiting.run) == bodies
        shop.model.will(say("You are welcome."))
        await shop.next_run(waiting, "Thanks.", **alice)
        assert known not in json.dumps(shop.model.messages()[:-1])
