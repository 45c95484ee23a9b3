"""Audit records in SQL: streams of changes, each record chained to the one before; knows no event of a run.

A stream belongs to one object (`key:<id>`, `tenant:<id>`, `tool:<name>`), so two writers collide only when they change
the same thing at the same time, and then the second one's commit is refused. The head that is hashed is the whole
record as canonical JSON; the hash chain begins with the SHA-256 of the stream's name.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Text, bindparam, insert, or_, select
from toolyard_sdk.audit import AuditRecord
from toolyard_sdk.canonical import canonical, chain
from toolyard_sdk.ports import Database, Transaction

from toolyard_runtime.store.journal import genesis
from toolyard_runtime.store.tables import AUDIT_RECORD

OF_STREAM = AUDIT_RECORD.c.stream == bindparam("of_stream")
ADD_RECORD = insert(AUDIT_RECORD)
END_OF_STREAM = (
    select(AUDIT_RECORD.c.seq, AUDIT_RECORD.c.hash).where(OF_STREAM).order_by(AUDIT_RECORD.c.seq.desc()).limit(1)
)
STREAM = (
    select(AUDIT_RECORD.c.seq, AUDIT_RECORD.c.head, AUDIT_RECORD.c.hash).where(OF_STREAM).order_by(AUDIT_RECORD.c.seq)
)
_ACTION = bindparam("of_action", type_=Text())
RECORDS_OF_TENANT = (
    select(AUDIT_RECORD.c.head)
    .where(
        AUDIT_RECORD.c.tenant == bindparam("of_tenant"),
        AUDIT_RECORD.c.at < bindparam("before"),
        or_(_ACTION.is_(None), AUDIT_RECORD.c.action == _ACTION),
    )
    .order_by(AUDIT_RECORD.c.at.desc(), AUDIT_RECORD.c.stream, AUDIT_RECORD.c.seq.desc())
    .limit(bindparam("at_most"))
)

_decode = msgspec.json.Decoder(AuditRecord).decode


async def record(database: Database, tx: Transaction, stream: str, entry: AuditRecord) -> None:
    """Add a record at the end of a stream; the commit is refused when the stream has grown meanwhile."""
    end = await database.read(END_OF_STREAM, {"of_stream": stream})
    seq, last = (end[0][0] + 1, end[0][1]) if end else (0, genesis(stream))
    _write(tx, stream, seq, last, entry)


def record_first(tx: Transaction, stream: str, entry: AuditRecord) -> None:
    """Add the first record of a stream that is new with this transaction."""
    _write(tx, stream, 0, genesis(stream), entry)


def _write(tx: Transaction, stream: str, seq: int, last: bytes, entry: AuditRecord) -> None:
    head = canonical(entry)
    tx.write(
        ADD_RECORD,
        (
            stream,
            seq,
            entry.at,
            entry.tenant,
            entry.actor,
            entry.action,
            entry.object,
            head.decode(),
            chain(last, head),
        ),
    )


async def load(database: Database, stream: str) -> Sequence[AuditRecord]:
    """Return a stream's records in order."""
    return [_decode(head) for _, head, _ in await database.read(STREAM, {"of_stream": stream})]


async def load_of_tenant(
    database: Database, tenant: str, *, before: int = 1 << 62, limit: int = 20, action: str | None = None
) -> Sequence[AuditRecord]:
    """Return at most `limit` (1 to 100) of a tenant's records, newest first, made before `before` (microseconds)."""
    rows = await database.scan(
        RECORDS_OF_TENANT,
        {"of_tenant": tenant, "before": before, "of_action": action, "at_most": max(1, min(limit, 100))},
    )
    return [_decode(head) for (head,) in rows]


async def verify(database: Database, stream: str) -> int | None:
    """Compute a stream's chain again; return the first `seq` that does not fit, or None."""
    last = genesis(stream)
    for expected, (seq, head, stored) in enumerate(await database.read(STREAM, {"of_stream": stream})):
        last = chain(last, head.encode())
        if seq != expected or last != stored:
            return expected
    return None
