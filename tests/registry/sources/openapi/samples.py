"""Makes arguments out of a tool's input schema: everything required, nothing more; knows no document.

Where one attempt does not fit, another `variant` takes other branches, examples instead of made-up values, and so on.
"""

import math
import re
from re import _constants as sre  # type: ignore[attr-defined]  # the parser of patterns has no public name
from re import _parser as parser  # type: ignore[attr-defined]  # as above
from typing import Any

VARIANTS = 6

_FORMATS = {
    "date-time": "2024-05-06T07:08:09Z",
    "date": "2024-05-06",
    "time": "07:08:09Z",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "email": "someone@example.org",
    "uri": "https://example.org/a",
    "url": "https://example.org/a",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "byte": "QUJD",
    "base64": "QUJD",
    "duration": "P1D",
    "int32": "1",
    "int64": "1",
    "double": "1",
}
_DEEP = 14


def sample(schema: Any, variant: int = 0) -> Any:
    """Return a value that probably fits a self-contained schema."""
    return _Sampler(schema, variant).value(schema, 0, 0)


class _Sampler:
    def __init__(self, root: Any, variant: int) -> None:
        self._definitions = root.get("$defs", {}) if isinstance(root, dict) else {}
        self._told = variant % 2 == 1
        self._branch = variant // 2
        self._ample = variant >= 4

    def value(self, schema: Any, depth: int, index: int) -> Any:
        if not isinstance(schema, dict):
            return "text"
        flat = self._flat(schema, 0)
        told = self._given(flat, index)
        if told:
            return told[0]
        kind = flat.get("type")
        kinds = kind if isinstance(kind, list) else [kind] if kind else [_guessed(flat)]
        return self._made(next((one for one in kinds if one != "null"), "null"), flat, depth, index)

    def _given(self, flat: dict[str, Any], index: int) -> list[Any]:
        """Return the value that the schema itself gives, if any."""
        if "const" in flat:
            return [flat["const"]]
        if "enum" in flat:
            return [flat["enum"][index % len(flat["enum"])]]
        if self._told and not index:
            if "default" in flat and flat["default"] not in (None, ""):
                return [flat["default"]]
            return list(flat.get("examples", ()))[:1]
        return []

    def _made(self, kind: str, flat: dict[str, Any], depth: int, index: int) -> Any:
        match kind:
            case "object":
                return self._object(flat, depth)
            case "array":
                return self._array(flat, depth)
            case "integer" | "number":
                return _number(flat, 1 if kind == "integer" else 0, index)
            case "boolean" | "null":
                return True if kind == "boolean" else None
            case _:
                return _string(flat, index)

    def _flat(self, schema: Any, depth: int) -> dict[str, Any]:
        """Write references and branches into one schema."""
        if not isinstance(schema, dict) or depth > _DEEP:
            return {}
        flat = {key: part for key, part in schema.items() if key not in ("$ref", "allOf", "anyOf", "oneOf", "$defs")}
        if "$ref" in schema:
            _merge(flat, self._flat(self._definitions.get(schema["$ref"].removeprefix("#/$defs/")), depth + 1))
        for part in schema.get("allOf", ()):
            _merge(flat, self._flat(part, depth + 1))
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                _merge(flat, self._flat(schema[key][self._branch % len(schema[key])], depth + 1))
        return flat

    def _object(self, flat: dict[str, Any], depth: int) -> dict[str, Any]:
        if depth > _DEEP:
            return {}
        known = flat.get("properties", {})
        names = list(flat.get("required", ()))
        if self._ample and not names and depth:
            names = list(known)[:1]
        names += [name for name in known if name not in names][: max(0, flat.get("minProperties", 0) - len(names))]
        made = {name: self.value(known.get(name, flat.get("additionalProperties", {})), depth + 1, 0) for name in names}
        for number in range(flat.get("minProperties", 0) - len(made)):
            made[f"key{number}"] = self.value(flat.get("additionalProperties", {}), depth + 1, 0)
        return made

    def _array(self, flat: dict[str, Any], depth: int) -> list[Any]:
        if depth > _DEEP:
            return []
        first = [self.value(part, depth + 1, 0) for part in flat.get("prefixItems", ())]
        count = max(flat.get("minItems", 0), 0 if flat.get("maxItems") == 0 else 1)
        items = flat.get("items", {})
        return first + [self.value(items, depth + 1, index) for index in range(len(first), min(count, 200))]


def _guessed(flat: dict[str, Any]) -> str:
    if "properties" in flat or "required" in flat or "additionalProperties" in flat:
        return "object"
    if "items" in flat:
        return "array"
    return "number" if "minimum" in flat or "maximum" in flat else "string"


def _merge(flat: dict[str, Any], other: dict[str, Any]) -> None:
    for key, part in other.items():
        if key == "properties" and key in flat:
            mine = flat[key]
            flat[key] = {**mine, **{n: {"allOf": [mine[n], one]} if n in mine else one for n, one in part.items()}}
        elif key == "required":
            flat[key] = list(dict.fromkeys([*flat.get(key, ()), *part]))
        elif key == "enum" and key in flat:
            flat[key] = [one for one in flat[key] if one in part] or flat[key]
        elif key == "type" and isinstance(flat.get(key), list) and isinstance(part, str):
            flat[key] = part
        else:
            flat.setdefault(key, part)


def _number(flat: dict[str, Any], step: int, index: int) -> float:
    low, high = flat.get("minimum", -math.inf), flat.get("maximum", math.inf)
    every = flat.get("multipleOf", step)
    after, before = flat.get("exclusiveMinimum"), flat.get("exclusiveMaximum")
    if after is not None:
        low = max(low, after + (every or min(1, (min(high, before or math.inf) - after) / 2)))
    if before is not None:
        high = min(high, before - (every or min(1, (before - low) / 2 if low > -math.inf else 1)))
    value = max(low, min(1, high)) + index
    if value > high:
        value = max(low, high - index)
    if every:
        value = math.ceil(value / every) * every
        value = value if value <= high else math.floor(high / every) * every
    return int(value) if value == int(value) else value


def _string(flat: dict[str, Any], index: int) -> str:
    low, high = flat.get("minLength", 0), flat.get("maxLength", math.inf)
    if "pattern" in flat:
        usual = _FORMATS.get(str(flat.get("format")), "")
        made = usual if usual and re.search(flat["pattern"], usual) else matching(flat["pattern"], low)
    else:
        made = _FORMATS.get(str(flat.get("format")), "text")
        if not low <= len(made) <= high:
            made = ("text" * (int(low) // 4 + 1))[: int(min(high, max(low, 4)))]
        if index:
            made = made[: -len(str(index))] + str(index)
    return made


def matching(pattern: str, low: int = 0) -> str:
    """Return a text that a pattern probably matches."""
    written = re.sub(r"\(\?<(?![=!])", "(?P<", pattern)
    made = "text"
    for repeats in (1, 2, 4, 8, 16, max(low - 2, 1), max(low - 1, 1), low, 40, 200):
        try:
            made = "".join(_of(parser.parse(written), repeats, {}))
        except (re.error, RecursionError, OverflowError, ValueError):
            return "text"
        if len(made) >= low and re.search(written, made):
            return made
    return made


def _of(parsed: Any, repeats: int, groups: dict[int, str]) -> list[str]:
    return [_one_of(code, value, repeats, groups) for code, value in parsed]


def _one_of(code: Any, value: Any, repeats: int, groups: dict[int, str]) -> str:
    if code in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        low, high, inner = value
        times: int = max(low, min(int(high), repeats))
        return "".join(_of(inner, repeats, groups)) * times
    if code is sre.SUBPATTERN:
        text: str = "".join(_of(value[3], repeats, groups))
        if value[0] is not None:
            groups[value[0]] = text
        return text
    if code is sre.BRANCH:
        return "".join(_of(value[1][0], repeats, groups))
    if code is sre.IN:
        return _one_in(value)
    if code is sre.NOT_LITERAL:
        return "b" if value == ord("a") else "a"
    plain: dict[Any, Any] = {sre.LITERAL: chr, sre.ANY: lambda _: "a", sre.CATEGORY: _of_category}
    plain[sre.GROUPREF] = lambda number: groups.get(number, "")
    return str(plain[code](value)) if code in plain else ""  # anchors and what looks around stand for nothing


def _of_category(category: Any) -> str:
    return {sre.CATEGORY_DIGIT: "1", sre.CATEGORY_SPACE: " ", sre.CATEGORY_NOT_WORD: "-"}.get(category, "a")


def _one_in(options: Any) -> str:
    negated = bool(options) and options[0][0] is sre.NEGATE
    if not negated:
        ranked = sorted(options, key=lambda one: one[0] is sre.LITERAL)
        code, value = ranked[0]
        if code is sre.RANGE:
            return next((chr(c) for c in (ord("a"), ord("A"), ord("1")) if value[0] <= c <= value[1]), chr(value[0]))
        return _of_category(value) if code is sre.CATEGORY else chr(value)
    for char in "aA1-_ .~":
        if not any(_holds(code, value, char) for code, value in options[1:]):
            return char
    return "é"


def _holds(code: Any, value: Any, char: str) -> bool:
    if code is sre.LITERAL:
        return bool(value == ord(char))
    if code is sre.RANGE:
        return bool(value[0] <= ord(char) <= value[1])
    kinds = {
        sre.CATEGORY_DIGIT: char.isdigit(),
        sre.CATEGORY_NOT_DIGIT: not char.isdigit(),
        sre.CATEGORY_SPACE: char.isspace(),
        sre.CATEGORY_NOT_SPACE: not char.isspace(),
        sre.CATEGORY_WORD: char.isalnum() or char == "_",
        sre.CATEGORY_NOT_WORD: not (char.isalnum() or char == "_"),
    }
    return bool(kinds.get(value, False))
