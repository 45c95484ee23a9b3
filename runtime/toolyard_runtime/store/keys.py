"""API keys: made, listed, revoked, and verified on every request; knows neither headers nor what a role may do.

A secret is `ty_` and 32 random bytes in URL-safe base64. Only its SHA-256 is kept: with that much randomness a slow
hash would protect nothing. Verified keys are remembered for `RECHECK_US`, so another node's revocation takes effect
within that time; one made here takes effect at once.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import bindparam, insert, select, update
from toolyard_registry.rights import Role
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.ids import NewId, show
from toolyard_sdk.ports import Clock, Database, Transaction

from toolyard_runtime.identity import ROLES, Caller
from toolyard_runtime.store import audit
from toolyard_runtime.store.tables import API_KEY, TENANT

RECHECK_US = 10_000_000
REMEMBERED = 10_000
SECRET_PREFIX = "ty_"  # noqa: S105 - the part of a secret that is none: scanners of leaked secrets look for it
NEVER = 1 << 62

ADD_KEY = insert(API_KEY)
REVOKE_KEY = (
    update(API_KEY)
    .where(
        API_KEY.c.tenant == bindparam("of_tenant"), API_KEY.c.id == bindparam("of_id"), API_KEY.c.revoked_at.is_(None)
    )
    .values(revoked_at=bindparam("at"))
    .execution_options(row=("at", "of_tenant", "of_id"))
)
FIND_SECRET = (
    select(API_KEY.c.id, API_KEY.c.tenant, API_KEY.c.name, API_KEY.c.roles, API_KEY.c.expires_at)
    .join(TENANT, TENANT.c.id == API_KEY.c.tenant)
    .where(API_KEY.c.secret_hash == bindparam("digest"), API_KEY.c.revoked_at.is_(None), TENANT.c.revoked_at.is_(None))
)
FIND_KEY = select(API_KEY).where(API_KEY.c.tenant == bindparam("of_tenant"), API_KEY.c.id == bindparam("of_id"))
LIST_KEYS = (
    select(API_KEY)
    .where(API_KEY.c.tenant == bindparam("of_tenant"), API_KEY.c.id < bindparam("before"))
    .order_by(API_KEY.c.id.desc())
    .limit(bindparam("at_most"))
)

_decode_roles = msgspec.json.Decoder(tuple[Role, ...]).decode


class Key(Struct, frozen=True):
    """A key as it is listed; times are UTC microseconds."""

    id: str
    tenant: str
    name: str
    roles: tuple[Role, ...]
    created_at: int
    expires_at: int | None
    revoked_at: int | None


class NewKey(Struct, frozen=True):
    """A key that was just made, with the secret that nobody can be told again."""

    id: str
    secret: str


class Keys:
    """The store of API keys; writes join a transaction, verification remembers what it has read."""

    def __init__(self, database: Database, clock: Clock, new_id: NewId, entropy: Callable[[int], bytes]) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._entropy = entropy
        self._remembered: dict[bytes, tuple[Caller, int]] = {}
        self._refused: dict[str, int] = {}

    def create(
        self,
        tx: Transaction,
        tenant: str,
        name: str,
        roles: Iterable[Role],
        *,
        actor: str,
        expires_at: int | None = None,
        secret: str = "",
    ) -> NewKey:
        """Make a key of an existing tenant; raises ValueError for roles nobody knows.

        `secret` is one the operator has provisioned; without it, it is made here.
        """
        wanted = set(roles)
        if not wanted or not wanted <= set(ROLES):
            raise ValueError(f"roles are one or more of {', '.join(ROLES)}, not {sorted(wanted)}")
        secret = secret or SECRET_PREFIX + urlsafe_b64encode(self._entropy(32)).rstrip(b"=").decode()
        key, now = show("key", self._new_id()), self._clock.now()
        listed = [role for role in ROLES if role in wanted]
        tx.write(
            ADD_KEY,
            (key, tenant, name, _digest(secret), msgspec.json.encode(listed).decode(), now, expires_at, None),
        )
        detail: dict[str, str | int | float | bool] = {"name": name, "roles": " ".join(listed)}
        audit.record_first(tx, f"key:{key}", AuditRecord(now, tenant, actor, "key.create", key, detail=detail))
        return NewKey(key, secret)

    async def revoke(self, tx: Transaction, tenant: str, key: str, actor: str) -> bool:
        """Revoke a key of this tenant, from now on; False when it is not there or was revoked before."""
        rows = await self._database.read(FIND_KEY, {"of_tenant": tenant, "of_id": key})
        if not rows or _key(rows[0]).revoked_at is not None:
            return False
        now = self._clock.now()
        tx.write(REVOKE_KEY, (now, tenant, key), expect=1)
        await audit.record(self._database, tx, f"key:{key}", AuditRecord(now, tenant, actor, "key.revoke", key))
        self.refuse(key)
        return True

    def refuse(self, key_or_tenant: str) -> None:
        """Refuse a key, or all keys of a tenant, until the database has surely been told."""
        now = self._clock.now()
        self._refused = {name: until for name, until in self._refused.items() if until > now}
        self._refused[key_or_tenant] = now + RECHECK_US
        self._remembered = {
            digest: entry
            for digest, entry in self._remembered.items()
            if key_or_tenant not in {entry[0].key, entry[0].tenant}
        }

    async def list(self, tenant: str, *, after: str | None = None, limit: int = 20) -> Sequence[Key]:
        """Return at most `limit` (1 to 100) keys, newest first, that were made before key `after`."""
        rows = await self._database.read(
            LIST_KEYS, {"of_tenant": tenant, "before": after or "key_~", "at_most": max(1, min(limit, 100))}
        )
        return [_key(row) for row in rows]

    async def verify(self, secret: str) -> Caller | None:
        """Return whose secret this is; None for one that is unknown, revoked or expired, or whose tenant is revoked."""
        digest, now = _digest(secret), self._clock.now()
        known = self._remembered.get(digest)
        if known is not None and now < known[1]:
            return known[0]
        rows = await self._database.read(FIND_SECRET, {"digest": digest})
        if not rows:
            self._remembered.pop(digest, None)
            return None
        key, tenant, name, roles, expires_at = rows[0]
        refused_until = max(self._refused.get(key, 0), self._refused.get(tenant, 0))
        if now >= (expires_at or NEVER) or now < refused_until:
            self._remembered.pop(digest, None)
            return None
        caller = Caller(tenant, key, name, frozenset(_decode_roles(roles)))
        if len(self._remembered) >= REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = (caller, min(now + RECHECK_US, expires_at or NEVER))
        return caller


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def _key(row: tuple[object, ...]) -> Key:
    key, tenant, name, _hash, roles, created_at, expires_at, revoked_at = row
    return msgspec.convert(
        {
            "id": key,
            "tenant": tenant,
            "name": name,
            "roles": _decode_roles(str(roles)),
            "created_at": created_at,
            "expires_at": expires_at,
            "revoked_at": revoked_at,
        },
        Key,
    )
