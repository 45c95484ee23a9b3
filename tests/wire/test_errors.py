"""How refusals and faults are told, in OpenAI's shape and in RFC 9457's."""

import json
from typing import Any, get_args

import pytest
from toolyard_runtime.wire.errors import (
    FAULTS,
    RequestRefused,
    openai_error,
    problem,
    refusal,
    segment_error,
    segment_fault,
)
from toolyard_sdk.events import ModelFault

from tests.wire.samples import segment


def test_a_refusal_has_openais_four_fields() -> None:
    refused = RequestRefused("n is wrong; send 1.", param="n", code="invalid_value")
    assert json.loads(refusal(refused)) == {
        "error": {
            "message": "n is wrong; send 1.",
            "type": "invalid_request_error",
            "param": "n",
            "code": "invalid_value",
        }
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "server_error"),
        (503, "server_error"),
    ],
)
def test_the_type_follows_from_the_status(status: int, kind: str) -> None:
    assert json.loads(openai_error("x", status))["error"]["type"] == kind


def test_a_problem_document_has_the_fields_of_rfc_9457() -> None:
    refused = RequestRefused("No approval appr_1; list them.", param="id", code="not_found", status=404)
    assert json.loads(problem(refused, instance="/api/v1/approvals/appr_1")) == {
        "type": "about:blank",
        "title": "There is no such thing here",
        "status": 404,
        "detail": "No approval appr_1; list them.",
        "code": "not_found",
        "param": "id",
        "instance": "/api/v1/approvals/appr_1",
    }
    assert "param" not in json.loads(problem(RequestRefused("x")))


@pytest.mark.parametrize("code", [*get_args(ModelFault), "empty_response", "malformed_turn"])
def test_every_way_a_model_call_fails_has_a_status_and_words(code: str) -> None:
    status, words = FAULTS[code]
    assert 400 <= status < 600
    fault = segment_fault(segment("failed", error=code, finish="failed"))
    assert fault is not None
    assert fault.status == status
    assert fault.message.startswith(words)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"status": "failed", "error": "connect"}, 502, "connect"),
        ({"status": "failed", "error": "too_long"}, 400, "context_length_exceeded"),
        ({"status": "failed", "error": "", "finish": "release_unavailable"}, 503, "release_unavailable"),
        ({"status": "failed", "error": "never heard of"}, 500, "never heard of"),
        ({"status": "failed", "error": "", "finish": ""}, 500, "failed"),
        ({"status": "cancelled", "finish": "cancelled"}, 410, "cancelled"),
    ],
)
def test_a_broken_segment_is_an_error_that_names_the_run(changes: dict[str, Any], status: int, code: str) -> None:
    told = segment_error(segment(**{"status": "failed", "finish": "failed", **changes}))
    assert told is not None
    error = json.loads(told[1])["error"]
    assert (told[0], error["code"]) == (status, code)
    assert error["message"].endswith("(run_000102030405060708090a0b0c0d0e0f)")


def test_words_for_a_person_go_before_our_own() -> None:
    fault = segment_fault(segment("failed", error="connect", error_message="vLLM at 10.0.0.5 refused."))
    assert fault is not None
    assert fault.message.startswith("vLLM at 10.0.0.5 refused. (run_")


@pytest.mark.parametrize("status", ["in_progress", "completed", "incomplete"])
def test_an_answer_is_no_error(status: str) -> None:
    assert segment_error(segment(status)) is None  # type: ignore[arg-type]  # each status as a word
