"""Does a JSON value fit a schema of JSON Schema 2020-12? Knows the keywords that `schemas` accepts, and no formats."""

import re
from collections.abc import Callable, Iterator
from typing import Any

TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: is_number(value) and value == int(value),
    "number": lambda value: is_number(value),  # noqa: PLW0108 - it is defined below
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
"""What a value of each JSON type is in Python; 1.0 is an integer, as the specification has it."""


def is_number(value: Any) -> bool:
    """Whether a value is a JSON number: not a boolean, not infinite, not NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value - value == 0


def resolve(reference: Any, root: Any) -> Any:
    """Return the schema a local JSON pointer leads to (RFC 6901); None when there is none."""
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        return None
    at: Any = root
    for step in reference.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(at, dict) or key not in at:
            return None
        at = at[key]
    return at if isinstance(at, dict | bool) else None


def value_problems(schema: Any, value: Any, root: Any = None, place: str = "$") -> Iterator[str]:
    """Yield why a JSON value does not fit a well-formed schema; nothing when it does."""
    root = schema if root is None else root
    if schema is False:
        yield f"{place}: nothing fits here"
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        target = resolve(schema["$ref"], root)
        yield from value_problems(target, value, root, place)
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if kinds and not any(TYPES[kind](value) for kind in kinds):
        yield f"{place}: expected {' or '.join(kinds)}, got {type(value).__name__}"
        return
    if "enum" in schema and not any(_same(value, allowed) for allowed in schema["enum"]):
        yield f"{place}: {value!r} is none of {schema['enum']}"
    if "const" in schema and not _same(value, schema["const"]):
        yield f"{place}: {value!r} is not {schema['const']!r}"
    yield from _bound_problems(schema, value, place)
    if isinstance(value, dict):
        yield from _object_problems(schema, value, root, place)
    if isinstance(value, list):
        first = schema.get("prefixItems", [])
        for at, item in enumerate(value):
            part = first[at] if at < len(first) else schema.get("items", True)
            yield from value_problems(part, item, root, f"{place}[{at}]")
    yield from _combined_problems(schema, value, root, place)


def _same(one: Any, other: Any) -> bool:
    """Compare as JSON does: true is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _bound_problems(schema: dict[str, Any], value: Any, place: str) -> Iterator[str]:
    if is_number(value):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            yield f"{place}: {value} is out of range"
        if ("exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]) or (
            "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]
        ):
            yield f"{place}: {value} is out of range"
        if "multipleOf" in schema and value % schema["multipleOf"]:
            yield f"{place}: {value} is no multiple of {schema['multipleOf']}"
    for kind, unit in ((str, "Length"), (list, "Items"), (dict, "Properties")):
        if isinstance(value, kind) and not (
            schema.get(f"min{unit}", 0) <= len(value) <= schema.get(f"max{unit}", len(value))
        ):
            yield f"{place}: {len(value)} is too few or too many"
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{place}: does not match {schema['pattern']}"


def _object_problems(schema: dict[str, Any], value: dict[str, Any], root: Any, place: str) -> Iterator[str]:
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{place}: {name} is missing"
    for name, item in value.items():
        parts = [known[name]] if name in known else []
        parts += [part for pattern, part in patterns.items() if re.search(pattern, name)]
        for part in parts or [schema.get("additionalProperties", True)]:
            yield from value_problems(part, item, root, f"{place}.{name}")
        yield from value_problems(schema.get("propertyNames", True), name, root, f"{place}.{name}")


def _combined_problems(schema: dict[str, Any], value: Any, root: Any, place: str) -> Iterator[str]:
    for part in schema.get("allOf", ()):
        yield from value_problems(part, value, root, place)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            fitting = sum(not list(value_problems(part, value, root, place)) for part in schema[word])
            if not fitting or (word == "oneOf" and fitting > 1):
                yield f"{place}: fits {fitting} of {word}"
    if "not" in schema and not list(value_problems(schema["not"], value, root, place)):
        yield f"{place}: fits what it must not"
    if (
        "contains" in schema
        and isinstance(value, list)
        and all(list(value_problems(schema["contains"], item, root, place)) for item in value)
    ):
        yield f"{place}: holds nothing of what it must contain"
