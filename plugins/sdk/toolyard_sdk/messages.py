"""What a model is told and what it answers, in the field's words; knows no wire format and no provider."""

from typing import Any, Literal

from msgspec import Struct

Role = Literal["system", "user", "assistant", "tool"]


class TextPart(Struct, frozen=True, tag_field="type", tag="text"):
    """Text inside a message of several parts."""

    text: str


class ImagePart(Struct, frozen=True, tag_field="type", tag="image_url"):
    """An image by URL or data URL, handed to the model as it is."""

    image_url: dict[str, Any]


Part = TextPart | ImagePart


class ToolCall(Struct, frozen=True):
    """A model's wish to call a tool: our own id, the tool's name, canonical JSON arguments as text."""

    id: str
    name: str
    arguments: str


class Message(Struct, frozen=True, omit_defaults=True):
    """One message of a conversation; `tool_call_id` only with role `tool`, `tool_calls` only with `assistant`."""

    role: Role
    content: str | tuple[Part, ...] | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    reasoning: str | None = None


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens of one model call, or summed over many."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class Annotations(Struct, frozen=True):
    """What a tool says of its effects, with MCP's defaults: the worst, until somebody says better."""

    read_only: bool = False
    destructive: bool = True
    idempotent: bool = False
    open_world: bool = True


EffectClass = Literal["read_only", "idempotent", "side_effect"]
"""How a call may be repeated: freely, freely with its idempotency key, or never without a person."""


def effect_class(pinned: Annotations) -> EffectClass:
    """Return the effect class of pinned annotations: what the operator stands for, not what a stranger claims."""
    if pinned.read_only:
        return "read_only"
    return "idempotent" if pinned.idempotent else "side_effect"


class ToolSpec(Struct, frozen=True, omit_defaults=True):
    """A tool as a model and an operator see it; schemas are JSON Schema 2020-12."""

    name: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = None
    annotations: Annotations = Annotations()
    title: str | None = None


class ToolResult(Struct, frozen=True, omit_defaults=True):
    """What a call gave: text for the model, the structured value where there is one, and whether it is an error."""

    text: str
    structured: Any = None
    is_error: bool = False
