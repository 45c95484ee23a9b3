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

from msgspec import Struct
from toolyard_sdk.canonical import canonical

Schema = Mapping[str, Any] | bool
Facts = tuple[Mapping[str, Any], ...]
"""A conjunction: a value fits when it fits all of these."""

_BUDGET = 5_000
"""Comparisons of two schemas before the whole is called too large to compare."""

_DEPTH = 40
_MOST_VALUES = 500
_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")

_NAMES = {type(None): "null", bool: "boolean", int: "integer", str: "string", list: "array"}

_SILENT = frozenset(
    {"title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "nullable"}
    | {"$comment", "$schema", "$id", "$defs", "definitions", "$anchor", "discriminator", "externalDocs", "xml"}
    | {"contentEncoding", "contentMediaType", "contentSchema", "$vocabulary", "additionalItems"}
) - {"nullable", "additionalItems"}
"""Keywords that refuse no value."""

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
_UNITS = (
    ("if", "then", "else"),
    ("contains", "minContains", "maxContains"),
    ("items", "additionalItems"),
    ("dependentRequired",),
    ("dependentSchemas",),
    ("dependencies",),
)
"""Keywords that say something together, and count as met where the other schema says the very same."""


class Problem(Struct, frozen=True):
    """Where a value of the first schema may not fit the second one, and why."""

    path: str
    reason: str


def problems(inner: Schema, outer: Schema, path: str = "") -> tuple[Problem, ...]:
    """Return why not every value of `inner` is certain to fit `outer`; nothing where it is."""
    if canonical(inner) == canonical(outer):
        return ()
    for schema in (inner, outer):
        if isinstance(schema, Mapping) and not _readable(schema):
            return (Problem(path, "is written in a draft of JSON Schema, or with identifiers, that are not compared"),)
    walk = _Walk(_read(inner), _read(outer))
    found = walk.check((), walk.inner, walk.outer, path)
    if walk.spent > _BUDGET:
        return (Problem(path, "is too large to compare"),)
    return tuple(dict.fromkeys(found))


def _readable(root: Mapping[str, Any]) -> bool:
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


def _read(root: Schema) -> Schema:
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
                target = _target(self.inner, reference)
                if target is not None:
                    waiting.append(target)
            parts = rest.pop("allOf", ())
            waiting.extend(parts if isinstance(parts, list) else ())
            facts.append({name: value for name, value in rest.items() if name not in _SILENT})
        kept = tuple(fact for fact in facts if fact)
        return None if not _types(kept) else kept

    def _cases(self, facts: Facts, outer: Mapping[str, Any]) -> list[Facts] | None:
        """Split a conjunction into cases that cover it; None where there is nothing left to split."""
        for index, fact in enumerate(facts):
            others = facts[:index] + facts[index + 1 :]
            for word in ("enum", "const"):
                if word in fact:
                    values = fact["enum"] if word == "enum" else [fact["const"]]
                    if _is_scalar_const(fact) or not isinstance(values, list) or len(values) > _MOST_VALUES:
                        continue
                    return self._each(others, _without(fact, word), [_schema_of(value) for value in values])
            for word in ("anyOf", "oneOf"):
                if isinstance(fact.get(word), list):
                    return self._each(others, _without(fact, word), fact[word])
        types = _types(facts)
        if len(types) == 1 and types <= {"boolean"} and not any("const" in fact for fact in facts):
            return self._each(facts, {}, [{"const": True}, {"const": False}])
        if len(types) > 1 and any(word in outer for word in ("anyOf", "oneOf", "enum", "const", "$ref", "allOf")):
            split = [
                {"type": name} for name in _TYPES if name in types and not (name == "integer" and "number" in types)
            ]
            return self._each(facts, {}, split) if len(split) > 1 else None
        return None

    def _each(self, others: Facts, rest: Mapping[str, Any], options: list[Any]) -> list[Facts]:
        cases = (self.flat((*others, rest, option)) for option in options)
        return [case for case in cases if case is not None]

    # What the other schema demands

    def _direct(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        found: list[Problem] = []
        types = _types(facts)
        done: set[str] = set()
        for unit in _UNITS:
            said = {word: outer[word] for word in unit if word in outer}
            legacy = unit[0] == "items" and not isinstance(outer.get("items"), list) and "additionalItems" not in outer
            if not said or legacy:
                continue
            done.update(said)
            same = any({word: fact[word] for word in unit if word in fact} == said for fact in facts)
            local = "$ref" not in str(said)
            if not (same and local):
                found.append(Problem(path, f"demands `{'`, `'.join(said)}`, which is not compared"))
        for word, value in outer.items():
            if word in _SILENT or word in done or word in ("then", "else", "minContains", "maxContains"):
                continue
            if word.startswith("x-"):
                continue
            rule = _RULES.get(word)
            if rule is not None:
                if types & rule[0]:
                    found += rule[1](self, facts, outer, path)
            elif not any(fact.get(word) == value for fact in facts if word in fact) or _has_reference(value):
                found.append(Problem(path, f"demands `{word}`, which is not compared"))
        return found

    def reference(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        target = _target(self.outer, outer["$ref"])
        if target is None:
            return [Problem(path, f"refers to {str(outer['$ref'])[:80]}, which is not followed")]
        return self._fits(facts, target, path)

    def every(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        return [problem for part in outer["allOf"] for problem in self._fits(facts, part, path)]

    def some(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        options = [self._fits(facts, option, path) for option in outer["anyOf"]]
        if not all(options):
            return []
        types = _types(facts)
        near = [found for option, found in zip(outer["anyOf"], options, strict=True) if types & self._types_of(option)]
        return near[0] if len(near) == 1 else [Problem(path, "fits none of the alternatives for certain")]

    def exactly_one(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        options = outer["oneOf"]
        apart = all(self._exclusive(one, other) for index, one in enumerate(options) for other in options[index + 1 :])
        if apart:
            return self.some(facts, {"anyOf": options}, path)
        if any(fact.get("oneOf") == options for fact in facts) and not _has_reference(options):
            return []
        return [Problem(path, "has alternatives that may overlap (`oneOf`), which is not compared")]

    def _exclusive(self, one: Schema, other: Schema) -> bool:
        """Tell whether no value fits both of two alternatives of `outer`."""
        swapped = _Walk(self.outer, self.outer)
        left, right = swapped.flat((one,)), swapped.flat((other,))
        if left is None or right is None or not _types(left) & _types(right):
            return True
        values, others = _values(left), _values(right)
        if values is not None and others is not None and not _overlap(values, others):
            return True
        if _types(left) & _types(right) != {"object"}:
            return False
        for name in _required(left) & _required(right):
            one_part, other_part = swapped.flat(_member(left, name)), swapped.flat(_member(right, name))
            if one_part is None or other_part is None or not _types(one_part) & _types(other_part):
                return True
            values, others = _values(one_part), _values(other_part)
            if values is not None and others is not None and not _overlap(values, others):
                return True
        return False

    def _types_of(self, schema: Schema) -> frozenset[str]:
        flat = _Walk(self.outer, self.outer).flat((schema,))
        return _types(flat) if flat is not None else frozenset()

    def kind(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        allowed = _named_types(outer["type"])
        beyond = sorted(_types(facts) - allowed - ({"integer"} if "number" in allowed else set()))
        return [Problem(path, f"may no longer be {' or '.join(beyond)}")] if beyond else []

    def one_of_values(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        allowed = outer["enum"] if "enum" in outer else [outer["const"]]
        if "enum" in outer and "const" in outer:
            return [Problem(path, "demands `enum` and `const`, which is not compared")]
        values = _values(facts)
        if values is None:
            return [Problem(path, f"may only be {_shown(allowed)}")]
        gone = [value for value in values if not any(_same(value, other) for other in allowed)]
        return [Problem(path, f"may no longer be {_shown(gone)}")] if gone else []

    def excluded(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        if any(fact.get("not") == outer["not"] for fact in facts) and not _has_reference(outer["not"]):
            return []
        if not _types(facts) & self._types_of(outer["not"]):
            return []
        return [Problem(path, "excludes something by `not`, which is not compared")]

    def least(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        return _bounded(facts, outer, path, ("minimum", "exclusiveMinimum"), 1)

    def most(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        return _bounded(facts, outer, path, ("maximum", "exclusiveMaximum"), -1)

    def step(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        wanted = outer["multipleOf"]
        steps = [fact["multipleOf"] for fact in facts if "multipleOf" in fact]
        values = [fact["const"] for fact in facts if "const" in fact]
        whole = type(wanted) is int and wanted > 0
        if any(each == wanted or (whole and type(each) is int and each % wanted == 0) for each in steps):
            return []
        if whole and any(type(value) is int and value % wanted == 0 for value in values):
            return []
        if wanted == 1 and "number" not in _types(facts):
            return []
        return [Problem(path, f"must be a multiple of {wanted}")]

    def text(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        found = []
        if "pattern" in outer and not any(fact.get("pattern") == outer["pattern"] for fact in facts):
            found.append(Problem(path, f"must match {str(outer['pattern'])[:80]}"))
        if "format" in outer and not any(fact.get("format") == outer["format"] for fact in facts):
            found.append(Problem(path, f"must be of the format {str(outer['format'])[:80]}"))
        return found

    def size(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        found = []
        types = _types(facts)
        for unit, kind, of in (
            ("Length", "string", "characters"),
            ("Items", "array", "items"),
            ("Properties", "object", "names"),
        ):
            if kind not in types:
                continue
            least, most = outer.get(f"min{unit}", 0), outer.get(f"max{unit}")
            low, high = _sizes(facts, unit)
            if low < least:
                found.append(Problem(path, f"needs at least {least} {of}"))
            if most is not None and (high is None or high > most):
                found.append(Problem(path, f"takes at most {most} {of}"))
        return found

    def unique(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        _, high = _sizes(facts, "Items")
        if not outer["uniqueItems"] or (high is not None and high <= 1):
            return []
        met = any(fact.get("uniqueItems") is True for fact in facts)
        return [] if met else [Problem(path, "may not repeat an item")]

    def needed(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        missing = [name for name in outer["required"] if name not in _required(facts)]
        return [Problem(_at(path, name), "is required") for name in missing]

    def members(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        found: list[Problem] = []
        for name, part in outer["properties"].items():
            flat = self.flat(_member(facts, name))
            if flat is not None:
                found += self._fits(flat, part, _at(path, name))
        return found

    def patterned(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        found: list[Problem] = []
        for pattern, part in outer["patternProperties"].items():
            own = [fact["patternProperties"][pattern] for fact in facts if pattern in fact.get("patternProperties", {})]
            flat = self.flat(own)
            if flat is not None:
                found += self._fits(flat, part, _at(path, f"/{pattern}/"))
        return found

    def others(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        demanded = outer["additionalProperties"]
        named = outer.get("properties", {})
        found: list[Problem] = []
        for name in dict.fromkeys(name for fact in facts for name in fact.get("properties", {})):
            if name not in named:
                flat = self.flat(_member(facts, name))
                if flat is not None:
                    found += self._fits(flat, demanded, _at(path, name))
        rest = self.flat(_rest(facts, outer.get("patternProperties", {})))
        if rest is not None:
            problems_of_rest = self._fits(rest, demanded, _at(path, "*"))
            if demanded is False and problems_of_rest:
                return [*found, Problem(path, "takes no further names")]
            found += problems_of_rest
        return found

    def names(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        if any(fact.get("propertyNames") == outer["propertyNames"] for fact in facts) and not _has_reference(
            outer["propertyNames"]
        ):
            return []
        if self.flat(_rest(facts, {})) is None:
            every = dict.fromkeys(name for fact in facts for name in fact.get("properties", {}))
            return [
                p for name in every for p in self.check((), {"const": name}, outer["propertyNames"], _at(path, name))
            ]
        return [Problem(path, "demands something of its names")]

    def elements(self, facts: Facts, outer: Mapping[str, Any], path: str) -> list[Problem]:
        first = outer.get("prefixItems", [])
        _, high = _sizes(facts, "Items")
        longest = max([len(first), *(len(fact.get("prefixItems", [])) for fact in facts)])
        found: list[Problem] = []
        for index in range(longest):
            if high is not None and index >= high:
                return found
            part = first[index] if index < len(first) else outer.get("items", True)
            flat = self.flat(_element(facts, index))
            if flat is not None:
                found += self._fits(flat, part, f"{path}[{index}]")
        flat = self.flat(_element(facts, longest))
        if flat is not None and (high is None or high > longest):
            found += self._fits(flat, outer.get("items", True), f"{path}[]")
        return found


Rule = tuple[frozenset[str], Callable[[_Walk, Facts, Mapping[str, Any], str], list[Problem]]]

_ANY = frozenset(_TYPES)
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
    "minimum": (_NUMBER, _Walk.least),
    "exclusiveMinimum": (_NUMBER, _Walk.least),
    "maximum": (_NUMBER, _Walk.most),
    "exclusiveMaximum": (_NUMBER, _Walk.most),
    "multipleOf": (_NUMBER, _Walk.step),
    "pattern": (frozenset({"string"}), _Walk.text),
    "format": (_ANY, _Walk.text),
    "minLength": (_SIZED, _Walk.size),
    "maxLength": (_SIZED, _Walk.size),
    "minItems": (_SIZED, _Walk.size),
    "maxItems": (_SIZED, _Walk.size),
    "minProperties": (_SIZED, _Walk.size),
    "maxProperties": (_SIZED, _Walk.size),
    "uniqueItems": (_ARRAY, _Walk.unique),
    "items": (_ARRAY, _Walk.elements),
    "prefixItems": (_ARRAY, _Walk.elements),
    "required": (_OBJECT, _Walk.needed),
    "properties": (_OBJECT, _Walk.members),
    "patternProperties": (_OBJECT, _Walk.patterned),
    "additionalProperties": (_OBJECT, _Walk.others),
    "propertyNames": (_OBJECT, _Walk.names),
}
"""Keyword -> the types it says something about, and how it is compared."""


def _target(root: Schema, reference: Any) -> Schema | None:
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


def _has_reference(value: Any) -> bool:
    return "$ref" in canonical(value).decode()


def _without(fact: Mapping[str, Any], word: str) -> dict[str, Any]:
    return {name: value for name, value in fact.items() if name != word}


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _named_types(value: Any) -> frozenset[str]:
    names = frozenset(value if isinstance(value, list) else [value])
    return names | {"integer"} if "number" in names else names


def _type_of(value: Any) -> str:
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    return _NAMES.get(type(value), "object")


def _types(facts: Facts) -> frozenset[str]:
    """Return the types a value may have; `number` comes with `integer`, which may stand alone."""
    found = frozenset(_TYPES)
    for fact in facts:
        if "type" in fact:
            found &= _named_types(fact["type"])
        if "const" in fact:
            found &= {_type_of(fact["const"])}
        if isinstance(fact.get("enum"), list):
            found &= {_type_of(value) for value in fact["enum"]}
    return found


def _values(facts: Facts) -> list[Any] | None:
    """Return values among which every one that fits is, None where there are too many to tell."""
    types = _types(facts)
    for fact in facts:
        if "const" in fact:
            return [fact["const"]]
        if isinstance(fact.get("enum"), list):
            return [value for value in fact["enum"] if _type_of(value) in types]
    if types <= {"null", "boolean"}:
        return [value for value in (None, True, False) if _type_of(value) in types]
    return None


def _is_scalar_const(fact: Mapping[str, Any]) -> bool:
    return "const" in fact and not isinstance(fact["const"], dict | list)


def _schema_of(value: Any) -> dict[str, Any]:
    """Return a schema that one value fits."""
    if isinstance(value, dict):
        parts = {name: _schema_of(part) for name, part in value.items()}
        return {"type": "object", "properties": parts, "required": list(value), "additionalProperties": False}
    if isinstance(value, list):
        size = len(value)
        parts_of = [_schema_of(part) for part in value]
        whole: dict[str, Any] = {"type": "array", "prefixItems": parts_of, "minItems": size, "maxItems": size}
        alike = any(_same(one, other) for index, one in enumerate(value) for other in value[index + 1 :])
        return whole if alike else {**whole, "uniqueItems": True}
    return {"const": value}


def _same(one: Any, other: Any) -> bool:
    """Compare as JSON Schema does: 1 is 1.0, true is not 1."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _overlap(values: list[Any], others: list[Any]) -> bool:
    return any(_same(one, other) for one in values for other in others)


def _shown(values: list[Any]) -> str:
    shown = ", ".join(canonical(value).decode()[:40] for value in values[:5])
    return f"{shown} and {len(values) - 5} more" if len(values) > 5 else shown  # noqa: PLR2004 - the same 5


def _required(facts: Facts) -> frozenset[str]:
    return frozenset(name for fact in facts for name in fact.get("required", ()))


def _member(facts: Facts, name: str) -> list[Schema]:
    """Return what is known of a member: what is said under its name, or of the names that are not mentioned."""
    found: list[Schema] = []
    for fact in facts:
        named = fact.get("properties", {})
        if name in named:
            found.append(named[name])
        elif "additionalProperties" in fact and not fact.get("patternProperties"):
            found.append(fact["additionalProperties"])
    return found


def _rest(facts: Facts, excluded: Mapping[str, Any]) -> list[Schema]:
    """Return what is known of a member that no fact names and that matches no pattern of `excluded`."""
    return [
        fact["additionalProperties"]
        for fact in facts
        if "additionalProperties" in fact and fact.get("patternProperties", {}).keys() <= excluded.keys()
    ]


def _element(facts: Facts, index: int) -> list[Schema]:
    """Return what is known of the item at an index."""
    found: list[Schema] = []
    for fact in facts:
        first = fact.get("prefixItems", [])
        if index < len(first):
            found.append(first[index])
        elif isinstance(fact.get("items"), Mapping | bool):
            found.append(fact["items"])
    return found


def _sizes(facts: Facts, unit: str) -> tuple[int, int | None]:
    """Return the least and the greatest size that the facts leave; None: no bound."""
    lows = [fact[f"min{unit}"] for fact in facts if f"min{unit}" in fact]
    highs = [fact[f"max{unit}"] for fact in facts if f"max{unit}" in fact]
    if unit == "Length":
        texts = [len(fact["const"]) for fact in facts if isinstance(fact.get("const"), str)]
        lows, highs = lows + texts, highs + texts
    if unit == "Properties":
        lows.append(len(_required(facts)))
        highs += [
            len(fact.get("properties", {}))
            for fact in facts
            if fact.get("additionalProperties") is False and not fact.get("patternProperties")
        ]
    return max(lows, default=0), min(highs, default=None)


def _bounded(facts: Facts, outer: Mapping[str, Any], path: str, words: tuple[str, str], sign: int) -> list[Problem]:
    """Compare lower bounds (`sign` 1) or upper ones (-1)."""
    reach = [found for fact in facts if (found := _bound(fact, words, sign)) is not None]
    reach += [(fact["const"] * sign, False) for fact in facts if _is_number(fact.get("const"))]
    wanted = _bound(outer, words, sign)
    if any(isinstance(outer.get(word), bool) for word in words):
        same = any(all(fact.get(word) == outer.get(word) for word in words) for fact in facts)
        return [] if same else [Problem(path, f"demands `{words[1]}` as a boolean, which is not compared")]
    if wanted is None or (reach and max(reach) >= wanted):
        return []
    kind = "at least" if sign > 0 else "at most"
    said = f"{'more than' if sign > 0 else 'less than'}" if wanted[1] else kind
    return [Problem(path, f"must be {said} {wanted[0] * sign}")]


def _bound(fact: Mapping[str, Any], words: tuple[str, str], sign: int) -> tuple[Any, bool] | None:
    """Return the tighter of a closed and an open bound as (value with its sign, open)."""
    if any(isinstance(fact.get(word), bool) for word in words):
        return None
    found = [(fact[word] * sign, word == words[1]) for word in words if _is_number(fact.get(word))]
    return max(found, default=None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
