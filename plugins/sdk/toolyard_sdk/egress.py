"""The port by which a tool reaches the network, and how it names a secret; knows no sockets."""

from collections.abc import Mapping
from typing import NoReturn, Protocol

from msgspec import Struct

from toolyard_sdk.errors import EgressRefused


class EgressGrant(Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator allows one plugin, tool file or source: `[egress.NAME]` of toolyard.toml.

    `hosts` are public hosts by name, `*.example.org` for those below one and `*` for any; `private` names hosts of the
    operator's own network as `host:port`; `secrets` maps a secret to the hosts it may be sent to.
    """

    hosts: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    secrets: dict[str, tuple[str, ...]] = {}


class EgressReply(Struct, frozen=True):
    """What a server answered: `headers` have lower-case names, `url` is where redirects have led."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    url: str

    def header(self, name: str, default: str = "") -> str:
        """Return the first header of a name, in whatever case it is asked for."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), default)


class Egress(Protocol):
    """The way out, for one tool and one caller."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float = 30.0,  # noqa: ASYNC109 - the bound covers looking up, connecting, redirects and the body
        max_bytes: int = 1_000_000,
    ) -> EgressReply:
        """Send one request and return its answer, whatever its status; redirects are followed and checked again.

        Secrets are named by `secret(...)` in the URL's query, in headers or in the body, and filled in for the hosts
        they belong to. Raises EgressRefused when nothing was sent; ToolError when the answer is longer than
        `max_bytes`; TimeoutError and ConnectionError when the request may have arrived.
        """
        ...


class ClosedEgress:
    """Implements Egress where no way out was given: every request is refused."""

    async def request(self, method: str, url: str, **_more: object) -> NoReturn:
        """Raise EgressRefused."""
        raise EgressRefused(f"{method} {url} was not sent: this tool was given no way out")


CLOSED = ClosedEgress()


class NoSecrets:
    """Implements Secrets where there are none."""

    async def reveal(self, _tenant: str, _end_user: str | None, _name: str) -> None:
        """Return None."""


NO_SECRETS = NoSecrets()


def secret(name: str) -> str:
    """Return a handle to write into a request where the secret belongs: the value is filled in on its way out."""
    return "{{secret:" + name + "}}"
