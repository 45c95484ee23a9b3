"""The places secrets can lie in, and the order in which they are looked for; knows no kind of place but memory."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct
from toolyard_registry.names import check_name
from toolyard_sdk.errors import EgressRefused

LONGEST = 65_536
"""Bytes of a secret's value in UTF-8: a private key with its certificates fits."""

Place = tuple[str, str]
"""A secret's name and its owner, the empty one being the tenant itself: the order of lists."""


class SecretUnreadable(EgressRefused):
    """A secret that is there and cannot be read. A model may see the words: why it is so is in the server's log."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the secret {name} cannot be read now; the server's log tells its operator why")


class Entry(Struct, frozen=True):
    """A secret as it is listed: everything but its value.

    `kept` names the place it lies in; `end_user` is None for the tenant's own; times are UTC microseconds, None where
    the place does not know. `id` is what audit records call it.
    """

    name: str
    kept: str
    end_user: str | None = None
    id: str | None = None
    set_at: int | None = None
    set_by: str | None = None
    rotated_at: int | None = None

    @property
    def place(self) -> Place:
        """Where it stands in a list."""
        return self.name, self.end_user or ""


class Shelf(Protocol):
    """One place where secrets lie."""

    @property
    def kept(self) -> str:
        """The place in one word, as lists show it."""
        ...

    async def own(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Return what exactly this owner (None: the tenant itself) keeps here under a name; raises SecretUnreadable."""
        ...

    async def entries(self, tenant: str, start: Place, limit: int) -> Sequence[Entry]:
        """Return at most `limit` of a tenant's secrets here, by place, from `start` on."""
        ...


class Shelves:
    """Implements the port `Secrets`: first whose secret it is, then where it lies."""

    def __init__(self, *shelves: Shelf) -> None:
        self._shelves = shelves

    async def reveal(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Return the end user's own secret, else the tenant's, each from the first shelf that has it; else None.

        Raises SecretUnreadable for one that is there and cannot be read: another one in its place might be sent to
        whom it does not belong.
        """
        for owner in (end_user, None) if end_user else (None,):
            for shelf in self._shelves:
                value = await shelf.own(tenant, owner, name)
                if value is not None:
                    return value
        return None

    async def list(self, tenant: str, after: tuple[Place, str] | None, limit: int) -> Sequence[Entry]:
        """Return at most `limit` of a tenant's secrets by place, from the one after `after` (place and shelf)."""
        start = after[0] if after is not None else ("", "")
        found = [entry for shelf in self._shelves for entry in await shelf.entries(tenant, start, limit + 1)]
        found.sort(key=position)
        return [entry for entry in found if after is None or position(entry) > after][:limit]


def position(entry: Entry) -> tuple[Place, str]:
    """Return where an entry stands in a list of all shelves."""
    return entry.place, entry.kept


class MemoryShelf:
    """Secrets in a dictionary by tenant, owner (None: the tenant itself) and name: for tests, and gone with them."""

    def __init__(self, held: Mapping[tuple[str, str | None, str], str]) -> None:
        self._held = dict(held)

    @property
    def kept(self) -> str:
        """The place in one word."""
        return "memory"

    async def own(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Return what exactly this owner keeps here."""
        return self._held.get((tenant, end_user, name))

    async def entries(self, tenant: str, start: Place, limit: int) -> Sequence[Entry]:
        """Return a tenant's secrets by place."""
        held = [Entry(name, self.kept, owner) for whose, owner, name in self._held if whose == tenant]
        return sorted((entry for entry in held if entry.place >= start), key=position)[:limit]


def check_secret(name: str) -> str:
    """Return a secret's name; raises NameInvalid."""
    return check_name(name, "secret's name")


def check_value(value: str) -> str:
    """Return a value that can be kept; raises ValueError in words that do not quote it."""
    if not value:
        raise ValueError("it is empty; to take a secret away, remove it")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ValueError("it is not text: half of a surrogate pair has no bytes") from None
    if size > LONGEST:
        raise ValueError(f"it has {size} bytes, and a secret has at most {LONGEST}")
    return value
