"""What a client is told when a request or a run went wrong, in OpenAI's shape and in RFC 9457's; raises nothing itself.

Every refusal names the field and the fix; every fault of the system names the run. The message of a refusal may quote
what the client sent, never what the server holds.
"""

import msgspec
from msgspec import Struct

from toolyard_runtime.run.segments import Segment

_encode = msgspec.json.Encoder().encode

PROBLEM_MEDIA_TYPE = "application/problem+json"


class RequestRefused(Exception):
    """A request that cannot be served as it is: the caller's fault unless `status` is 429 or above 499.

    `param` is the path of the field (`messages[2].content`), `code` a stable word for programs, `message` a sentence
    with the fix for a person.
    """

    def __init__(
        self, message: str, *, param: str | None = None, code: str = "invalid_value", status: int = 400
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code
        self.message = message


class SegmentFault(Struct, frozen=True):
    """How a broken segment is told: the HTTP status where nothing was sent yet, OpenAI's code, and words."""

    status: int
    code: str
    message: str


_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}

_TITLES = {
    400: "The request cannot be served as it is",
    401: "The key is missing or unknown",
    403: "This key may not do that",
    404: "There is no such thing here",
    405: "This route does not take that method",
    409: "Something else has moved on",
    410: "It is gone",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "The request cannot be served as it is",
    429: "Too much at once",
    500: "The server failed",
    502: "The model server failed",
    503: "The server is not ready",
    504: "The model server was too slow",
}

FAULTS: dict[str, tuple[int, str]] = {
    # the model server, as `ModelFault` names it
    "connect": (502, "The model server could not be reached."),
    "timeout": (504, "The model server did not answer in time."),
    "rate_limited": (503, "The model server refused for its rate limit; try again later."),
    "overloaded": (503, "The model server is overloaded; try again later."),
    "server_error": (502, "The model server failed."),
    "bad_request": (502, "The model server refused the request that this server made."),
    "too_long": (400, "The conversation is longer than the model can read: send less, or start a new conversation."),
    "unauthorized": (502, "The model server refused this server's credentials; its operator has to set them."),
    "not_found": (502, "The model server does not know the agent's model; its operator has to set it."),
    "bad_answer": (502, "The model server sent an answer that cannot be read."),
    "broken_stream": (502, "The model server's answer broke off."),
    "empty_response": (502, "The model answered with nothing, twice."),
    "malformed_turn": (502, "The model wrote tool calls into its text, twice."),
    # the run itself
    "cancelled": (410, "The run was cancelled."),
    "stopped": (503, "The agent is stopped by its operator."),
    "release_unavailable": (503, "The agent's release is no longer available."),
    "failed": (500, "The run failed."),
}
"""Segment.error (or, without one, Segment.finish) -> (HTTP status, words). What is not named here is a 500."""

_OUR_FAULT = 500
_UNKNOWN_FAULT = (500, "The run failed.")


def _type(status: int) -> str:
    return _TYPES.get(status) or ("server_error" if status >= _OUR_FAULT else "invalid_request_error")


def _object(message: str, status: int, param: str | None, code: str | None) -> dict[str, dict[str, str | None]]:
    return {"error": {"message": message, "type": _type(status), "param": param, "code": code}}


def openai_error(message: str, status: int, *, param: str | None = None, code: str | None = None) -> bytes:
    """Encode an error object of `/v1`; the type follows from the status."""
    return _encode(_object(message, status, param, code))


def refusal(refused: RequestRefused) -> bytes:
    """Encode a refusal of `/v1`."""
    return openai_error(refused.message, refused.status, param=refused.param, code=refused.code)


def problem(refused: RequestRefused, *, instance: str | None = None) -> bytes:
    """Encode a refusal of `/api/v1` as a problem document (RFC 9457, section 3): `code` and `param` are extensions."""
    document: dict[str, str | int] = {
        "type": "about:blank",
        "title": _TITLES.get(refused.status, "The request failed"),
        "status": refused.status,
        "detail": refused.message,
        "code": refused.code,
    }
    if refused.param is not None:
        document["param"] = refused.param
    if instance is not None:
        document["instance"] = instance
    return _encode(document)


def segment_fault(segment: Segment) -> SegmentFault | None:
    """Return how a failed or cancelled segment is told; None for every other status."""
    if segment.status not in ("failed", "cancelled"):
        return None
    code = segment.error or ("cancelled" if segment.status == "cancelled" else segment.finish or "failed")
    status, words = FAULTS.get(code, _UNKNOWN_FAULT)
    return SegmentFault(status, code, f"{segment.error_message or words} (run_{segment.run.hex()})")


def segment_error(segment: Segment) -> tuple[int, bytes] | None:
    """Return (HTTP status, error object) of a failed or cancelled segment that has not been streamed; else None."""
    fault = segment_fault(segment)
    if fault is None:
        return None
    code = "context_length_exceeded" if fault.code == "too_long" else fault.code
    return fault.status, openai_error(fault.message, fault.status, code=code)
