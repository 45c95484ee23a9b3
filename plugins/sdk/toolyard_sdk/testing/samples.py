"""Makes arguments out of a schema: ones that fit, ones of the wrong type, and ones that an attacker would send."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from toolyard_sdk.testing.values import resolve, value_problems

_OF_EACH_TYPE: tuple[Any, ...] = ("text", 1, 1.5, True, None, [], {}, "")


def sample(schema: Any, root: Any = None) -> Any:
    """Return a small value that probably fits `schema`: patterns and formats are beyond it."""
    root = schema if root is None else root
    if not isinstance(schema, dict):
        return "text"
    if "$ref" in schema:
        return sample(resolve(schema["$ref"], root), root)
    told = [
        *schema.get("examples", ()),
        *schema.get("enum", ()),
        *(schema[w] for w in ("default", "const") if w in schema),
    ]
    if told:
        return told[0]
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return sample(options[0], root)
    kind = schema.get("type", "string")
    return _SAMPLE_OF[kind[0] if isinstance(kind, list) else kind](schema, root)


def _object(schema: dict[str, Any], root: Any) -> dict[str, Any]:
    known = schema.get("properties", {})
    return {name: sample(known.get(name, True), root) for name in schema.get("required", ())}


def _array(schema: dict[str, Any], root: Any) -> list[Any]:
    first = [sample(part, root) for part in schema.get("prefixItems", ())]
    return first + [sample(schema.get("items", True), root)] * (schema.get("minItems", 0) - len(first))


def _string(schema: dict[str, Any], _root: Any) -> str:
    return "text".ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]


def _integer(schema: dict[str, Any], _root: Any) -> int:
    lowest, highest = float(schema.get("minimum", 1)), float(schema.get("maximum", 1))
    return max(min(1, math.floor(highest)), math.ceil(lowest))


_SAMPLE_OF: dict[str, Callable[[dict[str, Any], Any], Any]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _integer,
    "boolean": lambda _schema, _root: True,
    "null": lambda _schema, _root: None,
}


def misfits(schema: Any, root: Any) -> Iterator[Any]:
    """Yield one value of each JSON type that does not fit a property's schema."""
    for value in _OF_EACH_TYPE:
        if list(value_problems(schema, value, root)):
            yield value


def hostile(fitting: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield (what it is, raw arguments) that a model or an attacker could send, many of them for each argument."""
    deep = 100_000
    yield "nothing at all", b""
    yield "no object", b"[1, 2]"
    yield "half an object", b'{"a": 1'
    yield "bytes that are not UTF-8", b'{"a": "\xff\xfe"}'
    yield "a key that is not UTF-8", b'{"\xff": 1}'
    yield "deep arrays", b'{"a": ' + b"[" * deep + b"]" * deep + b"}"
    yield "deep objects", b'{"a": ' + b'{"a":' * deep + b"1" + b"}" * deep + b"}"
    yield "many keys", msgspec.json.encode({f"k{at}": at for at in range(10_000)})
    yield "a number beyond every range", b'{"a": 1e999999}'
    yield "an integer of 5,000 digits", b'{"a": ' + b"9" * 5_000 + b"}"
    yield "NaN", b'{"a": NaN}'
    for name, value in fitting.items():
        rest = {key: other for key, other in fitting.items() if key != name}
        for what, raw in _in_place_of(value):
            yield f"{what} as {name}", _spliced(rest, name, raw)


def _in_place_of(value: Any) -> Iterator[tuple[str, bytes]]:
    if isinstance(value, str):
        yield "a lone surrogate", rb'"\ud800 x"'
        yield "raw surrogate bytes", b'"\xed\xa0\x80"'
        yield "control characters", rb'"\u0000\u0001\u001b[31m\r\n"'
        yield "text that turns direction", '"\u202etxt.\u2066"'.encode()
        yield "a huge text", b'"' + b"a" * 1_000_000 + b'"'
        yield "many brackets", b'"' + b"(" * 100_000 + b'"'
        yield "shell and SQL", b'"\'; DROP TABLE run; -- $(reboot) `id` ${IFS} %s %n {0}"'
        yield "a way out", b'"../../../../../../etc/passwd"'
        yield "nothing", b'""'
    if isinstance(value, int | float) and not isinstance(value, bool):
        for raw in (b"0", b"-1", b"9223372036854775807", b"-9223372036854775808", b"1e308"):
            yield raw.decode(), raw


def _spliced(rest: dict[str, Any], name: str, raw: bytes) -> bytes:
    return msgspec.json.encode({**rest, name: msgspec.Raw(raw)})
