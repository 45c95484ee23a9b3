"""Sessions in SQL: written within the run's own transaction, read back as chains of items; knows no payload."""

import hashlib
from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import bindparam, delete, insert, select, update
from toolyard_sdk.events import ItemRef
from toolyard_sdk.ports import Database, Transaction

from toolyard_memory.sessions.compaction import Compaction
from toolyard_memory.sessions.window import Item
from toolyard_memory.tables.sessions import COMPACTION, CONTINUATION, ITEM, SESSION

OPEN = insert(SESSION)
ADD = insert(ITEM)
REMEMBER = insert(CONTINUATION)
FORGET = delete(CONTINUATION).where(CONTINUATION.c.key == bindparam("of_key"))
MOVE_HEAD = (
    update(SESSION)
    .where(SESSION.c.tenant == bindparam("of_tenant"), SESSION.c.id == bindparam("of_id"))
    .values(updated_at=bindparam("at"), head_run=bindparam("run"), head_n=bindparam("n"))
)
FIND = select(SESSION).where(SESSION.c.tenant == bindparam("of_tenant"), SESSION.c.id == bindparam("of_id"))
CHAIN = (
    select(ITEM)
    .where(ITEM.c.session == bindparam("of_session"), ITEM.c.position <= bindparam("up_to"))
    .order_by(ITEM.c.position.desc())
)
PLACE = select(ITEM.c.position).where(
    ITEM.c.session == bindparam("of_session"), ITEM.c.run == bindparam("of_run"), ITEM.c.n == bindparam("of_n")
)
ADD_COMPACTION = insert(COMPACTION)
COMPACTIONS = select(COMPACTION).where(COMPACTION.c.session == bindparam("of_session"))
RECALL = select(CONTINUATION).where(CONTINUATION.c.key == bindparam("of_key"))
LONG = 1_000
"""Items of a session above which a thread reads them, so that nobody else waits for it."""


class Session(Struct, frozen=True):
    """A conversation and its newest item."""

    tenant: str
    id: bytes
    caller: str
    end_user: str | None
    agent: str
    head: ItemRef | None


class Continuation(Struct, frozen=True):
    """Where a resent conversation goes on: after this item, written in this segment of its run."""

    session: bytes
    item: ItemRef
    segment: int


def continuation_key(tenant: str, caller: str, end_user: str | None, agent: str, visible: Sequence[bytes]) -> bytes:
    """Return the 32-byte digest of a visible conversation, bound to who may continue it."""
    hasher = hashlib.sha256()
    for part in (tenant.encode(), caller.encode(), (end_user or "").encode(), agent.encode(), *visible):
        hasher.update(len(part).to_bytes(8))
        hasher.update(part)
    return hasher.digest()


class Sessions:
    """The store of sessions; writes join a transaction, reads see what was committed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, tx: Transaction, session: Session, at: int) -> None:
        """Add a new session; times are UTC microseconds."""
        run, n = (session.head.run, session.head.n) if session.head is not None else (None, None)
        tx.write(OPEN, (session.tenant, session.id, session.caller, session.end_user, session.agent, at, at, run, n))

    def add(self, tx: Transaction, session: bytes, item: Item, parent: ItemRef | None, encoder: int) -> None:
        """Add one immutable item below `parent`."""
        run, n = (parent.run, parent.n) if parent is not None else (None, None)
        tx.write(ADD, (session, item.position, item.ref.run, item.ref.n, run, n, item.kind, item.tokens, encoder))

    def move_head(self, tx: Transaction, tenant: str, session: bytes, head: ItemRef, at: int) -> None:
        """Name the session's newest item."""
        tx.write(MOVE_HEAD, (at, head.run, head.n, tenant, session))

    def remember(self, tx: Transaction, key: bytes, tenant: str, place: Continuation) -> None:
        """Let the conversation with this digest go on at `place`; of two that read the same, the later one."""
        tx.write(FORGET, (key,))
        tx.write(REMEMBER, (key, tenant, place.session, place.item.run, place.item.n, place.segment))

    async def recall(self, tenant: str, key: bytes) -> Continuation | None:
        """Return where the conversation with this digest goes on; None when it is not known."""
        rows = await self._database.read(RECALL, {"of_key": key})
        if not rows or rows[0][1] != tenant:
            return None
        return Continuation(rows[0][2], ItemRef(rows[0][3], rows[0][4]), rows[0][5])

    async def find(self, tenant: str, session: bytes) -> Session | None:
        """Return a session of this tenant, or None."""
        rows = await self._database.read(FIND, {"of_tenant": tenant, "of_id": session})
        if not rows:
            return None
        of_tenant, id_, caller, end_user, agent, _created, _updated, run, n = rows[0]
        return Session(of_tenant, id_, caller, end_user, agent, ItemRef(run, n) if run is not None else None)

    async def chain(self, session: bytes, head: ItemRef) -> list[Item]:
        """Return the items from the session's beginning to `head`, oldest first; other branches are left out."""
        place = await self._database.read(PLACE, {"of_session": session, "of_run": head.run, "of_n": head.n})
        if not place:
            return []
        read = self._database.scan if place[0][0] >= LONG else self._database.read
        rows = await read(CHAIN, {"of_session": session, "up_to": place[0][0]})
        found: list[Item] = []
        wanted: tuple[bytes | None, int | None] = (head.run, head.n)
        for _session_id, position, run, n, parent_run, parent_n, kind, tokens, _encoder in rows:
            if (run, n) == wanted:
                found.append(Item(ItemRef(run, n), kind, tokens, position))
                wanted = (parent_run, parent_n)
        found.reverse()
        return found

    def add_compaction(self, tx: Transaction, session: bytes, one: Compaction) -> None:
        """Add a point at which what is shown of the session became less."""
        start, end, until = (
            (ref.run, ref.n) if ref is not None else (None, None) for ref in (one.start, one.end, one.until)
        )
        row = (
            *(session, one.run, one.seq, one.at, one.after.run, one.after.n, *start, *end, one.end_position),
            *(one.pinned, one.above, *until, one.summary, one.source, one.model, one.prompt),
            *(one.tokens_before, one.tokens_after, int(one.counted)),
        )
        tx.write(ADD_COMPACTION, row)

    async def compactions(self, session: bytes) -> list[Compaction]:
        """Return the compactions of all branches of a session, in no order."""
        return [_compaction(row) for row in await self._database.read(COMPACTIONS, {"of_session": session})]


def _compaction(row: tuple[Any, ...]) -> Compaction:
    run, seq, at, after_run, after_n, start_run, start_n, end_run, end_n, end_position = row[1:11]
    pinned, above, until_run, until_n, summary, source, model, prompt, before, after, counted = row[11:]
    return Compaction(
        run=run,
        seq=seq,
        at=at,
        after=ItemRef(after_run, after_n),
        start=ItemRef(start_run, start_n) if start_run is not None else None,
        end=ItemRef(end_run, end_n) if end_run is not None else None,
        end_position=end_position,
        pinned=pinned,
        above=above,
        until=ItemRef(until_run, until_n) if until_run is not None else None,
        summary=summary,
        source=source,
        model=model,
        prompt=prompt,
        tokens_before=before,
        tokens_after=after,
        counted=bool(counted),
    )
