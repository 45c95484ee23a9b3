"""From requests to runs: what a conversation goes on with, and for whom it does not exist."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from toolyard_runtime.engine.requests import Served
from toolyard_runtime.run.segments import ApprovalAnswer, Ask, ClientAnswer, Segment, TextOut
from toolyard_runtime.run.transcript import call_id
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_sdk.messages import Message, TextPart, ToolSpec
from toolyard_sdk.tools import tool

from tests.runtime.workshop import CALLER, STRANGER, USER, Workshop, call, say, settled, workshop

CLIENT_TOOL = ToolSpec("ask_user", "Asks.", {"type": "object", "properties": {}})
HELLO = Message("user", "hello")


@tool()
async def write() -> str:
    """Write."""
    return "written"


def chat(*messages: Message, **more: Any) -> Ask:
    """Return a request that resends the whole conversation."""
    return Ask("worker", messages, True, **more)


def respond(text: str, previous: Segment | None = None, **more: Any) -> Ask:
    """Return a request that sends only what is new."""
    before = (previous.run, previous.index) if previous is not None else None
    return Ask("worker", (Message("user", text),), False, previous=before, **more)


async def answered(served: Served) -> Segment:
    """Wait for the answer."""
    if served.driver is None:
        assert served.segment is not None
        return served.segment
    return await settled(served.driver)


def text_of(segment: Segment) -> str:
    """Return an answer's text."""
    return "".join(output.text for output in segment.outputs if isinstance(output, TextOut))


async def refused(shop: Workshop, ask: Ask, caller: Any = CALLER, **asked: Any) -> RequestRefused:
    """Serve a request that is refused."""
    with pytest.raises(RequestRefused) as error:
        await shop.serve(ask, caller, **asked)
    return error.value


async def test_a_resent_conversation_finds_its_session_and_what_tools_said(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        shop.model.will(call(("write", {})), say("it is written"), say("you are welcome"))
        first = await answered(await shop.serve(chat(HELLO)))
        parts = Message("user", (TextPart("than"), TextPart("ks")))
        second = await answered(await shop.serve(chat(HELLO, Message("assistant", "it is written"), parts)))
        assert second.session == first.session
        roles = [message["role"] for message in shop.model.messages()]
        assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]


async def test_a_conversation_that_was_edited_begins_anew_with_what_was_sent(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        first = await answered(await shop.serve(chat(HELLO)))
        edited = chat(HELLO, Message("assistant", "something I never said"), Message("user", "and?"))
        second = await answered(await shop.serve(edited))
        assert second.session != first.session
        assert [message["role"] for message in shop.model.messages()] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize("asked", [{"chat": "other"}, {"end_user": "bob"}])
async def test_another_chat_or_end_user_with_the_same_words_is_another_session(
    tmp_path: Path, asked: dict[str, str]
) -> None:
    async with workshop(tmp_path, write) as shop:
        shop.model.will(say("hi"), say("again"))
        first = await answered(await shop.serve(chat(HELLO), end_user="ann", chat="one"))
        more = chat(HELLO, Message("assistant", "hi"), Message("user", "more"))
        second = await answered(await shop.serve(more, CALLER, **({"end_user": "ann", "chat": "one"} | asked)))
        assert second.session != first.session


async def test_a_waiting_chat_is_reminded_and_gets_the_answer_after_the_decision(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        shop.model.will(call(("write", {})), say("it was written"), say("anything else?"))
        served = await shop.serve(chat(HELLO))
        first = await answered(served)
        assert first.finish == "approval"
        said = Message("assistant", shop._visible(first))
        again = (HELLO, said, Message("user", "well?"))
        reminded = await shop.serve(chat(*again))
        assert reminded.driver is None
        assert reminded.segment is not None
        assert reminded.segment.finish == "approval"
        (approval,) = await shop.approvals(first.run)
        await settled(await shop.approving.decide(CALLER, ApprovalAnswer(approval.id, True), None))
        third = chat(*again, said, Message("user", "and now?"))
        served = await shop.serve(third)
        assert served.prologue == "it was written\n\n"
        last = await answered(served)
        assert last.session == first.session
        shown = Message("assistant", "it was written\n\nanything else?")
        served = await shop.serve(chat(*again, said, Message("user", "and now?"), shown, Message("user", "no")))
        assert (await answered(served)).session == first.session
        assert served.prologue == ""


async def test_a_client_that_never_answers_its_tools_is_superseded_by_its_next_message(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        shop.model.will(call(("ask_user", {}), text="let me ask"), say("never mind then"))
        first = await answered(await shop.serve(chat(HELLO, client_tools=(CLIENT_TOOL,))))
        assert first.finish == "client_tools"
        more = chat(HELLO, Message("assistant", "let me ask"), Message("user", "forget it"))
        second = await answered(await shop.serve(more))
        assert second.session == first.session
        row = await shop.row(first.run)
        assert (row.status, row.reason) == ("finished", "cancelled")


async def test_a_retried_request_finds_its_first_run(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        shop.model.will(lambda _request: answer)
        first = await shop.serve(chat(HELLO), digest=b"d" * 32)
        await shop.model.until(1)
        retried = await shop.serve(chat(HELLO), digest=b"d" * 32, retried=True)
        assert retried.driver is first.driver
        answer.set_result(say("once"))
        assert first.driver is not None
        await settled(first.driver)
        late = await shop.serve(chat(HELLO), digest=b"d" * 32, retried=True)
        assert late.segment is not None
        assert text_of(late.segment) == "once"
        assert len(shop.model.bodies) == 1
        for caller, asked in ((USER, {}), (CALLER, {"end_user": "ann"}), (STRANGER, {})):
            other = await shop.serve(chat(HELLO), caller, digest=b"d" * 32, retried=True, **asked)
            await answered(other)
        assert len(shop.model.bodies) == 4


async def test_a_response_goes_on_from_the_one_before_and_branches(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        shop.model.will(say("one"), say("two"), say("other two"))
        first = await answered(await shop.serve(respond("a")))
        await answered(await shop.serve(respond("b", first)))
        other = await answered(await shop.serve(respond("c", first)))
        assert other.session == first.session
        assert [message["content"] for message in shop.model.messages()][1:] == ["a", "one", "c"]


async def test_a_previous_response_of_somebody_else_does_not_exist(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        first = await answered(await shop.serve(respond("a")))
        users = await answered(await shop.serve(respond("a"), end_user="ann"))
        for previous, caller, asked in (
            (first, STRANGER, {}),
            (first, USER, {}),
            (first, CALLER, {"end_user": "ann"}),
            (users, CALLER, {"end_user": "bob"}),
            (users, CALLER, {}),
            (msgspec.structs.replace(first, run=bytes(16)), CALLER, {}),
        ):
            error = await refused(shop, respond("b", previous), caller, **asked)
            assert (error.status, error.code) == (404, "previous_response_not_found")


async def test_a_previous_response_that_is_not_over_says_what_it_waits_for(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        shop.model.will(lambda _request: asyncio.get_running_loop().create_future())
        driver = await shop.start(mode="background")
        await shop.model.until(1)
        live = driver.log.transcript.segment()
        assert (await refused(shop, respond("b", live))).status == 409
        shop.model.will(call(("write", {})))
        asked = await answered(await shop.serve(respond("a")))
        assert "mcp_approval_response" in str(await refused(shop, respond("b", asked)))
        shop.model.will(call(("ask_user", {})))
        handed = await answered(await shop.serve(respond("a", client_tools=(CLIENT_TOOL,))))
        assert call_id(handed.run, 1) in str(await refused(shop, respond("b", handed)))


async def test_results_for_calls_of_others_find_nothing(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        shop.model.will(call(("ask_user", {})))
        first = await answered(await shop.serve(respond("a", client_tools=(CLIENT_TOOL,))))
        give = Ask("worker", (), False, client_answers=(ClientAnswer(call_id(first.run, 1), "mine"),))
        for caller, asked in ((STRANGER, {}), (USER, {}), (CALLER, {"end_user": "ann"})):
            assert (await refused(shop, give, caller, **asked)).status == 404
        unknown = Ask("worker", (), False, client_answers=(ClientAnswer("call_made_up", "x"),))
        assert (await refused(shop, unknown)).status == 404
        wrong = Ask(
            "worker",
            (),
            False,
            client_answers=(ClientAnswer(call_id(first.run, 1), "x"), ClientAnswer(call_id(first.run, 9), "y")),
        )
        assert (await refused(shop, wrong)).code == "unknown_call"
        assert (await shop.row(first.run)).status == "parked"


async def test_an_unknown_agent_is_named_with_those_there_are(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        error = await refused(shop, msgspec.structs.replace(chat(HELLO), agent="wroker"))
        assert error.status == 404
        assert "worker" in str(error)


async def test_a_clients_function_may_not_take_the_name_of_an_agents_tool(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        mine = msgspec.structs.replace(CLIENT_TOOL, name="write")
        assert (await refused(shop, chat(HELLO, client_tools=(mine,)))).code == "duplicate_tool"


async def test_only_a_frontends_key_speaks_for_end_users(tmp_path: Path) -> None:
    async with workshop(tmp_path, write) as shop:
        served = await shop.serve(chat(HELLO), USER, end_user="ann")
        assert "frontend" in served.warnings[0]
        await answered(served)
        assert served.driver is not None
        assert (await shop.row(served.driver.row.id)).end_user is None
