"""A way out that lies in another process: requests and answers as JSON over any callable; knows no HTTP library."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from toolyard_sdk.egress import Egress, EgressReply
from toolyard_sdk.errors import EgressRefused, ToolError

Send = Callable[[bytes], Awaitable[bytes]]
"""Takes one encoded request to `serve_request` in another process and returns what that returned."""

Kind = Literal["refused", "tool", "timeout", "not_sent", "lost"]

ERRORS: dict[Kind, type[Exception]] = {
    "refused": EgressRefused,
    "tool": ToolError,
    "timeout": TimeoutError,
    "not_sent": ConnectionRefusedError,
    "lost": ConnectionError,
}
"""The errors an Egress may raise: what is narrower comes before what is wider."""


class Forwarded(Struct, frozen=True, forbid_unknown_fields=True):
    """A request as it is forwarded; `body` is base64 in JSON."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    timeout: float
    max_bytes: int


class Outcome(Struct, frozen=True, omit_defaults=True):
    """What became of it: a reply, or an error of a kind, with its words."""

    reply: EgressReply | None = None
    error: Kind | None = None
    words: str = ""


_decode_request = msgspec.json.Decoder(Forwarded).decode
_decode_outcome = msgspec.json.Decoder(Outcome).decode


class ForwardedEgress:
    """Implements `Egress` where the network is another process's: every request goes through `send`."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float = 30.0,  # noqa: ASYNC109 - the port's own word, kept by whoever sends
        max_bytes: int = 1_000_000,
    ) -> EgressReply:
        """Have one request sent, as `Egress.request` says; raises what was raised there, and what `send` raises."""
        request = Forwarded(method, url, dict(headers or {}), body, timeout, max_bytes)
        try:
            encoded = msgspec.json.encode(request)
        except UnicodeEncodeError:
            raise EgressRefused("the request was not sent: it holds half a character (a lone surrogate).") from None
        answer = await self._send(encoded)
        try:
            outcome = _decode_outcome(answer)
        except msgspec.MsgspecError as error:
            raise ConnectionError(
                f"what sends requests for this process has answered in no words of its own: {error}"
            ) from error
        if outcome.reply is not None:
            return outcome.reply
        raise ERRORS[outcome.error or "lost"](outcome.words)


async def serve_request(egress: Egress, request: bytes) -> bytes:
    """Send a request that another process has forwarded; what becomes of it is in the bytes returned."""
    try:
        read = _decode_request(request)
    except msgspec.MsgspecError as error:
        return msgspec.json.encode(Outcome(error="refused", words=f"the forwarded request cannot be read: {error}"))
    try:
        reply = await egress.request(
            read.method,
            read.url,
            headers=read.headers,
            body=read.body,
            timeout=read.timeout,
            max_bytes=read.max_bytes,
        )
    except tuple(ERRORS.values()) as error:
        kind = next(kind for kind, type_ in ERRORS.items() if isinstance(error, type_))
        return msgspec.json.encode(Outcome(error=kind, words=str(error)))
    return msgspec.json.encode(Outcome(reply))
