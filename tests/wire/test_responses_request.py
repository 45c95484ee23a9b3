"""What a Responses request becomes: what is new, what is resent, decisions and results."""

import json
from typing import Any

import pytest
from toolyard_runtime.run.segments import ApprovalAnswer, Ask, ClientAnswer, Sampling
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.responses import read_response_id, read_responses, response_id
from toolyard_sdk.messages import ImagePart, Message, TextPart, ToolCall, ToolSpec

from tests.wire.samples import APPROVAL, RUN

PREVIOUS = f"resp_{RUN.hex()}_3"
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "a",
    "name": "weather",
    "arguments": "{}",
    "status": "completed",
}
OUTPUT = {"type": "function_call_output", "call_id": "a", "output": "sun"}
USER = {"role": "user", "content": "hi"}


def ask(given: Any = "hi", **fields: Any) -> Ask:
    return read_responses(json.dumps({"model": "support", "input": given} | fields).encode())


def refused(given: Any = "hi", **fields: Any) -> RequestRefused:
    with pytest.raises(RequestRefused) as caught:
        ask(given, **fields)
    return caught.value


def test_the_smallest_request() -> None:
    assert ask() == Ask(agent="support", messages=(Message("user", "hi"),), resends=False)
    assert ask([USER]) == ask()
    assert ask([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}]) == ask()


def test_a_previous_response_is_a_run_and_a_segment() -> None:
    assert ask(previous_response_id=PREVIOUS).previous == (RUN, 3)
    assert read_response_id(response_id(RUN, 12)) == (RUN, 12)


@pytest.mark.parametrize(
    "text", ["resp_1", f"resp_{RUN.hex()}", f"resp_{RUN.hex()}_x", f"resp_{RUN.hex()}_01", f"resp_{RUN.hex()}_1\n", ""]
)
def test_a_previous_response_of_another_server_is_not_found(text: str) -> None:
    error = refused(previous_response_id=text)
    assert (error.status, error.param, error.code) == (404, "previous_response_id", "previous_response_not_found")


def test_instructions_come_before_system_and_developer_items() -> None:
    given = [{"role": "system", "content": "Be brief."}, {"role": "developer", "content": "Be kind."}, USER]
    assert ask(given, instructions="Be sure.").instructions == "Be sure.\n\nBe brief.\n\nBe kind."


def test_images_stay_parts() -> None:
    parts = [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "https://x/y.png", "detail": "auto"},
    ]
    assert ask([{"role": "user", "content": parts}]).messages == (
        Message("user", (TextPart("look"), ImagePart({"url": "https://x/y.png", "detail": "auto"}))),
    )


def test_an_output_with_a_previous_response_is_an_answer_and_no_history() -> None:
    read = ask([OUTPUT], previous_response_id=PREVIOUS)
    assert read.client_answers == (ClientAnswer("a", "sun"),)
    assert (read.messages, read.resends) == ((), False)
    assert ask([CALL, OUTPUT], previous_response_id=PREVIOUS) == read


def test_a_history_that_the_client_keeps_itself_is_resent() -> None:
    read = ask(
        [
            USER,
            CALL,
            {**CALL, "call_id": "b"},
            OUTPUT,
            {**OUTPUT, "call_id": "b", "output": [{"type": "input_text", "text": "x"}]},
        ]
    )
    assert read.resends
    assert read.messages == (
        Message("user", "hi"),
        Message("assistant", None, (ToolCall("a", "weather", "{}"), ToolCall("b", "weather", "{}"))),
        Message("tool", "sun", tool_call_id="a"),
        Message("tool", "x", tool_call_id="b"),
    )
    assert read.client_answers == (ClientAnswer("a", "sun"), ClientAnswer("b", "x"))


def test_the_output_items_of_a_response_can_be_sent_back_as_they_came() -> None:
    answer = {
        "id": "msg_1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "ho", "annotations": [], "logprobs": []}],
    }
    call = {
        "id": "mcp_1",
        "type": "mcp_call",
        "server_label": "s",
        "name": "n",
        "arguments": "{}",
        "output": "",
        "error": None,
    }
    read = ask([USER, call | {"status": "completed", "approval_request_id": None}, answer, USER])
    assert read.resends
    assert read.messages == (Message("user", "hi"), Message("assistant", "ho"), Message("user", "hi"))
    assert read.client_answers == ()
    (warning,) = read.warnings
    assert "input[1] (mcp_call) has no effect" in warning
    assert ask([call, USER], previous_response_id=PREVIOUS).warnings == ()


def test_an_approval_response_is_a_decision() -> None:
    item = {"type": "mcp_approval_response", "approval_request_id": f"mcpr_{APPROVAL.hex()}", "approve": False}
    assert ask([item]).approvals == (ApprovalAnswer(APPROVAL, approve=False),)
    decided = ask([item | {"approve": True, "reason": "fine"}], previous_response_id=PREVIOUS)
    assert decided.approvals == (ApprovalAnswer(APPROVAL, approve=True, reason="fine"),)
    shown = ask([item | {"approve": True, "saw": "ab"}])
    assert shown.approvals == (ApprovalAnswer(APPROVAL, approve=True, saw="ab"),)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ([], "input"),
        ([{"role": "system", "content": "Be brief."}], "input"),
        ([{"type": "reasoning", "summary": []}], "input"),
        ([USER, {"role": "assistant", "content": "ho"}], "input"),
        ([{"content": "hi"}], "input[0].role"),
        ([{"role": "user"}], "input[0].content"),
        ([{"role": "user", "content": []}], "input[0].content"),
        ([{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}], "input[0].content[0].type"),
        ([{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}], "input[0].content[0].image_url"),
        ([{"role": "user", "content": [{"type": "input_text"}]}], "input[0].content[0].text"),
        ([OUTPUT], "input[0].call_id"),
        ([USER, CALL, {"type": "function_call_output", "call_id": "a"}], "input[2].output"),
        ([USER, CALL, {**OUTPUT, "output": [{"type": "input_image", "image_url": "x"}]}], "input[2].output[0].type"),
        ([USER, {"type": "function_call", "name": "n", "arguments": ""}], "input[1].call_id"),
        ([{"type": "item_reference", "id": "msg_1"}], "input[0].type"),
        ([{"type": "mcp_approval_response", "approve": True}], "input[0].approval_request_id"),
        (
            [{"type": "mcp_approval_response", "approve": True, "approval_request_id": "appr_1"}],
            "input[0].approval_request_id",
        ),
        ([{"type": "mcp_approval_response", "approval_request_id": f"mcpr_{APPROVAL.hex()}"}], "input[0].approve"),
    ],
)
def test_an_input_that_cannot_be_answered_is_refused(given: Any, param: str) -> None:
    error = refused(given)
    assert (error.status, error.param) == (400, param)
    assert error.message.startswith(param)


def test_function_tools_become_the_clients_tools() -> None:
    schema = {"type": "object", "properties": {}}
    read = ask(
        tools=[{"type": "function", "name": "weather", "description": "Tells.", "parameters": schema, "strict": True}]
    )
    assert read.client_tools == (ToolSpec("weather", "Tells.", schema),)
    assert refused(tools=[{"type": "mcp", "server_label": "x"}]).param == "tools[0].type"


def test_sampling_background_and_the_end_user() -> None:
    read = ask(
        temperature=0.5, top_p=1, max_output_tokens=99, background=True, stream=True, user="u", metadata={"a": "b"}
    )
    assert read.sampling == Sampling(0.5, 1.0, 99)
    assert (read.background, read.stream, read.end_user, read.metadata) == (True, True, "u", {"a": "b"})


def test_a_background_response_has_to_be_stored() -> None:
    assert refused(background=True, store=False).param == "store"


def test_with_a_previous_response_nothing_is_resent() -> None:
    given = [{"role": "assistant", "content": "ho"}, USER]
    assert not ask(given, previous_response_id=PREVIOUS).resends
    assert ask(given).resends


@pytest.mark.parametrize("later", [{"role": "assistant", "content": "sun"}, {**CALL, "call_id": "b"}])
def test_outputs_of_earlier_turns_are_history_only(later: dict[str, Any]) -> None:
    read = ask([USER, CALL, OUTPUT, later, {"role": "user", "content": "and?"}])
    assert read.client_answers == ()
    assert Message("tool", "sun", tool_call_id="a") in read.messages
