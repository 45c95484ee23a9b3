"""Where consents are kept: a port of two methods, its in-memory implementation, and one caller's place in it."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import msgspec
from mcp.client.auth import OAuthClientProvider, TokenStorage
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from msgspec import Struct
from pydantic import AnyUrl

Caller = tuple[str, str | None]
"""A tenant and an end user."""

HOUSE: Caller = ("default", None)
"""Whose secrets and consent are used for what is nobody's call: starting a command, listing tools."""


@runtime_checkable
class TokenStore(Protocol):
    """Keeps tokens of end users, sealed, and forgets them with the user; a name is the source's."""

    async def kept(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Return what was kept under exactly this tenant, end user and name; None when nothing was."""
        ...

    async def keep(self, tenant: str, end_user: str | None, name: str, value: str) -> None:
        """Keep a value in place of the one before."""
        ...


class RememberedTokens:
    """Implements TokenStore in memory: consents last as long as the process."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str | None, str], str] = {}

    async def kept(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Return what was kept."""
        return self._values.get((tenant, end_user, name))

    async def keep(self, tenant: str, end_user: str | None, name: str, value: str) -> None:
        """Keep a value."""
        self._values[tenant, end_user, name] = value


class _Kept(Struct):
    """A token as it is kept: with the time (seconds since 1970) at which it ends, which the token does not say."""

    token: str
    ends: float | None


class Place(TokenStorage):
    """One caller's tokens for one source, and the source's registration, which all callers share.

    `now()` is UTC microseconds, as the SDK reads them.
    """

    def __init__(
        self,
        store: TokenStore,
        source: str,
        caller: Caller,
        registered: OAuthClientInformationFull | None,
        now: Callable[[], int],
    ) -> None:
        self._now = now
        self._store = store
        self._tokens = f"mcp:{source}:token"
        self._registration = f"mcp:{source}:client"
        self._caller = caller
        self._registered = registered
        self.provider: OAuthClientProvider | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """Return the caller's token; tells the provider when it ends."""
        value = await self._store.kept(*self._caller, self._tokens)
        if value is None:
            return None
        kept = msgspec.json.decode(value, type=_Kept)
        if self.provider is not None:
            self.provider.context.token_expiry_time = kept.ends
        return OAuthToken.model_validate_json(kept.token)

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep the caller's token."""
        ends = None if tokens.expires_in is None else self._now() / 1e6 + tokens.expires_in
        kept = _Kept(tokens.model_dump_json(exclude_none=True), ends)
        await self._store.keep(*self._caller, self._tokens, msgspec.json.encode(kept).decode())

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Return the registration made by hand, or the one the source has made itself."""
        if self._registered is not None:
            return self._registered
        value = await self._store.kept(*HOUSE, self._registration)
        return None if value is None else OAuthClientInformationFull.model_validate_json(value)

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep the source's registration."""
        value = client_info.model_dump_json(exclude_none=True)
        await self._store.keep(*HOUSE, self._registration, value)


def registration(client_id: str, client_secret: str, callback: str) -> OAuthClientInformationFull:
    """Return a registration that was made by hand."""
    return OAuthClientInformationFull(
        client_id=client_id,
        client_secret=client_secret or None,
        redirect_uris=[AnyUrl(callback)],
        token_endpoint_auth_method="client_secret_basic" if client_secret else "none",
    )
