"""Checks JSON against a stranger's JSON Schema, quickly and without being led astray; knows no tool and no network.

Schemas come from MCP servers and OpenAPI documents. One without `$schema` is read as draft 2020-12; unknown keywords
mean nothing, as the drafts say. A `$ref` that leads out of the schema is refused, never fetched. Patterns are matched
with a bounded number of steps, and schemas that would multiply into too many checks are refused.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec
from toolyard_sdk.errors import ArgumentsInvalid

_DEPTH = 100
"""Levels of nesting in a schema; the validator itself gives up somewhat later."""

_CHECKS = 100_000
"""Subschemas that one value may have to pass, with what `$ref` leads to counted each time."""

_STEPS = 100_000
"""Steps of a pattern that needs to try more than one way."""

_TOLD = 3
"""Faults told at once: a model repairs the first ones first."""

_LONGEST = 300
"""Characters of one fault in words: places, patterns and enumerations come from strangers."""

_NAMED = 40
"""Arguments named in the reminder of what there is."""

_MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
"""Keywords whose value is a table of schemas under names of somebody's own."""

_DATA = frozenset({"const", "default", "enum", "examples", "required", "type"})
"""Keywords whose value is no schema, whatever it looks like."""


class SchemaInvalid(ValueError):
    """A schema that cannot be used: where in it, and why."""


class Validator:
    """A compiled schema; made by `compile_schema`."""

    def __init__(self, schema: Mapping[str, Any] | bool, compiled: Any) -> None:
        self._schema = schema
        self._compiled = compiled
        self._fits = compiled.is_valid

    def check(self, arguments: bytes) -> None:
        """Raise ArgumentsInvalid, naming the field, unless `arguments` is JSON that fits."""
        try:
            value = msgspec.json.decode(arguments)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ArgumentsInvalid(f"The arguments are no JSON: {error}. {self._reminder()}".rstrip()) from error
        faults = self.faults(value)
        if faults:
            raise ArgumentsInvalid(f"{'; '.join(faults)}. {self._reminder()}".rstrip())

    def faults(self, value: Any) -> tuple[str, ...]:
        """Return in words what does not fit, the first few faults of decoded JSON; nothing when it fits."""
        if self._fits(value):
            return ()
        return tuple(_told(error) for error in islice(self._compiled.iter_errors(value), _TOLD))

    def _reminder(self) -> str:
        """Say which arguments there are: `The arguments are: city (string), days (integer, optional)`."""
        properties = self._schema.get("properties") if isinstance(self._schema, Mapping) else None
        if not isinstance(properties, Mapping) or not properties:
            return ""
        required = self._schema.get("required", ()) if isinstance(self._schema, Mapping) else ()
        words = [
            f"{name} ({_kind(part)})" if name in required else f"{name} ({_kind(part)}, optional)"
            for name, part in list(properties.items())[:_NAMED]
        ]
        more = ", and others" if len(properties) > _NAMED else ""
        return f"The arguments are: {', '.join(words)}{more}."


def not_installed(error: ModuleNotFoundError) -> str:
    """Return what to do about a library that the base installation leaves out."""
    return f"it needs {error.name}, which is not installed: pip install 'toolyard[sources]'"


def compile_schema(schema: Mapping[str, Any] | bool) -> Validator:
    """Return a validator for a JSON Schema; raises SchemaInvalid, also where a reference leads out of the schema."""
    try:
        from jsonschema_rs import FancyRegexOptions, validator_for  # noqa: PLC0415 - loaded by those who have a schema
    except ModuleNotFoundError as error:
        raise SchemaInvalid(not_installed(error)) from error
    if not isinstance(schema, bool):
        _measure(schema)
    try:
        compiled = validator_for(
            schema if isinstance(schema, bool) else dict(schema),
            validate_formats=False,
            mask="the value",
            pattern_options=FancyRegexOptions(backtrack_limit=_STEPS),
            offline=True,
        )
    except (ValueError, TypeError, RecursionError) as error:
        raise SchemaInvalid(_refusal(error)) from error
    return Validator(schema, compiled)


def _told(error: Any) -> str:
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
    words = f"`{_short(place.removeprefix('.'))}`: {error.message}" if place else str(error.message)
    return _short(words)


def _refusal(error: Exception) -> str:
    """Say what is wrong with a schema, and where: `/properties/city/type: "strng" is not one of ...`."""
    reason = str(getattr(error, "message", error)).replace("the value", "it")
    place = "".join(f"/{step}" for step in getattr(error, "instance_path", ()))
    return _short(f"{place}: {reason}" if place else reason)


def _short(words: str) -> str:
    """Return the beginning and the end of what is too long: both ends of a place say something."""
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST // 3]}...{words[-_LONGEST // 3 :]}"


def _kind(schema: Any) -> str:
    """Name a field's type in a word or two."""
    if not isinstance(schema, Mapping):
        return "any JSON"
    if isinstance(schema.get("enum"), list):
        return "one of " + ", ".join(msgspec.json.encode(option).decode() for option in schema["enum"][:10])
    kind = schema.get("type", "any JSON")
    return " or ".join(str(option) for option in kind) if isinstance(kind, list) else str(kind)[:80]


def _measure(schema: Mapping[str, Any]) -> None:
    """Raise SchemaInvalid for a schema that is nested too deeply, or multiplies through its references."""
    weights: dict[int, int] = {}
    _weigh(schema, schema, weights, 0)


def _weigh(schema: Any, root: Mapping[str, Any], weights: dict[int, int], depth: int) -> int:
    """Return how many subschemas a value may meet in `schema`; a reference back to what is being weighed counts one."""
    if not isinstance(schema, Mapping):
        return 1
    known = weights.get(id(schema))
    if known is not None:
        return known
    if depth > _DEPTH:
        raise SchemaInvalid(f"it is nested more than {_DEPTH} levels deep")
    weights[id(schema)] = 1
    weight = 1 + sum(_weigh(part, root, weights, depth + 1) for part in _parts(schema))
    reference = schema.get("$ref")
    if isinstance(reference, str):
        if not reference.startswith("#") and "$id" not in root:
            raise SchemaInvalid(f"$ref {reference[:200]!r} leads out of the schema, and nothing is fetched")
        weight += _weigh(_found(root, reference), root, weights, depth + 1)
    if weight > _CHECKS:
        raise SchemaInvalid(f"its references multiply into more than {_CHECKS} checks of one value")
    weights[id(schema)] = weight
    return weight


def _parts(schema: Mapping[str, Any]) -> Iterator[Any]:
    for keyword, value in schema.items():
        if keyword in _DATA or keyword in ("$defs", "definitions"):
            continue  # definitions are weighed where they are used
        if isinstance(value, list):
            yield from value
        elif keyword in _MAPS and isinstance(value, Mapping):
            yield from value.values()
        else:
            yield value


def _found(root: Any, reference: str) -> Any:
    """Return what a JSON pointer of this schema leads to; None where it leads nowhere or is an anchor."""
    found = root
    for step in reference.lstrip("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found
