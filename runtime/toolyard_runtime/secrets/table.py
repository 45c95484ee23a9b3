"""Secrets in the database, sealed: the only place where end users have some of their own, and the only one written to.

A row is opened with the key it names, in the place it lies in. Nothing is remembered in the clear: what is revealed is
read and opened each time (some 15 microseconds).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from msgspec import Struct
from sqlalchemy import and_, bindparam, delete, insert, or_, select, update
from toolyard_registry.rights import HOUSE
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.ids import NewId, show
from toolyard_sdk.ports import Clock, Database, Transaction

from toolyard_runtime.secrets.keyring import KeyRing, KeysUnusable
from toolyard_runtime.secrets.sealing import Unopened, key_id, seal, unseal
from toolyard_runtime.secrets.shelves import Entry, Place, SecretUnreadable
from toolyard_runtime.store import audit
from toolyard_runtime.store.tables import SECRET

KEYS_STREAM = "secret-keys"
"""The stream of audit records that say when the keys changed."""

AT_ONCE = 50
"""Secrets sealed anew (some 5 milliseconds of them) before others have their turn."""

_PLACED = and_(
    SECRET.c.tenant == bindparam("of_tenant"),
    SECRET.c.owner == bindparam("of_owner"),
    SECRET.c.name == bindparam("of_name"),
)
FIND_SECRET = select(SECRET.c.id, SECRET.c.sealed, SECRET.c.sealed_with, SECRET.c.set_at, SECRET.c.set_by).where(
    _PLACED
)
ANY_SECRET = select(SECRET.c.sealed_with).limit(1)
LIST_SECRETS = (
    select(SECRET.c.name, SECRET.c.owner, SECRET.c.id, SECRET.c.set_at, SECRET.c.set_by, SECRET.c.rotated_at)
    .where(
        SECRET.c.tenant == bindparam("of_tenant"),
        or_(
            SECRET.c.name > bindparam("from_name"),
            and_(SECRET.c.name == bindparam("from_name"), SECRET.c.owner >= bindparam("from_owner")),
        ),
    )
    .order_by(SECRET.c.name, SECRET.c.owner)
    .limit(bindparam("at_most"))
)
NOT_SEALED_WITH = select(SECRET.c.tenant, SECRET.c.owner, SECRET.c.name, SECRET.c.sealed, SECRET.c.sealed_with).where(
    SECRET.c.sealed_with != bindparam("key")
)
ADD_SECRET = insert(SECRET)
ROTATE_SECRET = (
    update(SECRET)
    .where(_PLACED, SECRET.c.id == bindparam("of_id"))
    .values(sealed=bindparam("box"), sealed_with=bindparam("key"), rotated_at=bindparam("at"))
    .execution_options(row=("box", "key", "at", "of_tenant", "of_owner", "of_name", "of_id"))
)
RESEAL_SECRET = (
    update(SECRET)
    .where(_PLACED, SECRET.c.sealed == bindparam("before"))
    .values(sealed=bindparam("box"), sealed_with=bindparam("key"))
    .execution_options(row=("box", "key", "of_tenant", "of_owner", "of_name", "before"))
)
REMOVE_SECRET = (
    delete(SECRET)
    .where(_PLACED, SECRET.c.id == bindparam("of_id"))
    .execution_options(row=("of_tenant", "of_owner", "of_name", "of_id"))
)

_log = logging.getLogger("toolyard.secrets")


class Resealed(Struct, frozen=True):
    """What a new key has come to: how many secrets it seals now, and how many no key opens any more."""

    key: str
    secrets: int
    lost: int


class TableShelf:
    """The table of secrets and the keys that open it; writes join a transaction, each with its audit record.

    Whoever writes does so one at a time, up to the commit: a row sealed with a key that is being retired meanwhile
    would be lost.
    """

    def __init__(
        self, database: Database, clock: Clock, new_id: NewId, entropy: Callable[[int], bytes], keys: KeyRing
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._entropy = entropy
        self._keys = keys

    @property
    def kept(self) -> str:
        """The place in one word."""
        return "table"

    async def own(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Return what exactly this owner keeps here, opened; raises SecretUnreadable."""
        owner = end_user or ""
        rows = await self._database.read(FIND_SECRET, _place(tenant, owner, name))
        if not rows:
            return None
        _, sealed, sealed_with, *_ = rows[0]
        try:
            return self._open(sealed, sealed_with, tenant, owner, name)
        except (KeysUnusable, Unopened) as error:
            why = str(error) or f"key {sealed_with} does not open it: it was moved, damaged, or its key is gone"
            _log.error("the secret %s of %s cannot be opened: %s", name, tenant, why)
            raise SecretUnreadable(name) from None

    async def entries(self, tenant: str, start: Place, limit: int) -> Sequence[Entry]:
        """Return at most `limit` of a tenant's secrets by place, from `start` on."""
        wanted = {"of_tenant": tenant, "from_name": start[0], "from_owner": start[1], "at_most": limit}
        return [
            Entry(name, self.kept, owner or None, show("secret", raw), set_at, set_by, rotated_at or None)
            for name, owner, raw, set_at, set_by, rotated_at in await self._database.read(LIST_SECRETS, wanted)
        ]

    async def put(
        self,
        tx: Transaction,
        tenant: str,
        end_user: str | None,
        name: str,
        value: str,
        actor: str,
        *,
        only_rotate: bool,
    ) -> Entry | None:
        """Keep a value, in place of the one there was; None, with nothing written, where `only_rotate` finds none.

        Raises KeysUnusable.
        """
        owner, now = end_user or "", self._clock.now()
        rows = await self._database.read(FIND_SECRET, _place(tenant, owner, name))
        if not rows and only_rotate:
            return None
        if self._keys.empty and await self._database.read(ANY_SECRET):
            raise KeysUnusable("the keys of the secrets in the database are gone: restore the key file, or remove them")
        key = self._keys.sealing()
        sealed = seal(key, value, tenant, owner, name, self._entropy)
        if rows:
            raw, _, _, set_at, set_by = rows[0]
            tx.write(ROTATE_SECRET, (sealed, key_id(key), now, tenant, owner, name, raw), expect=1)
            kept = Entry(name, self.kept, end_user, show("secret", raw), set_at, set_by, now)
        else:
            raw = self._new_id()
            tx.write(ADD_SECRET, (tenant, owner, name, raw, sealed, key_id(key), now, actor, 0))
            kept = Entry(name, self.kept, end_user, show("secret", raw), now, actor)
        await self._record(tx, tenant, actor, "secret.rotate" if rows else "secret.set", raw, name, owner)
        return kept

    async def remove(self, tx: Transaction, tenant: str, end_user: str | None, name: str, actor: str) -> bool:
        """Take a secret away; False where there is none."""
        owner = end_user or ""
        rows = await self._database.read(FIND_SECRET, _place(tenant, owner, name))
        if not rows:
            return False
        tx.write(REMOVE_SECRET, (tenant, owner, name, rows[0][0]), expect=1)
        await self._record(tx, tenant, actor, "secret.remove", rows[0][0], name, owner)
        return True

    async def reseal(self, tx: Transaction, actor: str) -> Resealed:
        """Make a new key and seal everything with it; what no key opens stays as it is. Raises KeysUnusable.

        After the commit, `retire` the keys before it.
        """
        key = self._keys.renew()
        new, moved, lost = key_id(key), 0, 0
        for tenant, owner, name, sealed, sealed_with in await self._database.scan(NOT_SEALED_WITH, {"key": new}):
            try:
                value = self._open(sealed, sealed_with, tenant, owner, name)
            except Unopened:
                _log.error("the secret %s of %s cannot be opened: its key %s is gone", name, tenant, sealed_with)
                lost += 1
                continue
            box = seal(key, value, tenant, owner, name, self._entropy)
            tx.write(RESEAL_SECRET, (box, new, tenant, owner, name, sealed), expect=1)
            moved += 1
            if moved % AT_ONCE == 0:
                await asyncio.sleep(0)
        entry = AuditRecord(
            self._clock.now(), HOUSE, actor, "secret.rekey", new, detail={"secrets": moved, "lost": lost}
        )
        await audit.record(self._database, tx, KEYS_STREAM, entry)
        return Resealed(new, moved, lost)

    async def retire(self) -> None:
        """Forget the keys that seal nothing any more; raises KeysUnusable."""
        rows = await self._database.scan(NOT_SEALED_WITH, {"key": ""})
        self._keys.retire({sealed_with for *_, sealed_with in rows})

    def _open(self, sealed: bytes, sealed_with: str, tenant: str, owner: str, name: str) -> str:
        key = self._keys.find(sealed_with)
        if key is None:
            raise Unopened
        return unseal(key, sealed, tenant, owner, name)

    async def _record(
        self, tx: Transaction, tenant: str, actor: str, action: str, raw: bytes, name: str, owner: str
    ) -> None:
        """Record a change by the secret's id: an end user's name would outlive their erasure in a record."""
        secret = show("secret", raw)
        detail: dict[str, str | int | float | bool] = {"name": name, "of": "end_user" if owner else "tenant"}
        entry = AuditRecord(self._clock.now(), tenant, actor, action, secret, detail=detail)
        await audit.record(self._database, tx, f"secret:{secret}", entry)


def _place(tenant: str, owner: str, name: str) -> dict[str, str]:
    return {"of_tenant": tenant, "of_owner": owner, "of_name": name}
