"""The kit's `call` tells an author what the server tells a model: both are asked, and their words compared."""

import asyncio
from typing import Any

import pytest
from toolyard_runtime.models.calls import normalise_arguments
from toolyard_runtime.run.answers import doubt_words, problem_words
from toolyard_runtime.run.calling import Asked, InDoubt, execute
from toolyard_sdk import CallInDoubt, FunctionTool, ToolContext, ToolError, ToolResult, tool
from toolyard_sdk.asking import Answer, answering
from toolyard_sdk.events import CallHead, Content, Limits, Problem
from toolyard_sdk.messages import effect_class
from toolyard_sdk.testing import Recorder, call

SECONDS, BYTES = 0.2, 100


async def _server(made: FunctionTool, arguments: str) -> tuple[str, bool]:
    """Return (text, is it an error) as the server's own parts make them."""
    name = made.spec.name
    encoded = normalise_arguments(arguments)
    if isinstance(encoded, str):
        return _problem(name, encoded, "invalid JSON"), True
    try:
        made.check(encoded)
    except ToolError as error:
        return _problem(name, "invalid_arguments", str(error)), True
    repeatable = effect_class(made.spec.annotations) != "side_effect"
    outcome, _ = await execute(made, encoded, ToolContext(), seconds=SECONDS, output_bytes=BYTES, repeatable=repeatable)
    assert not isinstance(outcome, Asked)
    return (doubt_words(name, outcome.why), True) if isinstance(outcome, InDoubt) else (outcome.text, outcome.is_error)


def _problem(name: str, problem: Problem, detail: str) -> str:
    return problem_words(CallHead(1, name, Content(1, b""), problem=problem), detail, (name,), Limits())


OUTCOMES: dict[str, Any] = {
    "text": "fine",
    "long": "\u20ac" * 100,
    "nothing": None,
    "structure": {"a": [1, 2]},
    "broken text": "x\udce9",
    "advice": ToolError("there is no such thing: try another."),
    "long advice": ToolError("x" * 500),
    "crash": ZeroDivisionError("division by zero"),
    "long crash": RuntimeError("x" * 5_000),
    "own time-out": TimeoutError("the service was slow"),
    "doubt": CallInDoubt("sent, and no answer"),
    "lost": ConnectionResetError("gone"),
    "refused": ConnectionRefusedError("nobody listens"),
    "unencodable": object(),
    "error result": ToolResult("no luck", is_error=True),
}


@pytest.mark.parametrize("read_only", [True, False], ids=["read-only", "with side effects"])
@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_whatever_a_tool_does_is_told_in_the_servers_words(outcome: str, read_only: bool) -> None:
    @tool(read_only=read_only)
    async def act() -> Any:
        """Do something."""
        if isinstance(OUTCOMES[outcome], Exception):
            raise OUTCOMES[outcome]
        return OUTCOMES[outcome]

    result = await call(act, "{}", seconds=SECONDS, output_bytes=BYTES)
    assert (result.text, result.is_error) == await _server(act, "{}")


@pytest.mark.parametrize("read_only", [True, False], ids=["read-only", "with side effects"])
async def test_a_tool_that_does_not_return_in_time_is_given_up_in_the_servers_words(read_only: bool) -> None:
    @tool(read_only=read_only)
    async def wait() -> None:
        """Wait for ever."""
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        result = await call(wait, "{}", seconds=SECONDS, output_bytes=BYTES)
        assert (result.text, result.is_error) == await _server(wait, "{}")


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "  ",
        "null",
        '{"x": 1}',
        '"{\\"x\\": 1}"',
        '""',
        '{"x": "1"}',
        "{}",
        '{"y": 1}',
        "[1]",
        "5",
        '{"x": 1',
        "{'x': 1}",
        '{"x": NaN}',
        '{"x": 1e999}',
        '{"x": "\\ud800"}',
        '{"x": ' + "[" * 70 + "]" * 70 + "}",
        '{"x": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"x": "' + "a" * 2_000_000 + '"}',
    ],
    ids=lambda text: ascii(text[:20]),
)
async def test_whatever_a_model_writes_is_read_as_the_server_reads_it(arguments: str) -> None:
    @tool(read_only=True)
    def double(x: int = 2) -> int:
        """Double a number."""
        return 2 * x

    result = await call(double, arguments, output_bytes=BYTES)
    assert (result.text, result.is_error) == await _server(double, arguments)


async def test_a_tool_gets_the_context_and_what_it_reports_is_recorded() -> None:
    @tool(read_only=True)
    def work(context: ToolContext) -> str:
        """Work a little."""
        context.progress(1, 2, "half")
        context.logger.info("working for %s", context.tenant)
        return context.tenant

    recorder = Recorder()
    assert (await call(work, {}, recorder.context(tenant="acme"))).text == "acme"
    assert [(each.done, each.total, each.message) for each in recorder.reports] == [(1, 2, "half")]
    assert [record.getMessage() for record in recorder.records] == ["working for acme"]


ROOM = {"type": "object", "properties": {"room": {"type": "string"}}, "required": ["room"]}


@tool
async def book(context: ToolContext) -> str:
    """Book a room, once it is known which and that it may cost something."""
    context.progress(1, None, "begun")
    where = await context.ask("Which room?", ROOM)
    sure = await context.ask("It costs 5 euros. Go on?")
    return f"{where.action} {where.content.get('room')}, {sure.action}"


async def test_what_a_tool_asks_is_answered_in_order_and_the_call_begins_anew_each_time() -> None:
    recorder = Recorder()
    answers = (Answer("accept", {"room": "blue"}), Answer("accept"))
    result = await call(book, context=recorder.context(), answers=answers)
    assert result == ToolResult("accept blue, accept")
    assert len(recorder.reports) == 3
    assert (await call(book, answers=(Answer("decline"), Answer("cancel")))).text == "decline None, cancel"


async def test_a_question_that_nobody_answers_is_told_and_ends_no_test() -> None:
    waits = await call(book, answers=(Answer("accept", {"room": "blue"}),))
    assert waits == ToolResult("book asks a person: It costs 5 euros. Go on?", is_error=True)
    assert (await call(book)).text == "decline None, decline", "without answers there is nobody to ask"
    asking = ToolContext(ask=answering(()))
    assert (await call(book, context=asking)).text == "book asks a person: Which room?"


@pytest.mark.parametrize(
    "answer", [Answer("accept", {"room": 5}), Answer("accept"), Answer("decline", {"room": "blue"})], ids=str
)
async def test_an_answer_that_nobody_could_give_is_a_mistake_of_the_test(answer: Answer) -> None:
    with pytest.raises(ValueError, match="the answer to 'Which room\\?' does not fit"):
        await call(book, answers=(answer,))
