"""Pure checks of calls as a model wrote them; knows no tool, no schema and no policy."""

from collections.abc import Container
from typing import Any

import msgspec
from toolyard_sdk.canonical import canonical
from toolyard_sdk.events import Problem

MAX_ARGUMENTS = 1024 * 1024
"""Characters of arguments that are read at all."""

MAX_DEPTH = 64
"""Levels of nesting in arguments."""

_decode = msgspec.json.Decoder().decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def normalise_arguments(text: str) -> bytes | Problem:
    """Return a call's arguments as canonical JSON bytes of an object, or `invalid_json`.

    Empty text and `null` mean `{}`; an object inside a JSON string is unwrapped once. Partial JSON, NaN, lone
    surrogates, numbers out of range and anything too large or too deep is refused, never repaired.
    """
    if not text:
        return b"{}"
    if len(text) > MAX_ARGUMENTS:
        return "invalid_json"
    try:
        value: Any = _decode_object(text)
    except msgspec.ValidationError:
        value = _unwrapped(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return b"{}" if not text.strip() else "invalid_json"
    if value is None or (text.count("{") + text.count("[") > MAX_DEPTH and _deeper(value, MAX_DEPTH)):
        return "invalid_json"
    try:
        return canonical(value)
    except (OverflowError, ValueError, RecursionError):
        return "invalid_json"


def match_name(raw: str, offered: Container[str]) -> str | None:
    """Return the offered tool that `raw` names, special tokens glued to it cut off; None when there is none."""
    if raw in offered:
        return raw
    name = raw.partition("<|")[0].strip()
    return name if name in offered else None


def _unwrapped(text: str) -> dict[str, Any] | None:
    """Return the object inside a JSON string, {} for null and empty text, None for anything else."""
    try:
        value = _decode(text)
        if isinstance(value, str):
            value = _decode(value) if value.strip() else None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    if value is None:
        return {}
    return value if isinstance(value, dict) else None


def _deeper(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_deeper(item, levels - 1) for item in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_deeper(item, levels - 1) for item in value)
    return False
