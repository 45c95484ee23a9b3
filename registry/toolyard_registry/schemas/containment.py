"""Tells whether every value of one JSON Schema fits another; pure, and on the safe side of whatever it cannot tell.

Sound on what it knows: types, enumerations, bounds, objects, arrays, `allOf`, `anyOf`, `$ref` within the schema, and
`oneOf` of alternatives that exclude each other. What else a schema demands counts as met only where the other one
demands the very same. No answer is "maybe": what is not certain is a problem, with its place and its reason.

The first schema is looked at as a conjunction of facts; facts that are not understood are left out, which makes it
larger and the answer safer. Schemas are read as draft 2020-12, or as draft 7 where `$schema` says so; formats count as
demands, though not every validator checks them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from toolyard_sdk.canonical import canonical

from toolyard_registry.schemas.bounds import Problem, least, most, size, step, text, unique
from toolyard_registry.schemas.drafts import as_read, readable
from toolyard_registry.schemas.facts import (
    TYPES,
    Facts,
    Schema,
    alike,
    at,
    element_of,
    has_reference,
    is_scalar_const,
    member_of,
    named_types,
    overlap,
    required_of,
    rest_of,
    same,
    schema_of,
    shown,
    sizes_of,
    target,
    types_of,
    values_of,
    without,
)

_SILENT = frozenset(
    {"title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly"}
    | {"$comment", "$schema", "$id", "$defs", "definitions", "$anchor", "discriminator", "externalDocs", "xml"}
    | {"contentEncoding", "contentMediaType", "contentSchema", "$vocabulary"}
)
"""Keywords that refuse no value."""

_BUDGET = 5_000
"""Comparisons of two schemas before the whole is called too large to compare."""

_LARGEST = 400_000
"""Bytes of two schemas that are compared."""

_DEPTH = 40
_MOST_VALUES = 500
_UNITS = (
    ("if", "then", "else"),
    ("contains", "minContains", "maxContains"),
    ("items", "additionalItems"),
    ("dependentRequired",),
    ("dependentSchemas",),
    ("dependencies",),
)
"""Keywords that say something together, and count as met where the other schema says the very same."""


def problems(inner: Schema, outer: Schema, path: str = "") -> tuple[Problem, ...]:
    """Return why not every value of `inner` is certain to fit `outer`; nothing where it is."""
    one, other = canonical(inner), canonical(outer)
    if one == other:
        return ()
    if len(one) + len(other) > _LARGEST:
        return (Problem(path, "is too large to compare"),)
    for schema in (inner, outer):
        if isinstance(schema, Mapping) and not readable(schema):
            return (Problem(path, "is written in a draft of JSON Schema, or with identifiers, that are not compared"),)
    walk = _Walk(as_read(inner), as_read(outer))
    found = walk.check((), walk.inner, walk.outer, path)
    if walk.spent > _BUDGET:
        return (Problem(path, "is too large to compare"),)
    return tuple(dict.fromkeys(found))


class _Walk:
    """One comparison of two whole schemas: `inner` and `outer` are where references lead."""

    def __init__(self, inner: Schema, outer: Schema) -> None:
        self.inner = inner
        self.outer = outer
        self.spent = 0
        self._open: dict[bytes, str] = {}

    def check(self, facts: Facts, more: Schema, outer: Schema, path: str) -> list[Problem]:
        """Return why a value that fits `facts` and `more` may not fit `outer`."""
        flat = self.flat((*facts, more))
        return self._fits(flat, outer, path) if flat is not None else []

    def _fits(self, facts: Facts, outer: Schema, path: str) -> list[Problem]:
        self.spent += 1
        if outer is True or outer == {}:
            return []
        if self.spent > _BUDGET:
            return [Problem(path, "is too large to compare")]
        if outer is False:
            return [Problem(path, "is no longer allowed")]
        key = canonical([list(facts), outer])
        before = self._open.get(key)
        if before is not None:  # further inside the value it holds by induction, at the same place it says nothing
            return [] if len(path) > len(before) else [Problem(path, "refers to itself")]
        if path.count(".") + path.count("[") > _DEPTH:
            return [Problem(path, "is nested too deeply to compare")]
        self._open[key] = path
        try:
            return self._compare(facts, outer, path)
        finally:
            del self._open[key]

    def _compare(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        found = self._direct(facts, outer, path)
        if not found:
            return []
        cases = self._cases(facts, outer)
        if cases is None:
            return found
        return [problem for case in cases for problem in self._fits(case, outer, path)]

    # What a schema says, as facts

    def flat(self, schemas: Iterable[Schema]) -> Facts | None:
        """Spread references and `allOf` into one conjunction; None where no value can fit."""
        facts: list[Mapping[str, Any]] = []
        waiting, seen = list(schemas), set[str]()
        while waiting:
            schema = waiting.pop(0)
            if schema is False:
                return None
            if not isinstance(schema, Mapping):
                continue
            rest = dict(schema)
            reference = rest.pop("$ref", None)
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                found = target(self.inner, reference)
                if found is not None:
                    waiting.append(found)
            parts = rest.pop("allOf", ())
            waiting.extend(parts if isinstance(parts, list) else ())
            facts.append({name: value for name, value in rest.items() if name not in _SILENT})
        kept = tuple(fact for fact in facts if fact)
        return None if not types_of(kept) else kept

    def _cases(self, facts: Facts, outer: Mapping[str, Any]) -> list[Facts] | None:
        """Split a conjunction into cases that cover it; None where there is nothing left to split."""
        for index, fact in enumerate(facts):
            others = facts[:index] + facts[index + 1 :]
            for word in ("enum", "const"):
                if word in fact:
                    values = fact["enum"] if word == "enum" else [fact["const"]]
                    if is_scalar_const(fact) or not isinstance(values, list) or len(values) > _MOST_VALUES:
                        continue
                    return self._each(others, without(fact, word), [schema_of(value) for value in values])
            for word in ("anyOf", "oneOf"):
                if isinstance(fact.get(word), list):
                    return self._each(others, without(fact, word), fact[word])
        types = types_of(facts)
        if len(types) == 1 and types <= {"boolean"} and not any("const" in fact for fact in facts):
            return self._each(facts, {}, [{"const": True}, {"const": False}])
        if len(types) > 1 and any(word in outer for word in ("anyOf", "oneOf", "enum", "const", "$ref", "allOf")):
            split = [
                {"type": name} for name in TYPES if name in types and not (name == "integer" and "number" in types)
            ]
            return self._each(facts, {}, split) if len(split) > 1 else None
        return None

    def _each(self, others: Facts, rest: Mapping[str, Any], options: list[Any]) -> list[Facts]:
        cases = (self.flat((*others, rest, option)) for option in options)
        return [case for case in cases if case is not None]

    # What the other schema demands

    def _direct(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        found: list[Problem] = []
        types = types_of(facts)
        done: set[str] = set()
        for unit in _UNITS:
            said = {word: outer[word] for word in unit if word in outer}
            legacy = unit[0] == "items" and not isinstance(outer.get("items"), list) and "additionalItems" not in outer
            if not said or legacy:
                continue
            done.update(said)
            same = any(alike({word: fact[word] for word in unit if word in fact}, said) for fact in facts)
            local = "$ref" not in str(said)
            if not (same and local):
                found.append(Problem(path, f"demands `{'`, `'.join(said)}`, which is not compared"))
        for word, value in outer.items():
            if word in _SILENT or word in done or word in ("then", "else", "minContains", "maxContains"):
                continue
            if word.startswith("x-"):
                continue
            rule, bound = _RULES.get(word), _BOUNDS.get(word)
            if rule is not None:
                found += rule[1](self, facts, outer, path) if types & rule[0] else []
            elif bound is not None:
                found += bound[1](facts, outer, path) if types & bound[0] else []
            elif not any(alike(fact[word], value) for fact in facts if word in fact) or has_reference(value):
                found.append(Problem(path, f"demands `{word}`, which is not compared"))
        return found

    def reference(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        found = target(self.outer, outer["$ref"])
        if found is None:
            return [Problem(path, f"refers to {str(outer['$ref'])[:80]}, which is not followed")]
        return self._fits(facts, found, path)

    def every(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        return [problem for part in outer["allOf"] for problem in self._fits(facts, part, path)]

    def some(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        options = [self._fits(facts, option, path) for option in outer["anyOf"]]
        if not all(options):
            return []
        types = types_of(facts)
        near = [found for option, found in zip(outer["anyOf"], options, strict=True) if types & self._types_of(option)]
        return near[0] if len(near) == 1 else [Problem(path, "fits none of the alternatives for certain")]

    def exactly_one(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        options = outer["oneOf"]
        apart = all(self._exclusive(one, other) for index, one in enumerate(options) for other in options[index + 1 :])
        if apart:
            return self.some(facts, {"anyOf": options}, path)
        if any(alike(fact.get("oneOf"), options) for fact in facts) and not has_reference(options):
            return []
        return [Problem(path, "has alternatives that may overlap (`oneOf`), which is not compared")]

    def _exclusive(self, one: Schema, other: Schema) -> bool:
        """Tell whether no value fits both of two alternatives of `outer`."""
        swapped = _Walk(self.outer, self.outer)
        left, right = swapped.flat((one,)), swapped.flat((other,))
        if left is None or right is None or not types_of(left) & types_of(right):
            return True
        values, others = values_of(left), values_of(right)
        if values is not None and others is not None and not overlap(values, others):
            return True
        if types_of(left) & types_of(right) != {"object"}:
            return False
        for name in required_of(left) & required_of(right):
            one_part, other_part = swapped.flat(member_of(left, name)), swapped.flat(member_of(right, name))
            if one_part is None or other_part is None or not types_of(one_part) & types_of(other_part):
                return True
            values, others = values_of(one_part), values_of(other_part)
            if values is not None and others is not None and not overlap(values, others):
                return True
        return False

    def _types_of(self, schema: Schema) -> frozenset[str]:
        flat = _Walk(self.outer, self.outer).flat((schema,))
        return types_of(flat) if flat is not None else frozenset()

    def kind(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        allowed = named_types(outer["type"])
        beyond = sorted(types_of(facts) - allowed - ({"integer"} if "number" in allowed else set()))
        return [Problem(path, f"may no longer be {' or '.join(beyond)}")] if beyond else []

    def one_of_values(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        allowed = outer["enum"] if "enum" in outer else [outer["const"]]
        if "enum" in outer and "const" in outer:
            return [Problem(path, "demands `enum` and `const`, which is not compared")]
        values = values_of(facts)
        if values is None:
            return [Problem(path, f"may only be {shown(allowed)}")]
        gone = [value for value in values if not any(same(value, other) for other in allowed)]
        return [Problem(path, f"may no longer be {shown(gone)}")] if gone else []

    def excluded(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        if any(alike(fact.get("not"), outer["not"]) for fact in facts) and not has_reference(outer["not"]):
            return []
        if not types_of(facts) & self._types_of(outer["not"]):
            return []
        return [Problem(path, "excludes something by `not`, which is not compared")]

    def needed(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        missing = [name for name in outer["required"] if name not in required_of(facts)]
        return [Problem(at(path, name), "is required") for name in missing]

    def members(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        found: list[Problem] = []
        for name, part in outer["properties"].items():
            flat = self.flat(member_of(facts, name))
            if flat is not None:
                found += self._fits(flat, part, at(path, name))
        return found

    def patterned(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        found: list[Problem] = []
        for pattern, part in outer["patternProperties"].items():
            own = [fact["patternProperties"][pattern] for fact in facts if pattern in fact.get("patternProperties", {})]
            flat = self.flat(own)
            if flat is not None:
                found += self._fits(flat, part, at(path, f"/{pattern}/"))
        return found

    def others(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        demanded = outer["additionalProperties"]
        named = outer.get("properties", {})
        found: list[Problem] = []
        for name in dict.fromkeys(name for fact in facts for name in fact.get("properties", {})):
            if name not in named:
                flat = self.flat(member_of(facts, name))
                if flat is not None:
                    found += self._fits(flat, demanded, at(path, name))
        rest = self.flat(rest_of(facts, outer.get("patternProperties", {})))
        if rest is not None:
            problems_of_rest = self._fits(rest, demanded, at(path, "*"))
            if demanded is False and problems_of_rest:
                return [*found, Problem(path, "takes no further names")]
            found += problems_of_rest
        return found

    def names(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        if any(alike(fact.get("propertyNames"), outer["propertyNames"]) for fact in facts) and not has_reference(
            outer["propertyNames"]
        ):
            return []
        if self.flat(rest_of(facts, {})) is None:
            every = dict.fromkeys(name for fact in facts for name in fact.get("properties", {}))
            return [
                p for name in every for p in self.check((), {"const": name}, outer["propertyNames"], at(path, name))
            ]
        return [Problem(path, "demands something of its names")]

    def elements(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        first = outer.get("prefixItems", [])
        _, high = sizes_of(facts, "Items")
        longest = max([len(first), *(len(fact.get("prefixItems", [])) for fact in facts)])
        found: list[Problem] = []
        for index in range(longest):
            if high is not None and index >= high:
                return found
            part = first[index] if index < len(first) else outer.get("items", True)
            flat = self.flat(element_of(facts, index))
            if flat is not None:
                found += self._fits(flat, part, f"{path}[{index}]")
        flat = self.flat(element_of(facts, longest))
        if flat is not None and (high is None or high > longest):
            found += self._fits(flat, outer.get("items", True), f"{path}[]")
        return found


Rule = tuple[frozenset[str], Callable[[_Walk, Facts, Mapping[str, Any], str], list[Problem]]]
Bound = Callable[[Facts, Mapping[str, Any], str], list[Problem]]

_ANY = frozenset(TYPES)
_NUMBER = frozenset({"integer", "number"})
_SIZED = frozenset({"string", "array", "object"})
_OBJECT = frozenset({"object"})
_ARRAY = frozenset({"array"})

_RULES: dict[str, Rule] = {
    "$ref": (_ANY, _Walk.reference),
    "allOf": (_ANY, _Walk.every),
    "anyOf": (_ANY, _Walk.some),
    "oneOf": (_ANY, _Walk.exactly_one),
    "not": (_ANY, _Walk.excluded),
    "type": (_ANY, _Walk.kind),
    "enum": (_ANY, _Walk.one_of_values),
    "const": (_ANY, _Walk.one_of_values),
    "items": (_ARRAY, _Walk.elements),
    "prefixItems": (_ARRAY, _Walk.elements),
    "required": (_OBJECT, _Walk.needed),
    "properties": (_OBJECT, _Walk.members),
    "patternProperties": (_OBJECT, _Walk.patterned),
    "additionalProperties": (_OBJECT, _Walk.others),
    "propertyNames": (_OBJECT, _Walk.names),
}
"""Keyword -> the types it says something about, and how it is compared."""

_BOUNDS: dict[str, tuple[frozenset[str], Bound]] = {
    "minimum": (_NUMBER, least),
    "exclusiveMinimum": (_NUMBER, least),
    "maximum": (_NUMBER, most),
    "exclusiveMaximum": (_NUMBER, most),
    "multipleOf": (_NUMBER, step),
    "pattern": (frozenset({"string"}), text),
    "format": (_ANY, text),
    "minLength": (_SIZED, size),
    "maxLength": (_SIZED, size),
    "minItems": (_SIZED, size),
    "maxItems": (_SIZED, size),
    "minProperties": (_SIZED, size),
    "maxProperties": (_SIZED, size),
    "uniqueItems": (_ARRAY, unique),
}
"""The same of keywords that say how large a value is."""
