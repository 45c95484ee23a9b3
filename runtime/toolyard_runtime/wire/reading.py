"""From bytes to a typed request, and from a decoder's error to a sentence that names the field and the fix.

The straight way is one typed decode. Only when it fails is the body looked at again: to find where it breaks, to name
a misspelt field, or to leave out fields inside a list's elements that this server does not know (a warning each).
Knows no route.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

from toolyard_runtime.wire.errors import RequestRefused

T = TypeVar("T")

_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `(\$[^`]*)`)?\Z", re.DOTALL)
_PLACED = re.compile(r"(.*) - at `(\$[^`]*)`\Z", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_MOST_PRUNED = 32
_LONGEST_QUOTE = 64


def quote(text: str) -> str:
    """Return what a client wrote as short printable ASCII, safe in a header and in a sentence."""
    cut = text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "..."
    return ascii(cut)[1:-1].replace("`", "'")


class Reader(Generic[T]):
    """Decodes one route's request.

    `nested` are the names known inside lists of the request, for hints; `fixes` maps a path without indices
    (`messages[].role`) to the words that end a refusal there.
    """

    def __init__(self, request: type[T], nested: frozenset[str], fixes: Mapping[str, str]) -> None:
        self._request = request
        self._decode = msgspec.json.Decoder(request).decode
        self._names = frozenset(field.encode_name for field in msgspec.structs.fields(request))  # type: ignore[arg-type]  # every request is a Struct
        self._nested = nested
        self._fixes = fixes

    def read(self, body: bytes) -> tuple[T, tuple[str, ...]]:
        """Return the request and warnings; raises RequestRefused for whatever cannot be read."""
        try:
            return self._decode(body), ()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._again(body, error)

    def _again(self, body: bytes, error: Exception) -> tuple[T, tuple[str, ...]]:
        value = _plain(body)
        warnings: list[str] = []
        for _ in range(_MOST_PRUNED):
            unknown = _UNKNOWN.match(str(error)) if isinstance(error, msgspec.ValidationError) else None
            if unknown is None or not unknown[2]:
                break
            warnings.append(self._prune(value, unknown[1], unknown[2]))
            try:
                return msgspec.convert(value, self._request), tuple(warnings)
            except (msgspec.ValidationError, RecursionError) as next_error:
                error = next_error
        raise self._refused(error) from error

    def _prune(self, value: Any, name: str, path: str) -> str:
        """Take an unknown field out of `value` and return the warning; raises RequestRefused when it looks misspelt."""
        where = path[2:]
        near = difflib.get_close_matches(name, self._nested, n=1, cutoff=0.8)
        if near:
            raise RequestRefused(
                f"{where}.{quote(name)} is unknown here: did you mean {near[0]}?",
                param=f"{where}.{quote(name)}",
                code="unknown_parameter",
            )
        target = value
        try:
            for step in _STEP.finditer(path):
                target = target[step[1]] if step[1] else target[int(step[2])]
            del target[name]
        except (KeyError, IndexError, TypeError, ValueError) as error:  # a name that was made to look like a path
            raise self._unknown(quote(name), name, None) from error
        return f"{where}.{quote(name)} is unknown here and has no effect"

    def _refused(self, error: Exception) -> RequestRefused:
        if isinstance(error, RecursionError):
            return RequestRefused("The JSON is nested too deeply: send flatter data.", code="invalid_json")
        text = str(error)
        unknown = _UNKNOWN.match(text)
        if unknown:
            return self._unknown(quote(unknown[1]), unknown[1], unknown[2])
        placed = _PLACED.match(text)
        says, path = (placed[1], placed[2]) if placed else (text, "$")
        missing = _MISSING.match(says)
        if missing:
            path, says = f"{path}.{missing[1]}", " is required"
        else:
            says = ": " + says[:1].lower() + says[1:]
        param = path.removeprefix("$").removeprefix(".")
        fix = self._fixes.get(re.sub(r"\[[^\]]*\]", "[]", param))
        message = f"{param or 'The body'}{says}" + (f"; {fix}" if fix else "") + "."
        code = "missing_required_parameter" if missing else "invalid_type" if ", got `" in says else "invalid_value"
        return RequestRefused(message, param=param or None, code=code)

    def _unknown(self, shown: str, name: str, path: str | None) -> RequestRefused:
        near = difflib.get_close_matches(name, self._nested if path else self._names, n=1, cutoff=0.7)
        param = f"{path[2:]}.{shown}" if path else shown
        hint = f"did you mean {near[0]}?" if near else "leave it out."
        return RequestRefused(f"{param} is no field of this request: {hint}", param=param, code="unknown_parameter")


def _plain(body: bytes) -> Any:
    """Decode without types; raises RequestRefused with the place where the bytes stop being UTF-8 or JSON."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise RequestRefused(
            f"The body is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}. Send JSON encoded as UTF-8.",
            code="invalid_encoding",
        ) from error
    if not body.strip():
        raise RequestRefused("The body is empty: send a JSON object.", code="invalid_json")
    try:
        return msgspec.json.decode(body)
    except RecursionError as error:
        raise RequestRefused("The JSON is nested too deeply: send flatter data.", code="invalid_json") from error
    except msgspec.DecodeError as error:
        surrogate = _lone_surrogate(body)
        if surrogate is not None:
            raise RequestRefused(
                f"The JSON holds half of a surrogate pair at byte {surrogate}: send the whole character.",
                code="invalid_encoding",
            ) from error
        text = str(error)
        where = f" (the body ends at byte {len(body)})" if "truncated" in text else ""
        raise RequestRefused(f"The body is no JSON: {_said(text)}{where}.", code="invalid_json") from error


def _said(text: str) -> str:
    said = text.removeprefix("JSON is malformed: ")
    return said[:1].lower() + said[1:]


_FIRST_LOW = 0xDC00
_SURROGATE = re.compile(rb"\\(?:\\|u([dD][89a-fA-F][0-9a-fA-F]{2})|[^\\u]|u)")


def _lone_surrogate(body: bytes) -> int | None:
    """Return the byte where an escaped surrogate has no partner, or None."""
    high_end = high_start = -1
    for match in _SURROGATE.finditer(body):
        if match[1] is None:
            continue
        low = int(match[1], 16) >= _FIRST_LOW
        if low:
            if high_end != match.start():
                return match.start()
            high_end = -1
        else:
            if high_end >= 0:
                return high_start
            high_start, high_end = match.span()
    return high_start if high_end >= 0 else None
