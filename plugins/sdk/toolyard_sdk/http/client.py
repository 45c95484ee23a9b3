"""The egress client: one for a server, and from it a cheap way out for each tool, which sends only what is allowed.

A host name is looked up once for a request, every address of it is checked, and the connection is made to a checked
address. Each redirect goes through the same door. Nothing of the environment (proxies, cookies, netrc) has a say.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from msgspec import Struct

from toolyard_sdk.egress import EgressGrant, EgressReply
from toolyard_sdk.errors import EgressRefused, ToolError
from toolyard_sdk.http.addresses import why_never, why_not_public
from toolyard_sdk.http.decoding import Damaged, TooLong
from toolyard_sdk.http.filling import Scrubber
from toolyard_sdk.http.grants import Reach, host_lines, may_receive, private_lines, reach, secret_lines
from toolyard_sdk.http.requests import Draft, RequestInvalid, draft
from toolyard_sdk.http.resolving import Resolve, Resolver
from toolyard_sdk.http.targets import Target, TargetInvalid, read_target

if TYPE_CHECKING:  # the HTTP library is first imported by the first request
    from toolyard_sdk.http.connection import Answer, Dial, Lines

Reveal = Callable[[str], Awaitable[str | None]]
"""Returns a secret's value for the tenant and the end user of one call; None when there is none."""

MAX_REDIRECTS = 5
MAX_BYTES = 32 * 1024 * 1024
MAX_SECONDS = 600.0
CONNECT_SECONDS = 5.0
MAX_ADDRESSES = 4
_REDIRECTS = (301, 302, 303, 307, 308)
_REPEATABLE = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")


class EgressClient:
    """Connections, resolver and TLS, shared by all tools of one server; made by `open_egress`."""

    def __init__(self, resolve: Resolve | None, dial: "Dial | None", ssl_context: ssl.SSLContext | None) -> None:
        self._own = Resolver() if resolve is None else None
        self.resolve: Resolve = resolve or self._own  # type: ignore[assignment] # one of the two is there
        self._dial = dial
        self._ssl = ssl_context
        self._lines: Lines | None = None

    def for_tool(self, name: str, grant: EgressGrant, reveal: Reveal) -> "ToolEgress":
        """Return the way out of the plugin, tool file or source `name`, for the caller whom `reveal` stands for."""
        return ToolEgress(self, name, grant, reveal)

    @property
    def lines(self) -> "Lines":
        """The connections."""
        if self._lines is None:
            from toolyard_sdk.http.connection import Lines  # noqa: PLC0415 - see above

            self._lines = Lines(self._dial, self._ssl)
        return self._lines

    async def close(self) -> None:
        """Close every connection; requests in flight fail."""
        if self._lines is not None:
            await self._lines.close()
        if self._own is not None:
            self._own.close()


def open_egress(
    *, resolve: Resolve | None = None, dial: "Dial | None" = None, ssl_context: ssl.SSLContext | None = None
) -> EgressClient:
    """Return an egress client, which belongs to the event loop it is first used on.

    `resolve` looks up a host's addresses, `dial` is called as `loop.create_connection`; both are the system's unless
    given. `ssl_context` says whose certificates count.
    """
    return EgressClient(resolve, dial, ssl_context)


class ToolEgress:
    """Implements `Egress` for one tool and one caller."""

    __slots__ = ("_client", "_grant", "_name", "_reveal")

    def __init__(self, client: EgressClient, name: str, grant: EgressGrant, reveal: Reveal) -> None:
        self._client = client
        self._name = name
        self._grant = grant
        self._reveal = reveal

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float = 30.0,  # noqa: ASYNC109 - the port's own word
        max_bytes: int = 1_000_000,
    ) -> EgressReply:
        """Send one request as the port says; ConnectionRefusedError tells that nothing was sent."""
        try:
            first = draft(method, read_target(url), headers or {}, body)
        except (TargetInvalid, RequestInvalid) as error:
            raise EgressRefused(f"{method[:20]} {url[:200]} was not sent: {error}.") from None
        journey = Journey(self._client, self._name, self._grant, self._reveal, min(max_bytes, MAX_BYTES))
        limit = asyncio.timeout(min(timeout, MAX_SECONDS))
        try:
            async with limit:
                return await journey.run(first)
        except TimeoutError:
            if not journey.sent:
                raise ConnectionRefusedError(
                    f"nothing was sent to {journey.where}: no connection within {timeout:g} s"
                ) from None
            raise TimeoutError(f"{journey.where} has not answered within {timeout:g} s") from None


class Door(Struct, frozen=True):
    """A target that may be reached, and the checked addresses under which it is to be tried."""

    target: Target
    addresses: tuple[str, ...]


class Journey:
    """One request on its way, through its redirects to its answer. `sent` tells whether anything has left."""

    def __init__(self, client: EgressClient, name: str, grant: EgressGrant, reveal: Reveal, most: int) -> None:
        self._client = client
        self._name = name
        self._grant = grant
        self._reveal = reveal
        self._most = most
        self._values: dict[str, str] = {}
        self._scrubber = Scrubber({})
        self._trail: list[str] = []
        self._reached: Reach | None = None
        self.sent = False
        self.where = ""

    async def run(self, first: Draft) -> EgressReply:
        """Send a request and follow where it is redirected."""
        now = first
        for _ in range(MAX_REDIRECTS + 1):
            self.where = self._scrubber.clean_text(now.target.origin)
            door = await self._door(now)
            await self._learn(now, door)
            answer = await self._send(now, door)
            location = next((value for name, value in answer.headers if name == "location"), None)
            if answer.status not in _REDIRECTS or location is None:
                return self._reply(answer, now)
            now = self._next(now, answer.status, location)
        raise ToolError(f"{first.method} {first.target.origin} was redirected more than {MAX_REDIRECTS} times.")

    async def _door(self, now: Draft) -> Door:
        """Find whether and where a target may be reached; raises EgressRefused, ConnectionRefusedError."""
        target = now.target
        how = reach(self._grant, target)
        if how == "private" and now.by_server and self._reached != "private":
            raise self._refused(now, "a public server may not lead into the own network")
        self._reached = how
        if how is None:
            lines = host_lines(self._name, self._grant, target)
            if target.literal and why_not_public(target.host):
                lines = private_lines(self._name, self._grant, target) if not why_never(target.host) else ""
            raise self._refused(now, f"{self._name} may not reach {target.authority}", lines)
        if target.literal:
            found: tuple[str, ...] = (target.host,)
        else:
            try:
                found = await self._client.resolve(target.host, target.port)
            except (OSError, UnicodeError):
                raise self._no_way(f"there is no host {target.host}") from None
        if not found:
            raise self._no_way(f"there is no host {target.host}")
        for address in found:
            if how == "public":
                why = why_not_public(address)
                lines = private_lines(self._name, self._grant, target) if why and not why_never(address) else ""
            else:
                why, lines = "" if target.literal else why_never(address), ""
            if why:
                place = "" if target.literal else f" lies at {address}, which"
                raise self._refused(now, f"{target.host}{place} is {why}, and not a public one", lines)
        return Door(target, found)

    async def _learn(self, now: Draft, door: Door) -> None:
        """Get the values of the secrets a request names, for those that may go where it goes; raises EgressRefused."""
        for name in sorted(now.names):
            if not may_receive(self._grant, name, door.target):
                lines = secret_lines(self._name, self._grant, name, door.target)
                raise self._refused(now, f"{self._name} may not send the secret {name} there", lines)
            if door.target.scheme != "https" and reach(self._grant, door.target) != "private":
                raise self._refused(now, f"the secret {name} would travel unencrypted: use https")
            if name not in self._values:
                self._values[name] = await self._revealed(now, name)
        self._scrubber = Scrubber(self._values)

    async def _revealed(self, now: Draft, name: str) -> str:
        value = await self._reveal(name)
        if not value:
            raise self._refused(now, f"there is no secret {name}: set it with `toolyard secret set {name}`")
        if any(each in value for each in "\r\n\0") or any("\ud800" <= each <= "\udfff" for each in value):
            raise self._refused(now, f"the value of the secret {name} holds a line break or another unfit character")
        return value

    async def _send(self, now: Draft, door: Door) -> "Answer":
        from toolyard_sdk.http.connection import Broken, Head, Silent, Unfit, exchange  # noqa: PLC0415 - see above

        try:
            path, headers, body = now.rendered(self._values)
        except RequestInvalid as error:
            raise self._refused(now, str(error)) from None
        head, lines = Head(now.method, path, headers), self._client.lines
        host = self._scrubber.clean_text(now.target.authority)
        while True:
            line = await self._line(door)
            kept = line.used
            self.sent, done = True, False
            try:
                answer, done = await exchange(line, head, body, self._most)
            except Unfit:
                raise self._refused(now, "it cannot be written as HTTP") from None
            except Silent:
                if kept and now.method in _REPEATABLE:  # it had been closed while nobody looked
                    continue
                raise ConnectionError(f"{host} closed the connection without an answer") from None
            except Broken as error:
                raise ConnectionError(f"{host} did not answer properly: {error}") from None
            except TooLong:
                raise ToolError(f"the answer of {host} is longer than {self._most} bytes.") from None
            except Damaged as error:
                raise ToolError(f"the answer of {host} cannot be read: {error}.") from None
            finally:
                if done:
                    lines.give_back(line)
                else:
                    line.drop()
            return answer

    async def _line(self, door: Door) -> Any:
        """Return a connection to one of the checked addresses; raises ConnectionError."""
        from toolyard_sdk.http.connection import Place  # noqa: PLC0415 - see above

        target, lines = door.target, self._client.lines
        places = [Place(target.scheme, target.host, target.port, each) for each in door.addresses]
        for place in places:
            line = lines.take(place)
            if line is not None:
                return line
        why = ""
        for place in places[:MAX_ADDRESSES]:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await lines.connect(place)
            except ssl.SSLCertVerificationError as error:
                raise self._no_way(f"its certificate is not accepted: {error.verify_message}") from None
            except TimeoutError:
                why = f"no connection within {CONNECT_SECONDS:g} s"
            except OSError as error:
                why = error.strerror or "no connection"
        raise self._no_way(why) from None

    def _next(self, now: Draft, status: int, location: str) -> Draft:
        """Return the request that a redirect asks for; raises EgressRefused."""
        told = f"{self.where} answered with a redirect ({status})"
        try:
            target = read_target(urljoin(now.target.url.translate({ord("{"): "%7B", ord("}"): "%7D"}), location))
        except (TargetInvalid, ValueError):
            raise EgressRefused(f"{told} to an address that is not followed.") from None
        self._trail.append(f"{now.method} {self.where} was sent and answered with a redirect ({status})")
        after = now.redirected(status, target)
        if target.origin == now.target.origin or not self._values:
            return after
        if now.target.scheme == "https" and target.scheme == "http":
            raise self._refused(after, "secrets were sent, and the redirect leads to an unencrypted connection")
        if after.names:
            raise self._refused(
                after, f"its body holds the secret {min(after.names)}, and the redirect leads elsewhere"
            )
        carried = self._scrubber.holds(location) | self._scrubber.holds(target.url)
        if any(not may_receive(self._grant, name, target) for name in carried):
            raise self._refused(after, f"the redirect carries the secret {min(carried)} elsewhere")
        return after

    def _reply(self, answer: "Answer", now: Draft) -> EgressReply:
        clean = self._scrubber.clean_text
        headers = tuple((name, clean(value)) for name, value in answer.headers)
        return EgressReply(answer.status, headers, self._scrubber.clean(answer.body), clean(now.target.url))

    def _refused(self, now: Draft, why: str, lines: str = "") -> EgressRefused:
        shown = now.target.origin if now.by_server else now.target.url[:200]
        told = [*self._trail, f"{now.method} {shown} was not sent: {why}."]
        advice = f" Whoever runs this server can allow it in toolyard.toml:\n{lines}" if lines else ""
        return EgressRefused(self._scrubber.clean_text(". ".join(told) + advice))

    def _no_way(self, why: str) -> ConnectionError:
        """Return the error for a target that was not reached: of the first one, nothing has been sent."""
        kind = ConnectionError if self.sent else ConnectionRefusedError
        return kind(self._scrubber.clean_text(f"nothing was sent to {self.where}: {why}"))
