"""The same as the stream decoder for an answer that comes in one piece: bytes in, one turn out."""

from typing import Any

import msgspec
from toolyard_sdk.errors import ModelError
from toolyard_sdk.messages import Usage
from toolyard_sdk.ports import RawCall, Turn

from toolyard_runtime.models import faults
from toolyard_runtime.models.assembly import Assembly, read_usage
from toolyard_runtime.models.wire import Chunk, read_chunk

MOST_TOKENS = 1 << 40
"""What a model server may claim to have used in one call: more is a mistake of its own."""


def bounded(usage: Usage) -> Usage:
    """Return a usage that can be summed and stored, whatever a server claims."""
    if usage.input_tokens <= MOST_TOKENS and usage.output_tokens <= MOST_TOKENS:
        return usage
    return Usage(*(max(0, min(count, MOST_TOKENS)) for count in msgspec.structs.astuple(usage)))


def decode_turn(body: bytes) -> Turn:
    """Decode one completion; raises ModelError (`bad_answer`, or the fault of an error object with status 200)."""
    try:
        completion = read_chunk(body)
    except msgspec.DecodeError as error:
        if "truncated" in str(error) and body.lstrip()[:1] == b"{":
            raise ModelError("broken_stream", "the answer ends in the middle") from error
        words, _ = faults.describe(body)
        raise ModelError("bad_answer", f"the answer is not a completion in JSON: {words[:80]!r}") from error
    if not completion.choices:
        if completion.error is not None or completion.message is not None:
            fault, text, status = faults.of_object(completion.error, completion.message)
            raise ModelError(fault, f"the server reports an error: {text}", status=status)
        raise ModelError("bad_answer", "the answer holds no choices")
    return _plain(completion) or _assembled(completion)


def _plain(completion: Chunk) -> Turn | None:
    """Return the turn of a completion without any oddity, None for one that needs a closer look: the usual way."""
    choice = completion.choices[0]  # type: ignore[index] # the caller has seen them
    message = choice.message
    if message is None or choice.index or choice.logprobs is not None or choice.finish_reason == "length":
        return None
    text = message.content or ""
    if "<" in text or "[" in text or message.refusal:
        return None
    calls: tuple[RawCall, ...] = ()
    if message.tool_calls:
        try:
            calls = tuple([_call(piece.function.name, piece.function.arguments) for piece in message.tool_calls])  # type: ignore[union-attr] # or else it is odd
        except (AttributeError, TypeError):
            return None
    return Turn(
        text,
        message.reasoning or message.reasoning_content or "",
        calls,
        choice.finish_reason or "",
        read_usage(completion.usage),
        completion.model or "",
        completion.system_fingerprint or "",
    )


def _call(name: str | None, arguments: str | dict[str, Any] | None) -> RawCall:
    if not isinstance(arguments, str) or not name:
        raise TypeError
    return RawCall(name, arguments)


def _assembled(completion: Chunk) -> Turn:
    assembly = Assembly()
    assembly.add([completion])
    return assembly.turn()[0]
