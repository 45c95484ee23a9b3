"""One caller's consent to one server: the SDK's OAuth flow, held open while the person is away at the link.

The flow asks the server for its authorization server (RFC 9728, RFC 8414), registers (RFC 7591) where it must, and
waits with its PKCE verifier until the person comes back with a code. The MCP server is reached directly; what it names
is a stranger, and is reached through the egress client.
"""

import asyncio
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from pydantic import AnyUrl
from toolyard_sdk.egress import Egress
from toolyard_sdk.errors import ToolError

from toolyard_registry.sources.mcp.settings import OauthSettings
from toolyard_registry.sources.mcp.tokens import Place

AWAY_SECONDS = 600.0
"""How long a person may take at the link; later a new one is made."""

_LINK_SECONDS = 30.0
_ANSWER_SECONDS = 20.0
_MOST = 1_000_000


class AuthorizationNeeded(ToolError):
    """A call for which a person has to consent first; `url` is where. The words are for the model to pass on."""

    def __init__(self, source: str, url: str) -> None:
        super().__init__(
            f"{source} needs the user's own permission first. Give them this link, word for word, and call again once "
            f"they say that they have allowed it: {url}"
        )
        self.url = url


class Consent:
    """The way from "not allowed" to a token, for one caller; `link` is where the person goes, "" where to nowhere."""

    def __init__(
        self, url: str, settings: OauthSettings, place: Place, egress: Egress, given: Callable[[], None]
    ) -> None:
        self._origin = _origin(url)
        self._egress = egress
        self._given = given
        self._provider = OAuthClientProvider(
            server_url=url,
            client_metadata=OAuthClientMetadata(
                client_name="Toolyard",
                redirect_uris=[AnyUrl(settings.callback)],
                grant_types=["authorization_code", "refresh_token"],
                response_types=["code"],
            ),
            storage=place,
            redirect_handler=self._go,
            callback_handler=self._come,
            client_metadata_url=settings.client_metadata or None,
        )
        place.provider = self._provider
        self._flow: asyncio.Task[str] | None = None
        self._leaving: asyncio.Future[str] | None = None
        self._coming: asyncio.Future[AuthorizationCodeResult] | None = None
        self._read = False
        self.link = ""
        self.failure = ""

    async def header(self, request: httpx2.Request) -> str:
        """Return the value of Authorization for a request, refreshed where it has ended; "" where there is none."""
        context = self._provider.context
        if not self._read or (not context.is_token_valid() and context.can_refresh_token() and not self.link):
            self._read = True
            await self._drive(request, None)
        tokens = context.current_tokens
        return f"Bearer {tokens.access_token}" if tokens is not None and context.is_token_valid() else ""

    @property
    def confidential(self) -> tuple[tuple[str, str], ...]:
        """What nobody is to be told of this consent, each with what to say in its place."""
        context = self._provider.context
        tokens, client = context.current_tokens, context.client_info
        values = (
            ("token", tokens.access_token if tokens is not None else None),
            ("refresh token", tokens.refresh_token if tokens is not None else None),
            ("client secret", client.client_secret if client is not None else None),
        )
        return tuple((name, value) for name, value in values if value)

    async def challenged(self, request: httpx2.Request, response: httpx2.Response) -> None:
        """Take the server's refusal of a request: afterwards there is a `link`, or a token, or a `failure`."""
        sent = request.headers.get("authorization", "")
        tokens = self._provider.context.current_tokens
        if tokens is not None and sent and sent != f"Bearer {tokens.access_token}":
            return  # somebody else has got a new one meanwhile
        if self._flow is None or self._flow.done():
            loop = asyncio.get_running_loop()
            self._leaving, self._coming = loop.create_future(), loop.create_future()
            self._flow = asyncio.create_task(self._whole_flow(request, response))
        if self._leaving is not None:
            await asyncio.wait((self._leaving, self._flow), timeout=_LINK_SECONDS, return_when=asyncio.FIRST_COMPLETED)

    def returned(self, parameters: Mapping[str, str]) -> asyncio.Task[str] | None:
        """Take what a person came back with, if it is for this consent; the task returns "" or what went wrong."""
        state = parameters.get("state", "")
        waiting = self._coming is not None and not self._coming.done() and self._flow is not None
        if not waiting or not state or state != _state(self.link) or self._coming is None:
            return None
        if "code" in parameters:
            answer = AuthorizationCodeResult(code=parameters["code"], state=state, iss=parameters.get("iss"))
            self._coming.set_result(answer)
        else:
            told = parameters.get("error_description") or parameters.get("error") or "no code came back"
            self._coming.set_exception(ToolError(told[:300]))
        return self._flow

    async def close(self) -> None:
        """Give up a flow under way."""
        if self._flow is not None:
            self._flow.cancel()
            await asyncio.wait((self._flow,))

    async def _whole_flow(self, request: httpx2.Request, response: httpx2.Response) -> str:
        self.failure = ""
        try:
            async with asyncio.timeout(AWAY_SECONDS):
                await self._drive(request, response)
        except TimeoutError:
            self.failure = "nobody came back from the link in time"
        except Exception as error:  # noqa: BLE001 - a stranger's authorization server is no reason to fall
            self.failure = " ".join(str(error).split())[:500] or type(error).__name__
        finally:
            self.link = ""
        if not self.failure:
            self._given()
        return self.failure

    async def _drive(self, request: httpx2.Request, refused: httpx2.Response | None) -> None:
        """Go through the SDK's flow; its own request is not sent here: `refused` is what it was answered, if it was."""
        flow = self._provider.async_auth_flow(request)
        try:
            outgoing = await anext(flow)
            while True:
                if outgoing is not request:
                    answer = await self._sent(outgoing)
                elif refused is None:
                    return
                else:
                    answer, refused = refused, None
                outgoing = await flow.asend(answer)
        except StopAsyncIteration:
            return
        finally:
            await flow.aclose()

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        if _origin(str(request.url)) == self._origin:
            return await _sent_there(request)
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        reply = await self._egress.request(
            request.method,
            str(request.url),
            headers=headers,
            body=await request.aread(),
            timeout=_ANSWER_SECONDS,
            max_bytes=_MOST,
        )
        kept = [(name, value) for name, value in reply.headers if name not in ("content-encoding", "content-length")]
        return httpx2.Response(reply.status, headers=kept, content=reply.body, request=request)

    async def _go(self, link: str) -> None:
        """Send the person to the link."""
        self.link = link
        if self._leaving is not None and not self._leaving.done():
            self._leaving.set_result(link)

    async def _come(self) -> AuthorizationCodeResult:
        """Wait for what the person comes back with."""
        if self._coming is None:
            raise ToolError("a new consent is needed")
        return await self._coming


async def _sent_there(request: httpx2.Request) -> httpx2.Response:
    """Send a request to the MCP server itself; raises httpx2.TransportError, also for an answer without an end."""
    place, body = f"{request.url.scheme}://{request.url.netloc.decode()}{request.url.path}", bytearray()
    try:
        async with asyncio.timeout(_ANSWER_SECONDS), httpx2.AsyncClient(trust_env=False, timeout=None) as client:
            reply = await client.send(request, follow_redirects=False, stream=True)
            try:
                async for chunk in reply.aiter_bytes():
                    body += chunk
                    if len(body) > _MOST:
                        raise httpx2.RemoteProtocolError(f"{place} answers with more than {_MOST} bytes")
            finally:
                await reply.aclose()
    except TimeoutError:
        raise httpx2.ReadTimeout(f"{place} has not answered within {_ANSWER_SECONDS:.0f} s") from None
    packed = ("content-encoding", "content-length", "transfer-encoding")
    kept = [(name, value) for name, value in reply.headers.multi_items() if name.lower() not in packed]
    return httpx2.Response(reply.status_code, headers=kept, content=bytes(body), request=request)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port


def _state(link: str) -> str:
    return parse_qs(urlsplit(link).query).get("state", [""])[0]
