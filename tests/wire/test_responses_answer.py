"""The response object: checked against the types of OpenAI's own client, strictly."""

import json

import pytest
from openai.types.responses import Response
from toolyard_runtime.run.segments import Segment, SegmentStatus, TextOut
from toolyard_runtime.wire.responses import Echo, echo_of, read_responses, response_object

from tests.wire.samples import (
    APPROVAL,
    CLIENT_CALL,
    DOUBTED_CALL,
    EVERYTHING,
    FAILED_CALL,
    RUN,
    RUNNING_CALL,
    SERVER_CALL,
    TEXT,
    WAITING,
    segment,
    unknown_fields,
)

OPEN_RESPONSES_ONLY = {"presence_penalty", "frequency_penalty", "store"}
"""Fields that Open Responses requires and OpenAI's types do not know."""


def read(answered: Segment, echo: Echo | None = None) -> Response:
    response = Response.model_validate_json(response_object(answered, echo or Echo()), strict=True)
    assert unknown_fields(response) == OPEN_RESPONSES_ONLY
    return response


def test_a_text_is_a_message_item() -> None:
    response = read(segment("completed", TEXT))
    assert response.output_text == "It is four."
    assert (response.id, response.status, response.model) == (f"resp_{RUN.hex()}_1", "completed", "support")
    assert (response.created_at, response.completed_at) == (1_700_000_000, 1_700_000_002)
    assert response.output[0].id == f"msg_{RUN.hex()}_1"


def test_usage_is_told_in_the_words_of_responses() -> None:
    usage = read(segment("completed", TEXT)).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (11, 7, 18)
    assert (usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens) == (3, 2)


def test_a_server_call_is_an_mcp_call_with_its_output() -> None:
    (item,) = read(segment("completed", SERVER_CALL)).output
    assert item.type == "mcp_call"
    assert (item.id, item.server_label, item.name) == (f"mcp_{RUN.hex()}_2", "calculator", "evaluate")
    assert (item.arguments, item.output, item.error, item.status) == ('{"expression":"2+2"}', "4", None, "completed")


@pytest.mark.parametrize(
    ("call", "status", "words"),
    [(FAILED_CALL, "failed", "There is no x."), (DOUBTED_CALL, "incomplete", "not known whether")],
)
def test_a_call_that_went_wrong_says_so(call: object, status: str, words: str) -> None:
    (item,) = read(segment("completed", call)).output  # type: ignore[arg-type]  # one of many kinds of output
    assert item.type == "mcp_call"
    assert item.status == status
    assert item.error is not None
    assert item.error.type == "mcp_tool_execution_error"
    assert words in str(item.error.content)


def test_a_client_call_is_a_function_call_with_the_id_it_was_given() -> None:
    (item,) = read(segment("completed", CLIENT_CALL, finish="client_tools")).output
    assert item.type == "function_call"
    assert (item.id, item.call_id, item.name) == (f"fc_{RUN.hex()}_6", "call_a_6", "weather")


def test_a_waiting_approval_is_an_approval_request_and_its_id_can_be_answered() -> None:
    (item,) = read(segment("completed", WAITING, finish="approval")).output
    assert item.type == "mcp_approval_request"
    assert (item.id, item.server_label, item.name) == (f"mcpr_{APPROVAL.hex()}", "files", "write")
    answer = {"type": "mcp_approval_response", "approval_request_id": item.id, "approve": True}
    body = json.dumps({"model": "support", "input": [answer]}).encode()
    assert read_responses(body).approvals[0].approval == APPROVAL


@pytest.mark.parametrize("status", ["in_progress", "completed", "incomplete", "failed", "cancelled"])
def test_every_status_is_told_as_it_is(status: SegmentStatus) -> None:
    response = read(segment(status, *EVERYTHING, RUNNING_CALL, finish=""))
    assert response.status == status
    assert (response.usage is None) == (status == "in_progress")
    assert (response.completed_at is None) == (status != "completed")
    assert (response.error is None) == (status != "failed")
    assert (response.incomplete_details is None) == (status != "incomplete")


def test_a_failure_names_the_run_and_the_code() -> None:
    error = read(segment("failed", error="connect", finish="failed")).error
    assert error is not None
    assert error.code == "server_error"
    assert error.message.startswith("connect: The model server could not be reached.")
    assert RUN.hex() in error.message


def test_truncation_is_told_as_the_reason() -> None:
    cut = segment("incomplete", TextOut(1, "It", "incomplete"), truncated=True)
    details = read(cut).incomplete_details
    assert details is not None
    assert details.reason == "max_output_tokens"
    assert json.loads(response_object(cut, Echo()))["incomplete_details"] == {"reason": "max_output_tokens"}


def test_a_used_up_budget_is_told_beside_the_reason() -> None:
    told = json.loads(response_object(segment("incomplete", finish="max_turns"), Echo()))
    assert told["incomplete_details"] == {"reason": "max_output_tokens", "finish": "max_turns"}


def test_a_response_repeats_its_request() -> None:
    ask = read_responses(
        json.dumps(
            {
                "model": "support",
                "input": "hi",
                "instructions": "Be brief.",
                "previous_response_id": f"resp_{RUN.hex()}_0",
                "tools": [{"type": "function", "name": "weather", "parameters": {"type": "object"}}],
                "temperature": 0.5,
                "top_p": 0.25,
                "max_output_tokens": 99,
                "metadata": {"a": "b"},
                "safety_identifier": "ann",
                "background": True,
            }
        ).encode()
    )
    response = read(segment("completed", TEXT), echo_of(ask))
    assert response.instructions == "Be brief."
    assert response.previous_response_id == f"resp_{RUN.hex()}_0"
    assert [tool.type for tool in response.tools] == ["function"]
    assert (response.temperature, response.top_p, response.max_output_tokens) == (0.5, 0.25, 99)
    assert (response.metadata, response.safety_identifier, response.background) == ({"a": "b"}, "ann", True)
