"""A request as a tool wrote it, and the same with its secrets filled in; knows no permission and no connection."""

import re
from collections.abc import Mapping

from msgspec import Struct

from toolyard_sdk.http.filling import HANDLE, Placed, in_body, in_header, in_query
from toolyard_sdk.http.targets import Target

OURS = frozenset(
    (
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer"),
        *("expect", "accept-encoding", "proxy-authorization", "proxy-connection", "http2-settings"),
    )
)
"""Headers that say how a message travels: the client writes them, so that no two readers split it differently."""

_ABOUT_BODY = frozenset({"content-type", "content-encoding", "content-language", "content-location"})
CARRIED = _ABOUT_BODY | {"accept", "accept-language", "user-agent", "range", "if-none-match", "if-modified-since"}
"""Headers that follow a redirect to another origin: any other may hold what was meant for the first server only."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNFIT = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_SENDS_BODY = ("POST", "PUT", "PATCH")


class RequestInvalid(ValueError):
    """A request that cannot be sent as it was written; the message says why."""


class Draft(Struct, frozen=True):
    """One request before its secrets are filled in.

    `by_server` tells that a redirect named the target: a handle in it is text like any other.
    """

    method: str
    target: Target
    headers: tuple[tuple[str, str], ...]
    body: bytes
    by_server: bool = False

    @property
    def placed(self) -> tuple[Placed, ...]:
        """Every piece of it that may hold handles."""
        return (
            *((in_query(self.target.query),) if self.target.query and not self.by_server else ()),
            *(in_header(value) for _, value in self.headers),
            *((self._body(),) if self.body else ()),
        )

    @property
    def names(self) -> frozenset[str]:
        """The secrets that it names."""
        return frozenset[str]().union(*(each.names for each in self.placed))

    def _body(self) -> Placed:
        kind = next((value for name, value in self.headers if name.lower() == "content-type"), "")
        return in_body(self.body.decode(errors="surrogateescape"), kind)

    def rendered(self, values: Mapping[str, str]) -> tuple[str, tuple[tuple[str, str], ...], bytes]:
        """Return path and query, headers and body with secrets filled in; raises RequestInvalid."""
        path, query = self.target.path, self.target.query
        if query is not None:
            path += "?" + (query if self.by_server else in_query(query).filled(values))
        headers = [("host", self.target.authority), ("accept-encoding", "gzip, deflate")]
        own = {name.lower() for name, _ in self.headers}
        headers += [pair for pair in (("user-agent", "toolyard"), ("accept", "*/*")) if pair[0] not in own]
        for name, value in self.headers:
            written = in_header(value).filled(values)
            if _UNFIT.search(written):
                raise RequestInvalid(f"the header {name} holds characters that HTTP does not allow")
            headers.append((name, written.strip()))
        body = self._body().filled(values).encode(errors="surrogateescape") if self.body else b""
        if body or self.method in _SENDS_BODY:
            headers.append(("content-length", str(len(body))))
        return path.translate(_BRACES), tuple(headers), body

    def redirected(self, status: int, target: Target) -> "Draft":
        """Return what follows a redirect (RFC 9110, section 15.4): on another origin, without credentials."""
        method = self.method
        if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):  # noqa: PLR2004 - HTTP's own
            method = "GET"
        headers, body = self.headers, self.body
        if method != self.method:
            headers, body = tuple(pair for pair in headers if pair[0].lower() not in _ABOUT_BODY), b""
        if target.origin != self.target.origin:
            headers = tuple(pair for pair in headers if pair[0].lower() in CARRIED and not HANDLE.search(pair[1]))
        return Draft(method, target, headers, body, by_server=True)


def draft(method: str, target: Target, headers: Mapping[str, str], body: bytes) -> Draft:
    """Return a request as a tool wrote it; raises RequestInvalid for what nobody may send."""
    verb = method.upper()
    if not _TOKEN.fullmatch(verb) or verb in ("CONNECT", "TRACE"):
        raise RequestInvalid(f"there is no sending {method[:20]!r}")
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise RequestInvalid(f"{name[:40]!r} is no name of a header")
        if name.lower() in OURS:
            raise RequestInvalid(f"the header {name} is not a tool's to set")
        if _UNFIT.search(value):
            raise RequestInvalid(f"the header {name} holds characters that HTTP does not allow")
    made = Draft(verb, target, tuple(headers.items()), body)
    if in_query(target.path).names or in_query(target.path).broken:
        raise RequestInvalid("a secret is named in its path: secrets go into the query, a header or the body")
    if any(each.broken for each in made.placed):
        raise RequestInvalid(
            "it holds a handle that is none: write {{secret:NAME}} with letters, digits, '_', '.', '-'"
        )
    return made


_BRACES = {ord("{"): "%7B", ord("}"): "%7D"}
