"""Encodes messages, tools and the head of a request as the bytes that are stored and sent; sends nothing.

A request body is `request_head(...) + b",".join(fragments) + b"]}"`, where a fragment is one encoded message. The same
values give the same bytes for as long as `ENCODER` stays the same: journals name it beside the digest of the request.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from toolyard_sdk.canonical import canonical, digest
from toolyard_sdk.messages import Message, Part, TextPart, ToolCall, ToolSpec

from toolyard_runtime.run.segments import Sampling

ENCODER = 1
"""Changes whenever any byte below changes."""

IMAGE = "[image]"
"""Stands for a picture where a message is told in words."""

_encode = msgspec.json.Encoder().encode
_KEYWORDS = ("type", "title", "description", "properties", "required", "items", "enum")


class _Function(Struct):
    name: str
    arguments: str


class _Call(Struct):
    id: str
    function: _Function


class _Stored(Struct):
    role: str
    content: str | tuple[Part, ...] | None = None
    tool_calls: tuple[_Call, ...] = ()
    tool_call_id: str | None = None
    reasoning: str | None = None


_decode = msgspec.json.Decoder(_Stored).decode


class Profile(Struct, frozen=True):
    """What a provider is known to accept; a field that is not known to be accepted is not sent.

    `strict`: `"strict": true` on functions is safe for every schema. `limit` is its name for the most tokens of an
    answer. `reasoning`: messages of the history may carry `reasoning`. `parallel_tool_calls`: the value to send, None
    for leaving it out.
    """

    strict: bool = False
    include_usage: bool = False
    cache_salt: bool = False
    priority: bool = False
    seed: bool = False
    reasoning: bool = False
    parallel_tool_calls: bool | None = None
    limit: str = "max_tokens"


VLLM = Profile(strict=True, include_usage=True, cache_salt=True, priority=True, seed=True, reasoning=True)
OPENAI = Profile(include_usage=True, seed=True, limit="max_completion_tokens")
LLAMA_CPP = Profile(include_usage=True, seed=True)
OLLAMA = Profile(include_usage=True, seed=True)
GENERIC = Profile()


def encode_message(message: Message) -> bytes:
    """Encode one message as the fragment that is stored and spliced into requests."""
    role, content = message.role, message.content
    if role in {"user", "system"}:
        return b'{"role":"%b","content":%b}' % (role.encode(), _encode(content or ""))
    if role == "tool":
        return b'{"role":"tool","tool_call_id":%b,"content":%b}' % (
            _encode(message.tool_call_id or ""),
            _encode(content or ""),
        )
    calls = message.tool_calls
    # Without calls OpenAI refuses null; with calls it is what OpenAI's own answers hold.
    fragment = b'{"role":"assistant","content":%b' % _encode(content or (None if calls else ""))
    if calls:
        fragment += b',"tool_calls":[%b]' % b",".join([_encode_call(call) for call in calls])
    if message.reasoning:
        return b'%b,"reasoning":%b}' % (fragment, _encode(message.reasoning))
    return fragment + b"}"


def decode_message(fragment: bytes) -> Message:
    """Decode a fragment; raises msgspec.DecodeError for what `encode_message` never wrote."""
    stored = _decode(fragment)
    return msgspec.convert(
        {
            "role": stored.role,
            "content": stored.content,
            "tool_calls": tuple(
                ToolCall(call.id, call.function.name, call.function.arguments) for call in stored.tool_calls
            ),
            "tool_call_id": stored.tool_call_id,
            "reasoning": stored.reasoning,
        },
        Message,
    )


def text_of(fragment: bytes) -> str:
    """Return the text of a fragment, "" where its content is none or has parts; raises msgspec.DecodeError."""
    content = _decode(fragment).content
    return content if isinstance(content, str) else ""


def words_of(message: Message, image: str = "") -> str:
    """Return the text of a message, of all its parts where it has some; `image` stands for each picture."""
    if not isinstance(message.content, tuple):
        return message.content or ""
    shown = (part for part in message.content if image or isinstance(part, TextPart))
    return " ".join(part.text if isinstance(part, TextPart) else image for part in shown)


def calls_of(fragment: bytes) -> tuple[tuple[str, str], ...]:
    """Return the name and arguments of each of an assistant fragment's calls; raises msgspec.DecodeError."""
    return tuple([(call.function.name, call.function.arguments) for call in _decode(fragment).tool_calls])


def call_answered(fragment: bytes) -> str:
    """Return the id of the call that a tool's fragment answers; raises msgspec.DecodeError."""
    return _decode(fragment).tool_call_id or ""


def without_reasoning(fragment: bytes) -> bytes:
    """Return the fragment as it would be without `reasoning`: what a later user turn sends of it."""
    if b',"reasoning":"' not in fragment:
        return fragment
    message = decode_message(fragment)
    if message.reasoning is None:
        return fragment
    return encode_message(msgspec.structs.replace(message, reasoning=None))


def with_recalled(fragment: bytes, text: str) -> bytes:
    """Return a user's fragment with what came to mind before their words: how a run is sent its own request."""
    message = decode_message(fragment)
    if isinstance(message.content, tuple):
        content: str | tuple[Part, ...] = (TextPart(text), *message.content)
    else:
        content = f"{text}\n\n{message.content or ''}"
    return encode_message(msgspec.structs.replace(message, content=content))


def encode_tools(tools: tuple[ToolSpec, ...], strict: bool) -> bytes:
    """Encode the offered tools, sorted by name: a stable prefix for the server's cache.

    The bytes do not depend on the order of any dict, because a stored schema may come back in another one. Keywords
    and properties come in the order people write them, because chat templates show it to the model.
    """
    encoded = []
    for spec in sorted(tools, key=lambda spec: spec.name):
        function: dict[str, Any] = {
            "name": spec.name,
            "description": spec.description,
            "parameters": _schema_in_order(spec.input_schema),
        }
        if strict:
            function["strict"] = True
        encoded.append(_encode({"type": "function", "function": function}))
    return b"[%b]" % b",".join(encoded)


def _schema_in_order(schema: Any) -> Any:
    """Return a JSON Schema with keywords as in `_KEYWORDS`, then by name, and required properties first."""
    if isinstance(schema, list):
        return [_schema_in_order(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    ordered: dict[str, Any] = {}
    for key in sorted(schema, key=lambda key: (_KEYWORDS.index(key) if key in _KEYWORDS else len(_KEYWORDS), key)):
        value = schema[key]
        if key == "properties" and isinstance(value, dict):
            required = schema.get("required")
            first = [name for name in required if name in value] if isinstance(required, list) else []
            names = [*first, *sorted(value.keys() - set(first))]
            ordered[key] = {name: _schema_in_order(value[name]) for name in names}
        elif key in ("enum", "const", "default", "examples"):
            ordered[key] = msgspec.Raw(canonical(value))
        else:
            ordered[key] = _schema_in_order(value)
    return ordered


def request_head(
    *,
    model: str,
    tools: bytes,
    sampling: Sampling,
    profile: Profile,
    stream: bool,
    variant: str,
    cache_salt: str | None,
    priority: int | None = None,
) -> bytes:
    """Return a request up to and including `"messages":[`.

    Variant `plain` is the normal one; `retry` asks again after a malformed or empty turn and never streams, because
    servers lose fewer calls that way. Fields the profile does not know are left out. Raises ValueError for a variant
    this encoder does not know.
    """
    if variant not in ("plain", "retry"):
        raise ValueError(f"encoder {ENCODER} knows the variants plain and retry, not {variant!r}")
    stream = stream and variant == "plain"
    wanted = (
        ("stream_options", {"include_usage": True}, stream and profile.include_usage),
        ("temperature", sampling.temperature, True),
        ("top_p", sampling.top_p, True),
        (profile.limit, sampling.max_output_tokens, True),
        ("seed", sampling.seed, profile.seed),
        ("stop", sampling.stop or None, True),
        ("cache_salt", cache_salt or None, profile.cache_salt),
        ("priority", priority, profile.priority),
        ("parallel_tool_calls", profile.parallel_tool_calls, tools not in {b"", b"[]"}),
        ("tools", msgspec.Raw(tools), tools not in {b"", b"[]"}),
    )
    fields: dict[str, Any] = {"model": model, "stream": stream}
    fields |= {name: value for name, value, known in wanted if known and value is not None}
    return _encode(fields)[:-1] + b',"messages":['


def cache_salt_of(tenant: str, profile: Profile) -> str | None:
    """Return what keeps a tenant's cached prefixes apart from others' on the model server, where it knows of that."""
    return digest(["cache", tenant])[-32:] if profile.cache_salt else None


def whole_request(
    messages: Sequence[Message],
    *,
    model: str,
    sampling: Sampling,
    profile: Profile,
    tenant: str,
    tools: bytes = b"",
) -> bytes:
    """Return the bytes of a request that is asked by itself, in no conversation; its answer does not stream."""
    salt = cache_salt_of(tenant, profile)
    head = request_head(
        model=model, tools=tools, sampling=sampling, profile=profile, stream=False, variant="plain", cache_salt=salt
    )
    return head + b",".join(map(encode_message, messages)) + b"]}"


def _encode_call(call: ToolCall) -> bytes:
    return b'{"id":%b,"type":"function","function":{"name":%b,"arguments":%b}}' % (
        _encode(call.id),
        _encode(call.name),
        _encode(call.arguments),
    )
