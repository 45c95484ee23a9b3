"""Finds what `$ref` names inside one document (RFC 6901 pointers); knows nothing of what it finds."""

from typing import Any

from toolyard_registry.sources.openapi.escaping import unpercent
from toolyard_registry.sources.openapi.problems import Unusable

_MISSING = object()


class References:
    """The references of one document. Other files are never fetched: a document says what it means by itself."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._found: dict[str, Any] = {}

    def find(self, reference: str) -> Any:
        """Return what a reference names, which may be a reference again; raises Unusable."""
        found = self._found.get(reference, _MISSING)
        if found is _MISSING:
            found = self._found[reference] = self._look_up(reference)
        return found

    def follow(self, value: Any) -> Any:
        """Return what stands behind a value that may be a reference to a reference; raises Unusable."""
        seen: set[str] = set()
        while (reference := reference_of(value)) is not None:
            if reference in seen:
                raise Unusable("reference.cycle", f"{reference[:200]} refers to nothing but itself")
            seen.add(reference)
            value = self.find(reference)
        return value

    def _look_up(self, reference: str) -> Any:
        file, mark, pointer = reference.partition("#")
        if file or not mark:
            words = f"refers to another document, {reference[:200]}; bundle everything into one file first"
            raise Unusable("reference.remote", words)
        value: Any = self._document
        if not pointer:
            return value
        if not pointer.startswith("/"):
            raise Unusable("reference.broken", f"{reference[:200]} is no JSON pointer: `#/components/...` is read")
        for step in unpercent(pointer[1:]).split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and key in value:
                value = value[key]
            elif isinstance(value, list) and key.isdecimal() and len(key) < 10 and int(key) < len(value):  # noqa: PLR2004 - no list is longer
                value = value[int(key)]
            else:
                raise Unusable("reference.broken", f"{reference[:200]} names nothing: there is no {key[:80]!r}")
        return value


def reference_of(value: Any) -> str | None:
    """Return the reference that a value is; None when it is none."""
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            return reference
    return None
