"""Writes one parameter's value in every style of OpenAPI (3.1.1, section 4.8.12.3; RFC 6570); knows no parameter list.

Names and values are percent-encoded, delimiters are not. What the styles leave open is decided here: a value inside
a list that is itself a list or an object is written as JSON; a `deepObject` goes on nesting in brackets.
"""

from typing import Any, Literal, get_args

import msgspec

from toolyard_registry.sources.openapi.escaping import percent

Style = Literal["simple", "label", "matrix", "form", "spaceDelimited", "pipeDelimited", "deepObject"]
STYLES: tuple[Style, ...] = get_args(Style)

_DELIMITERS: dict[Style, str] = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}
_EXACT = 2**53


def text_of(value: Any) -> str:
    """Return a JSON value as the text that stands for it in a URL, a header or a form field."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None:
            return ""
        case float() if value.is_integer() and abs(value) < _EXACT:
            return str(int(value))
        case _:
            return msgspec.json.encode(value).decode()


def in_path(  # noqa: PLR0911 - one return for each shape that the table of styles has
    style: Style, explode: bool, name: str, value: Any, keep: frozenset[str] = frozenset()
) -> str:
    """Return what stands in a path for a parameter: `5`, `.5`, `;id=5`."""
    name = percent(name)
    if isinstance(value, dict):
        pairs = [(percent(key), percent(text_of(part), keep)) for key, part in value.items()]
        if style == "matrix":
            if explode:
                return "".join(f";{key}={part}" for key, part in pairs)
            return f";{name}=" + ",".join(piece for pair in pairs for piece in pair)
        separator = "." if style == "label" and explode else ","
        between = "=" if explode else ","
        return ("." if style == "label" else "") + separator.join(f"{key}{between}{part}" for key, part in pairs)
    if isinstance(value, list):
        parts = [percent(text_of(part), keep) for part in value]
        if style == "matrix":
            return "".join(f";{name}={part}" for part in parts) if explode else f";{name}=" + ",".join(parts)
        return "." + ("." if explode else ",").join(parts) if style == "label" else ",".join(parts)
    text = percent(text_of(value), keep)
    if style == "matrix":
        return f";{name}={text}" if text else f";{name}"
    return "." + text if style == "label" else text


def in_query(style: Style, explode: bool, name: str, value: Any, keep: frozenset[str] = frozenset()) -> list[str]:
    """Return the `name=value` pieces of a query or form for a parameter, encoded; an empty list for an empty value."""
    if style == "deepObject" and isinstance(value, dict | list):
        return [f"{key}={percent(text_of(part), keep)}" for key, part in _deep(percent(name), value)]
    key = percent(name)
    if isinstance(value, dict):
        pairs = [(percent(inner), percent(text_of(part), keep)) for inner, part in value.items()]
        if explode:
            return [f"{inner}={part}" for inner, part in pairs]
        pieces = [piece for pair in pairs for piece in pair]
    elif isinstance(value, list):
        pieces = [percent(text_of(part), keep) for part in value]
        if explode:
            return [f"{key}={piece}" for piece in pieces]
    else:
        return [f"{key}={percent(text_of(value), keep)}"]
    return [f"{key}=" + _DELIMITERS.get(style, ",").join(pieces)] if pieces else []


def in_header(explode: bool, value: Any) -> str:
    """Return a header's value in the style `simple`, which encodes nothing."""
    if isinstance(value, dict):
        return ",".join(f"{key}{'=' if explode else ','}{text_of(part)}" for key, part in value.items())
    return ",".join(map(text_of, value)) if isinstance(value, list) else text_of(value)


def _deep(key: str, value: Any) -> list[tuple[str, Any]]:
    """Return a nested value as bracketed keys, as servers in Ruby, PHP and JavaScript read them."""
    if isinstance(value, dict):
        return [pair for inner, part in value.items() for pair in _deep(f"{key}%5B{percent(inner)}%5D", part)]
    if isinstance(value, list):
        flat = not any(isinstance(part, dict | list) for part in value)
        return [pair for index, part in enumerate(value) for pair in _deep(f"{key}%5B{'' if flat else index}%5D", part)]
    return [(key, value)]
