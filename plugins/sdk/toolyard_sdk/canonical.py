"""One byte string per JSON value, and the digests and commitments computed over it."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import msgspec

BLOCK = hashlib.sha256().block_size
INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))
"""What HMAC adds to each byte of a key, as tables."""

_encoder = msgspec.json.Encoder(order="sorted")


def canonical(value: Any) -> bytes:
    """Encode `value` as JSON with sorted keys and no white space (RFC 8785, but for the exponent form of floats)."""
    return _encoder.encode(value)


def digest(value: Any) -> str:
    """Return `sha256:<hex>` of the canonical form: the name of a release, a policy, an offered set."""
    return "sha256:" + hashlib.sha256(_encoder.encode(value)).hexdigest()


def commit(salt: bytes, content: bytes) -> bytes:
    """Return the 32-byte HMAC-SHA256 of `content` under a run's salt: what a head holds in place of content."""
    return hmac.digest(salt, content, "sha256")


def committer(salt: bytes) -> Callable[[bytes], bytes]:
    """Return `commit` for one salt of at most 64 bytes, its padded keys made once (RFC 2104, section 4)."""
    key = salt.ljust(BLOCK, b"\x00")
    inner, outer = key.translate(INNER_PAD), key.translate(OUTER_PAD)
    sha256 = hashlib.sha256

    def commit_under_salt(content: bytes) -> bytes:
        return sha256(outer + sha256(inner + content).digest()).digest()

    return commit_under_salt


def chain(previous: bytes, head: bytes) -> bytes:
    """Return the 32-byte hash that links `head` to the stream before it (leaf prefix of RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\x00" + previous + head).digest()
