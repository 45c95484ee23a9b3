"""Makes the schema of one tool self-contained: what it refers to is written once under `$defs`, cycles and all.

A model cannot read megabytes, so a tool's definitions have a budget: what is required comes first, then what is near;
a definition beyond it lets any JSON through and says so. Definitions are translated once per document and shared.
"""

import re
from collections import deque
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct

from toolyard_registry.schemas.checking import SchemaInvalid, compile_schema
from toolyard_registry.sources.openapi.keywords import Schema, Surroundings, translate
from toolyard_registry.sources.openapi.problems import Problem, Unusable
from toolyard_registry.sources.openapi.references import References, reference_of

BUDGET = 12_000
"""Bytes of definitions that one tool may carry for what is optional."""

HARD_BUDGET = 48_000
"""Bytes for what is required."""

_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_OWN = " alone"
"""Marks the variant of a definition without its choice of subtypes."""

_IN_PLACE = frozenset({"allOf", "anyOf", "oneOf"})
_TABLES = frozenset({"properties", "patternProperties", "dependentSchemas"})
_SAME = _IN_PLACE | {"prefixItems"}
_DATA = frozenset({"const", "enum", "default", "examples", "required", "type"})


class _Mention(Struct, frozen=True):
    """A reference in a translated schema: whether its value must be there, and whether it is of the same value."""

    name: str
    must: bool
    in_place: bool


class _Definition(Struct, frozen=True):
    """One translated definition, its size as JSON, and what it mentions."""

    schema: Schema
    size: int
    mentions: tuple[_Mention, ...]


class Definitions:
    """The schemas of one document, translated when first asked for.

    `problems` collects references that lead nowhere.
    """

    def __init__(self, references: References, version: Literal["3.0", "3.1"]) -> None:
        self.references = references
        self._around = Surroundings(self._named, self._hidden, self._matches, later=version == "3.1")
        self._patterns: dict[str, bool] = {}
        self._plain: dict[int, tuple[Any, Schema]] = {}
        self._names: dict[str, str] = {}
        self._sources: dict[str, str] = {}
        self._nowhere: set[str] = set()
        self._translations: dict[str, Schema] = {}
        self._made: dict[str, _Definition] = {}
        self.problems: list[Problem] = []

    def translated(self, raw: Any) -> Schema:
        """Return one schema translated, its references leading to `#/$defs/NAME`.

        A schema that many operations share, through a parameter of theirs, is translated once.
        """
        if not isinstance(raw, dict):
            return translate(raw, self._around)
        found = self._plain.get(id(raw))
        if found is None:  # kept with its source, so that the source's id is not given to another
            found = self._plain[id(raw)] = (raw, translate(raw, self._around))
        return found[1]

    def enclosed(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return a translated schema with all that it refers to under `$defs`."""
        first = tuple(_mentions(schema))
        if not first:
            return schema
        included: dict[str, Any] = {}
        must: deque[str] = deque()
        may: deque[str] = deque()
        spent = 0

        def queue(mentions: tuple[_Mention, ...], *, needed: bool) -> None:
            for mention in mentions:
                (must if needed and mention.must else may).append(mention.name)

        queue(first, needed=True)
        while must or may:
            needed = bool(must)
            name = must.popleft() if must else may.popleft()
            if name in included:
                continue
            definition = self._definition(name)
            if spent + definition.size > (HARD_BUDGET if needed else BUDGET):
                included[name] = {"description": "(any JSON: this part of the document is left out for its size)"}
                continue
            spent += definition.size
            included[name] = definition.schema
            queue(definition.mentions, needed=needed)
        return {**schema, "$defs": included}

    def _named(self, reference: str) -> str | None:
        if reference in self._names:
            return self._names[reference]
        try:
            self.references.follow({"$ref": reference})
        except Unusable as error:
            if reference not in self._nowhere:
                self.problems.append(error.at("a schema"))
                self._nowhere.add(reference)
            return None
        return self._new_name(reference)

    def _new_name(self, reference: str) -> str:
        last = reference.removesuffix(_OWN).rsplit("/", 1)[-1].replace("~1", "_").replace("~0", "~")
        plain = _NAME.sub("_", last)[:64].strip("_") or "schema"
        name, number = plain, 1
        while name in self._sources:
            number += 1
            name = f"{plain}_{number}"
        self._names[reference] = name
        self._sources[name] = reference
        return name

    def _hidden(self, part: Any) -> bool:
        if not isinstance(part, dict):
            return False
        if "$ref" not in part:
            return part.get("readOnly") is True
        try:
            target = self.references.follow(part)
        except Unusable:
            return False
        return isinstance(target, dict) and target.get("readOnly") is True

    def _matches(self, pattern: str) -> bool:
        """Whether a pattern is a regular expression; one that is none is left out, and told."""
        found = self._patterns.get(pattern)
        if found is None:
            try:
                compile_schema({"pattern": pattern})
                found = True
            except SchemaInvalid:
                words = f"{pattern[:120]!r} is no regular expression and is left out"
                self.problems.append(Problem("schema.pattern", "a pattern", words))
                found = False
            self._patterns[pattern] = found
        return found

    def _definition(self, name: str) -> _Definition:
        if name not in self._made:
            schema = self._translation(name)
            if self._circles(name):
                schema = {}
            size = len(msgspec.json.encode(schema)) + len(name) + 4
            self._made[name] = _Definition(schema, size, tuple(_mentions(schema)))
        return self._made[name]

    def _translation(self, name: str) -> Schema:
        found = self._translations.get(name)
        if found is None:
            found = self._translations[name] = self._translate(name)
        return found

    def _translate(self, name: str) -> Schema:
        """Translate a definition; a subtype that repeats its base gets the base without the choice of subtypes."""
        reference = self._sources[name]
        raw = self.references.find(reference.removesuffix(_OWN))
        if reference.endswith(_OWN) and isinstance(raw, dict):
            raw = {key: value for key, value in raw.items() if key not in ("anyOf", "oneOf")}
        schema = translate(raw, self._around)
        if not isinstance(schema, dict) or reference.endswith(_OWN) or "allOf" not in schema:
            return schema
        return {**schema, "allOf": [self._without_choice(part, reference) for part in schema["allOf"]]}

    def _without_choice(self, part: Any, subtype: str) -> Any:
        target = part.get("$ref") if isinstance(part, dict) else None
        if not isinstance(target, str):
            return part
        base = self._sources[target.removeprefix("#/$defs/")]
        raw = self.references.find(base)
        if not isinstance(raw, dict):
            return part
        choices = [*(raw.get("anyOf") or ()), *(raw.get("oneOf") or ())]
        if not any(reference_of(choice) == subtype for choice in choices):
            return part
        alone = base + _OWN
        return {**part, "$ref": f"#/$defs/{self._names.get(alone) or self._new_name(alone)}"}

    def _circles(self, name: str) -> bool:
        """Whether a definition is made of itself: a validator would never come to an end."""
        seen: set[str] = set()
        stack = [name]
        while stack:
            for mention in _mentions(self._translation(stack.pop())):
                if not mention.in_place:
                    continue
                if mention.name == name:
                    return True
                if mention.name not in seen:
                    seen.add(mention.name)
                    stack.append(mention.name)
        return False


def _mentions(schema: Any, *, must: bool = True, in_place: bool = True) -> Iterator[_Mention]:
    """Yield the references of a translated schema."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        yield _Mention(schema["$ref"].removeprefix("#/$defs/"), must, in_place)
    required = schema.get("required", ())
    for key, part in schema.items():
        if key in _DATA:
            continue
        if key in _TABLES:
            for name, one in part.items():
                needed = must and key == "properties" and name in required
                yield from _mentions(one, must=needed, in_place=in_place and key == "dependentSchemas")
            continue
        needed = must and (key in _SAME or (key == "items" and schema.get("minItems", 0) > 0))
        for one in part if isinstance(part, list) else (part,):
            yield from _mentions(one, must=needed, in_place=in_place and key in _IN_PLACE)
