"""The runtime's tables, the same on SQLite and Postgres; knows no statement and no connection.

Every value is an integer, a text or bytes, so that no driver has to convert one: times are UTC microseconds, ids 16
bytes of UUIDv7, JSON is text. Rows are read and written through SQLAlchemy Core; the classes are the schema. That two
indexes are partial on Postgres too stands in the migrations only: to say it here would import that dialect (and cost
every start some megabytes).
"""

from sqlalchemy import BigInteger, Index, LargeBinary, MetaData, Text, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

METADATA = MetaData()
LEAN = {"sqlite_with_rowid": False}
"""Small tables are their own index on SQLite: one B-tree instead of two.

Not so `event` and `payload`: rows of many runs at once are appended to one page, and only the small entries of their
index spread (measured: a third of the bytes written, and 0.6 times the CPU of a commit of 64 runs).
"""


class RuntimeTable(SQLModel, registry=registry(metadata=METADATA)):
    """Ties a table to this package's metadata: packages share a database, not a namespace of classes."""


class RunTable(RuntimeTable, table=True):
    """One run as it is listed: what its journal says, summed up; the journal is the truth."""

    __tablename__ = "run"
    __table_args__ = (
        Index(
            "ix_run_open",
            "status",
            sqlite_where=text("status <> 'finished'"),
        ),
        Index(
            "ix_run_doubts",  # a `tenant` in it would make SQLite's planner prefer the primary key
            "session",
            sqlite_where=text("doubts > 0"),
        ),
        Index(
            "ix_run_doubt",
            "tenant",
            "session",
            sqlite_where=text("doubts > 0"),
        ),
        LEAN,
    )

    tenant: str = Field(primary_key=True, sa_type=Text)
    id: bytes = Field(primary_key=True, sa_type=LargeBinary)
    session: bytes = Field(sa_type=LargeBinary)
    caller: str = Field(sa_type=Text)
    end_user: str | None = Field(default=None, sa_type=Text)
    agent: str = Field(sa_type=Text)
    release: str = Field(sa_type=Text)
    mode: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    reason: str = Field(default="", sa_type=Text)
    error: str = Field(default="", sa_type=Text)
    started_at: int = Field(sa_type=BigInteger)
    finished_at: int = Field(default=0, sa_type=BigInteger)
    segment: int = Field(default=0, sa_type=BigInteger)
    epoch: int = Field(default=1, sa_type=BigInteger)
    wake_at: int = Field(default=0, sa_type=BigInteger)
    input_tokens: int = Field(default=0, sa_type=BigInteger)
    output_tokens: int = Field(default=0, sa_type=BigInteger)
    turns: int = Field(default=0, sa_type=BigInteger)
    calls: int = Field(default=0, sa_type=BigInteger)
    doubts: int = Field(default=0, sa_type=BigInteger)
    request: bytes | None = Field(default=None, sa_type=LargeBinary)
    base_run: bytes | None = Field(default=None, sa_type=LargeBinary)
    base_n: int | None = Field(default=None, sa_type=BigInteger)
    head_n: int = Field(default=0, sa_type=BigInteger)
    metadata_json: str | None = Field(default=None, sa_type=Text, sa_column_kwargs={"name": "metadata"})


class EventTable(RuntimeTable, table=True):
    """One head of a run's journal, linked to the one before by its hash."""

    __tablename__ = "event"

    run: bytes = Field(primary_key=True, sa_type=LargeBinary)
    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at: int = Field(sa_type=BigInteger)
    head: str = Field(sa_type=Text)
    hash: bytes = Field(sa_type=LargeBinary)


class PayloadTable(RuntimeTable, table=True):
    """Content that heads and session items refer to; its tenant and subject are those of its run."""

    __tablename__ = "payload"

    run: bytes = Field(primary_key=True, sa_type=LargeBinary)
    n: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(sa_type=Text)
    data: bytes = Field(sa_type=LargeBinary)


class AuditRecordTable(RuntimeTable, table=True):
    """One change that is not a step of a run; `head` is the whole record, the other columns are for searching."""

    __tablename__ = "audit_record"
    __table_args__ = LEAN

    stream: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at: int = Field(sa_type=BigInteger)
    tenant: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)
    object: str = Field(sa_type=Text)
    head: str = Field(sa_type=Text)
    hash: bytes = Field(sa_type=LargeBinary)


class ApprovalTable(RuntimeTable, table=True):
    """A question to a person about one call: pending, approve, deny or expired."""

    __tablename__ = "approval"
    __table_args__ = (Index("ix_approval_tenant_status", "tenant", "status"), LEAN)

    id: bytes = Field(primary_key=True, sa_type=LargeBinary)
    tenant: str = Field(sa_type=Text)
    run: bytes = Field(sa_type=LargeBinary)
    call: int = Field(sa_type=BigInteger)
    status: str = Field(sa_type=Text)
    requested_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    decided_at: int = Field(default=0, sa_type=BigInteger)
    decided_by: str = Field(default="", sa_type=Text)


class TenantTable(RuntimeTable, table=True):
    """Whoever shares nothing with anybody else."""

    __tablename__ = "tenant"
    __table_args__ = LEAN

    id: str = Field(primary_key=True, sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


class ApiKeyTable(RuntimeTable, table=True):
    """A key by the hash of its secret: the secret itself is shown once and kept nowhere."""

    __tablename__ = "api_key"
    __table_args__ = (Index("ix_api_key_secret_hash", "secret_hash", unique=True), LEAN)

    id: str = Field(primary_key=True, sa_type=Text)
    tenant: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    secret_hash: bytes = Field(sa_type=LargeBinary)
    roles: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


class StopTable(RuntimeTable, table=True):
    """Something an operator has stopped: an agent, a tool, or (name empty) the whole tenant."""

    __tablename__ = "stop"
    __table_args__ = LEAN

    tenant: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(primary_key=True, sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)
    by: str = Field(sa_type=Text)


class SecretTable(RuntimeTable, table=True):
    """A secret as nobody can read it without the key named by `sealed_with`; the tenant's own has the owner "".

    The owner is not called `end_user`: erasing that person deletes the row and puts no pseudonym into it.
    """

    __tablename__ = "secret"
    __table_args__ = LEAN

    tenant: str = Field(primary_key=True, sa_type=Text)
    owner: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(primary_key=True, sa_type=Text)
    id: bytes = Field(sa_type=LargeBinary)
    sealed: bytes = Field(sa_type=LargeBinary)
    sealed_with: str = Field(sa_type=Text)
    set_at: int = Field(sa_type=BigInteger)
    set_by: str = Field(sa_type=Text)
    rotated_at: int = Field(default=0, sa_type=BigInteger)


RUN = METADATA.tables["run"]
EVENT = METADATA.tables["event"]
PAYLOAD = METADATA.tables["payload"]
AUDIT_RECORD = METADATA.tables["audit_record"]
APPROVAL = METADATA.tables["approval"]
TENANT = METADATA.tables["tenant"]
API_KEY = METADATA.tables["api_key"]
STOP = METADATA.tables["stop"]
SECRET = METADATA.tables["secret"]
