"""What was forgotten and must not come back, kept so that it tells nothing: not what it was, nor whose.

A tombstone is an HMAC-SHA256 of a canonical name under a salt of its own. To look one up, the name is tried against
each; so that those are few, a tombstone's kind also holds eight bits of the name's digest, which tell no more than the
salt beside it lets anybody try out.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from sqlalchemy import bindparam, insert, select
from toolyard_sdk.ids import NewId
from toolyard_sdk.ports import Database, Transaction

from toolyard_memory.facts.wording import outline
from toolyard_memory.records import Owner
from toolyard_memory.tables.facts import TOMBSTONE

SALT: Final = 16

ADD = insert(TOMBSTONE)
OF_KIND = select(TOMBSTONE.c.salt, TOMBSTONE.c.commitment, TOMBSTONE.c.at).where(
    TOMBSTONE.c.tenant == bindparam("of_tenant"), TOMBSTONE.c.kind == bindparam("of_kind")
)
OF_TENANT = select(TOMBSTONE.c.kind, TOMBSTONE.c.salt, TOMBSTONE.c.commitment, TOMBSTONE.c.at).where(
    TOMBSTONE.c.tenant == bindparam("of_tenant")
)

Stones = dict[str, list[tuple[bytes, bytes, int]]]
"""By kind: salt, commitment, and when."""


def fact_name(owner: Owner, fact: bytes) -> str:
    """Return the canonical name of a fact; its owner is part of it, so that nobody else learns that there was one."""
    return "fact:" + msgspec.json.encode((owner.tenant, owner.end_user, fact.hex())).decode()


def passage_name(passage: bytes) -> str:
    """Return the canonical name of a passage."""
    return "passage:" + passage.hex()


def words_name(owner: Owner, subject: str, attribute: str, text: str) -> str:
    """Return the canonical name of what a fact says, by its outline; subject and attribute are canonical already."""
    said = (owner.tenant, owner.end_user, subject, attribute, " ".join(outline(text, subject)))
    return "words:" + msgspec.json.encode(said).decode()


def kind_of(name: str) -> str:
    """Return the kind under which a name's tombstone is kept: its noun and eight bits of its digest."""
    return f"{name.partition(':')[0]}:{hashlib.blake2b(name.encode(), digest_size=1).hexdigest()}"


def found_in(stones: Stones, name: str) -> int | None:
    """Return when the name was last forgotten, in UTC microseconds; None when it was not."""
    data, last = name.encode(), None
    for salt, commitment, at in stones.get(kind_of(name), ()):
        if hmac.compare_digest(hmac.digest(salt, data, "sha256"), commitment):
            last = at if last is None else max(last, at)
    return last


class Tombstones:
    """The store of tombstones; writes join a transaction, reads see what was committed."""

    def __init__(self, database: Database, new_id: NewId, entropy: Callable[[int], bytes]) -> None:
        self._database = database
        self._new_id = new_id
        self._entropy = entropy

    def bury(self, tx: Transaction, tenant: str, names: Iterable[str], actor: str, at: int) -> None:
        """Keep in mind that what has these names is gone; `actor` is who wanted it, and no content."""
        for name in names:
            salt = self._entropy(SALT)
            commitment = hmac.digest(salt, name.encode(), "sha256")
            tx.write(ADD, (self._new_id(), tenant, kind_of(name), salt, commitment, at, actor))

    async def covers(self, tenant: str, name: str) -> int | None:
        """Return when what has this name was last forgotten; None when it was not."""
        kind = kind_of(name)
        rows = await self._database.read(OF_KIND, {"of_tenant": tenant, "of_kind": kind})
        return found_in({kind: [(salt, commitment, at) for salt, commitment, at in rows]}, name)

    async def all_of(self, tenant: str) -> Stones:
        """Return every tombstone of a tenant by its kind."""
        stones: Stones = {}
        for kind, salt, commitment, at in await self._database.scan(OF_TENANT, {"of_tenant": tenant}):
            stones.setdefault(kind, []).append((salt, commitment, at))
        return stones
