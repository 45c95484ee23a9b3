"""Clients of 2025-11-25 that can ask somebody have a session: theirs alone, of a bounded number, gone when unused."""

import asyncio
import json
from typing import Any

import mcp_types as mcp
from mcp.server.lowlevel import Server as McpServer
from toolyard_runtime.http.mcp.sessions import Sessions, sessions

from tests.http.expecting import refused
from tests.http.mcp.connecting import RUN, connected, text_of
from tests.http.mcp.test_questions import HAT, Person
from tests.http.serving import SECONDS, Answered, Client, Server, eventually

ACCEPT = "application/json, text/event-stream"
JSON = {"accept": ACCEPT, "content_type": "application/json"}
CAN_ASK: dict[str, Any] = {"elicitation": {}}


def opening(can: Any) -> dict[str, Any]:
    params = {"protocolVersion": "2025-11-25", "capabilities": can, "clientInfo": {"name": "test", "version": "1"}}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


def opened(client: Client, can: Any = None, **headers: str) -> str:
    """Begin a conversation as a client of 2025-11-25 does; return its session, "" without one."""
    answered = client.ask("POST", "/mcp", opening(CAN_ASK if can is None else can), **JSON, **headers)
    assert answered.status == 200, answered
    return answered.headers.get("mcp-session-id", "")


def listed(client: Client, session: str, **headers: str) -> Answered:
    """Ask for the tools, in a session."""
    body = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    sent = {**JSON, "mcp_protocol_version": "2025-11-25", "mcp_session_id": session, **headers}
    return client.ask("POST", "/mcp", body, **sent)


async def test_a_person_at_a_client_of_2025_is_asked_beside_the_call_which_goes_on(user: Client) -> None:
    person = Person(action="accept", content={"size": "M"})
    async with connected(user, "legacy", elicitation=person) as client:
        result = await client.call_tool("measure", HAT)
        assert (result.is_error, text_of(result)) == (False, "the hat: accept M")
        assert RUN in result.meta
        (params,) = person.asked
        assert (params.message, params.requested_schema["required"]) == ("Which size has the hat?", ["size"])
        answer = await client.call_tool("agent_clerk", {"message": 'call measure {"what": "the hat"}'})
        assert "the hat: accept M" in text_of(answer)


async def test_a_client_that_fails_to_ask_is_told_how_else_to_answer(user: Client) -> None:
    async def lost(_context: Any, _params: Any) -> mcp.ErrorData:
        return mcp.ErrorData(code=mcp.INTERNAL_ERROR, message="there is nobody")

    async with connected(user, "legacy", elicitation=lost) as client:
        waits = await client.call_tool("measure", HAT)
    assert waits.is_error
    (question,) = user.get(f"/api/v1/runs/{waits.meta[RUN]}")["inputs"]
    assert f"toolyard answer {question['id']}" in text_of(waits)
    assert question["status"] == "pending"


async def test_a_call_that_is_cancelled_in_a_session_ends_its_run(operator: Client, user: Client, tenant: str) -> None:
    async with connected(user, "legacy", elicitation=Person(action="decline")) as client:
        call = asyncio.create_task(client.call_tool("wait", {"name": f"never-{tenant}"}))
        runs = await asyncio.to_thread(eventually, lambda: operator.get("/api/v1/runs")["data"])
        call.cancel()
        await asyncio.wait((call,))
        ended = await asyncio.to_thread(operator.finished, runs[0]["id"])
    assert ended["reason"] == "cancelled"


async def test_a_client_that_is_gone_while_its_person_is_asked_leaves_the_question_open(user: Client) -> None:
    asked = asyncio.Event()

    async def thinking(_context: Any, _params: Any) -> mcp.ElicitResult:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with connected(user, "legacy", elicitation=thinking) as client:
        call = asyncio.create_task(client.call_tool("measure", HAT))
        await asked.wait()
        call.cancel()
        await asyncio.wait((call,))
    (run,) = await asyncio.to_thread(lambda: user.get("/api/v1/runs?status=parked")["data"])
    (question,) = user.get(f"/api/v1/runs/{run['id']}")["inputs"]
    assert question["status"] == "pending"


def test_only_a_client_of_2025_that_can_ask_somebody_has_a_session(user: Client) -> None:
    assert opened(user)
    cannot: list[Any] = [{}, {"elicitation": None}, {"sampling": {}}]
    for can in cannot:
        assert opened(user, can) == ""
    assert listed(user, opened(user)).status == 200
    bodies: list[Any] = [
        b"{",
        b"[]",
        b"\xff",
        {**opening(CAN_ASK), "params": {}},
        opening(CAN_ASK) | {"id": "x" * 70_000},
    ]
    for body in bodies:
        answered = user.ask("POST", "/mcp", body, **JSON)
        assert "mcp-session-id" not in answered.headers, body
        assert answered.status < 500


def test_a_session_is_there_for_whoever_began_it_and_ends_when_they_say_so(server: Server, tenant: str) -> None:
    frontend = server.client(tenant, "frontend")
    ann, bob = frontend.speaking_for("ann"), frontend.speaking_for("bob")
    session = opened(ann)
    others = (bob, frontend, server.client(tenant, "frontend").speaking_for("ann"), server.client(tenant, "user"))
    for other in others:
        assert listed(other, session).status == 404
        assert other.ask("DELETE", "/mcp", mcp_session_id=session, mcp_protocol_version="2025-11-25").status == 404
    assert listed(ann, session).status == 200
    assert ann.ask("DELETE", "/mcp", mcp_session_id=session, mcp_protocol_version="2025-11-25").status == 200
    assert listed(ann, session).status == 404
    refused(Client(server.port, "").ask("POST", "/mcp", opening(CAN_ASK), mcp_session_id=session), 401, "Authorization")


class Asker:
    """Sends requests of one owner to a transport, without a network between them."""

    def __init__(self, transport: Sessions, tenant: str) -> None:
        self._transport = transport
        self._owner = (tenant, "key", None)

    async def ask(self, body: Any, session: str = "") -> tuple[int, str]:
        """Return the status of an answer and the session it names."""
        payload = json.dumps(body).encode()
        headers = [(b"accept", ACCEPT.encode()), (b"content-type", b"application/json"), (b"host", b"127.0.0.1")]
        headers += [(b"mcp-session-id", session.encode())] if session else []
        scope = {"type": "http", "method": "POST", "path": "/mcp", "query_string": b"", "headers": headers}
        parts = [payload[:20], payload[20:]]
        messages = [{"type": "http.request", "body": part, "more_body": part is parts[0]} for part in parts]
        told: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0) if messages else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            told.append(message)

        async with asyncio.timeout(SECONDS):
            await self._transport.handle(scope, receive, send, self._owner)
        named = {name.lower(): value for name, value in told[0]["headers"]}
        return told[0]["status"], named.get(b"mcp-session-id", b"").decode()

    async def begin(self) -> str:
        status, session = await self.ask(opening(CAN_ASK))
        assert status == 200
        return session


async def test_who_has_no_room_for_another_session_goes_on_without_one() -> None:
    async with sessions(mcp_server(), max_body_bytes=1 << 20, most=3, most_each=2, idle_seconds=60) as transport:
        a, b, c = (Asker(transport, name) for name in "abc")
        assert [bool(await a.begin()) for _ in range(3)] == [True, True, False]
        assert [bool(await b.begin()) for _ in range(2)] == [True, False]
        assert not await c.begin()


async def test_a_session_that_nobody_uses_ends_and_leaves_its_room() -> None:
    made = sessions(mcp_server(), max_body_bytes=1 << 20, most=1, most_each=1, idle_seconds=0.05)
    async with made as transport:
        asker = Asker(transport, "a")
        session = await asker.begin()
        assert not await asker.begin()
        async with asyncio.timeout(SECONDS):
            while not (another := await asker.begin()):  # noqa: ASYNC110 - the deadline above bounds it
                await asyncio.sleep(0.01)
        assert another != session
        assert (await asker.ask({"jsonrpc": "2.0", "id": 2, "method": "ping"}, session))[0] == 404


def mcp_server() -> McpServer[Any]:
    return McpServer("nothing", version="0")
