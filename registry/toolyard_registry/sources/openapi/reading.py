"""Reads the bytes of an OpenAPI document, JSON or YAML, into plain values; knows its version and nothing inside it.

YAML is read from the parser's events, so no tag can make an object: what JSON cannot say is refused with its line.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, NoReturn

from msgspec import Struct

from toolyard_registry.sources.openapi.problems import Problem, Unusable

MAX_BYTES = 64_000_000
MAX_DEPTH = 200
MAX_NODES = 1_000_000
"""Values that the aliases of a YAML document may stand for, each counted where it is used."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,4000})\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_TAG = "tag:yaml.org,2002:"


class Reading(Struct, frozen=True):
    """A document as plain values. `problems` are mistakes that did not keep it from being read."""

    document: dict[str, Any]
    version: Literal["3.0", "3.1"]
    problems: tuple[Problem, ...] = ()


def read_document(content: bytes) -> Reading:
    """Read a document; raises Unusable with the line where it can be known."""
    if len(content) > MAX_BYTES:
        raise Unusable("document.invalid", f"has {len(content)} bytes; at most {MAX_BYTES} are read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unusable("document.invalid", f"line {line}: this is not UTF-8 text; save it as UTF-8") from error
    if not text.strip():
        raise Unusable("document.invalid", "is empty")
    document, problems = _json(text) if text.lstrip()[0] in "{[" else _yaml(text)
    if not isinstance(document, dict):
        raise Unusable("document.invalid", "is no OpenAPI document: its top level must be an object")
    return Reading(document, _version(document), problems)


def _version(document: dict[str, Any]) -> Literal["3.0", "3.1"]:
    told = document.get("openapi")
    version = str(told) if isinstance(told, str | float) else ""
    if version == "3.0" or version.startswith("3.0."):
        return "3.0"
    if version == "3.1" or version.startswith("3.1."):
        return "3.1"
    if "swagger" in document:
        version = str(document["swagger"])[:40]
        words = f"is a Swagger {version} document; convert it to OpenAPI 3 (editor.swagger.io does)"
        raise Unusable("document.version", words)
    if told is None:
        raise Unusable("document.version", "is no OpenAPI document: it does not begin with `openapi: 3.x.y`")
    raise Unusable("document.version", f"has the version {str(told)[:40]!r}; 3.0 and 3.1 can be read")


def _json(text: str) -> tuple[Any, tuple[Problem, ...]]:
    doubled: dict[int, tuple[dict[str, Any], str]] = {}

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # add returns None, which is what is wanted
            doubled[id(value)] = (value, twice)
        return value

    try:
        document = json.loads(text, object_pairs_hook=made, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Unusable("document.invalid", f"{place}: not valid JSON: {error.msg}") from error
    except RecursionError:
        raise Unusable("document.invalid", "is nested too deeply") from None
    except ValueError as error:
        words = str(error) if "JSON" in str(error) else "a number is too long"
        raise Unusable("document.invalid", words) from error
    problems = tuple(_doubled(document, doubled)) if doubled else ()
    return (_without_surrogates(document) if _SURROGATE.search(text) else document), problems


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON value")


def _doubled(document: Any, doubled: dict[int, tuple[dict[str, Any], str]]) -> Iterator[Problem]:
    """Find the places of objects that have a key twice."""
    stack: list[tuple[str, Any]] = [("", document)]
    while stack:
        where, value = stack.pop()
        if id(value) in doubled:
            key = doubled[id(value)][1]
            yield Problem("duplicate-key", f"#{where}", f"the key {key[:80]!r} is there twice; the last one counts")
        if isinstance(value, dict):
            stack.extend((f"{where}/{key}", child) for key, child in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend((f"{where}/{index}", child) for index, child in enumerate(value))


def _without_surrogates(value: Any) -> Any:
    """Return a value in which no text holds half a character, which nothing after this could encode."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(child) for child in value]
    return value


class _Open:
    """A YAML collection while its events come in; `key` is None where a mapping waits for one."""

    def __init__(self, value: dict[str, Any] | list[Any], anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: str | None = None
        self.merged: list[dict[str, Any]] = []
        self.size = 1


class _Building:
    """A YAML document while it is built from events; aliases share what they name."""

    def __init__(self) -> None:
        self.root: Any = None
        self.problems: list[Problem] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._documents = 0
        self._aliased = 0

    def take(self, kind: str, event: Any, line: int) -> None:
        """Take one of the parser's events."""
        match kind:
            case "ScalarEvent":
                self.scalar(_scalar(event, line), event.value, event.anchor, line)
            case "MappingStartEvent":
                _check_tag(event.tag, ("map",), line)
                self.begin({}, event.anchor, line)
            case "SequenceStartEvent":
                _check_tag(event.tag, ("seq",), line)
                self.begin([], event.anchor, line)
            case "MappingEndEvent" | "SequenceEndEvent":
                self.end(line)
            case "AliasEvent":
                self.alias(event.anchor, line)
            case "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    raise Unusable("document.invalid", f"line {line}: a second document begins; one per file")
            case _:
                pass  # the ends of the document and of the stream

    def begin(self, value: dict[str, Any] | list[Any], anchor: str | None, line: int) -> None:
        top = self._open[-1] if self._open else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            raise Unusable("document.invalid", f"line {line}: a key must be text")
        if len(self._open) >= MAX_DEPTH:
            raise Unusable("document.invalid", f"line {line}: is nested more than {MAX_DEPTH} levels deep")
        if anchor is not None:
            self._anchors.pop(anchor, None)
        self._open.append(_Open(value, anchor))

    def end(self, line: int) -> None:
        done = self._open.pop()
        if isinstance(done.value, dict):
            for merged in done.merged:
                for key, value in merged.items():
                    done.value.setdefault(key, value)
        self._keep(done.value, done.size, done.anchor, line)

    def alias(self, anchor: str, line: int) -> None:
        if anchor not in self._anchors:
            raise Unusable("document.invalid", f"line {line}: the alias *{anchor} names nothing that is complete here")
        value, size = self._anchors[anchor]
        self._aliased += size
        if self._aliased > MAX_NODES:
            raise Unusable("document.invalid", f"line {line}: its aliases stand for more than {MAX_NODES} values")
        self._keep(value, size, None, line)

    def scalar(self, value: Any, raw: str, anchor: str | None, line: int) -> None:
        top = self._open[-1] if self._open else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            if raw in top.value:
                words = f"the key {raw[:80]!r} is there twice; the last one counts"
                self.problems.append(Problem("duplicate-key", f"line {line}", words))
            if anchor is not None:
                self._anchors[anchor] = (raw, 1)
            top.key = raw
            return
        self._keep(value, 1, anchor, line)

    def _keep(self, value: Any, size: int, anchor: str | None, line: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, size)
        if not self._open:
            self.root = value
            return
        top = self._open[-1]
        top.size += size
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is None:
            if not isinstance(value, str):
                raise Unusable("document.invalid", f"line {line}: a key must be text")
            top.key = value
        else:
            self._set(top, top.key, value, line)
            top.key = None

    def _set(self, top: _Open, key: str, value: Any, line: int) -> None:
        assert isinstance(top.value, dict)  # noqa: S101 - only mappings have keys
        if key != "<<":
            top.value[key] = value
            return
        merged = value if isinstance(value, list) else [value]
        if not all(isinstance(one, dict) for one in merged):
            raise Unusable("document.invalid", f"line {line}: `<<` merges mappings only")
        top.merged += merged


def _yaml(text: str) -> tuple[Any, tuple[Problem, ...]]:
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 # PyYAML has no types; only YAML documents need it

    building = _Building()
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            building.take(type(event).__name__, event, event.start_mark.line + 1)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise Unusable("document.invalid", f"{place}not valid YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise Unusable("document.invalid", f"not valid YAML: {' '.join(str(error).split())[:200]}") from error
    except RecursionError:
        raise Unusable("document.invalid", "is nested too deeply") from None
    return building.root, tuple(building.problems)


def _check_tag(tag: str | None, allowed: tuple[str, ...], line: int) -> None:
    if tag is not None and tag != "!" and tag.removeprefix(_TAG) not in allowed:
        raise Unusable("document.invalid", f"line {line}: the tag {tag[:80]} is not JSON; remove it")


def _scalar(event: Any, line: int) -> Any:
    """Return a scalar by YAML 1.2's core schema: `no` and dates are text, as OpenAPI means them.

    So are digits after a leading zero, which the schema would have as a number: they are telephone and account numbers.
    """
    _check_tag(event.tag, ("str", "int", "float", "bool", "null"), line)
    text: str = event.value
    if not event.implicit[0] and event.tag in (None, "!", _TAG + "str"):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text
