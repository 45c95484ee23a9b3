"""The same as the stream decoder for an answer that comes in one piece: bytes in, one turn out."""

import msgspec
from toolyard_sdk.errors import ModelError
from toolyard_sdk.ports import Turn

from toolyard_runtime.models import faults
from toolyard_runtime.models.assembly import Assembly
from toolyard_runtime.models.wire import read_chunk


def decode_turn(body: bytes) -> Turn:
    """Decode one completion; raises ModelError (`bad_answer`, or the fault of an error object with status 200)."""
    try:
        completion = read_chunk(body)
    except msgspec.DecodeError as error:
        words, _ = faults.describe(body)
        raise ModelError("bad_answer", f"the answer is not a completion in JSON: {words[:80]!r}") from error
    if not completion.choices:
        if completion.error is not None or completion.message is not None:
            fault, text, status = faults.of_object(completion.error, completion.message)
            raise ModelError(fault, f"the server reports an error: {text}", status=status)
        raise ModelError("bad_answer", "the answer holds no choices")
    assembly = Assembly()
    assembly.add([completion])
    return assembly.turn()[0]
