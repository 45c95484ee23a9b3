"""Is a schema well-formed JSON Schema 2020-12, as far as tools need it? Fetches no reference.

Sources: the 2020-12 Core and Validation specifications (json-schema.org). Not covered, and reported when used: dynamic
references, anchors, `unevaluated*`, `dependent*`, `if`; models do not understand them.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from toolyard_sdk.testing.values import TYPES, is_number, resolve


def _is_count(value: Any) -> bool:
    return TYPES["integer"](value) and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_type(value: Any) -> bool:
    kinds = value if isinstance(value, list) else [value]
    return bool(kinds) and all(isinstance(kind, str) and kind in TYPES for kind in kinds)


def _is_pattern(value: Any) -> bool:
    try:
        re.compile(value)
    except (re.error, TypeError):
        return False
    return True


def _anything(_value: Any) -> bool:
    return True


_PLAIN: dict[str, tuple[Callable[[Any], bool], str]] = {
    "type": (_is_type, f"must be of {', '.join(TYPES)}"),
    "pattern": (_is_pattern, "must be a regular expression"),
    "required": (lambda value: _is_list(value) and all(map(_is_text, value)), "must be a list of names"),
    "enum": (lambda value: _is_list(value) and bool(value), "must be a list that is not empty"),
    "examples": (_is_list, "must be a list"),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
        (_is_count, "must be a whole number that is not negative"),
    ),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), (is_number, "must be a number")
    ),
    **dict.fromkeys(
        ("title", "description", "format", "$comment", "$id", "$schema", "contentEncoding", "contentMediaType"),
        (_is_text, "must be text"),
    ),
    **dict.fromkeys(
        ("uniqueItems", "deprecated", "readOnly", "writeOnly"), (TYPES["boolean"], "must be true or false")
    ),
    **dict.fromkeys(("default", "const", "$ref"), (_anything, "")),
}
"""Keywords that hold no schema: what their value must be, and how to say so."""

_NAMED_SCHEMAS = "properties", "patternProperties", "$defs"
_SCHEMA_LISTS = "anyOf", "oneOf", "allOf", "prefixItems"
_ONE_SCHEMA = "items", "additionalProperties", "propertyNames", "contains", "not"
_KNOWN = {*_PLAIN, *_NAMED_SCHEMAS, *_SCHEMA_LISTS, *_ONE_SCHEMA}
_OLD = {
    "definitions": "use $defs",
    "dependencies": "it is of draft 7",
    "additionalItems": "use prefixItems and items",
    "id": "use $id",
    "nullable": 'it is OpenAPI 3.0: use "type": ["...", "null"]',
    "example": "use examples",
}


def schema_problems(schema: Any, root: Any = None, place: str = "$") -> Iterator[str]:
    """Yield what is wrong with a schema, each with its place; nothing when it is a well-formed one."""
    root = schema if root is None else root
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield f"{place}: a schema is an object or a boolean, not {type(schema).__name__}"
        return
    yield from _word_problems(schema, root, place)
    for part_place, part in _parts(schema, place):
        yield from schema_problems(part, root, part_place)


def _word_problems(schema: dict[str, Any], root: Any, place: str) -> Iterator[str]:
    """Yield what is wrong with one schema object, apart from the schemas inside it."""
    for word, value in schema.items():
        fits, rule = _PLAIN.get(word, (_anything, ""))
        if word in _OLD:
            yield f"{place}: {word} has no meaning in JSON Schema 2020-12: {_OLD[word]}"
        elif word not in _KNOWN and not word.startswith("x-"):
            yield f"{place}: unknown keyword {word}"
        elif word in _NAMED_SCHEMAS and not isinstance(value, dict):
            yield f"{place}.{word}: must be an object of schemas"
        elif word in _SCHEMA_LISTS and not (isinstance(value, list) and value):
            yield f"{place}.{word}: must be a list of schemas that is not empty"
        elif not fits(value):
            yield f"{place}.{word}: {rule}"
    known = schema.get("properties", {})
    for name in schema.get("required", ()) if isinstance(known, dict) else ():
        if name not in known:
            yield f"{place}.required: {name!r} is none of the properties"
    if "$ref" in schema and resolve(schema["$ref"], root) is None:
        yield f"{place}.$ref: {schema['$ref']!r} leads nowhere in this schema (write '#/$defs/Name')"


def _parts(schema: dict[str, Any], place: str) -> Iterator[tuple[str, Any]]:
    """Yield the schemas inside a schema object, with their places."""
    for word in _NAMED_SCHEMAS:
        if isinstance(schema.get(word), dict):
            yield from ((f"{place}.{word}.{name}", part) for name, part in schema[word].items())
    for word in _SCHEMA_LISTS:
        if isinstance(schema.get(word), list):
            yield from ((f"{place}.{word}[{at}]", part) for at, part in enumerate(schema[word]))
    for word in _ONE_SCHEMA:
        if word in schema:
            yield f"{place}.{word}", schema[word]
