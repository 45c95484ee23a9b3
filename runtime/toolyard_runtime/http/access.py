"""Who may call which route: the one place where keys are checked and roles are required."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from toolyard_runtime.identity import Caller, Role
from toolyard_runtime.store.keys import Keys
from toolyard_runtime.wire.errors import RequestRefused

OPEN = "open"
"""`opt={"access": OPEN}` marks a route that needs no key; every other route names the roles that may call it."""

CALLER = "toolyard.caller"
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
    """Litestar's guard for the whole application: default deny, and only the host names it knows (DNS rebinding).

    It is a coroutine function, because litestar runs a plain one in a worker thread.
    """

    def __init__(self, keys: Keys, hosts: frozenset[str]) -> None:
        self._keys = keys
        self._hosts = hosts

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Let the request in or raise RequestRefused (401, 403)."""
        secret, host = _read(connection)
        if self._hosts and host not in self._hosts:
            raise RequestRefused(
                f"This server does not answer to the host name {host!r}; add it to [server] allowed_hosts.",
                param="Host",
                code="unknown_host",
                status=421,
            )
        access = handler.opt.get("access")
        if access == OPEN or (access is None and connection.scope.get("method") == METHODS):
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
        connection.scope[CALLER] = caller  # type: ignore[literal-required]  # a key of our own in the scope


def end_user_of(connection: ASGIConnection[Any, Any, Any, Any], caller: Caller) -> str | None:
    """Return whom the request is for: trusted only from keys with the role `frontend`."""
    if "frontend" not in caller.roles:
        return None
    headers = dict(connection.scope["headers"])
    named = headers.get(b"x-openwebui-user-id") or headers.get(b"x-toolyard-end-user")
    return named.decode("latin-1") if named else None


def _read(connection: ASGIConnection[Any, Any, Any, Any]) -> tuple[str, str]:
    """Return the bearer secret and the host name without its port."""
    secret = host = ""
    for name, value in connection.scope["headers"]:
        if name == b"authorization":
            scheme, _, given = value.partition(b" ")
            secret = given.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
        elif name == b"host":
            host = value.decode("latin-1").lower()
            host = host[: host.rindex("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    return secret, host
