"""People decide: once, who may, in time, and with what is in doubt before their eyes."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from toolyard_runtime.engine.approving import may_decide
from toolyard_runtime.run.segments import ApprovalAnswer, ApprovalOut, Ask, ClientAnswer, ClientCallOut
from toolyard_runtime.run.transcript import call_id
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_sdk import events as e
from toolyard_sdk.errors import Conflict
from toolyard_sdk.messages import Message, ToolCall, ToolSpec
from toolyard_sdk.tools import tool

from tests.runtime.workshop import ALLOW, CALLER, STRANGER, USER, Workshop, call, eventually, say, settled, workshop

CLIENT_TOOL = ToolSpec("ask_user", "Asks.", {"type": "object", "properties": {}})


@tool()
async def write(text: str = "") -> str:
    """Write."""
    return f"wrote {text}"


@tool(read_only=True)
async def look() -> str:
    """Look."""
    return "seen"


@tool()
async def pay(amount: int) -> str:
    """Pay, and never hear of it."""
    raise ConnectionResetError


async def decide(shop: Workshop, approval: bytes, approve: bool = True, caller: Any = CALLER) -> Any:
    """Decide and wait for the run to rest again."""
    return await settled(await shop.approving.decide(caller, ApprovalAnswer(approval, approve, "because"), None))


async def asked(shop: Workshop, *turns: Any, **changes: Any) -> tuple[Any, bytes]:
    """Run until a person is asked; return the segment and the approval."""
    shop.model.will(*turns)
    segment = await shop.run(**changes)
    assert segment.finish == "approval"
    (waiting,) = [row for row in await shop.approvals(segment.run) if row.status == "pending"]
    return segment, waiting.id


async def test_an_approved_call_is_executed_and_its_run_goes_on(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        segment, approval = await asked(shop, call(("write", {"text": "x"})), say("done"))
        assert [type(output) for output in segment.outputs] == [ApprovalOut]
        assert segment.run not in shop.engine.live, "a waiting run holds no task"
        after = await decide(shop, approval)
        assert (after.index, after.status) == (1, "completed")
        assert shop.model.messages()[-1]["content"] == "wrote x"
        (decided,) = await shop.events(segment.run, e.ApprovalDecided)
        (request,) = await shop.events(segment.run, e.ApprovalRequested)
        assert decided.saw == request.binding
        await shop.verify(segment.run)


async def test_a_denied_call_is_answered_with_the_reason(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        segment, approval = await asked(shop, call(("write", {})), say("all right"))
        await decide(shop, approval, approve=False)
        assert "denied this call of write, saying: because. Do not" in shop.model.messages()[-1]["content"]
        assert await shop.events(segment.run, e.ToolStarted) == []


async def test_an_expired_question_answers_the_call_and_can_not_be_decided(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="", more="[limits]\napproval_seconds = 0.05\n") as shop:
        segment, approval = await asked(shop, call(("write", {})), say("too late"))
        row = await shop.row(segment.run)
        await asyncio.sleep(max(0, (row.wake_at - shop.services.clock.now()) / 1e6))
        with pytest.raises(RequestRefused) as refused:
            await shop.approving.decide(CALLER, ApprovalAnswer(approval, True), None)
        assert refused.value.status == 410
        await shop.upkeep._wake("default", segment.run, shop.services.clock.now())
        driver = shop.engine.live.get(segment.run)
        if driver is not None:
            await settled(driver)
        assert "nobody approved this call of write in time" in shop.model.messages()[-1]["content"]
        assert (await shop.approvals(segment.run))[0].status == "expired"


async def test_the_sweeper_wakes_what_has_expired(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="", more="[limits]\napproval_seconds = 0.05\n") as shop:
        segment, _ = await asked(shop, call(("write", {})), say("too late"))

        async def over() -> bool:
            return (await shop.row(segment.run)).status == "finished"

        await eventually(over)


async def test_a_decision_is_made_once(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        segment, approval = await asked(shop, call(("write", {})), say("done"))
        await decide(shop, approval)
        with pytest.raises(RequestRefused) as refused:
            await decide(shop, approval, approve=False)
        assert refused.value.status == 409
        assert len(await shop.events(segment.run, e.ApprovalDecided)) == 1


async def test_of_two_who_decide_at_once_one_is_told_so(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        segment, approval = await asked(shop, call(("write", {})), say("done"))
        outcomes = await asyncio.gather(
            *(decide(shop, approval, approve) for approve in (True, False, True, False)), return_exceptions=True
        )
        refused = [outcome for outcome in outcomes if isinstance(outcome, RequestRefused)]
        assert len(refused) == 3
        assert {error.status for error in refused} == {409}
        assert len(await shop.events(segment.run, e.ApprovalDecided)) == 1
        await shop.verify(segment.run)


async def test_another_tenant_finds_nothing(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        _, approval = await asked(shop, call(("write", {})))
        for caller in (STRANGER, USER):
            with pytest.raises(RequestRefused) as refused:
                await decide(shop, approval, caller=caller)
            assert refused.value.status == 404


async def test_the_end_user_decides_for_their_own_run_only(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        segment, _ = await asked(shop, call(("write", {})), end_user="ann")
        row = await shop.row(segment.run)
        assert may_decide(USER, row, "ann")
        assert not may_decide(USER, row, "bob")
        assert not may_decide(USER, row, None)
        assert may_decide(CALLER, row, None), "an operator may"


async def test_a_rule_that_came_meanwhile_wins_over_the_approval(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        segment, approval = await asked(shop, call(("write", {})), say("forbidden"))
        (tmp_path / "policies" / "default.toml").write_text(
            '[[rule]]\nid = "freeze"\ndecision = "reject"\ntool = "write"\nreason = "year end"\n'
        )
        assert await shop.agents.reload() == ()
        await decide(shop, approval)
        assert "'freeze' rejects this call of write: year end" in shop.model.messages()[-1]["content"]
        assert await shop.events(segment.run, e.ToolStarted) == []
        ruling = (await shop.events(segment.run, e.PolicyDecided))[-1]
        assert (ruling.rule, ruling.reason) == ("freeze", None)
        (tmp_path / "policies" / "default.toml").write_text(ALLOW)
        assert await shop.agents.reload() == ()
        policy = await shop.agents.policy(CALLER.tenant, ruling.policy)
        assert policy is not None, "the words of a rule outlive the file"
        assert [rule.reason for rule in policy.rules] == ["year end"]
        assert await shop.agents.policy("another", ruling.policy) is None


async def test_a_grant_that_was_revoked_meanwhile_wins_over_the_approval(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, look, policy="") as shop:
        segment, approval = await asked(shop, call(("write", {})), say("forbidden"))
        agent = tmp_path / "agents" / "worker.toml"
        agent.write_text(agent.read_text().replace('"write", ', ""))
        assert await shop.agents.reload() == ()
        await decide(shop, approval)
        assert "may no longer call" in shop.model.messages()[-1]["content"]
        assert await shop.events(segment.run, e.ToolStarted) == []


async def test_a_tool_stopped_meanwhile_wins_over_the_approval(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        segment, approval = await asked(shop, call(("write", {})), say("stopped"))
        shop.stops.add(shop.database.begin(), "default", "tool", "write", 1, "operator")
        await decide(shop, approval)
        assert "an operator has stopped this tool" in shop.model.messages()[-1]["content"]
        assert await shop.events(segment.run, e.ToolStarted) == []


async def test_what_is_in_doubt_is_asked_again_in_the_same_run(tmp_path: Path) -> None:
    async with workshop(tmp_path, pay) as shop:
        segment, approval = await asked(shop, call(("pay", {"amount": 1})), call(("pay", {"amount": 1})), say("stop"))
        (waiting,) = [output for output in segment.outputs if isinstance(output, ApprovalOut)]
        assert waiting.doubt
        await decide(shop, approval, approve=False)


async def test_what_is_in_doubt_is_asked_again_in_the_sessions_next_run(tmp_path: Path) -> None:
    async with workshop(tmp_path, pay) as shop:
        shop.model.will(call(("pay", {"amount": 1})), say("unsure"))
        first = await shop.run()
        shop.model.will(call(("pay", {"amount": 2})), say("another amount is another call"))
        second = await shop.next_run(first)
        assert second.finish == "stop"
        shop.model.will(call(("pay", {"amount": 1})))
        third = await shop.next_run(second)
        (waiting,) = [output for output in third.outputs if isinstance(output, ApprovalOut)]
        assert waiting.doubt
        other = await shop.run("another session")
        assert other.finish == "stop"


async def test_a_run_that_was_taken_up_again_still_knows_the_sessions_doubts(tmp_path: Path) -> None:
    async with workshop(tmp_path, pay) as shop:
        shop.model.will(call(("pay", {"amount": 1})), say("unsure"))
        first = await shop.run()
        shop.model.will(call(("ask_user", {})), call(("pay", {"amount": 1})), say("paid twice"))
        parked = await shop.next_run(first, client_tools=(CLIENT_TOOL,))
        assert parked.finish == "client_tools"
        ask = Ask("worker", (), False, client_answers=(ClientAnswer(call_id(parked.run, 1), "yes"),))
        served = await shop.serve(ask)
        assert served.driver is not None
        after = await settled(served.driver)
        assert after.finish == "approval"
        (waiting,) = [output for output in after.outputs if isinstance(output, ApprovalOut)]
        assert waiting.doubt


async def test_a_resolved_doubt_asks_no_more(tmp_path: Path) -> None:
    async with workshop(tmp_path, pay) as shop:
        shop.model.will(call(("pay", {"amount": 1})), say("unsure"))
        first = await shop.run()
        row = await shop.row(first.run)
        assert not await shop.engine.resolve_doubt(row, 7, "did_not", "op", "")
        assert await shop.engine.resolve_doubt(row, 1, "did_not", "op", "looked at the bank")
        assert not await shop.engine.resolve_doubt(row, 1, "did_not", "op", "")
        assert (await shop.row(first.run)).doubts == 0
        shop.model.will(call(("pay", {"amount": 1})), say("unsure"))
        assert (await shop.next_run(first)).finish == "stop"
        await shop.verify(first.run)


async def test_a_doubt_of_an_erased_run_is_resolved_without_keeping_words(tmp_path: Path) -> None:
    async with workshop(tmp_path, pay) as shop:
        shop.model.will(call(("pay", {"amount": 1})), say("unsure"))
        first = await shop.run()
        shop.database.connection.execute("DELETE FROM payload")
        assert await shop.engine.resolve_doubt(await shop.row(first.run), 1, "happened", "op", "ann's bank says so")
        assert shop.database.connection.execute("SELECT count(*) FROM payload").fetchone() == (0,)


async def test_twins_approved_together_are_asked_about_again_when_the_first_comes_into_doubt(tmp_path: Path) -> None:
    go = asyncio.Event()

    @tool()
    async def transfer(amount: int) -> str:
        """Transfer."""
        await go.wait()
        return f"sent {amount}"

    async with workshop(tmp_path, transfer, policy="") as shop:
        shop.model.will(call(("transfer", {"amount": 1}), ("transfer", {"amount": 1})))
        segment = await shop.run(mode="background")
        first, second = await shop.approvals(segment.run)
        driver = await shop.approving.decide(CALLER, ApprovalAnswer(first.id, True), None)
        await eventually(lambda: driver._interrupts._waits)
    async with workshop(tmp_path, transfer, policy="") as shop:
        driver = shop.engine.live[segment.run]
        assert (await settled(driver)).finish == "approval"
        shop.model.will(say("stop"))
        after = await decide(shop, second.id)
        (waiting,) = [output for output in after.outputs if isinstance(output, ApprovalOut)]
        assert waiting.doubt, "the approval was given before the doubt"
        assert len(await shop.events(segment.run, e.ToolStarted)) == 1


async def test_client_tools_beside_server_tools_come_back_in_call_order(tmp_path: Path) -> None:
    async with workshop(tmp_path, look) as shop:
        shop.model.will(call(("ask_user", {}), ("look", {}), ("ask_user", {"b": 1})), say("done"))
        parked = await shop.run(client_tools=(CLIENT_TOOL,))
        assert parked.finish == "client_tools"
        handed = [output.call_id for output in parked.outputs if isinstance(output, ClientCallOut)]
        assert handed == [call_id(parked.run, 1), call_id(parked.run, 3)]
        one_missing = Ask("worker", (), False, client_answers=(ClientAnswer(handed[0], "first"),))
        with pytest.raises(RequestRefused, match="no tool output found"):
            await shop.serve(one_missing)
        both = Ask("worker", (), False, client_answers=tuple(ClientAnswer(name, name[-1]) for name in reversed(handed)))
        served = await shop.serve(both)
        assert served.driver is not None
        assert (await settled(served.driver)).status == "completed"
        told = [message["content"] for message in shop.model.messages() if message["role"] == "tool"]
        assert told == ["1", "seen", "3"]
        with pytest.raises(RequestRefused) as refused:
            await shop.serve(both)
        assert refused.value.status == 409


async def test_one_request_decides_an_approval_once(tmp_path: Path) -> None:
    async with workshop(tmp_path, write, policy="") as shop:
        segment, approval = await asked(shop, call(("write", {})), say("done"))
        twice = Ask("worker", (), False, approvals=(ApprovalAnswer(approval, True), ApprovalAnswer(approval, False)))
        with pytest.raises(RequestRefused):
            await shop.serve(twice)
        assert await shop.events(segment.run, e.ApprovalDecided) == []
        once = Ask("worker", (), False, approvals=(ApprovalAnswer(approval, True),))
        served = await shop.serve(once)
        assert served.driver is not None
        assert (await settled(served.driver)).status == "completed"


async def test_a_chat_with_an_id_keeps_its_session_through_client_tools(tmp_path: Path) -> None:
    async with workshop(tmp_path, look) as shop:
        shop.model.will(call(("ask_user", {})), say("thanks"), say("again"))
        question = Message("user", "hello")
        served = await shop.serve(Ask("worker", (question,), True, client_tools=(CLIENT_TOOL,)), chat="chat-1")
        assert served.driver is not None
        parked = await settled(served.driver)
        (handed,) = [output for output in parked.outputs if isinstance(output, ClientCallOut)]
        made = Message("assistant", "", tool_calls=(ToolCall(handed.call_id, handed.name, handed.arguments),))
        result = Message("tool", "yes", tool_call_id=handed.call_id)
        asked = (question, made, result)
        answer = ClientAnswer(handed.call_id, "yes")
        served = await shop.serve(Ask("worker", asked, True, client_answers=(answer,)), chat="chat-1")
        assert served.driver is not None
        await settled(served.driver)
        whole = (*asked, Message("assistant", "thanks"), Message("user", "more"))
        served = await shop.serve(Ask("worker", whole, True), chat="chat-1")
        assert served.driver is not None
        await settled(served.driver)
        assert (await shop.row(served.driver.row.id)).session == parked.session
        assert [m["content"] for m in shop.model.messages() if m["role"] == "user"] == ["hello", "more"]


async def test_news_for_a_run_that_comes_to_rest_just_now_is_not_lost(tmp_path: Path) -> None:
    """Decide at every turn of the event loop around the moment at which the run parks."""
    async with workshop(tmp_path, write, look, policy="") as shop:
        for turns in range(40):
            shop.model.answers = [call(("write", {}), ("look", {})), say("done")]
            driver = await shop.start(mode="background")
            await eventually(lambda driver=driver: driver.log.state.approvals)  # type: ignore[misc]  # a default binds the loop variable
            (approval,) = driver.log.state.approvals
            for _ in range(turns):
                await asyncio.sleep(0)
            while True:
                try:
                    again = await shop.approving.decide(CALLER, ApprovalAnswer(approval, True), None)
                    break
                except (RequestRefused, Conflict):
                    await asyncio.sleep(0)  # the question is not durable yet
            await settled(again)
            assert (await shop.row(driver.row.id)).status == "finished", f"after {turns} turns"
            await shop.verify(driver.row.id)


async def test_a_decision_between_the_last_calls_end_and_the_parking_is_not_lost(tmp_path: Path) -> None:
    gates: list[asyncio.Event] = []

    @tool(read_only=True)
    async def slow() -> str:
        """Take time."""
        gates.append(asyncio.Event())
        await gates[-1].wait()
        return "slow"

    async with workshop(tmp_path, write, slow, policy="") as shop:
        for turns in range(12):
            shop.model.answers = [call(("write", {}), ("slow", {})), say("done")]
            driver = await shop.start(mode="background")
            await eventually(lambda driver=driver: shop.approvals(driver.row.id))  # type: ignore[misc]  # a default binds the loop variable
            (waiting,) = await shop.approvals(driver.row.id)
            await eventually(lambda turns=turns: len(gates) > turns)  # type: ignore[misc]  # a default binds the loop variable
            gates[-1].set()
            for _ in range(turns):
                await asyncio.sleep(0)
            segment = await decide(shop, waiting.id)
            assert segment.finish == "stop", f"after {turns} turns"
            await shop.verify(driver.row.id)
