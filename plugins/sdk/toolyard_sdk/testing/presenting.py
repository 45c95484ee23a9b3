"""Shows a tool as a model will see it, and about what it costs in every request that offers it."""

from typing import Any

import msgspec
from msgspec import Struct

from toolyard_sdk.ports import Tool

CHARACTERS_PER_TOKEN = 4
"""The usual rule of thumb for English and JSON; the exact number depends on the model's tokenizer and template."""


class Presentation(Struct, frozen=True):
    """A tool in a request: the `function` object of an OpenAI-style `tools` list, its JSON text, its cost in tokens."""

    function: dict[str, Any]
    text: str
    tokens: int


def presentation(tool: Tool) -> Presentation:
    """Return what a model is shown of `tool`; `tokens` is an estimate from the length of the text, not a count."""
    spec = tool.spec
    function = {"name": spec.name, "description": spec.description, "parameters": spec.input_schema}
    text = msgspec.json.encode({"type": "function", "function": function}).decode()
    return Presentation(function, text, -(-len(text) // CHARACTERS_PER_TOKEN))
