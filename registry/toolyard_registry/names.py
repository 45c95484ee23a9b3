"""Reads names of catalogued things: `name@1.4.2`, `name@^1.4`, `name@production`, `name@sha256:...`; no look-ups.

The names that the server keeps for itself stand here too.
"""

import re
from typing import Literal

from msgspec import Struct

from toolyard_registry.versions import read_range

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.+!_-]{0,63}\Z")
_CHANNEL = re.compile(r"[a-z][a-z0-9_-]{0,63}\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")

FIND_TOOLS = "find_tools"
READ_RESULT = "read_result"
"""The tools that the server adds to an agent by itself."""

OFF = "off"
"""What stands among the plugins of toolyard.toml and is none."""

OWN_SOURCE = "toolyard"
"""Where the server's own tools come from; no distribution of a tool author may have this name."""

RESERVED = frozenset({FIND_TOOLS, OFF, OWN_SOURCE, READ_RESULT})
"""Names that mean something to the server itself: no tool is published under one."""

Selects = Literal["default", "version", "range", "channel", "digest"]


class Reference(Struct, frozen=True):
    """A name and what is wanted of it, as `by` says; `default` wants nothing in particular."""

    name: str
    by: Selects = "default"
    value: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.value}" if self.value else self.name


class NameInvalid(ValueError):
    """Text that is no name, no version, no channel or no digest; the message says which and what is allowed."""


def check_name(name: str, what: str = "name") -> str:
    """Return a name that can be one; raises NameInvalid. `what` is the noun used in the message."""
    if not _NAME.match(name):
        raise NameInvalid(f"{name[:80]!r} is no {what}: use 1 to 64 letters, digits, '_' or '-'")
    return name


def check_channel(channel: str) -> str:
    """Return a channel's name; raises NameInvalid."""
    if not _CHANNEL.match(channel):
        raise NameInvalid(
            f"{channel[:80]!r} is no channel: use a lower-case letter, then lower-case letters, digits, '_' or '-'"
        )
    return channel


def parse(text: str) -> Reference:
    """Read a reference; raises NameInvalid."""
    name, at, wanted = text.partition("@")
    check_name(name)
    if not at:
        return Reference(name)
    if not wanted:
        raise NameInvalid(f"{text!r} ends in '@': add a version, a channel or sha256:<64 hex digits>, or drop it")
    if ":" in wanted:
        if not _DIGEST.match(wanted):
            raise NameInvalid(f"{wanted[:80]!r} is no digest: it is 'sha256:' and 64 lower-case hex digits")
        return Reference(name, "digest", wanted)
    if wanted[0] in "^~":
        if read_range(wanted) is None:
            raise NameInvalid(f"{wanted[:80]!r} is no range of versions: write it as ^1.4 or ~1.4.2")
        return Reference(name, "range", wanted)
    if wanted[0] in "0123456789":
        if not _VERSION.match(wanted):
            raise NameInvalid(f"{wanted[:80]!r} is no version: write it as 1.4.2")
        return Reference(name, "version", wanted)
    return Reference(name, "channel", check_channel(wanted))
