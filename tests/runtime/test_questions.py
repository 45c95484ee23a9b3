"""What a tool asks a person: the run waits, holding nothing, and the call begins again with the answer."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from toolyard_runtime.engine.answering import give, questions_of
from toolyard_runtime.run.questions import MOST_QUESTIONS, input_id
from toolyard_runtime.run.segments import Segment, TextOut
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_sdk import events as e
from toolyard_sdk.asking import Answer
from toolyard_sdk.context import ToolContext
from toolyard_sdk.tools import tool

from tests.runtime.workshop import Workshop, call, eventually, say, settled, workshop

SIZE = {"type": "object", "properties": {"size": {"enum": ["S", "M", "L"]}}, "required": ["size"]}


@tool()
async def order(what: str, context: ToolContext) -> str:
    """Order something in a size that a person chooses."""
    size = await context.ask(f"Which size of {what}?", SIZE)
    if size.action != "accept":
        return f"nothing is ordered: {size.action}"
    sure = await context.ask("Are you sure?")
    return f"{size.content['size']} {what}, {sure.action}ed"


@tool(read_only=True)
async def pester(context: ToolContext) -> str:
    """Ask for ever."""
    asked = 0
    while True:
        await context.ask(f"Question {asked}?")
        asked += 1


@tool(read_only=True)
async def bad_question(context: ToolContext) -> str:
    """Ask with a schema that is none."""
    await context.ask("What?", {"type": "objekt"})
    return "asked"


@tool(read_only=True)
async def look() -> str:
    """Look."""
    return "seen"


async def answered(shop: Workshop, run: bytes, answer: Answer, number: int = 1) -> Segment:
    row = await shop.row(run)
    asking = questions_of(*await shop.engine.journal_of(run))[number]
    return await settled(await give(shop.engine, row, asking, answer, "me"))


async def words(shop: Workshop, run: bytes, returned: e.ToolReturned) -> bytes:
    _, lookup = await shop.engine.journal_of(run)
    return lookup(returned.result.n) or b""


async def test_the_call_begins_again_with_each_answer_and_is_made_once(tmp_path: Path) -> None:
    async with workshop(tmp_path, order) as shop:
        shop.model.will(call(("order", {"what": "shirt"})), say("done"))
        segment = await shop.run()
        assert (segment.status, segment.finish) == ("completed", "input")
        assert shop.engine.live == {}
        said = [output.text for output in segment.outputs if isinstance(output, TextOut)]
        assert said[-1].startswith("Which size of shirt?")
        assert input_id(segment.run, 1) in said[-1]
        second = await answered(shop, segment.run, Answer("accept", {"size": "M"}))
        assert second.finish == "input"
        last = await answered(shop, segment.run, Answer("accept"))
        assert last.finish == "stop"
        (returned,) = await shop.events(segment.run, e.ToolReturned)
        assert b"M shirt, accepted" in (await words(shop, segment.run, returned))
        assert [started.attempt for started in await shop.events(segment.run, e.ToolStarted)] == [1, 2, 3]
        await shop.verify(segment.run)


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_person_may_say_no(tmp_path: Path, action: Any) -> None:
    async with workshop(tmp_path, order) as shop:
        shop.model.will(call(("order", {"what": "shirt"})), say("done"))
        segment = await shop.run()
        await answered(shop, segment.run, Answer(action))
        (returned,) = await shop.events(segment.run, e.ToolReturned)
        assert f"nothing is ordered: {action}".encode() in await words(shop, segment.run, returned)


async def test_an_answer_outlives_the_process_that_asked(tmp_path: Path) -> None:
    async with workshop(tmp_path, order) as shop:
        shop.model.will(call(("order", {"what": "shirt"})))
        segment = await shop.run(mode="background")
    async with workshop(tmp_path, order) as shop:
        shop.model.will(say("done"))
        await answered(shop, segment.run, Answer("accept", {"size": "L"}))
        last = await answered(shop, segment.run, Answer("decline"))
        assert last.finish == "stop"


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (Answer("accept", {"size": "XXL"}), "size"),
        (Answer("accept"), "size"),
        (Answer("decline", {"size": "M"}), "content"),
    ],
)
async def test_what_is_no_answer_is_refused_and_the_question_still_waits(
    tmp_path: Path, answer: Answer, named: str
) -> None:
    async with workshop(tmp_path, order) as shop:
        shop.model.will(call(("order", {"what": "shirt"})), say("done"))
        segment = await shop.run()
        with pytest.raises(RequestRefused, match=named):
            await answered(shop, segment.run, answer)
        assert (await answered(shop, segment.run, Answer("accept", {"size": "S"}))).finish == "input"


async def test_a_question_is_answered_once(tmp_path: Path) -> None:
    async with workshop(tmp_path, order) as shop:
        shop.model.will(call(("order", {"what": "shirt"})), say("done"))
        segment = await shop.run()
        row = await shop.row(segment.run)
        asking = questions_of(*await shop.engine.journal_of(segment.run))[1]
        both = (give(shop.engine, row, asking, Answer(action), "me") for action in ("decline", "cancel"))
        outcomes = await asyncio.gather(*both, return_exceptions=True)
        assert sum(isinstance(outcome, RequestRefused) for outcome in outcomes) <= 1
        await eventually(lambda: not shop.engine.live)
        assert len(await shop.events(segment.run, e.InputProvided)) == 1


async def test_other_calls_of_the_turn_do_not_wait(tmp_path: Path) -> None:
    async with workshop(tmp_path, order, look) as shop:
        shop.model.will(call(("order", {"what": "hat"}), ("look", {})), say("done"))
        segment = await shop.run()
        assert segment.finish == "input"
        assert [returned.call for returned in await shop.events(segment.run, e.ToolReturned)] == [2]


@pytest.mark.parametrize("asker", [bad_question, pester])
async def test_what_cannot_be_asked_is_an_error_that_the_model_reads(tmp_path: Path, asker: Any) -> None:
    async with workshop(tmp_path, asker) as shop:
        shop.model.will(call((asker.spec.name, {})), say("done"))
        segment = await shop.run()
        for _ in range(MOST_QUESTIONS):
            if segment.finish == "input":
                segment = await answered(shop, segment.run, Answer("accept"))
        assert segment.finish == "stop"
        (returned,) = await shop.events(segment.run, e.ToolReturned)
        assert returned.is_error


async def test_a_cancelled_run_asks_nobody_any_more(tmp_path: Path) -> None:
    async with workshop(tmp_path, order) as shop:
        shop.model.will(call(("order", {"what": "shirt"})))
        segment = await shop.run()
        await shop.engine.cancel(await shop.row(segment.run), "me", "user")
        await eventually(lambda: not shop.engine.live)
        with pytest.raises(RequestRefused, match="does not wait"):
            await answered(shop, segment.run, Answer("accept", {"size": "S"}))
