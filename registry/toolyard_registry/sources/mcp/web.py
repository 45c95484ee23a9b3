"""Carries the SDK's messages over streamable HTTP: bounded answers, no proxies, failures told instead of raised.

The SDK ends a whole connection, with every call on it, when one request of it fails. Here a failed request is answered
with an error in JSON-RPC, so that it fails by itself. Redirects are followed by the SDK within the address's origin
only, so headers go nowhere else.
"""

import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any

import httpx2
import msgspec
from mcp.client.auth import OAuthFlowError
from mcp.client.streamable_http import streamable_http_client
from toolyard_sdk.errors import ToolError

from toolyard_registry.sources.mcp.connection import Way
from toolyard_registry.sources.mcp.consent import Consent
from toolyard_registry.sources.mcp.faults import Faults, Kind
from toolyard_registry.sources.mcp.unsaid import Unsaid

_CONNECT_SECONDS = 10.0
_GOODBYE_SECONDS = 2.0
_BAD_REQUEST, _NOT_FOUND, _SERVER_ERROR = 400, 404, 500
_REFUSALS = frozenset({401, 403})


class Web(Way):
    """A transport of the SDK to one address, with headers of one caller."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        faults: Faults,
        most: int,
        consent: Consent | None = None,
        unsaid: Unsaid | None = None,
    ) -> None:
        """Take `unsaid` as what is told every token of `consent` before it is sent."""
        self._url = url
        self._headers = headers
        self._most = most
        self._way = _Guarded(faults, most, consent, unsaid or Unsaid())
        self._opened = AsyncExitStack()

    def last_words(self) -> str:
        """Say nothing: what failed has been told by the request that failed."""
        return ""

    async def __aenter__(self) -> tuple[Any, Any]:
        client = httpx2.AsyncClient(
            headers=dict(self._headers),
            timeout=httpx2.Timeout(_CONNECT_SECONDS, read=None),  # a call has a time-out of its own
            transport=self._way,
            trust_env=False,
        )
        await self._opened.enter_async_context(client)
        return await self._opened.enter_async_context(
            streamable_http_client(self._url, http_client=client, max_sse_event_size=self._most)
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._opened.__aexit__(kind, error, trace)


class _Guarded(httpx2.AsyncBaseTransport):
    """Sends requests and answers for those that fail."""

    def __init__(self, faults: Faults, most: int, consent: Consent | None, unsaid: Unsaid) -> None:
        self._inner = httpx2.AsyncHTTPTransport(verify=ssl.create_default_context(), trust_env=False)
        self._faults = faults
        self._most = most
        self._consent = consent
        self._unsaid = unsaid

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._consent is None:
            return await self._sent(request)
        try:
            before = await self._authorized(request, self._consent)
            response = await self._sent(request)
            if response.status_code not in _REFUSALS or request.method != "POST":
                return response
            await self._consent.challenged(request, response)
            if before != await self._authorized(request, self._consent):
                response = await self._sent(request)
                if response.status_code not in _REFUSALS:
                    return response
                await self._consent.challenged(request, response)
        except (ToolError, OAuthFlowError, httpx2.TransportError, OSError) as error:
            return self._failed(request, "unauthorized", f"consent cannot be asked for: {_told(error)}")
        return self._failed(request, "unauthorized", _missing(self._consent))

    async def _authorized(self, request: httpx2.Request, consent: Consent) -> str:
        """Put the caller's token into a request, and return it."""
        value = await consent.header(request)
        for name, secret in consent.confidential:
            self._unsaid.learn(name, secret)
        if value:
            request.headers["authorization"] = value
        return value

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "DELETE":
            request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), _GOODBYE_SECONDS)
        try:
            response = await self._inner.handle_async_request(request)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol) as error:
            return self._failed(request, "refused", f"cannot connect: {_told(error)}")
        except httpx2.TransportError as error:
            return self._failed(request, "lost", f"the connection broke: {_told(error)}")
        content = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content == "text/event-stream" and response.status_code < _BAD_REQUEST:
            return response
        return await self._whole(request, response)

    async def _whole(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        """Read an answer that is no stream, within bounds, and put what the SDK cannot tell into words."""
        parts: list[bytes] = []
        size = 0
        try:
            async for part in response.aiter_bytes():
                size += len(part)
                if size > self._most:
                    return self._failed(request, "too_long", f"the answer has more than {self._most} bytes")
                parts.append(part)
        except httpx2.DecodingError as error:
            return self._failed(request, "unreadable", f"the answer cannot be decoded: {_told(error)}")
        except httpx2.TransportError as error:
            return self._failed(request, "lost", f"the connection broke while the answer was read: {_told(error)}")
        finally:
            await response.aclose()
        body = b"".join(parts)
        headers = {name: value for name, value in response.headers.items() if name not in _CODED}
        whole = httpx2.Response(response.status_code, headers=headers, content=body, request=request)
        if self._consent is not None and whole.status_code in _REFUSALS:
            return whole
        if whole.status_code >= _BAD_REQUEST and not _is_error(body):
            return self._failed(request, *_refusal(request, whole.status_code))
        return whole

    def _failed(self, request: httpx2.Request, kind: Kind, words: str) -> httpx2.Response:
        if request.method != "POST":
            return httpx2.Response(503, request=request)
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": None, "error": self._faults.error(kind, words)})
        return httpx2.Response(500, headers={"content-type": "application/json"}, content=body, request=request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _refusal(request: httpx2.Request, status: int) -> tuple[Kind, str]:
    if status in _REFUSALS:
        return "unauthorized", f"the server answers HTTP {status}: these credentials do not let us in"
    if status == _NOT_FOUND and "mcp-session-id" in request.headers:
        return "over", "the server has ended the session"
    if status >= _SERVER_ERROR:
        return "lost", f"the server answers HTTP {status}"
    return "rejected", f"the server answers HTTP {status}"


def _missing(consent: Consent) -> str:
    if consent.link:
        return f"somebody has to allow it first, at {consent.link}"
    return f"it is not allowed: {consent.failure}" if consent.failure else "it is not allowed, also with consent"


_CODED = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers of a body as it was sent; what is handed on has been decoded."""


def _is_error(body: bytes) -> bool:
    """Whether a body is an error in JSON-RPC, which says more than a status."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(decoded, dict) and isinstance(decoded.get("error"), dict)


def _told(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
