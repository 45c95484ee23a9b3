"""Reads JSON Schemas as their own draft means them, so that two can be compared; knows 2020-12, 2019-09 and draft 7."""

from collections.abc import Iterable, Mapping
from typing import Any

from toolyard_registry.schemas.facts import Schema

_MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SINGLE = frozenset(
    {"additionalProperties", "items", "contains", "not", "if", "then", "else", "propertyNames"}
    | {"unevaluatedItems", "unevaluatedProperties", "additionalItems"}
)
_AFTER_7 = frozenset(
    {"prefixItems", "dependentRequired", "dependentSchemas", "minContains", "maxContains"}
    | {"unevaluatedItems", "unevaluatedProperties", "$dynamicRef"}
)


def readable(root: Mapping[str, Any]) -> bool:
    draft = str(root.get("$schema", "2020-12"))
    known = any(name in draft for name in ("2020-12", "2019-09", "draft-07"))
    return known and not any("$id" in part or "$anchor" in part for part in _nested(root))


def _nested(schema: Any) -> Iterable[Mapping[str, Any]]:
    for part in _children(schema):
        yield part
        yield from _nested(part)


def _children(schema: Any) -> Iterable[Mapping[str, Any]]:
    if not isinstance(schema, Mapping):
        return
    for key, value in schema.items():
        if key in _MAPS and isinstance(value, Mapping):
            yield from (part for part in value.values() if isinstance(part, Mapping))
        elif key in _LISTS and isinstance(value, list):
            yield from (part for part in value if isinstance(part, Mapping))
        elif key in _SINGLE and isinstance(value, Mapping):
            yield value


def as_read(root: Schema) -> Schema:
    """Return the schema as its own draft reads it: draft 7 has no `prefixItems`, and `$ref` stands alone there."""
    if isinstance(root, Mapping) and "draft-07" in str(root.get("$schema", "")):
        return {**_as_draft_7(root), **{key: root[key] for key in ("$defs", "definitions") if key in root}}
    return root


def _as_draft_7(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        kept = {key: schema[key] for key in ("$ref", "$defs", "definitions") if key in schema}
        return {key: _part_as_draft_7(key, value) for key, value in kept.items()}
    return {key: _part_as_draft_7(key, value) for key, value in schema.items() if key not in _AFTER_7}


def _part_as_draft_7(key: str, value: Any) -> Any:
    if key in _MAPS and isinstance(value, Mapping):
        return {name: _as_draft_7(part) for name, part in value.items()}
    if key in _LISTS and isinstance(value, list):
        return [_as_draft_7(part) for part in value]
    return _as_draft_7(value) if key in _SINGLE else value
