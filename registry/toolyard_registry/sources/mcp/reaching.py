"""Opens connections to one server, by its command or address, with a caller's secrets; keeps none of them."""

import re
import secrets as randomness
from collections.abc import Callable, Mapping

from toolyard_sdk.ports import Secrets

from toolyard_registry.sources.mcp.connection import Connection, MakeTransport, Unreachable
from toolyard_registry.sources.mcp.faults import Faults
from toolyard_registry.sources.mcp.pipes import Pipes
from toolyard_registry.sources.mcp.settings import McpSettings
from toolyard_registry.sources.mcp.web import Web

_HANDLE = re.compile(r"\{\{secret:([A-Za-z0-9_-]{1,64})\}\}")

Caller = tuple[str, str | None]
"""A tenant and an end user."""

HOUSE: Caller = ("default", None)
"""Whose secrets are used for what is nobody's call: starting a command, listing tools."""


class Reach:
    """The way to one server."""

    def __init__(self, settings: McpSettings, secrets: Secrets, listed: Callable[[], None]) -> None:
        self._settings = settings
        self._secrets = secrets
        self._listed = listed

    @property
    def personal(self) -> bool:
        """Whether every caller has credentials, and so a connection, of their own."""
        return any(_HANDLE.search(value) for value in self._settings.headers.values())

    async def open(self, caller: Caller, seconds: float) -> Connection:
        """Return an open connection; raises Unreachable."""
        faults = Faults(randomness.token_hex(16))
        transport = await (self._web(faults, caller) if self._settings.url else self._pipes(faults))
        connection = Connection(transport, faults, self._listed)
        await connection.open(seconds)
        return connection

    async def _web(self, faults: Faults, caller: Caller) -> MakeTransport:
        settings = self._settings
        headers = await self._filled(settings.headers, caller)
        for name, value in headers.items():
            if not (value.isprintable() and value.isascii()):
                raise Unreachable(f"the secret in the header {name} holds what no header can")
        return lambda _ended: Web(settings.url, headers, faults, settings.max_bytes)

    async def _pipes(self, faults: Faults) -> MakeTransport:
        settings = self._settings
        environment = await self._filled(settings.env, HOUSE)
        for name, value in environment.items():
            if "\0" in value:
                raise Unreachable(f"the secret in the variable {name} holds a zero byte")
        return lambda ended: Pipes(settings.arguments, environment, settings.cwd, faults, settings.max_bytes, ended)

    async def _filled(self, values: Mapping[str, str], caller: Caller) -> dict[str, str]:
        """Return the values with secrets in place of their handles; raises Unreachable where there is none."""
        found: dict[str, str] = {}
        for name, value in values.items():
            for secret in set(_HANDLE.findall(value)) - set(found):
                revealed = await self._secrets.reveal(*caller, secret)
                if revealed is None:
                    raise Unreachable(f"the secret {secret}, which {name} needs, is not set")
                found[secret] = revealed
        return {name: _HANDLE.sub(lambda handle: found[handle[1]], value) for name, value in values.items()}
