"""The shapes of OpenAI's Chat Completions answers, with every known oddity straightened out; knows no socket.

A fast typed decoder takes what well-behaved servers send. What it refuses is read again without types and bent into
the same shapes, so the rest of the package sees one kind of data. The shapes hold no cycles and are not tracked by
the garbage collector: a stream makes thousands of them.
"""

from typing import Any

import msgspec
from msgspec import Struct


class FunctionPiece(Struct, gc=False):
    """Name and arguments of a call, or a part of them."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class CallPiece(Struct, gc=False):
    """A call, or what one chunk adds to it."""

    index: int | None = None
    id: str | None = None
    function: FunctionPiece | None = None


class Piece(Struct, gc=False):
    """A message, or what one chunk adds to it."""

    content: str | None = None
    tool_calls: list[CallPiece] | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None


class Candidate(Struct, gc=False):
    """A token the model might have chosen."""

    token: str = ""
    logprob: float = 0.0


class TokenLogprob(Struct, gc=False):
    """A chosen token beside the likeliest ones."""

    token: str = ""
    logprob: float = 0.0
    top_logprobs: list[Candidate] | None = None


class Logprobs(Struct, gc=False):
    """Log probabilities of the tokens of one piece."""

    content: list[TokenLogprob] | None = None


class Choice(Struct, gc=False):
    """One alternative answer; only the first is ever asked for."""

    delta: Piece | None = None
    message: Piece | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None
    index: int = 0


class InputDetails(Struct, gc=False):
    """What of the prompt came from the prefix cache."""

    cached_tokens: int | None = None


class OutputDetails(Struct, gc=False):
    """What of the answer was reasoning."""

    reasoning_tokens: int | None = None


class UsagePiece(Struct, gc=False):
    """Token counts as the server reports them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None


class Chunk(Struct, gc=False):
    """One event of a stream, or a whole completion. `error` and `message` only come from servers in trouble."""

    choices: list[Choice] | None = None
    usage: UsagePiece | None = None
    error: Any = None
    message: Any = None
    model: str | None = None
    system_fingerprint: str | None = None


decode_chunk = msgspec.json.Decoder(Chunk).decode
decode_chunks = msgspec.json.Decoder(list[Chunk]).decode
_decode_any = msgspec.json.Decoder().decode


def read_chunk(data: bytes) -> Chunk:
    """Decode one chunk or completion, odd shapes included; raises msgspec.DecodeError when it is no JSON object."""
    try:
        return decode_chunk(data)
    except (msgspec.ValidationError, RecursionError):
        pass
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError("the answer is not UTF-8") from error
    try:
        value = _decode_any(data)
    except RecursionError as error:
        raise msgspec.DecodeError("the answer is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError("the answer is not UTF-8") from error
    if not isinstance(value, dict):
        raise msgspec.DecodeError("the answer is not a JSON object")
    return bend(value)


def bend(value: dict[str, Any]) -> Chunk:
    """Return untyped JSON as a chunk, whatever shapes it has; what cannot be understood is left out."""
    choices = [_choice(item) for item in _list(value.get("choices"))]
    return Chunk(
        choices=choices,
        usage=_usage(value.get("usage")),
        error=value.get("error"),
        message=value.get("message"),
        model=_text(value.get("model")),
        system_fingerprint=_text(value.get("system_fingerprint")),
    )


def _choice(value: Any) -> Choice:
    value = value if isinstance(value, dict) else {}
    logprobs = value.get("logprobs")
    try:
        read = msgspec.convert(logprobs, Logprobs | None) if logprobs else None
    except msgspec.ValidationError:
        read = None
    return Choice(
        delta=_piece(value.get("delta")),
        message=_piece(value.get("message")),
        finish_reason=_text(value.get("finish_reason")),
        logprobs=read,
        index=_whole(value.get("index")) or 0,
    )


def _piece(value: Any) -> Piece | None:
    if not isinstance(value, dict):
        return None
    return Piece(
        content=_text(value.get("content")),
        tool_calls=[_call(item) for item in _list(value.get("tool_calls"))] or None,
        reasoning=_text(value.get("reasoning")),
        reasoning_content=_text(value.get("reasoning_content")),
        refusal=_text(value.get("refusal")),
    )


def _call(value: Any) -> CallPiece:
    value = value if isinstance(value, dict) else {}
    function = value.get("function")
    name = identity = None
    arguments: Any = None
    if isinstance(function, dict):
        name, arguments = _text(function.get("name")), function.get("arguments")
    if isinstance(value.get("id"), str | int):
        identity = str(value["id"])
    if arguments is not None and not isinstance(arguments, str | dict):
        arguments = msgspec.json.encode(arguments).decode()
    return CallPiece(_whole(value.get("index")), identity, FunctionPiece(name, arguments))


def _usage(value: Any) -> UsagePiece | None:
    if not isinstance(value, dict):
        return None
    inputs, outputs = value.get("prompt_tokens_details"), value.get("completion_tokens_details")
    return UsagePiece(
        prompt_tokens=_whole(value.get("prompt_tokens")),
        completion_tokens=_whole(value.get("completion_tokens")),
        prompt_tokens_details=InputDetails(_whole(inputs.get("cached_tokens"))) if isinstance(inputs, dict) else None,
        completion_tokens_details=(
            OutputDetails(_whole(outputs.get("reasoning_tokens"))) if isinstance(outputs, dict) else None
        ),
        prompt_cache_hit_tokens=_whole(value.get("prompt_cache_hit_tokens")),
    )


def _list(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    """Return text as it is and the text parts of a list of parts joined; everything else is no text."""
    if isinstance(value, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in value]
        return "".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:  # noqa: PLR2004 - below 2**53
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
