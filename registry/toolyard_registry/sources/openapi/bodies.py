"""Chooses what kind of body an operation takes and how an argument describes it; encodes none."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from toolyard_registry.sources.openapi.definitions import Definitions
from toolyard_registry.sources.openapi.keywords import DESCRIPTION
from toolyard_registry.sources.openapi.problems import Unusable
from toolyard_registry.sources.openapi.references import References
from toolyard_registry.sources.openapi.shortening import shortened
from toolyard_registry.sources.openapi.styles import STYLES, Style

Kind = Literal["json", "form", "multipart", "text", "binary"]

_ORDER: tuple[Kind, ...] = ("json", "form", "multipart", "text", "binary")
_MAX_DEPTH = 3
_BINARY = frozenset({"binary", "file"})
_FILE = "the file's content in base64"


class Part(Struct, frozen=True):
    """How one field of a form is written; an empty `style` leaves it to the field's value."""

    style: Style | Literal[""] = ""
    explode: bool = True
    reserved: bool = False
    media: str = ""
    is_file: bool = False


class BodyPlan(Struct, frozen=True):
    """The body of an operation: its media type as the document writes it, and how the argument becomes bytes."""

    kind: Kind
    media: str
    required: bool
    schema: dict[str, Any] | bool
    parts: dict[str, Part] = {}


def read_body(raw: Any, references: References, definitions: Definitions) -> BodyPlan | None:
    """Return the plan of an operation's `requestBody`; None without one; raises Unusable.

    Of several media types the first in this order is taken: JSON, a form, multipart, text, anything else.
    """
    if raw is None:
        return None
    body = references.follow(raw)
    if not isinstance(body, dict):
        raise Unusable("body.invalid", "its requestBody must be an object")
    content = body.get("content")
    if not isinstance(content, dict):
        raise Unusable("body.invalid", "its requestBody has no `content`")
    required = body.get("required") is True
    if not content:
        return None if not required else BodyPlan("json", "application/json", required, {})
    kinds = {media: _kind(media, entry, references) for media, entry in content.items()}
    media = min(kinds, key=lambda one: _ORDER.index(kinds[one]))
    entry = content[media] if isinstance(content[media], dict) else {}
    kind = kinds[media]
    if not (media.isascii() and media.isprintable()):
        raise Unusable("body.invalid", f"{media[:80]!r} is no media type")
    schema, parts = _schema(kind, media, entry, references, definitions)
    words = shortened(body.get("description"), DESCRIPTION)
    if words and isinstance(schema, dict):
        schema = {"description": words, **schema}
    return BodyPlan(kind, _concrete(media, kind), required, schema, parts)


def _kind(media: str, entry: Any, references: References) -> Kind:
    plain = media.partition(";")[0].strip().lower()
    main, _, sub = plain.partition("/")
    if plain == "application/x-www-form-urlencoded":
        return "form"
    if main == "multipart":
        return "multipart"
    if sub in ("json", "x-json") or sub.endswith("+json"):
        return "json"
    if main == "text" or sub in ("xml", "yaml", "x-yaml", "graphql", "javascript", "x-ndjson") or sub.endswith("+xml"):
        return "text"
    if main in ("", "*") or plain in ("application/*", "application/form-data"):
        schema = references.follow(entry.get("schema")) if isinstance(entry, dict) else None
        is_text = not isinstance(schema, dict) or schema.get("type") == "string"
        return "binary" if is_text else "multipart" if sub == "form-data" else "json"
    return "binary"


def _concrete(media: str, kind: Kind) -> str:
    """Return a media type that can be sent for one that may be a range."""
    if media and "*" not in media and "/" in media:
        return media
    if kind == "json":
        return "application/json"
    return "text/plain" if kind == "text" else "application/octet-stream"


def _schema(
    kind: Kind, media: str, entry: dict[str, Any], references: References, definitions: Definitions
) -> tuple[dict[str, Any] | bool, dict[str, Part]]:
    raw = entry.get("schema", {})
    match kind:
        case "json":
            return definitions.translated(raw), {}
        case "text":
            return _text(raw, media, references), {}
        case "binary":
            return {
                "type": "string",
                "contentEncoding": "base64",
                "description": f"{_FILE} ({media or 'any type'})",
            }, {}
        case "form" | "multipart":
            return _form(raw, entry.get("encoding"), references, definitions, files=kind == "multipart")


def _text(raw: Any, media: str, references: References) -> dict[str, Any]:
    try:
        described = references.follow(raw)
    except Unusable:
        described = {}
    plain = {"type": "string"}
    if isinstance(described, dict) and described.get("type") == "string":
        plain |= {key: described[key] for key in ("enum", "pattern") if isinstance(described.get(key), list | str)}
    return {**plain, "description": f"the body as text ({media})"}


def _form(
    raw: Any, encoding: Any, references: References, definitions: Definitions, *, files: bool
) -> tuple[dict[str, Any] | bool, dict[str, Part]]:
    """Return a form's schema as one flat object where it can be one: each field is a part of its own."""
    told: Mapping[str, Any] = encoding if isinstance(encoding, dict) else {}
    properties, required, flat = _fields(raw, references, set())
    if not flat:
        return definitions.translated(raw), {name: _part(told.get(name), is_file=False) for name in told}
    parts: dict[str, Part] = {}
    schemas: dict[str, Any] = {}
    for name, one in properties.items():
        is_file = files and _is_file(one, references)
        parts[name] = _part(told.get(name), is_file=is_file)
        schemas[name] = _file_schema(one, references) if is_file else one
    made = definitions.translated({"type": "object", "properties": schemas, "required": required})
    return made, parts


def _fields(raw: Any, references: References, seen: set[int]) -> tuple[dict[str, Any], list[str], bool]:
    """Return the properties of an object, those of `allOf` included, and whether they are all it is made of."""
    one = references.follow(raw)
    if not isinstance(one, dict):
        return {}, [], False
    if id(one) in seen:  # it has been taken already, or is being taken
        return {}, [], True
    seen.add(id(one))
    properties: dict[str, Any] = {}
    required: list[str] = []
    flat = not ({"anyOf", "oneOf", "not", "if", "patternProperties"} & one.keys())
    for part in one["allOf"] if isinstance(one.get("allOf"), list) else ():
        inner, needed, is_flat = _fields(part, references, seen)
        properties |= inner
        required += needed
        flat = flat and is_flat
    own = one.get("properties")
    properties |= own if isinstance(own, dict) else {}
    listed = one.get("required")
    required += [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    return properties, required, flat


def _part(told: Any, *, is_file: bool) -> Part:
    raw = told if isinstance(told, dict) else {}
    style = raw.get("style")
    explode = raw.get("explode")
    media = raw.get("contentType")
    return Part(
        style=style if style in STYLES else "form" if isinstance(explode, bool) else "",
        explode=explode if isinstance(explode, bool) else style in (None, "form"),
        reserved=raw.get("allowReserved") is True,
        media=media.partition(",")[0].strip() if isinstance(media, str) and "*" not in media else "",
        is_file=is_file,
    )


def _is_file(raw: Any, references: References, depth: int = 0) -> bool:
    """Whether a field is a file, or a list of files: its text is no text."""
    try:
        one = references.follow(raw)
    except Unusable:
        return False
    if not isinstance(one, dict):
        return False
    if one.get("type") == "array":
        return depth < _MAX_DEPTH and _is_file(one.get("items"), references, depth + 1)
    media = one.get("contentMediaType")
    return (
        one.get("format") in _BINARY
        or one.get("type") == "file"
        or (
            isinstance(media, str)
            and "contentEncoding" not in one
            and not media.startswith(("text/", "application/json"))
        )
    )


def _file_schema(raw: Any, references: References) -> dict[str, Any]:
    one = references.follow(raw)
    if one.get("type") == "array":
        return {**one, "items": _file_schema(one.get("items"), references)}
    words = shortened(one.get("description"), DESCRIPTION)
    described = f"{words} ({_FILE})" if words else _FILE
    kept = {key: one[key] for key in ("readOnly", "nullable") if key in one}
    return {"type": "string", "contentEncoding": "base64", "description": described, **kept}
