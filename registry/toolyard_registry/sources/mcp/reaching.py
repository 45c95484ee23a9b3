"""Opens connections to one server, by its command or address, with a caller's secrets; keeps none of them."""

import asyncio
import re
import secrets as randomness
from collections import OrderedDict
from collections.abc import Callable, Mapping

from toolyard_sdk.egress import Egress
from toolyard_sdk.ports import Clock, Secrets

from toolyard_registry.sources.mcp.connection import Connection, MakeTransport, Unreachable
from toolyard_registry.sources.mcp.consent import Consent
from toolyard_registry.sources.mcp.faults import Faults
from toolyard_registry.sources.mcp.pipes import Pipes
from toolyard_registry.sources.mcp.settings import McpSettings, OauthSettings
from toolyard_registry.sources.mcp.tokens import HOUSE, Caller, Place, TokenStore, registration
from toolyard_registry.sources.mcp.unsaid import Unsaid
from toolyard_registry.sources.mcp.web import Web

_HANDLE = re.compile(r"\{\{secret:([A-Za-z0-9_-]{1,64})\}\}")

_MOST = 1_000
"""Callers whose consents are in memory; of the others the tokens are still kept."""


class Reach:
    """The way to one server; `given` is called when a consent was given for whom it lists its tools."""

    def __init__(
        self,
        name: str,
        settings: McpSettings,
        secrets: Secrets,
        egress: Egress,
        tokens: TokenStore,
        clock: Clock,
        *,
        listed: Callable[[], None],
        given: Callable[[], None],
    ) -> None:
        self._name = name
        self._settings = settings
        self._secrets = secrets
        self._egress = egress
        self._tokens = tokens
        self._clock = clock
        self._listed = listed
        self._given = given
        self._consents: OrderedDict[Caller, Consent] = OrderedDict()

    @property
    def personal(self) -> bool:
        """Whether every caller has credentials, and so a connection, of their own."""
        return self._settings.oauth is not None or any(
            _HANDLE.search(value) for value in self._settings.headers.values()
        )

    async def open(self, caller: Caller, seconds: float) -> Connection:
        """Return an open connection; raises Unreachable."""
        faults = Faults(randomness.token_hex(16))
        unsaid = Unsaid(learns=self._settings.oauth is not None)
        transport = await (self._web(faults, caller, unsaid) if self._settings.url else self._pipes(faults, unsaid))
        connection = Connection(transport, faults, self._listed, unsaid)
        try:
            await connection.open(seconds)
        except Unreachable as error:
            link = self.link(caller)
            if link:  # what was tried after the refusal has hidden it
                raise Unreachable(f"somebody has to allow it first, at {link}") from error
            raise
        return connection

    async def _web(self, faults: Faults, caller: Caller, unsaid: Unsaid) -> MakeTransport:
        settings = self._settings
        given: dict[str, str] = {}
        headers = await self._filled(settings.headers, caller, given)
        unsaid.know(given)
        for name, value in headers.items():
            if not (value.isprintable() and value.isascii()):
                raise Unreachable(f"the secret in the header {name} holds what no header can")
        consent = None if settings.oauth is None else await self._consent(settings.oauth, caller)
        return lambda _ended: Web(settings.url, headers, faults, settings.max_bytes, consent, unsaid)

    async def _pipes(self, faults: Faults, unsaid: Unsaid) -> MakeTransport:
        settings = self._settings
        given: dict[str, str] = {}
        environment = await self._filled(settings.env, HOUSE, given)
        unsaid.know(given)
        for name, value in environment.items():
            if "\0" in value:
                raise Unreachable(f"the secret in the variable {name} holds a zero byte")
        return lambda ended: Pipes(settings.arguments, environment, settings.cwd, faults, settings.max_bytes, ended)

    def link(self, caller: Caller) -> str:
        """Return where a caller consents, if that is what is missing."""
        consent = self._consents.get(caller)
        return "" if consent is None else consent.link

    async def returned(self, parameters: Mapping[str, str]) -> str | None:
        """Take what a person came back with: "" when all is well, else what went wrong; None if it is not for us."""
        for consent in self._consents.values():
            flow = consent.returned(parameters)
            if flow is not None:
                return await asyncio.shield(flow)
        return None

    async def close(self) -> None:
        """Give up consents under way."""
        await asyncio.gather(*(consent.close() for consent in self._consents.values()))

    async def _consent(self, oauth: OauthSettings, caller: Caller) -> Consent:
        consent = self._consents.get(caller)
        if consent is None:
            registered = None
            if oauth.client_id:
                filled = await self._filled({"oauth.client_secret": oauth.client_secret}, HOUSE, {})
                registered = registration(oauth.client_id, filled["oauth.client_secret"], oauth.callback)
            place = Place(self._tokens, self._name, caller, registered, self._clock.now)
            given = self._given if caller == HOUSE else _nothing
            consent = self._consents[caller] = Consent(self._settings.url, oauth, place, self._egress, given)
        self._consents.move_to_end(caller)
        while len(self._consents) > _MOST:
            _, oldest = self._consents.popitem(last=False)
            await oldest.close()
        return consent

    async def _filled(self, values: Mapping[str, str], caller: Caller, found: dict[str, str]) -> dict[str, str]:
        """Return the values with secrets in place of their handles, and note these in `found`.

        Raises Unreachable where there is none.
        """
        for name, value in values.items():
            for secret in set(_HANDLE.findall(value)) - set(found):
                revealed = await self._secrets.reveal(*caller, secret)
                if revealed is None:
                    raise Unreachable(f"the secret {secret}, which {name} needs, is not set")
                found[secret] = revealed
        return {name: _HANDLE.sub(lambda handle: found[handle[1]], value) for name, value in values.items()}


def _nothing() -> None:
    """Tell nobody: the caller calls again."""
