"""Keys and tenants, wherever they are kept: the port of the admin commands, and its adapter for a running server."""

from collections.abc import Iterable
from typing import Any, Protocol

from toolyard_runtime.cli.connection import Connection, part


class KeyBook(Protocol):
    """What the admin commands can do. Entries are as the server's routes answer them."""

    def create_key(self, name: str, roles: Iterable[str], tenant: str | None, expires_at: int | None) -> dict[str, Any]:
        """Make a key and return its `id` and `secret`; `expires_at` is UTC microseconds."""
        ...

    def list_keys(self, tenant: str | None) -> list[dict[str, Any]]:
        """Return a tenant's keys, without their secrets; None is the caller's own."""
        ...

    def revoke_key(self, key: str) -> None:
        """End a key."""
        ...

    def create_tenant(self, name: str) -> None:
        """Make a tenant."""
        ...

    def list_tenants(self) -> list[dict[str, Any]]:
        """Return all tenants."""
        ...

    def revoke_tenant(self, name: str) -> None:
        """End a tenant and all its keys."""
        ...


class ServerKeyBook:
    """The keys of a running server, over its routes."""

    def __init__(self, server: Connection) -> None:
        self._server = server

    def create_key(self, name: str, roles: Iterable[str], tenant: str | None, expires_at: int | None) -> dict[str, Any]:
        """Make a key and return its `id` and `secret`."""
        body: dict[str, Any] = {"name": name, "roles": list(roles)}
        if tenant is not None:
            body["tenant"] = tenant
        if expires_at is not None:
            body["expires_at"] = expires_at
        answer: dict[str, Any] = self._server.post("/api/v1/keys", body)
        return answer

    def list_keys(self, tenant: str | None) -> list[dict[str, Any]]:
        """Return a tenant's keys, page after page."""
        return self._all("/api/v1/keys", tenant=tenant)

    def revoke_key(self, key: str) -> None:
        """End a key."""
        self._server.delete(f"/api/v1/keys/{part(key)}")

    def create_tenant(self, name: str) -> None:
        """Make a tenant."""
        self._server.post("/api/v1/tenants", {"id": name})

    def list_tenants(self) -> list[dict[str, Any]]:
        """Return all tenants, page after page."""
        return self._all("/api/v1/tenants")

    def revoke_tenant(self, name: str) -> None:
        """End a tenant and all its keys."""
        self._server.delete(f"/api/v1/tenants/{part(name)}")

    def _all(self, path: str, **query: str | None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = self._server.get(path, after=after, **query)
            found += page["data"]
            after = page.get("next")
            if after is None:
                return found
