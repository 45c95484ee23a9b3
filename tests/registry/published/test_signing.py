"""What was signed holds for exactly these bytes, this type and this key."""

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.published.signing import (
    PAYLOAD_TYPE,
    Envelope,
    SignatureInvalid,
    SignedTool,
    Statement,
    encoding,
    key_id,
    sign,
    verify,
)

SECRET, OTHER = bytes(32), bytes(range(32))
STATEMENT = Statement("acme-weather", "0.1.0", "sha256:" + "0" * 64, (SignedTool("weather", "sha256:" + "1" * 64),))


def test_what_was_signed_comes_back_and_its_signer_is_named_by_the_key() -> None:
    envelope = sign(SECRET, STATEMENT)
    assert verify(envelope) == STATEMENT
    assert envelope.signer == key_id(base64.b64decode(envelope.key))
    assert msgspec.json.decode(msgspec.json.encode(envelope), type=Envelope) == envelope


def test_the_encoding_is_that_of_dsse() -> None:
    assert encoding("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"  # the example of DSSE's protocol.md
    )


def test_an_envelope_is_json_as_other_tools_of_dsse_read_it() -> None:
    envelope = msgspec.to_builtins(sign(SECRET, STATEMENT))
    assert set(envelope) == {"payload", "payloadType", "signatures", "key"}
    assert envelope["payloadType"] == PAYLOAD_TYPE
    assert set(envelope["signatures"][0]) == {"keyid", "sig"}


@given(st.data())
def test_no_changed_byte_goes_unnoticed(data: st.DataObject) -> None:
    envelope = msgspec.to_builtins(sign(SECRET, STATEMENT))
    field = data.draw(st.sampled_from(["payload", "key", "sig"]))
    holder = envelope["signatures"][0] if field == "sig" else envelope
    raw = bytearray(base64.b64decode(holder[field]))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    holder[field] = base64.b64encode(raw).decode()
    with pytest.raises(SignatureInvalid):
        verify(msgspec.convert(envelope, Envelope))


def changed(**fields: Any) -> Envelope:
    return msgspec.structs.replace(sign(SECRET, STATEMENT), **fields)


@pytest.mark.parametrize(
    ("envelope", "words"),
    [
        (changed(payload_type="text/plain"), "holds 'text/plain'"),
        (changed(signatures=()), "has 0 signatures"),
        (changed(payload="!"), "no base64"),
        (changed(key=sign(OTHER, STATEMENT).key), "another key"),
        (changed(signatures=sign(OTHER, STATEMENT).signatures), "another key"),
        (changed(payload=sign(SECRET, msgspec.structs.replace(STATEMENT, version="9.9.9")).payload), "not this key's"),
    ],
)
def test_an_envelope_that_does_not_hold_is_told_why(envelope: Envelope, words: str) -> None:
    with pytest.raises(SignatureInvalid, match=words):
        verify(envelope)
