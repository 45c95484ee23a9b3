"""Splits a server's output into messages of bounded size, and finds whose answer an unreadable one was; pure."""

import re
from collections.abc import Iterator

from msgspec import Struct

_ENDS = 512
"""Bytes kept of either end of what is too long: a message's id stands at one of them."""

_ID = rb'"id"\s*:\s*(\d{1,18}|"[^"\\]{1,100}")'
_VERSION = rb'"jsonrpc"\s*:\s*"2\.0"'
_AT_HEAD = re.compile(rb"\s*\{\s*(?:" + _VERSION + rb"\s*,\s*)?" + _ID + rb"\s*,")
_AT_TAIL = re.compile(rb",\s*" + _ID + rb"\s*(?:,\s*" + _VERSION + rb"\s*)?\}\s*\Z")
_METHOD = re.compile(rb'"method"\s*:')


class TooLong(Struct, frozen=True):
    """A line that was not kept: its two ends and its length in bytes."""

    head: bytes
    tail: bytes
    size: int


class Lines:
    """Cuts a stream of bytes at line ends; memory is bounded by `most`, whatever comes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: list[bytes] = []
        self._size = 0
        self._head = b""
        self._tail = b""

    def feed(self, chunk: bytes) -> Iterator[bytes | TooLong]:
        """Take the next bytes and give every line that ends in them, empty ones left out."""
        first, *others = chunk.split(b"\n")
        self._keep(first)
        for part in others:
            line = self._take()
            if line:
                yield line
            self._keep(part)

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._most:
            self._parts.append(part)
            return
        if self._parts:
            kept = b"".join(self._parts)
            self._head, self._tail = kept[:_ENDS], kept
            self._parts = []
        elif not self._head:
            self._head = part[:_ENDS]
        self._tail = (self._tail + part)[-_ENDS:]

    def _take(self) -> bytes | TooLong:
        size, self._size = self._size, 0
        if size > self._most:
            long = TooLong(self._head, self._tail, size)
            self._head = self._tail = b""
            return long
        line = b"".join(self._parts)
        self._parts = []
        return line if line.strip() else b""


def answered(line: bytes | TooLong) -> int | str | None:
    """Return the id of the request that an unreadable line answers; None when it is no answer or nobody can tell."""
    head, tail = (line.head, line.tail) if isinstance(line, TooLong) else (line[:_ENDS], line[-_ENDS:])
    found = _AT_HEAD.match(head) or _AT_TAIL.search(tail)
    if found is None or _METHOD.search(head):
        return None
    text = found[1]
    return text[1:-1].decode(errors="replace") if text.startswith(b'"') else int(text)
