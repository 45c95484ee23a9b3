"""Requests forwarded to another process; what both ways out do alike is in tests/conformance/test_egress.py."""

import msgspec
import pytest
from toolyard_sdk.egress import CLOSED, secret
from toolyard_sdk.errors import EgressRefused
from toolyard_sdk.http import ForwardedEgress, serve_request
from toolyard_sdk.testing import RecordedEgress

URL = "https://api.example.org/"


async def test_a_secret_is_forwarded_as_its_handle_and_any_byte_of_a_body_as_it_is() -> None:
    seen: list[bytes] = []
    inner = RecordedEgress().answer("POST", URL, bytes(range(256)))

    async def send(request: bytes) -> bytes:
        seen.append(request)
        return await serve_request(inner, request)

    body = bytes(range(256)) * 3
    reply = await ForwardedEgress(send).request("POST", URL, headers={"X-Key": secret("token")}, body=body)
    assert reply.body == bytes(range(256))
    assert inner.sent[0].body == body
    assert b"{{secret:token}}" in seen[0]


async def test_without_a_way_out_the_other_side_says_so() -> None:
    with pytest.raises(EgressRefused, match="this tool was given no way out"):
        await ForwardedEgress(lambda request: serve_request(CLOSED, request)).request("GET", URL)


@pytest.mark.parametrize("request_", [b"", b"{}", b"[]", b"\xff", b'{"method":1}', b"[" * 100_000])
async def test_a_request_that_cannot_be_read_is_refused_in_bytes(request_: bytes) -> None:
    inner = RecordedEgress()
    answer = msgspec.json.decode(await serve_request(inner, request_))
    assert answer["error"] == "refused"
    assert inner.sent == []


@pytest.mark.parametrize("answer", [b"", b"\xff", b"[]", b'{"error":"other"}', b"{}"])
async def test_an_answer_that_cannot_be_read_leaves_the_request_in_doubt(answer: bytes) -> None:
    async def send(_request: bytes) -> bytes:
        return answer

    with pytest.raises(ConnectionError):
        await ForwardedEgress(send).request("POST", URL)


async def test_the_fake_gives_its_answers_in_turn_and_says_what_it_has() -> None:
    fake = RecordedEgress().answer("GET", URL, {"n": 1}).answer("GET", URL, [2], headers={"Content-Type": "x/y"})
    bodies = [(await fake.request("get", URL)).body for _ in range(3)]
    assert bodies == [b'{"n":1}', b"[2]", b"[2]"]
    await_json = RecordedEgress().answer("POST", URL, "ok")
    await await_json.request("POST", URL, body=b'{"a":1}')
    assert await_json.sent[0].json == {"a": 1}
    with pytest.raises(EgressRefused, match=f"the test has answers for GET {URL}"):
        await fake.request("GET", URL + "other")
