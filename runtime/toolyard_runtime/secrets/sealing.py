"""Seals a value so that only whoever has the key opens it, and only where it was sealed for; knows no table, no file.

AES-256-GCM (NIST SP 800-38D) with a fresh 96-bit nonce in front. What is authenticated beside the value is its place:
a row that was moved to another tenant, owner or name does not open. Random nonces hold for some 2**32 values a key.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from toolyard_sdk.canonical import canonical

if TYPE_CHECKING:  # 6 ms and 7 MB that a server without secrets in its table does not need
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
_PURPOSE = "toolyard secret"


class Unopened(Exception):
    """A sealed value that this key does not open in this place: another key's, another place's, or damaged."""


def key_id(key: bytes) -> str:
    """Return the name of a key, from which nobody learns the key: it is 32 random bytes."""
    return hashlib.sha256(b"toolyard key id\0" + key).hexdigest()[:16]


def seal(key: bytes, value: str, tenant: str, owner: str, name: str, entropy: Callable[[int], bytes]) -> bytes:
    """Return nonce and ciphertext."""
    nonce = entropy(NONCE_BYTES)
    return nonce + _cipher(key).encrypt(nonce, value.encode(), _place(tenant, owner, name))


def unseal(key: bytes, sealed: bytes, tenant: str, owner: str, name: str) -> str:
    """Return the value; raises Unopened."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see above

    try:
        return _cipher(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _place(tenant, owner, name)).decode()
    except (InvalidTag, ValueError) as error:  # ValueError: cut so short that no nonce is left
        raise Unopened from error


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - see above

    return AESGCM(key)


def _place(tenant: str, owner: str, name: str) -> bytes:
    return canonical([_PURPOSE, tenant, owner, name])
