"""Who is asking: the record every route, store and limit is handed; knows neither headers nor tables."""

from typing import Literal

from msgspec import Struct

Role = Literal["user", "frontend", "author", "operator", "auditor"]
"""What a key may do: `user` calls agents, `frontend` may also name the end user, the others are people of the house."""

ROLES: tuple[Role, ...] = ("user", "frontend", "author", "operator", "auditor")


class Caller(Struct, frozen=True):
    """An API key that was verified: its tenant, its id (`key_...`), the name somebody gave it, and its roles."""

    tenant: str
    key: str
    name: str
    roles: frozenset[Role]
