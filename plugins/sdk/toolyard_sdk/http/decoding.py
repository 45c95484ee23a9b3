"""Undoes the compression of an answer's body, piece by piece and never beyond a bound; knows no connection."""

import zlib
from typing import Any

GZIP, ZLIB, BARE = 31, 15, -15
"""What zlib calls its three wrappings of one algorithm."""

DEFLATED = 8
"""The low half of a zlib header's first byte (RFC 1950)."""

MAGIC = 2
"""Bytes by which the wrappings are told apart."""

CODINGS = ("", "identity", "gzip", "x-gzip", "deflate")


class TooLong(Exception):
    """The body is longer than allowed."""


class Damaged(Exception):
    """The body is not what its header says."""


class Body:
    """Collects a body up to `most` bytes, uncompressed; raises Damaged for a coding other than CODINGS."""

    def __init__(self, coding: str, most: int) -> None:
        self._coding = coding.strip().lower()
        if self._coding not in CODINGS:
            raise Damaged("its body is compressed in a way that nobody asked for")
        self._most = most
        self._size = 0
        self._parts: list[bytes] = []
        self._held = b""
        self._inflater: Any = None
        self._over = False

    def add(self, data: bytes) -> None:
        """Take the next piece; raises TooLong and Damaged."""
        if self._coding in CODINGS[:2]:
            self._keep(data)
            return
        data = self._held + data
        self._held = b""
        while data and not self._over:
            data = self._inflated(data)

    def whole(self) -> bytes:
        """Return the body; raises Damaged when compressed data ends too early."""
        if self._held or (self._inflater is not None and not self._inflater.eof):
            raise Damaged("its compressed body ends too early")
        return b"".join(self._parts)

    def _inflated(self, data: bytes) -> bytes:
        """Inflate one piece and return what is left of it."""
        if self._inflater is None or self._inflater.eof:
            if len(data) < MAGIC:
                self._held = data
                return b""
            gzip = data.startswith(b"\x1f\x8b")
            if self._inflater is not None and not gzip:  # what follows the end is no part of the body
                self._over = True
                return b""
            self._inflater = zlib.decompressobj(self._wrapping(data))
        try:
            self._keep(self._inflater.decompress(data, self._most - self._size + 1))
        except zlib.error:
            raise Damaged("its compressed body is damaged") from None
        return self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail  # type: ignore[no-any-return] # both are bytes

    def _wrapping(self, data: bytes) -> int:
        """Tell what lies around the data; many servers mean bare data by "deflate" (RFC 9110, section 8.4.1.2)."""
        if "gzip" in self._coding:
            return GZIP
        is_zlib = data[0] & 0x0F == DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0
        return ZLIB if is_zlib else BARE

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._most:
            raise TooLong
        self._parts.append(data)
