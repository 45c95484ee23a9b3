"""Identifiers: a prefix that names the noun, then a UUIDv7 in hex; 16 bytes in storage."""

import os
import time
from collections.abc import Callable

PREFIX = {
    "run": "run_",
    "session": "sess_",
    "approval": "appr_",
    "key": "key_",
    "tenant": "ten_",
    "secret": "sec_",
    "fact": "fact_",
    "message": "msg_",
    "chunk": "chunk_",
    "summary": "sum_",
    "document": "doc_",
}

NewId = Callable[[], bytes]
"""Makes one fresh 16-byte UUIDv7; injected wherever an id is minted."""


def uuid7() -> bytes:
    """Return a fresh UUIDv7 as 16 bytes, ordered by millisecond (RFC 9562, section 5.7)."""
    tail = bytearray(os.urandom(10))
    tail[0] = 0x70 | (tail[0] & 0x0F)
    tail[2] = 0x80 | (tail[2] & 0x3F)
    return (time.time_ns() // 1_000_000).to_bytes(6) + tail


def uuid7_floor(at_us: int) -> bytes:
    """Return the smallest UUIDv7 of the millisecond that holds `at_us` (UTC microseconds): a bound for range scans."""
    return (at_us // 1000).to_bytes(6) + b"\x70\x00\x80" + bytes(7)


def show(kind: str, raw: bytes) -> str:
    """Write a 16-byte id with the prefix of its noun: `show("run", raw) -> "run_0192..."`."""
    return PREFIX[kind] + raw.hex()


def read(kind: str, text: str) -> bytes | None:
    """Read an id written by `show`; None when it is not one (never raises: ids come from strangers)."""
    prefix = PREFIX[kind]
    if not text.startswith(prefix) or len(text) != len(prefix) + 32:
        return None
    try:
        return bytes.fromhex(text[len(prefix) :])
    except ValueError:
        return None
