"""Reads addresses (URLs) strictly, and says which host names fit which; knows no network and no permission.

What another reader could take for another host is refused: numbers that `getaddrinfo` would take for an address, names
with a trailing dot, user names before the host, backslashes, characters that look like others.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from msgspec import Struct

DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST = 8_192

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#\\]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?"
)
_AUTHORITY = re.compile(r"(?P<host>\[[^\]\[]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_TO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|[^!$&'()*+,;=:@/?%A-Za-z0-9._~\[\]{}-]")


class TargetInvalid(ValueError):
    """An address that is not read; the message says why, and what to write."""


class Target(Struct, frozen=True):
    """Where a request goes. `host` is a name in lower case or an address without brackets; `query` has no `?`.

    `path` and `query` are ASCII and may still hold the braces of handles.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str | None = None

    @property
    def literal(self) -> bool:
        """Whether the host is an address and not a name."""
        return is_address(self.host)

    @property
    def authority(self) -> str:
        """The host as a Host header says it: with brackets and port where they are needed."""
        host = bracketed(self.host)
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """The whole address, without fragment."""
        return self.origin + self.path + ("" if self.query is None else f"?{self.query}")


def bracketed(host: str) -> str:
    """Return a host as it is written in front of a port."""
    return f"[{host}]" if ":" in host else host


def is_address(host: str) -> bool:
    """Whether a host that has been read is an address."""
    return ":" in host or host.rpartition(".")[2].isdecimal()


def read_target(url: str) -> Target:
    """Read an http or https URL; raises TargetInvalid. Spaces and letters beyond ASCII are percent-encoded."""
    if len(url) > LONGEST:
        raise TargetInvalid(f"it has {len(url)} characters; at most {LONGEST} are read")
    if _CONTROL.search(url) or url != url.strip():
        raise TargetInvalid("it holds a control character, or begins or ends with a space")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise TargetInvalid("it is no address: write https://HOST/PATH")
    scheme = parts["scheme"].lower()
    if scheme not in DEFAULT_PORTS:
        raise TargetInvalid(f"{scheme}: is not spoken here: use https: or http:")
    if "@" in parts["authority"]:
        raise TargetInvalid("it holds a user name or password before the host: send them in a header")
    authority = _AUTHORITY.fullmatch(parts["authority"])
    if authority is None:
        raise TargetInvalid("what stands between // and the path is not HOST or HOST:PORT")
    port = int(authority["port"]) if authority["port"] else DEFAULT_PORTS[scheme]
    if not 0 < port < 65536:  # noqa: PLR2004 - as many ports as there are
        raise TargetInvalid(f"there is no port {port}")
    path, query = parts["path"], parts["query"]
    if "\\" in path:
        raise TargetInvalid("it holds a backslash: write /")
    return Target(
        scheme, read_host(authority["host"]), port, _escaped(path) or "/", None if query is None else _escaped(query)
    )


def read_host(written: str) -> str:
    """Return a host in its one form: lower case, an IPv6 address without brackets; raises TargetInvalid."""
    if written.startswith("["):
        try:
            address = IPv6Address(written[1:-1])
        except AddressValueError:
            raise TargetInvalid(f"{written} is no IPv6 address") from None
        if address.scope_id is not None:
            raise TargetInvalid("its address names a network card")
        return str(address)
    if not written.isascii():  # before they are made small: some become letters of ASCII by that
        raise TargetInvalid("its host has letters beyond ASCII: write the name in its ASCII form (xn--...)")
    host = written.lower()
    if host.endswith("."):
        raise TargetInvalid("its host ends in a dot")
    if len(host) > 253 or not _NAME.fullmatch(host):  # noqa: PLR2004 - DNS's own limit
        raise TargetInvalid("its host is no host name")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        try:
            return str(IPv4Address(host))
        except AddressValueError:
            raise TargetInvalid("its host is a number: write an IPv4 address as four decimal numbers") from None
    return host


def matches(pattern: str, host: str, port: int) -> bool:
    """Whether an operator's `HOST`, `*.HOST` or `*`, each with or without `:PORT`, is for this host and port.

    Without a port it is for 80 and 443. `*.example.org` is for the names below example.org and not for itself.
    """
    wanted, port_wanted = split_port(pattern)
    if port != port_wanted if port_wanted else port not in DEFAULT_PORTS.values():
        return False
    if wanted.startswith("*."):
        return not is_address(host) and host.endswith(wanted[1:].lower()) and len(host) > len(wanted) - 1
    return wanted == "*" or plain(wanted) == host


def plain(written: str) -> str:
    """Return an operator's host in the form in which hosts are compared; what is no host equals none."""
    if ":" not in written:
        return written.lower()
    try:
        return read_host(written if written.startswith("[") else f"[{written}]")
    except TargetInvalid:
        return ""


def split_port(written: str) -> tuple[str, int]:
    """Split `HOST:PORT` as an operator wrote it; a port that is not there is 0."""
    host, colon, port = written.rpartition(":")
    if colon and port.isascii() and port.isdecimal() and (":" not in host or host.endswith("]")):
        return host, int(port)
    return written, 0


def _escaped(text: str) -> str:
    return _TO_ESCAPE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)
