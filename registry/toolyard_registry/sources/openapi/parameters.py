"""Reads the parameters of an operation, those of its path included, and gives each an argument; sends nothing."""

import re
from collections.abc import Collection
from typing import Any, Literal, get_args

from msgspec import Struct

from toolyard_registry.sources.openapi.definitions import Definitions
from toolyard_registry.sources.openapi.naming import argument_names
from toolyard_registry.sources.openapi.operations import Operation
from toolyard_registry.sources.openapi.problems import Unusable
from toolyard_registry.sources.openapi.references import References
from toolyard_registry.sources.openapi.shortening import shortened
from toolyard_registry.sources.openapi.styles import STYLES, Style

Place = Literal["path", "query", "header", "cookie"]
PLACES: tuple[Place, ...] = get_args(Place)

IDEMPOTENCY_KEY = "idempotency-key"
"""A header that the server fills in by itself: the same for every attempt of one call."""

NOT_ARGUMENTS = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers no argument may set: OpenAPI ignores the first ones (3.1.1, 4.8.12.1), the others are the connection's."""

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What RFC 9110 (5.6.2) allows as a header's name."""

_DESCRIPTION = 300
_DEFAULT_STYLES: dict[Place, Style] = {"path": "simple", "header": "simple", "query": "form", "cookie": "form"}
_ALLOWED: dict[Place, frozenset[str]] = {
    "path": frozenset({"simple", "label", "matrix"}),
    "query": frozenset({"form", "spaceDelimited", "pipeDelimited", "deepObject"}),
    "header": frozenset({"simple"}),
    "cookie": frozenset({"form"}),
}


class Parameter(Struct, frozen=True):
    """One parameter as it is sent, and the argument that gives its value.

    `media` is the media type of a parameter that is described by `content` and sent as one text. `fixed` names the
    secret that fills it instead of an argument.
    """

    name: str
    place: Place
    argument: str
    schema: dict[str, Any] | bool
    required: bool = False
    style: Style = "simple"
    explode: bool = False
    reserved: bool = False
    media: str = ""
    fixed: str = ""

    @property
    def automatic(self) -> bool:
        """Whether its value is not the model's to give."""
        return bool(self.fixed) or (self.place == "header" and self.name.lower() == IDEMPOTENCY_KEY)


def read_parameters(
    operation: Operation,
    references: References,
    definitions: Definitions,
    *,
    template: Collection[str],
    fixed: dict[str, str],
) -> tuple[Parameter, ...]:
    """Return the parameters in the order of the document; raises Unusable.

    `template` names the places in the path: one that no parameter describes takes a string. `fixed` are parameters
    that an operator fills with secrets.
    """
    found: dict[tuple[str, Place], dict[str, Any]] = {}
    for listed in (operation.shared.get("parameters"), operation.raw.get("parameters")):
        for raw in listed if isinstance(listed, list) else ():
            one = references.follow(raw)
            name, place = _identity(one)
            if _is_sent(name, place, template, fixed):
                found[name, place] = one
    for name in template:
        if (name, "path") not in found:
            found[name, "path"] = {"schema": {"type": "string"}}
    given = [key for key in found if key[0] not in fixed]
    arguments = dict(zip(given, argument_names(given, taken=frozenset({"body"})), strict=True))
    return tuple(
        _parameter(name, place, arguments.get((name, place), ""), raw, definitions, fixed.get(name, ""))
        for (name, place), raw in found.items()
    )


def _identity(raw: Any) -> tuple[str, Place]:
    if not isinstance(raw, dict):
        raise Unusable("parameter.invalid", "a parameter must be an object")
    name, place = raw.get("name"), raw.get("in")
    if not isinstance(name, str) or not name:
        raise Unusable("parameter.invalid", "a parameter has no name")
    if place not in PLACES:
        raise Unusable("parameter.invalid", f"the parameter {name[:80]!r} is in {place!r}, not in {', '.join(PLACES)}")
    if place == "header" and not HEADER_NAME.fullmatch(name):
        raise Unusable("parameter.invalid", f"{name[:80]!r} is no name of a header")
    return name, place


def _is_sent(name: str, place: Place, template: Collection[str], fixed: dict[str, str]) -> bool:
    if place == "path":
        return name in template
    return name in fixed or place != "header" or name.lower() not in NOT_ARGUMENTS


def _parameter(
    name: str, place: Place, argument: str, raw: dict[str, Any], definitions: Definitions, fixed: str
) -> Parameter:
    content = raw.get("content")
    media, described = "", raw.get("schema")
    if isinstance(content, dict) and content and described is None:
        media, inside = next(iter(content.items()))
        described = inside.get("schema") if isinstance(inside, dict) else None
    style = raw.get("style")
    chosen = style if style in STYLES and style in _ALLOWED[place] else _DEFAULT_STYLES[place]
    explode = raw.get("explode")
    return Parameter(
        name=name,
        place=place,
        argument=argument,
        schema=_described(raw, argument, definitions.translated({} if described is None else described)),
        required=place == "path" or raw.get("required") is True,
        style=chosen,
        explode=explode if isinstance(explode, bool) else chosen == "form",
        reserved=raw.get("allowReserved") is True,
        media=media,
        fixed=fixed,
    )


def _described(raw: dict[str, Any], argument: str, schema: dict[str, Any] | bool) -> dict[str, Any] | bool:
    """Return an argument's schema with the parameter's own description, and its name where that is another."""
    words = shortened(raw.get("description"), _DESCRIPTION)
    name = raw.get("name", argument)
    if argument and name != argument:
        words = f"{words} (`{name}` in the {raw.get('in')})".strip()
    if not words or schema is False:
        return schema
    return {**(schema if isinstance(schema, dict) else {}), "description": words}
