"""A tool as something to be searched for: the texts it is found by, field by field; knows no index and no score."""

from typing import Any

from msgspec import Struct
from toolyard_sdk.messages import ToolSpec

DEEPEST = 4
"""Levels of a schema whose names and descriptions are read; a schema may hold itself."""

MOST = 400
"""Texts of a schema that are read: a parameter beyond that finds nobody."""

LONGEST = 4_000
"""Characters of a description that are read."""


class Document(Struct, frozen=True):
    """The texts of a tool. `source` is where it comes from, `about` what that says of itself (may be empty)."""

    name: str
    text: str
    parameters: str
    source: str
    about: str = ""


def document(spec: ToolSpec, source: str, about: str = "") -> Document:
    """Return what a tool is found by: its name and title, its description, its parameters, and where it comes from."""
    name = f"{spec.name} {spec.title}" if spec.title else spec.name
    read: list[str] = []
    _read(spec.input_schema, read, 0)
    return Document(name, spec.description[:LONGEST], " ".join(read), source, about[:LONGEST])


def _read(schema: Any, read: list[str], depth: int) -> None:
    """Collect the names and descriptions of a schema's properties, its own and those of what it holds."""
    if not isinstance(schema, dict) or depth > DEEPEST or len(read) >= MOST:
        return
    properties = schema.get("properties")
    for name, inner in properties.items() if isinstance(properties, dict) else ():
        read.append(str(name))
        if isinstance(inner, dict):
            told = inner.get("description")
            if isinstance(told, str):
                read.append(told[:LONGEST])
        _read(inner, read, depth + 1)
    _read(schema.get("items"), read, depth + 1)
