"""Whom a served plugin's tools ask: the person at a client of either era, or whoever its Toolyard server asks."""

from typing import Any

import mcp_types as mcp
import pytest
from mcp.shared.exceptions import MCPError
from toolyard_sdk.asking import Answer, InputNeeded, Question, answering, nobody
from toolyard_sdk.context import ToolContext
from toolyard_sdk.serve.elicitation import answer_of, elicitation
from toolyard_sdk.serve.meta import ASKED, CONTEXT, PARENT, raise_again, write_context

from tests.sdk.serve.serving import served, text_of
from tests.sdk.serve.workbench import NESTED, SIZE

ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])


class Person:
    """Whoever sits at a client: notes what they are asked, and answers in order."""

    def __init__(self, *answers: mcp.ElicitResult) -> None:
        self.asked: list[Any] = []
        self._answers = list(answers)

    async def __call__(self, _context: Any, params: Any) -> mcp.ElicitResult:
        self.asked.append(params)
        return self._answers.pop(0)


def accept(**content: Any) -> mcp.ElicitResult:
    return mcp.ElicitResult(action="accept", content=content)


@ERAS
async def test_a_tool_asks_the_person_at_a_client_of_either_era(mode: str) -> None:
    person = Person(accept(size="M"), mcp.ElicitResult(action="decline"))
    async with served(mode=mode, elicitation_callback=person) as client:
        assert text_of(await client.call_tool("measure", {"what": "hat"})) == "hat: M, decline"
    assert [params.message for params in person.asked] == ["Which size of hat?", "Are you sure?"]
    assert person.asked[0].requested_schema["required"] == ["size"]


@ERAS
async def test_a_person_is_sent_to_a_page_and_never_asked_for_what_no_form_holds(mode: str) -> None:
    person = Person(accept())
    async with served(mode=mode, elicitation_callback=person) as client:
        assert text_of(await client.call_tool("lead")) == "accept, decline"
    assert [params.url for params in person.asked] == ["https://example.org/pay"]


@ERAS
async def test_at_a_client_that_can_ask_nobody_questions_are_declined(mode: str) -> None:
    async with served(mode=mode) as client:
        assert text_of(await client.call_tool("measure", {"what": "hat"})) == "no size: decline"


@ERAS
async def test_an_answer_that_does_not_fit_its_question_is_none(mode: str) -> None:
    async with served(mode=mode, elicitation_callback=Person(accept(size="XXL"))) as client:
        try:
            said = text_of(await client.call_tool("measure", {"what": "hat"}))
        except MCPError as error:
            said = error.message
        assert "does not fit what was asked: $.size" in said


async def test_a_state_that_is_none_is_refused() -> None:
    async with served(elicitation_callback=Person()) as client:
        for state in ("", "{}", '{"said":[],"asked":3}'):
            params = mcp.CallToolRequestParams(name="measure", arguments={"what": "hat"}, request_state=state)
            with pytest.raises(MCPError, match="requestState"):
                await client.session.send_request(mcp.CallToolRequest(params=params), mcp.CallToolResult)


async def test_the_server_that_started_a_plugin_is_told_the_question_and_calls_again_with_the_answers() -> None:
    first = (Question("Which size of hat?", SIZE), Answer("accept", {"size": "S"}))
    second = (Question("Are you sure?"), Answer("accept"))
    async with served(env={PARENT: "/nowhere"}) as client:

        async def called(*known: tuple[Question, Answer]) -> Any:
            meta = write_context(ToolContext(ask=answering(known)), "")
            return await client.call_tool("measure", {"what": "hat"}, meta=meta)

        asked = await called()
        assert asked.is_error
        assert asked.meta[ASKED]["message"] == "Which size of hat?"
        with pytest.raises(InputNeeded, match="Which size of hat") as raised:
            raise_again(asked.meta)
        assert raised.value.question == first[0]
        assert (await called(first)).meta[ASKED]["message"] == "Are you sure?"
        done = await called(first, second)
        assert (ASKED in done.meta, text_of(done)) == (False, "hat: S, accept")


def test_a_context_whose_person_is_unknown_tells_no_answers() -> None:
    assert "answers" not in write_context(ToolContext(ask=nobody), "")[CONTEXT]


def test_a_question_is_put_only_to_clients_that_have_the_way() -> None:
    forms, pages = mcp.FormElicitationCapability(), mcp.UrlElicitationCapability()
    plain = mcp.ClientCapabilities(elicitation=mcp.ElicitationCapability())
    form = mcp.ClientCapabilities(elicitation=mcp.ElicitationCapability(form=forms))
    page = mcp.ClientCapabilities(elicitation=mcp.ElicitationCapability(url=pages))
    words, visit, nested = Question("Sure?"), Question("Go.", url="https://a.example/"), Question("Where?", NESTED)
    put = {
        name: [elicitation(question, can, "q") is not None for question in (words, visit, nested)]
        for name, can in {"none": None, "plain": plain, "form": form, "page": page}.items()
    }
    no, yes = False, True
    assert put == {"none": [no] * 3, "plain": [yes, no, no], "form": [yes, no, no], "page": [no, yes, no]}


def test_what_a_person_has_declined_carries_no_content() -> None:
    said = mcp.ElicitResult(action="decline", content={"size": "M"})
    assert answer_of(Question("Which?", SIZE), said) == Answer("decline")
