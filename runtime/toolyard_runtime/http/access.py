"""Who may call which route: the one place where keys are checked and roles are required."""

from collections.abc import Iterable, Mapping
from typing import Any

from litestar.connection import ASGIConnection
from litestar.types import ASGIApp, Receive, Scope, Send
from toolyard_registry.rights import Role

from toolyard_runtime.identity import Caller
from toolyard_runtime.store.keys import Keys
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.function_tools import END_USER_FIX, LONGEST_END_USER

OPEN = "open"
"""`opt={"access": OPEN}` marks a route that needs no key; every other route names the roles that may call it."""

CALLER = "toolyard.caller"
END_USER_HEADERS = (b"x-openwebui-user-id", b"x-toolyard-end-user")
"""Whom a request is for: the first that says anything counts."""

METHODS = "OPTIONS"
"""Answered by a handler that litestar adds to every path: it names the path's methods and reads nothing."""


def only(*roles: Role) -> dict[str, Any]:
    """Return the `opt` of a route that callers with any of these roles may use."""
    return {"access": frozenset(roles)}


ANYBODY: dict[str, Any] = {"access": OPEN}


def caller_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Return the caller whom the guard has let in."""
    caller: Caller = connection.scope[CALLER]  # type: ignore[literal-required]  # a key of our own in the scope
    return caller


class Guard:
    """A middleware before every route: default deny, and only the host names it knows (DNS rebinding).

    It is no guard of litestar's, which copies the route's handler for each request.
    """

    def __init__(self, keys: Keys, hosts: frozenset[str]) -> None:
        self._keys = keys
        self._hosts = hosts

    def before(self, app: ASGIApp) -> ASGIApp:
        """Return a route that is reached by those alone who may."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            await self.admit(scope, scope["route_handler"].opt.get("access"))
            await app(scope, receive, send)

        return guarded

    async def admit(self, scope: Scope, access: Any) -> None:
        """Let the request in or raise RequestRefused (401, 403, 421); `access` is what its route has declared."""
        secret, host = _read(scope["headers"])
        if self._hosts and host not in self._hosts:
            raise RequestRefused(
                f"This server does not answer to the host name {host!r}; add it to [server] allowed_hosts.",
                param="Host",
                code="unknown_host",
                status=421,
            )
        if access == OPEN or (access is None and scope.get("method") == METHODS):
            return
        caller = await self._keys.verify(secret)
        if caller is None:
            raise RequestRefused(
                "Send an API key of this server as `Authorization: Bearer ty_...` (`toolyard key create` makes one).",
                param="Authorization",
                code="invalid_api_key",
                status=401,
            )
        if not access or access.isdisjoint(caller.roles):
            wanted = "user" if "user" in (access or ()) else " or ".join(sorted(access or ("nobody",)))  # the least
            raise RequestRefused(
                f"This key may not do that: it needs the role {wanted}.",
                param="Authorization",
                code="missing_role",
                status=403,
            )
        scope[CALLER] = caller  # type: ignore[literal-required]  # a key of our own in the scope


def end_user_of(connection: ASGIConnection[Any, Any, Any, Any], caller: Caller) -> str | None:
    """Return whom the request is for: trusted only from keys with the role `frontend`; raises RequestRefused."""
    return named_in(dict(connection.scope["headers"])) if "frontend" in caller.roles else None


def named_in(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the end user whom headers name, whoever sends them; raises RequestRefused where the name is too long."""
    header = next((header for header in END_USER_HEADERS if headers.get(header)), None)
    if header is None:
        return None
    try:
        named = headers[header].decode()  # as the same name in a body
    except UnicodeDecodeError:
        named = headers[header].decode("latin-1")
    if len(named) > LONGEST_END_USER:
        field = header.decode("ascii")
        raise RequestRefused(f"{field}: {END_USER_FIX}, not {len(named)}.", param=field)
    return named


def _read(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, str]:
    """Return the bearer secret and the host name without its port."""
    secret = host = ""
    for name, value in headers:
        if name == b"authorization":
            scheme, _, given = value.partition(b" ")
            secret = given.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
        elif name == b"host":
            host = value.decode("latin-1").lower()
            host = host[: host.rindex("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    return secret, host
