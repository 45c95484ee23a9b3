"""What is known of a JSON value by the schemas it fits: facts, looked up and put together; pure.

Facts are schemas without references and `allOf`, all of which hold at once. What is not understood is not looked at, so
what these functions return is never less than what may be.
"""

from collections.abc import Mapping
from typing import Any

from toolyard_sdk.canonical import canonical

Schema = Mapping[str, Any] | bool
Facts = tuple[Mapping[str, Any], ...]
"""A conjunction: a value fits when it fits all of these."""

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


_NAMES = {type(None): "null", bool: "boolean", int: "integer", str: "string", list: "array"}


def target(root: Schema, reference: Any) -> Schema | None:
    """Return what a local JSON pointer leads to, None where it leads nowhere that is followed."""
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")) or "%" in reference:
        return None
    found: Any = root
    for step in reference.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found if isinstance(found, Mapping | bool) else None


def alike(one: Any, other: Any) -> bool:
    """Tell whether two pieces of schemas are written alike; in Python true would equal 1."""
    return canonical(one) == canonical(other)


def has_reference(value: Any) -> bool:
    return "$ref" in canonical(value).decode()


def without(fact: Mapping[str, Any], word: str) -> dict[str, Any]:
    return {name: value for name, value in fact.items() if name != word}


def at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def named_types(value: Any) -> frozenset[str]:
    names = frozenset(value if isinstance(value, list) else [value])
    return names | {"integer"} if "number" in names else names


def type_of(value: Any) -> str:
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    return _NAMES.get(type(value), "object")


def types_of(facts: Facts) -> frozenset[str]:
    """Return the types a value may have; `number` comes with `integer`, which may stand alone."""
    found = frozenset(TYPES)
    for fact in facts:
        if "type" in fact:
            found &= named_types(fact["type"])
        if "const" in fact:
            found &= {type_of(fact["const"])}
        if isinstance(fact.get("enum"), list):
            found &= {type_of(value) for value in fact["enum"]}
    return found


def values_of(facts: Facts) -> list[Any] | None:
    """Return values among which every one that fits is, None where there are too many to tell."""
    types = types_of(facts)
    for fact in facts:
        if "const" in fact:
            return [fact["const"]]
        if isinstance(fact.get("enum"), list):
            return [value for value in fact["enum"] if type_of(value) in types]
    if types <= {"null", "boolean"}:
        return [value for value in (None, True, False) if type_of(value) in types]
    return None


def is_scalar_const(fact: Mapping[str, Any]) -> bool:
    return "const" in fact and not isinstance(fact["const"], dict | list)


def schema_of(value: Any) -> dict[str, Any]:
    """Return a schema that one value fits."""
    if isinstance(value, dict):
        parts = {name: schema_of(part) for name, part in value.items()}
        return {"type": "object", "properties": parts, "required": list(value), "additionalProperties": False}
    if isinstance(value, list):
        size = len(value)
        parts_of = [schema_of(part) for part in value]
        whole: dict[str, Any] = {"type": "array", "prefixItems": parts_of, "minItems": size, "maxItems": size}
        alike = any(same(one, other) for index, one in enumerate(value) for other in value[index + 1 :])
        return whole if alike else {**whole, "uniqueItems": True}
    return {"const": value}


def same(one: Any, other: Any) -> bool:
    """Compare as JSON Schema does: 1 is 1.0, true is not 1."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def overlap(values: list[Any], others: list[Any]) -> bool:
    return any(same(one, other) for one in values for other in others)


def shown(values: list[Any]) -> str:
    shown = ", ".join(canonical(value).decode()[:40] for value in values[:5])
    return f"{shown} and {len(values) - 5} more" if len(values) > 5 else shown  # noqa: PLR2004 - the same 5


def required_of(facts: Facts) -> frozenset[str]:
    return frozenset(name for fact in facts for name in fact.get("required", ()))


def member_of(facts: Facts, name: str) -> list[Schema]:
    """Return what is known of a member: what is said under its name, or of the names that are not mentioned."""
    found: list[Schema] = []
    for fact in facts:
        named = fact.get("properties", {})
        if name in named:
            found.append(named[name])
        elif "additionalProperties" in fact and not fact.get("patternProperties"):
            found.append(fact["additionalProperties"])
    return found


def rest_of(facts: Facts, excluded: Mapping[str, Any]) -> list[Schema]:
    """Return what is known of a member that no fact names and that matches no pattern of `excluded`."""
    return [
        fact["additionalProperties"]
        for fact in facts
        if "additionalProperties" in fact and fact.get("patternProperties", {}).keys() <= excluded.keys()
    ]


def element_of(facts: Facts, index: int) -> list[Schema]:
    """Return what is known of the item at an index."""
    found: list[Schema] = []
    for fact in facts:
        first = fact.get("prefixItems", [])
        if index < len(first):
            found.append(first[index])
        elif isinstance(fact.get("items"), Mapping | bool):
            found.append(fact["items"])
    return found


def sizes_of(facts: Facts, unit: str) -> tuple[int, int | None]:
    """Return the least and the greatest size that the facts leave; None: no bound."""
    lows = [fact[f"min{unit}"] for fact in facts if f"min{unit}" in fact]
    highs = [fact[f"max{unit}"] for fact in facts if f"max{unit}" in fact]
    if unit == "Length":
        texts = [len(fact["const"]) for fact in facts if isinstance(fact.get("const"), str)]
        lows, highs = lows + texts, highs + texts
    if unit == "Properties":
        lows.append(len(required_of(facts)))
        highs += [
            len(fact.get("properties", {}))
            for fact in facts
            if fact.get("additionalProperties") is False and not fact.get("patternProperties")
        ]
    return max(lows, default=0), min(highs, default=None)


def bound_of(fact: Mapping[str, Any], words: tuple[str, str], sign: int) -> tuple[Any, bool] | None:
    """Return the tighter of a closed and an open bound as (value with its sign, open)."""
    if any(isinstance(fact.get(word), bool) for word in words):
        return None
    found = [(fact[word] * sign, word == words[1]) for word in words if is_number(fact.get(word))]
    return max(found, default=None)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
