"""Who is asking: the record every route, store and limit is handed; knows neither headers nor tables."""

from msgspec import Struct
from toolyard_registry.rights import Role

ROLES: tuple[Role, ...] = ("user", "frontend", "author", "operator", "auditor")


class Caller(Struct, frozen=True):
    """An API key that was verified: its tenant, its id (`key_...`), the name somebody gave it, and its roles."""

    tenant: str
    key: str
    name: str
    roles: frozenset[Role]
