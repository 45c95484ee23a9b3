"""What a model is asked about one message, and what its answer notes; asks no model and keeps nothing."""

import hashlib
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from toolyard_memory.moments import show_moment
from toolyard_sdk.canonical import digest
from toolyard_sdk.messages import Message, ToolSpec
from toolyard_sdk.ports import RawCall

from toolyard_runtime.models.calls import normalise_arguments

PROMPT = """\
You read one message of a conversation and note what is worth knowing about the person in later conversations: what \
they are, like, own, plan, have decided, and who belongs to them. Call note_facts once, with nothing in it when there \
is nothing of that kind. Each fact is one statement in the third person that can be understood by itself, and `quote` \
is the part of the message it rests on, word for word. Note only what the message itself says. Note no passwords, keys \
or card numbers, and nothing that is about the conversation only."""

NOTE = ToolSpec(
    name="note_facts",
    description="Note what the message says about the person.",
    input_schema={
        "type": "object",
        "properties": {
            "facts": {
                "type": "array",
                "maxItems": 20,
                "items": {
                    "type": "object",
                    "properties": {
                        "text": {"type": "string", "description": "The statement: The user is allergic to nuts."},
                        "quote": {"type": "string", "description": "The words of the message it rests on."},
                        "about": {"type": "string", "description": "Whom or what it is about; the person is `user`."},
                        "attribute": {
                            "type": "string",
                            "description": "What can only have one value at a time, as in home town; else empty.",
                        },
                        "since": {"type": "string", "description": "Since which date, as 2026-05-03; else empty."},
                    },
                    "required": ["text", "quote", "about", "attribute", "since"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["facts"],
        "additionalProperties": False,
    },
)

PROMPT_DIGEST = digest([PROMPT, NOTE])
EXTRACTOR = f"model:{hashlib.sha256(PROMPT_DIGEST.encode()).hexdigest()[:12]}"
"""Its name: another prompt is another extractor, and reads again."""


class Found(Struct, frozen=True):
    """One thing that an answer notes; `quote` is the part of the message that it rests on."""

    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    quote: Annotated[str, Meta(min_length=1, max_length=8000)]
    about: Annotated[str, Meta(max_length=200)] = "user"
    attribute: Annotated[str, Meta(max_length=100)] = ""
    since: Annotated[str, Meta(max_length=40)] = ""


class _Noted(Struct, frozen=True):
    facts: Annotated[tuple[Found, ...], Meta(max_length=50)] = ()


def asked_about(text: str, at: int, before: str) -> tuple[Message, ...]:
    """Return the messages that ask a model to note what a message says that was said at a moment after `before`."""
    said = f"Message of {show_moment(at)}:\n{text}"
    shown = f"Said just before, only to understand it:\n{before}\n\n{said}" if before else said
    return Message("system", PROMPT), Message("user", shown)


def noted(calls: Sequence[RawCall]) -> Sequence[Found] | None:
    """Return what a model's calls note; None where they cannot be read. A model that calls nothing notes nothing."""
    found: list[Found] = []
    for call in calls:
        arguments = normalise_arguments(call.arguments)
        if call.name != NOTE.name or isinstance(arguments, str):
            return None
        try:
            found += msgspec.json.decode(arguments, type=_Noted).facts
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
    return found
