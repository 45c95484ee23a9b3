"""A server's question reaches the person for whom it is called and nobody else, and the answer reaches the server."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from toolyard_sdk.asking import Answer, InputNeeded, Question, answering
from toolyard_sdk.context import ToolContext

from tests.registry.sources.mcp.opened import eventually, opened, puppet

ERAS = pytest.mark.parametrize("era", ["legacy", "modern"])
FORM = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
NAME = Question("What is your name?", FORM)
PAGE = Question("Log in", None, "https://example.org/in")


def knowing(*answers: tuple[Question, Answer]) -> ToolContext:
    """Return the context of a call for which somebody has answered so far."""
    return msgspec.structs.replace(ToolContext(), ask=answering(answers))


@ERAS
async def test_a_question_nobody_has_answered_ends_the_call_and_the_server_is_told(era: str) -> None:
    async with opened({"command": puppet(era, "normal")}) as it:
        with pytest.raises(InputNeeded) as needed:
            await it.call("ask", context=knowing())
        assert needed.value.question == NAME
        assert (await it.call("add", b'{"a": 1, "b": 2}')).text == "3"


@ERAS
@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (Answer("accept", {"name": "Ada"}), {"action": "accept", "content": {"name": "Ada"}}),
        (Answer("decline"), {"action": "decline"}),
        (Answer("cancel"), {"action": "cancel"}),
        (Answer("accept", {"name": {"first": "Ada"}}), {"action": "decline"}),
    ],
)
async def test_what_the_person_answers_reaches_the_server(era: str, answer: Answer, heard: dict[str, Any]) -> None:
    async with opened({"command": puppet(era, "normal")}) as it:
        assert json.loads((await it.call("ask", context=knowing((NAME, answer)))).text) == heard


@ERAS
async def test_where_there_is_nobody_to_ask_the_server_hears_no(era: str) -> None:
    async with opened({"command": puppet(era, "normal")}) as it:
        assert json.loads((await it.call("ask")).text) == {"action": "decline"}


@ERAS
async def test_a_page_to_visit_is_part_of_the_question_and_consent_all_that_comes_back(era: str) -> None:
    async with opened({"command": puppet(era, "normal")}) as it:
        with pytest.raises(InputNeeded) as needed:
            await it.call("visit", context=knowing())
        assert needed.value.question == PAGE
        answered = await it.call("visit", context=knowing((PAGE, Answer("accept", {"x": 1}))))
        assert json.loads(answered.text) == {"action": "accept"}


async def test_a_server_may_ask_again_with_what_it_has_heard() -> None:
    async with opened({"command": puppet("modern", "normal")}) as it:
        yes = Answer("accept", {"name": "Ada"})
        with pytest.raises(InputNeeded):
            await it.call("ask_twice", context=knowing((NAME, yes)))
        assert json.loads((await it.call("ask_twice", context=knowing((NAME, yes), (NAME, yes)))).text)


async def test_a_question_that_may_be_for_several_people_is_put_to_nobody_and_the_next_one_to_the_right_one() -> None:
    async with opened({"command": puppet("legacy", "normal")}) as it:
        waiting = asyncio.create_task(it.call("hang"))
        house = it.source._house
        assert house is not None
        await eventually(lambda: len(house._calls) == 1)
        yes = (NAME, Answer("accept", {"name": "Ada"}))
        assert json.loads((await it.call("ask", context=knowing(yes))).text) == {"action": "decline"}
        waiting.cancel()
        both = await asyncio.gather(it.call("ask", context=knowing(yes)), it.call("ask", context=knowing(yes)))
        assert [json.loads(each.text)["action"] for each in both] == ["accept", "accept"]
