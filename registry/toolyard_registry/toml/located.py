"""Reads TOML into a msgspec Struct so that every mistake has a file, a line and a cure; knows no particular file.

msgspec says what is wrong with a document, but not where: it writes `$.providers[...]` for any entry of a table. So a
document that does not fit is walked along its type to the innermost value that does not fit, and that value's line
is looked up.
"""

import difflib
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from toolyard_sdk.errors import ConfigError

from toolyard_registry.toml.lines import KeyPath, key_lines

Record = TypeVar("Record", bound=msgspec.Struct)

_POSITION = re.compile(r"\s*\(at line (\d+), column \d+\)$")
_AT_END = re.compile(r"\s*\(at end of document\)$")
_LONG_NUMBER = re.compile(r"[0-9][0-9_]{4000}")
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def load(path: Path, type_: type[Record], *, shown: str | None = None) -> Record:
    """Read a TOML file into `type_`; raises ConfigError naming `shown` (the path where left out) and the line."""
    return decode(read_text(path, shown=shown), type_, path=shown or str(path))


def read_text(path: Path, *, shown: str | None = None) -> str:
    """Return a UTF-8 file's text; raises ConfigError when it is missing, unreadable or not UTF-8."""
    place = shown or str(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError("there is no such file", path=place) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", path=place) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError("this is not UTF-8 text; save the file as UTF-8", path=place, line=line) from error


def decode(text: str, type_: type[Record], path: str = "toml", *, first_line: int = 1) -> Record:
    """Decode TOML text into `type_`; raises ConfigError with `path` and the line of the first mistake.

    `first_line` is the line of the file on which `text` begins (front matter begins on the second).
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(error, text, path, first_line) from error
    except ValueError as error:  # a number of more digits than Python reads
        number = _LONG_NUMBER.search(text)
        line = text.count("\n", 0, number.start()) if number else 0
        raise ConfigError("a number is too long", path=path, line=line + first_line) from error
    except RecursionError:
        raise ConfigError("nested too deeply", path=path, line=first_line) from None
    try:
        return msgspec.convert(document, type_)
    except msgspec.ValidationError as error:
        lines = key_lines(text)
        found = [(_line_of(lines, where), message) for where, message in _mistakes(document, type_, ())]
        line, message = min(found, default=(1, str(error)))
        raise ConfigError(message, path=path, line=line + first_line - 1) from error


def line_of(text: str, *keys: str | int, first_line: int = 1) -> int:
    """Return the line of a key in valid TOML text, or of the nearest table around it that is written down."""
    return _line_of(key_lines(text), keys) + first_line - 1


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean `x`?` for the nearest known word, or a list of what there is, or nothing."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean `{near[0]}`?"
    if not names:
        return ""
    shown = ", ".join(f"`{name}`" for name in names[:20])
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""  # noqa: PLR2004 - the same 20 as the line above
    return f"; there is {shown}{more}"


def _syntax_error(error: tomllib.TOMLDecodeError, text: str, path: str, first_line: int) -> ConfigError:
    message = str(error)
    position = _POSITION.search(message)
    # Where the text ends too early, tomllib names no line: the last one that holds something is the place to look.
    line = int(position.group(1)) if position else text.rstrip().count("\n") + 1
    words = _AT_END.sub(": the file ends here", _POSITION.sub("", message))
    return ConfigError(f"not valid TOML: {words}", path=path, line=line + first_line - 1)


def _line_of(lines: dict[KeyPath, int], where: KeyPath) -> int:
    while where:
        if where in lines:
            return lines[where]
        where = where[:-1]
    return 1


def _mistakes(value: Any, type_: Any, where: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Yield the innermost places where `value` does not fit `type_`, each with words for it."""
    type_ = _member(type_, value)
    children = list(_children(value, type_))
    found = False
    if isinstance(value, dict) and _is_struct(type_):
        for place, message in _key_mistakes(value, type_, where):
            found = True
            yield place, message
    for key, child, child_type in children:
        for place, message in _mistakes(child, child_type, (*where, key)):
            found = True
            yield place, message
    if not found:
        try:
            msgspec.convert(value, type_)
        except msgspec.ValidationError as error:
            yield where, _words(value, type_, where, error)


def _member(type_: Any, value: Any) -> Any:
    """Return the type behind an annotation, and of a union the member that a value of this shape was meant for."""
    if typing.get_origin(type_) is typing.Annotated:
        return type_ if not isinstance(value, dict | list) else _member(typing.get_args(type_)[0], value)
    if typing.get_origin(type_) in (typing.Union, types.UnionType):
        for member in typing.get_args(type_):
            inner = _member(member, value)
            shape = typing.get_origin(inner) or inner
            if isinstance(value, dict) and (_is_struct(shape) or shape is dict):
                return inner
            if isinstance(value, list) and shape in (list, tuple, set, frozenset):
                return inner
    return type_


def _is_struct(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)


def _children(value: Any, type_: Any) -> Iterator[tuple[str | int, Any, Any]]:
    """Yield what a table or array holds, with the types that its own type gives them."""
    origin, arguments = typing.get_origin(type_) or type_, typing.get_args(type_)
    if isinstance(value, dict) and _is_struct(type_):
        for field in msgspec.structs.fields(type_):
            if field.encode_name in value:
                yield field.encode_name, value[field.encode_name], field.type
    elif isinstance(value, dict) and origin is dict and arguments:
        for key, child in value.items():
            yield key, child, arguments[1]
    elif isinstance(value, list) and origin in (list, tuple, set, frozenset) and arguments:
        repeats = origin is not tuple or arguments[-1] is Ellipsis
        kinds = [arguments[0]] * len(value) if repeats else list(arguments)
        for index, (child, kind) in enumerate(zip(value, kinds, strict=False)):
            yield index, child, kind


def _key_mistakes(value: dict[str, Any], type_: Any, where: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    table = f" in [{written(where)}]" if where else ""
    if type_.__struct_config__.forbid_unknown_fields:
        for key in value:
            if key not in fields:
                # A key that is already set cannot be what was meant.
                free = [name for name in fields if name not in value]
                yield (*where, key), f"unknown key `{key}`{table}{did_you_mean(key, free)}"
    for name, field in fields.items():
        if field.required and name not in value:
            yield where, f"the key `{name}` is missing{table}"


def _words(value: Any, type_: Any, where: KeyPath, error: Exception) -> str:
    name = f"`{written(where)}`" if where else "the document"
    if typing.get_origin(type_) is typing.Literal:
        choices = [str(choice) for choice in typing.get_args(type_)]
        return f"{name} cannot be {_shown(value)}{did_you_mean(str(value), choices)}"
    reason = str(error).split(" - at `$", 1)[0]
    return f"{name}: {reason[:1].lower()}{reason[1:]}"


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - a message is one line


def written(where: KeyPath) -> str:
    """Write a key path as a person would: `rule[0].tool`, quoting keys that TOML wants quoted."""
    text = ""
    for key in where:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + (key if _BARE.match(key) else f'"{key}"')
    return text
