"""Encodes form bodies: `application/x-www-form-urlencoded` and `multipart/form-data` (RFC 7578); knows no schema."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from toolyard_registry.sources.openapi.bodies import Part
from toolyard_registry.sources.openapi.escaping import HARMLESS, percent
from toolyard_registry.sources.openapi.styles import in_query, text_of

_PLAIN = Part()


def urlencoded(fields: Mapping[str, Any], parts: Mapping[str, Part]) -> str:
    """Return an object as a form: lists repeat their name, an object inside is JSON, unless a style says otherwise."""
    written: list[str] = []
    for name, value in fields.items():
        part = parts.get(name, _PLAIN)
        if value is None:
            continue
        if part.media and "json" in part.media:
            written.append(f"{percent(name)}={percent(msgspec.json.encode(value).decode())}")
        elif not part.style and isinstance(value, dict):
            written.append(f"{percent(name)}={percent(text_of(value))}")
        else:
            keep = HARMLESS if part.reserved else frozenset[str]()
            written += in_query(part.style or "form", part.explode, name, value, keep)
    return "&".join(written)


def multipart(
    fields: Mapping[str, Any], parts: Mapping[str, Part], files: Mapping[str, list[bytes]], media: str
) -> tuple[str, bytes]:
    """Return (content type, body): files by name as bytes, lists as repeated parts, objects as JSON.

    The boundary is made of the content, so the same call gives the same bytes.
    """
    blocks: list[tuple[bytes, bytes]] = []
    for name, value in fields.items():
        part = parts.get(name, _PLAIN)
        if name in files:
            kind = part.media or "application/octet-stream"
            blocks += [(_head(name, kind, is_file=True), content) for content in files[name]]
        elif value is not None:
            for one in value if isinstance(value, list) else [value]:
                is_json = isinstance(one, dict | list) or "json" in part.media
                content = msgspec.json.encode(one) if is_json else text_of(one).encode(errors="replace")
                kind = part.media or ("application/json" if is_json else "")
                blocks.append((_head(name, kind, is_file=False), content))
    digest = hashlib.sha256(b"\0".join(content for _, content in blocks)).hexdigest()[:32]
    boundary = f"toolyard-{digest}"
    body = b"".join(b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary.encode(), head, content) for head, content in blocks)
    kind = media.partition(";")[0].strip()
    return f"{kind}; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def _head(name: str, kind: str, *, is_file: bool) -> bytes:
    quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    file = f'; filename="{quoted}"' if is_file else ""
    typed = f"\r\nContent-Type: {kind}" if kind.isprintable() and kind else ""
    return f'Content-Disposition: form-data; name="{quoted}"{file}{typed}'.encode(errors="replace")
