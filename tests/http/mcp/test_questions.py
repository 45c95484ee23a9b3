"""What a run behind `/mcp` asks: the person at a client that can ask them, else its text says how to answer."""

from typing import Any

import mcp_types as mcp
import pytest

from tests.http.mcp.connecting import RUN, connected, text_of
from tests.http.serving import Client, Server

HAT = {"what": "the hat"}


class Person:
    """Whoever sits at a client: notes what they are asked, and says the same each time."""

    def __init__(self, **said: Any) -> None:
        self.asked: list[Any] = []
        self._said = mcp.ElicitResult(**said)

    async def __call__(self, _context: Any, params: Any) -> mcp.ElicitResult:
        self.asked.append(params)
        return self._said


async def test_the_person_at_a_client_is_asked_and_the_call_goes_on_with_the_answer(
    user: Client, auditor: Client
) -> None:
    person = Person(action="accept", content={"size": "M"})
    async with connected(user, elicitation=person) as client:
        result = await client.call_tool("measure", HAT)
        assert (result.is_error, text_of(result)) == (False, "the hat: accept M")
        (params,) = person.asked
        assert (params.message, params.requested_schema["required"]) == ("Which size has the hat?", ["size"])
    lines = [line["text"] for line in auditor.get(f"/api/v1/runs/{result.meta[RUN]}/why")["lines"]]
    assert any("answered" in line for line in lines)


async def test_an_agent_called_as_a_tool_asks_too(user: Client) -> None:
    async with connected(user, elicitation=Person(action="decline")) as client:
        result = await client.call_tool("agent_clerk", {"message": 'call measure {"what": "the hat"}'})
    assert not result.is_error
    assert "the hat: decline" in text_of(result)


async def test_an_answer_that_does_not_fit_is_refused_and_the_question_stays(user: Client) -> None:
    async with connected(user, elicitation=Person(action="accept", content={"size": 4})) as client:
        refused = await client.call_tool("measure", HAT)
    assert refused.is_error
    assert "size" in text_of(refused)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_that_can_ask_nobody_is_told_how_to_answer(user: Client, mode: str) -> None:
    async with connected(user, mode) as client:
        waits = await client.call_tool("measure", HAT)
        assert waits.is_error
        run = waits.meta[RUN]
        (question,) = user.get(f"/api/v1/runs/{run}")["inputs"]
        assert f"toolyard answer {question['id']}" in text_of(waits)
        assert f"get_run_result, run {run}" in text_of(waits)
        user.post(f"/api/v1/inputs/{question['id']}", {"action": "accept", "content": {"size": "S"}})
        assert text_of(await client.call_tool("get_run_result", {"run": run})) == "the hat: accept S"


async def test_a_run_of_somebody_else_is_not_gone_on_with(server: Server, tenant: str, user: Client) -> None:
    async with connected(user) as client:
        run = (await client.call_tool("measure", HAT)).meta[RUN]
    (question,) = user.get(f"/api/v1/runs/{run}")["inputs"]
    said: mcp.InputResponses = {question["id"]: mcp.ElicitResult(action="decline")}
    for other in (server.client(tenant, "user"), server.client(server.tenant(), "user")):
        async with connected(other) as client:
            for state in (run, "run_x", ""):
                params = mcp.CallToolRequestParams(
                    name="measure", arguments=HAT, input_responses=said, request_state=state
                )
                result = await client.session.send_request(mcp.CallToolRequest(params=params), mcp.CallToolResult)
                assert (result.is_error, text_of(result)) == (True, "There is no such run.")
    assert user.get(f"/api/v1/inputs/{question['id']}")["status"] == "pending"
