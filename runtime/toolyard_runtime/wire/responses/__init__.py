"""`/v1/responses`: the request into an `Ask`, a `Segment` or its stream into the answer, and the ids between them."""

from toolyard_runtime.wire.responses.answer import Echo, echo_of, response_object
from toolyard_runtime.wire.responses.ids import read_response_id, response_id
from toolyard_runtime.wire.responses.request import read_responses
from toolyard_runtime.wire.responses.stream import ResponseStream, position_of

__all__ = [
    "Echo",
    "ResponseStream",
    "echo_of",
    "position_of",
    "read_response_id",
    "read_responses",
    "response_id",
    "response_object",
]
