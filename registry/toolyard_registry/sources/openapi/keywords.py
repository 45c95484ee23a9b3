"""Translates one Schema Object of OpenAPI 3.0 or 3.1 to JSON Schema 2020-12; knows keywords, not where references lead.

What comes out is always a valid schema that is no narrower than the document's: keywords of the wrong type, and words
that only OpenAPI has, are left out. Sources: OpenAPI 3.0.4 section 4.7.24, OpenAPI 3.1.1 section 4.8.24, JSON Schema
2020-12.
"""

import math
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from toolyard_registry.sources.openapi.shortening import shortened

DESCRIPTION = 240
"""Characters of a field's description that a model is shown."""

MAX_DEPTH = 40
"""Levels of a schema that is written without references; what lies deeper is any JSON."""

_EXAMPLE = 60
_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
_CHOICES = frozenset({"allOf", "anyOf", "oneOf", "not"})

Schema = dict[str, Any] | bool


class Surroundings(Struct, frozen=True):
    """What a translation asks of the document around a schema.

    `named` returns the name under `$defs` of what a reference leads to, None where it leads nowhere; `hidden` tells
    whether a property is not for those who send (`readOnly`, also behind a reference); `matches` whether a pattern is a
    regular expression; `later` means OpenAPI 3.1.
    """

    named: Callable[[str], str | None]
    hidden: Callable[[Any], bool]
    matches: Callable[[str], bool]
    later: bool


def translate(raw: Any, around: Surroundings, depth: int = 0) -> Schema:
    """Return a schema in 2020-12, its references leading to `#/$defs/NAME`."""
    if isinstance(raw, bool):
        return raw
    if not isinstance(raw, dict) or depth > MAX_DEPTH:
        return {}
    made: dict[str, Any] = {}
    reference = raw.get("$ref")
    if isinstance(reference, str):
        name = around.named(reference)
        if name is not None:
            made["$ref"] = f"#/$defs/{name}"
        if not around.later or len(raw) == 1:
            _describe(raw, made)
            return made  # beside a reference, 3.0 has no other keyword
    for key, value in raw.items():
        rule = _RULES.get(key)
        if rule is not None:
            rule(key, value, made)
        elif key in _SCHEMAS:
            _SCHEMAS[key](key, value, made, around, depth + 1)
    _describe(raw, made)
    _settle(raw, made, around)
    return _nullable(raw, made) if not around.later and raw.get("nullable") is True else made


def refers(schema: Any) -> bool:
    """Whether a translated schema holds a reference anywhere."""
    if isinstance(schema, dict):
        return isinstance(schema.get("$ref"), str) or any(
            refers(part) for part in schema.values() if isinstance(part, dict | list)
        )
    return isinstance(schema, list) and any(refers(part) for part in schema)


def _describe(raw: dict[str, Any], made: dict[str, Any]) -> None:
    words = raw.get("description") or raw.get("title")
    if words:
        made["description"] = shortened(words, DESCRIPTION)
    if raw.get("deprecated") is True:
        made["deprecated"] = True


def _kind(_key: str, value: Any, made: dict[str, Any]) -> None:
    kinds = [value] if isinstance(value, str) else list(dict.fromkeys(value)) if _is_texts(value) else []
    known = [kind for kind in kinds if kind in _TYPES]
    if known:
        made["type"] = known[0] if len(known) == 1 else known


def _word(key: str, value: Any, made: dict[str, Any]) -> None:
    if isinstance(value, str) and value:
        made[key] = value


def _options(key: str, value: Any, made: dict[str, Any]) -> None:
    if isinstance(value, list) and value:
        made[key] = value


def _as_it_is(key: str, value: Any, made: dict[str, Any]) -> None:
    made[key] = value


def _example(key: str, value: Any, made: dict[str, Any]) -> None:
    told = value if key == "examples" and isinstance(value, list) else [value]
    if told and isinstance(told[0], str | int | float) and len(str(told[0])) <= _EXAMPLE:
        made["examples"] = told[:1]


def _count(key: str, value: Any, made: dict[str, Any]) -> None:
    if _is_number(value) and value >= 0 and value == int(value):
        made[key] = int(value)


def _bound(key: str, value: Any, made: dict[str, Any]) -> None:
    if _is_number(value):
        made[key] = value


def _step(key: str, value: Any, made: dict[str, Any]) -> None:
    if _is_number(value) and value > 0:
        made[key] = value


def _truth(key: str, value: Any, made: dict[str, Any]) -> None:
    if value is True:
        made[key] = True


def _names(key: str, value: Any, made: dict[str, Any]) -> None:
    if _is_texts(value) and value:
        made[key] = list(dict.fromkeys(value))


def _one(key: str, value: Any, made: dict[str, Any], around: Surroundings, depth: int) -> None:
    if isinstance(value, dict | bool):
        made[key] = translate(value, around, depth)
    elif key == "items" and isinstance(value, list) and value:
        made["prefixItems"] = [translate(part, around, depth) for part in value]


def _strict(key: str, value: Any, made: dict[str, Any], around: Surroundings, depth: int) -> None:
    """Take a keyword that would refuse more if what it refers to were left out; then it is left out itself."""
    part = translate(value, around, depth)
    if isinstance(value, dict | bool) and not refers(part):
        made[key] = part


def _list(key: str, value: Any, made: dict[str, Any], around: Surroundings, depth: int) -> None:
    if isinstance(value, list) and value:
        made[key] = [translate(part, around, depth) for part in value]


def _table(key: str, value: Any, made: dict[str, Any], around: Surroundings, depth: int) -> None:
    if isinstance(value, dict):
        made[key] = {name: translate(part, around, depth) for name, part in value.items()}


def _pattern(key: str, value: Any, made: dict[str, Any], around: Surroundings, _depth: int) -> None:
    if isinstance(value, str) and value and around.matches(value):
        made[key] = value


def _patterns(key: str, value: Any, made: dict[str, Any], around: Surroundings, depth: int) -> None:
    if isinstance(value, dict) and all(around.matches(pattern) for pattern in value):
        made[key] = {pattern: translate(part, around, depth) for pattern, part in value.items()}


def _properties(key: str, value: Any, made: dict[str, Any], around: Surroundings, depth: int) -> None:
    if isinstance(value, dict):
        made[key] = {name: translate(part, around, depth) for name, part in value.items() if not around.hidden(part)}


_RULES: dict[str, Callable[[str, Any, dict[str, Any]], None]] = {
    "type": _kind,
    **dict.fromkeys(("format", "contentEncoding", "contentMediaType"), _word),
    "enum": _options,
    **dict.fromkeys(("const", "default"), _as_it_is),
    **dict.fromkeys(("example", "examples"), _example),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _count),
    **dict.fromkeys(("minContains", "maxContains"), _count),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _bound),
    "multipleOf": _step,
    "uniqueItems": _truth,
    "required": _names,
}
_SCHEMAS: dict[str, Callable[[str, Any, dict[str, Any], Surroundings, int], None]] = {
    "properties": _properties,
    "dependentSchemas": _table,
    "pattern": _pattern,
    "patternProperties": _patterns,
    **dict.fromkeys(("items", "additionalProperties", "propertyNames", "contains"), _one),
    **dict.fromkeys(("unevaluatedProperties", "unevaluatedItems"), _one),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), _list),
    **dict.fromkeys(("not", "if", "then", "else"), _strict),
}


def _settle(raw: dict[str, Any], made: dict[str, Any], around: Surroundings) -> None:
    """Put in order what one keyword means for another."""
    for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if raw.get(exclusive) is True and limit in made:
            made[exclusive] = made.pop(limit)
    if "enum" in made:
        made.pop("examples", None)
        if "type" in made and not any(_is_of(value, made["type"]) for value in made["enum"]):
            made.pop("type")  # a string of which the document lists numbers: nothing would fit both
    if "required" in made and isinstance(raw.get("properties"), dict):
        listed = raw["properties"]
        kept = [name for name in made.pop("required") if name not in listed or not around.hidden(listed[name])]
        if kept:
            made["required"] = kept
    if "oneOf" in made and "anyOf" not in made and refers(made["oneOf"]):
        made["anyOf"] = made.pop("oneOf")  # a definition may be left out for its size, and would then fit everything
    if made.get("additionalProperties") is False and "patternProperties" in raw and "patternProperties" not in made:
        made.pop("additionalProperties")
    if "if" not in made:
        made.pop("then", None)
        made.pop("else", None)


def _nullable(raw: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Let null in, as `nullable` of 3.0 means it."""
    if "type" in made and not _CHOICES & made.keys():
        kinds = made["type"] if isinstance(made["type"], list) else [made["type"]]
        made["type"] = [*kinds, *(["null"] if "null" not in kinds else [])]
        if "enum" in made and None not in made["enum"]:
            made["enum"] = [*made["enum"], None]
        return made
    if len(raw) == 1:
        return made
    described = {"description": made.pop("description")} if "description" in made else {}
    return {**described, "anyOf": [made, {"type": "null"}]}


def _is_of(value: Any, kinds: str | list[str]) -> bool:
    return any(isinstance(value, _PYTHON[kind]) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
