"""Signs and verifies what is published: DSSE envelopes with Ed25519; knows no wheel, no server and no key file.

A signature is over the DSSE pre-authentication encoding of the statement's bytes (github.com/secure-systems-lab/dsse,
protocol.md), so it holds for exactly these bytes and this type. A signer is named by the SHA-256 of the public key,
which travels in the envelope: whether that key is the right one is for the registry to say, which remembers who signed
before.
"""

import base64
import binascii
import hashlib
from typing import Any

import msgspec
from msgspec import Struct
from toolyard_sdk.canonical import canonical

PAYLOAD_TYPE = "application/vnd.toolyard.publication+json"
KEY_SIZE = 32


class SignatureInvalid(ValueError):
    """An envelope that does not hold; the message says why."""


class Signature(Struct, frozen=True):
    """One signature in base64; `keyid` is the SHA-256 of the public key in hex."""

    keyid: str
    sig: str


class Envelope(Struct, frozen=True, rename={"payload_type": "payloadType"}):
    """A DSSE envelope; `key`, the signer's public key in base64, is an addition of ours."""

    payload: str
    payload_type: str
    signatures: tuple[Signature, ...]
    key: str

    @property
    def signer(self) -> str:
        """The signer's id, "" where nobody has signed."""
        return self.signatures[0].keyid if self.signatures else ""


class SignedTool(Struct, frozen=True):
    """A tool of a signed wheel: its name and its release's digest."""

    name: str
    digest: str


class Statement(Struct, frozen=True):
    """What a publisher stands for: that this wheel, of this version, holds these tools."""

    distribution: str
    version: str
    wheel: str
    tools: tuple[SignedTool, ...]


def encoding(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: DSSE's PAE, version 1."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def key_id(public: bytes) -> str:
    """Return how a public key is named."""
    return hashlib.sha256(public).hexdigest()


def sign(secret: bytes, statement: Statement) -> Envelope:
    """Return the signed statement."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - 6 ms and 7 MB

    key = Ed25519PrivateKey.from_private_bytes(secret)
    public = key.public_key().public_bytes_raw()
    payload = canonical(statement)
    signature = Signature(key_id(public), _text(key.sign(encoding(PAYLOAD_TYPE, payload))))
    return Envelope(_text(payload), PAYLOAD_TYPE, (signature,), _text(public))


def verify(envelope: Envelope) -> Statement:
    """Return what was signed; raises SignatureInvalid unless the first signature is the key's over these bytes."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - see sign
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - same

    if envelope.payload_type != PAYLOAD_TYPE:
        raise SignatureInvalid(f"the envelope holds {envelope.payload_type[:80]!r}, and not {PAYLOAD_TYPE}")
    if len(envelope.signatures) != 1:
        raise SignatureInvalid(f"the envelope has {len(envelope.signatures)} signatures, and needs one")
    payload, public = _bytes(envelope.payload, "payload"), _bytes(envelope.key, "key")
    if len(public) != KEY_SIZE or envelope.signer != key_id(public):
        raise SignatureInvalid("the signature names another key than the one that came with it")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(
            _bytes(envelope.signatures[0].sig, "sig"), encoding(envelope.payload_type, payload)
        )
    except (InvalidSignature, ValueError) as error:
        raise SignatureInvalid("the signature is not this key's over this statement") from error
    try:
        statement: Any = msgspec.json.decode(payload, type=Statement)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SignatureInvalid(f"what was signed is no statement: {error}") from error
    return statement  # type: ignore[no-any-return]  # decoded as one


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureInvalid(f"`{name}` is no base64") from error
