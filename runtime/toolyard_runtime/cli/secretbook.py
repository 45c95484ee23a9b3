"""Secrets, wherever they are kept: the port of `toolyard secret`, and its adapter for a running server."""

from typing import Any, Protocol

from toolyard_runtime.cli.connection import Connection, part


class SecretBook(Protocol):
    """What the command can do. Entries are as the server's routes answer them; no value comes back."""

    def set(
        self, name: str, value: str, end_user: str | None, tenant: str | None, *, only_rotate: bool
    ) -> dict[str, Any]:
        """Keep a value for an end user, or (None) for the tenant; None for the tenant is the caller's own."""
        ...

    def list(self, tenant: str | None) -> list[dict[str, Any]]:
        """Return a tenant's secrets by name, without values."""
        ...

    def remove(self, name: str, end_user: str | None, tenant: str | None) -> None:
        """Take a secret out of the database."""
        ...

    def rekey(self) -> dict[str, Any]:
        """Seal everything with a new key and return how much that was."""
        ...


class ServerSecretBook:
    """The secrets of a running server, over its routes."""

    def __init__(self, server: Connection) -> None:
        self._server = server

    def set(
        self, name: str, value: str, end_user: str | None, tenant: str | None, *, only_rotate: bool
    ) -> dict[str, Any]:
        """Keep a value."""
        body = {"value": value, "only_rotate": only_rotate}
        kept: dict[str, Any] = self._server.put(f"/api/v1/secrets/{part(name)}", body, end_user=end_user, tenant=tenant)
        return kept

    def list(self, tenant: str | None) -> list[dict[str, Any]]:
        """Return a tenant's secrets, page after page."""
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = self._server.get("/api/v1/secrets", after=after, limit=100, tenant=tenant)
            found += page["data"]
            after = page.get("next")
            if after is None:
                return found

    def remove(self, name: str, end_user: str | None, tenant: str | None) -> None:
        """Take a secret out of the database."""
        self._server.delete(f"/api/v1/secrets/{part(name)}", end_user=end_user, tenant=tenant)

    def rekey(self) -> dict[str, Any]:
        """Seal everything with a new key."""
        done: dict[str, Any] = self._server.post("/api/v1/secret-keys")
        return done
