"""Writes an operation's Accept header: the media types its answers are described by, JSON first; reads no answer."""

from collections.abc import Iterator
from typing import Any

from toolyard_registry.sources.openapi.operations import Operation
from toolyard_registry.sources.openapi.problems import Unusable
from toolyard_registry.sources.openapi.references import References

USUAL = "application/json, text/*;q=0.8, */*;q=0.5"

_MOST = 4


def accepted(operation: Operation, references: References) -> str:
    """Return the Accept header's value: of the parameter `Accept` where the document fixes it, else of the answers.

    OpenAPI ignores that parameter (3.1.1, 4.8.12.1), but a value that the document gives is what the API expects.
    """
    for fixed in _fixed(operation, references):
        return fixed
    found = dict.fromkeys(
        media for media in _described(operation, references) if media.isascii() and media.isprintable()
    )
    if not found:
        return USUAL
    ordered = sorted(found, key=lambda media: "json" not in media)[:_MOST]
    return ", ".join((*ordered, "*/*;q=0.1"))


def _fixed(operation: Operation, references: References) -> Iterator[str]:
    for listed in (operation.raw.get("parameters"), operation.shared.get("parameters")):
        for raw in listed if isinstance(listed, list) else ():
            one = _followed(raw, references)
            if one.get("in") == "header" and str(one.get("name")).lower() == "accept":
                schema = _followed(one.get("schema"), references)
                options = schema.get("enum")
                for value in (schema.get("default"), *(options if isinstance(options, list) else ())):
                    if isinstance(value, str) and "/" in value and value.isascii() and value.isprintable():
                        yield value


def _described(operation: Operation, references: References) -> Iterator[str]:
    responses = operation.raw.get("responses")
    for status, raw in responses.items() if isinstance(responses, dict) else ():
        if status.startswith("2") or status == "default":
            content = _followed(raw, references).get("content")
            yield from (media for media in content if "/" in media) if isinstance(content, dict) else ()


def _followed(raw: Any, references: References) -> dict[str, Any]:
    """Return an object behind a reference; what leads nowhere is nothing here, and told elsewhere."""
    try:
        found = references.follow(raw)
    except Unusable:
        return {}
    return found if isinstance(found, dict) else {}
