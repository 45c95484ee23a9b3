"""Fills secrets in where a request names them by handle, and takes them out of answers; holds none and fetches none.

A value is written the way its place demands: percent-encoded in a query or a form, escaped in JSON, as it is elsewhere.
"""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from toolyard_sdk.messages import ToolResult

SHORTEST = 4
"""Characters of a value that is looked for: a shorter one is found by chance, and taking it out would tell it."""

HANDLE = re.compile(r"\{\{secret:([A-Za-z0-9_.-]{1,128})\}\}")
"""A handle as `toolyard_sdk.egress.secret` writes it."""

_IN_QUERY = re.compile(r"(?:\{|%7[Bb]){2}secret(?::|%3[Aa])([A-Za-z0-9_.-]{1,128})(?:\}|%7[Dd]){2}")
_BEGUN = re.compile(r"(?:\{|%7B){2}\s*secret\s*(?::|%3A)", re.IGNORECASE)
_BASIC = re.compile(r"(?i:basic) +" + HANDLE.pattern)
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Placed(msgspec.Struct, frozen=True):
    """A piece of a request that may hold handles, and how its values are written."""

    text: str
    handles: re.Pattern[str]
    encode: Callable[[str], str]

    @property
    def names(self) -> frozenset[str]:
        """The secrets it names."""
        return frozenset(self.handles.findall(self.text)) if self._may_hold else frozenset()

    @property
    def broken(self) -> bool:
        """Whether it holds the beginning of a handle that is none, for its letters or a missing end."""
        return self._may_hold and _BEGUN.search(self.handles.sub("", self.text)) is not None

    @property
    def _may_hold(self) -> bool:
        return "secret" in self.text.lower()

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the text with every handle replaced; raises KeyError for a secret that has no value."""
        if not self._may_hold:
            return self.text
        return self.handles.sub(lambda found: self.encode(values[found[1]]), self.text)


def in_query(query: str) -> Placed:
    """Return the query of a URL, in which a handle may itself be percent-encoded."""
    return Placed(query, _IN_QUERY, percent_encoded)


def in_header(value: str) -> Placed:
    """Return a header's value; after `Basic`, a secret that reads `user:password` is written in base64 (RFC 7617)."""
    return Placed(value, HANDLE, _basic if _BASIC.fullmatch(value) else _as_it_is)


def in_body(body: str, content_type: str) -> Placed:
    """Return a body, whose content type says how values are written into it."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return Placed(body, _IN_QUERY, percent_encoded)
    return Placed(body, HANDLE, _json_escaped if kind.endswith(("/json", "+json")) else _as_it_is)


def percent_encoded(value: str) -> str:
    """Return a value in which only unreserved characters stand for themselves (RFC 3986, section 2.3)."""
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in value.encode())


class Scrubber:
    """Takes secrets out of what came back, in every form in which they went out or are likely to return."""

    def __init__(self, values: Mapping[str, str]) -> None:
        forms: dict[bytes, bytes] = {}
        for name, value in values.items():
            for form in _forms(value):
                forms.setdefault(form, f"[secret {name}]".encode())
        self._forms = sorted(forms.items(), key=lambda each: len(each[0]), reverse=True)

    def clean(self, data: bytes) -> bytes:
        """Return `data` with the name of a secret where its value stood."""
        for form, words in self._forms:
            if form in data:
                data = data.replace(form, words)
        return data

    def clean_text(self, text: str) -> str:
        """Return text with the name of a secret where its value stood."""
        return (
            self.clean(text.encode(errors="surrogateescape")).decode(errors="surrogateescape") if self._forms else text
        )

    def clean_value(self, value: Any) -> Any:
        """Return a JSON value, the texts in it (keys too) with the name of a secret where its value stood."""
        if isinstance(value, str):
            return self.clean_text(value)
        if isinstance(value, list | tuple):
            return [self.clean_value(each) for each in value]
        if isinstance(value, dict):
            return {self.clean_value(key): self.clean_value(each) for key, each in value.items()}
        return value

    def clean_result(self, result: ToolResult) -> ToolResult:
        """Return a tool's result with the name of a secret where its value stood."""
        text, structured = self.clean_text(result.text), self.clean_value(result.structured)
        return msgspec.structs.replace(result, text=text, structured=structured)

    def holds(self, text: str) -> frozenset[str]:
        """Return the names of the secrets whose values a text holds."""
        data = text.encode(errors="surrogateescape")
        return frozenset(words[8:-1].decode() for form, words in self._forms if form in data)


def _forms(value: str) -> tuple[bytes, ...]:
    percent = percent_encoded(value)
    escaped = _json_escaped(value)
    texts = (
        value,
        escaped,
        escaped.replace("/", "\\/"),
        percent,
        re.sub("%..", lambda found: found[0].lower(), percent),
        percent.replace("%20", "+"),
        percent.replace("%2F", "/"),
        value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;"),
    )
    latin = value.encode("latin-1", "xmlcharrefreplace")  # as headers carry it, or a page in that encoding
    return (*(text.encode() for text in texts), base64.b64encode(value.encode()), latin)


def _as_it_is(value: str) -> str:
    return value


def _basic(value: str) -> str:
    return base64.b64encode(value.encode()).decode() if ":" in value else value


def _json_escaped(value: str) -> str:
    return msgspec.json.encode(value).decode()[1:-1]
