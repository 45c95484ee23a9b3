"""Agents as tools at `/mcp`."""

from tests.http.mcp.connecting import RUN, connected, text_of
from tests.http.serving import Client, Server


async def test_an_agent_answers_and_its_session_goes_on(user: Client, auditor: Client) -> None:
    async with connected(user) as client:
        shown = {tool.name: tool for tool in (await client.list_tools()).tools}["agent_clerk"]
        assert shown.description == "Adds, waits, fails and writes notes."
        first = await client.call_tool("agent_clerk", {"message": "please add 2 and 3"})
        assert not first.is_error
        told = first.structured_content
        assert (told["answer"], told["waits"]) == (text_of(first), False)
        assert told["run"] == first.meta[RUN]
        again = await client.call_tool("agent_clerk", {"message": "and 4?", "session": told["session"]})
        assert not again.is_error
    sessions = {auditor.get(f"/api/v1/runs/{each.meta[RUN]}")["session"] for each in (first, again)}
    assert len(sessions) == 1


async def test_an_agent_that_waits_for_a_person_says_so_and_is_fetched_afterwards(
    server: Server, user: Client, operator: Client, tenant: str
) -> None:
    script = f'write a note named "{tenant}" with the text "hello"'
    async with connected(user) as client:
        asked = await client.call_tool("agent_clerk", {"message": script})
        assert asked.structured_content["waits"], asked
        run = asked.meta[RUN]
        refused = await client.call_tool(
            "agent_clerk", {"message": "well?", "session": asked.structured_content["session"]}
        )
        assert refused.is_error
        assert "waits for approval" in text_of(refused)
        operator.post(f"/api/v1/approvals/{operator.waiting(run)['id']}", {"decision": "approve"})
        done = await client.call_tool("get_run_result", {"run": run})
        assert (done.is_error, done.meta[RUN]) == (False, run)


async def test_what_an_agent_cannot_be_asked_is_told(user: Client) -> None:
    async with connected(user) as client:
        for arguments, words in (
            ({}, "missing required field `message`"),
            ({"message": "hello", "session": "sess_1"}, "that is no session"),
            ({"message": "hello", "session": f"resp_{'0' * 32}_0"}, "there is no such response"),
            ({"message": "hello", "temperature": 3}, "unknown field `temperature`"),
        ):
            result = await client.call_tool("agent_clerk", arguments)
            assert result.is_error
            assert words in text_of(result)


async def test_a_stopped_agent_says_so(operator: Client, user: Client) -> None:
    operator.post("/api/v1/stops", {"kind": "agent", "name": "clerk"})
    async with connected(user) as client:
        result = await client.call_tool("agent_clerk", {"message": "hello"})
        assert (result.is_error, "An operator has stopped this" in text_of(result)) == (True, True)
