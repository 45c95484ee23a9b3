"""Keeps the tokens that people's consents give to sources, sealed and erased like every other secret of theirs."""

from toolyard_runtime.secrets.safe import Safe

ACTOR = "source"


class SourceSecrets:
    """Implements Secrets for sources, which also keep tokens here: exactly one owner's, with no falling back."""

    def __init__(self, safe: Safe) -> None:
        self._safe = safe

    async def reveal(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Return a secret's value: the end user's own, else the tenant's; None when there is none."""
        return await self._safe.shelves.reveal(tenant, end_user, name)

    async def kept(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Return the token of exactly this tenant and end user; None when there is none."""
        return await self._safe.own(tenant, end_user, _secret(name))

    async def keep(self, tenant: str, end_user: str | None, name: str, value: str) -> None:
        """Keep a token in place of the one before."""
        await self._safe.set(tenant, end_user, _secret(name), value, ACTOR)


def _secret(name: str) -> str:
    """Return the name under which secrets list a token: `mcp:calendar:token` is `mcp-calendar-token`."""
    return name.replace(":", "-")
