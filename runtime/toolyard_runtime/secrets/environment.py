"""Secrets in environment variables, each named in toolyard.toml: what nobody has named there is not a secret."""

import logging
from collections.abc import Mapping, Sequence

from toolyard_registry.names import NameInvalid
from toolyard_registry.rights import HOUSE

from toolyard_runtime.secrets.shelves import Entry, Place, SecretUnreadable, check_secret, check_value, position
from toolyard_runtime.store.tenants import NAME as TENANT

_log = logging.getLogger("toolyard.secrets")


def whose(key: str) -> tuple[str, str]:
    """Return (tenant, name) of `name`, which is the house's, or of `tenant/name`; raises NameInvalid."""
    tenant, slash, name = key.rpartition("/")
    if slash and TENANT.fullmatch(tenant) is None:
        raise NameInvalid(f"{tenant[:80]!r} is no tenant: write `name`, or `tenant/name` for another tenant's")
    return tenant or HOUSE, check_secret(name)


class EnvironmentShelf:
    """`[secrets] environment`: `variables` maps `name` or `tenant/name` to a variable; end users have none here."""

    def __init__(self, variables: Mapping[str, str], environment: Mapping[str, str]) -> None:
        """Read the variables once; raises NameInvalid."""
        self._held: dict[tuple[str, str], str] = {}
        for key, variable in variables.items():
            if whose(key) in self._held:
                raise NameInvalid(f"`{key}` is said twice: `NAME` and `{HOUSE}/NAME` are one secret")
            self._held[whose(key)] = environment.get(variable, "")

    @property
    def kept(self) -> str:
        """The place in one word."""
        return "environment"

    async def own(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Return the tenant's value; None also for a variable that is empty or not set."""
        value = self._held.get((tenant, name)) if end_user is None else None
        try:
            return check_value(value) if value else None
        except ValueError as error:  # bytes that are no text, or too many
            _log.error("the secret %s of %s is not used: %s", name, tenant, error)
            raise SecretUnreadable(name) from None

    async def entries(self, tenant: str, start: Place, limit: int) -> Sequence[Entry]:
        """Return the tenant's variables that are set, by the names of their secrets."""
        held = [Entry(name, self.kept) for (owner, name), value in self._held.items() if owner == tenant and value]
        return sorted((entry for entry in held if entry.place >= start), key=position)[:limit]
