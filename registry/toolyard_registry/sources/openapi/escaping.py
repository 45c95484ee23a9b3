"""Percent-encodes text for the parts of a URL (RFC 3986, section 2); knows no parameter and no style."""

import re

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ENCODED = tuple(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in range(256))

HARMLESS = frozenset(":/?@!$'()*,;")
"""Reserved characters that a query value may hold as they are without becoming another parameter or the fragment."""

IN_PATH = frozenset("/:@!$&'()*+,;=")
"""Reserved characters that may stand in a path as they are."""


def percent(text: str, keep: frozenset[str] = frozenset()) -> str:
    """Return text with every character encoded that is neither unreserved nor in `keep`.

    A lone surrogate, which UTF-8 cannot say, becomes `?`.
    """
    if not keep:
        return "".join(map(_ENCODED.__getitem__, text.encode(errors="replace")))
    return "".join(char if char in keep else percent(char) for char in text)


def unpercent(text: str) -> str:
    """Return percent-encoded text decoded; what is no escape stays, bytes that are not UTF-8 become U+FFFD."""
    if "%" not in text:
        return text
    decoded = _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), text.encode(errors="replace"))
    return decoded.decode(errors="replace")
