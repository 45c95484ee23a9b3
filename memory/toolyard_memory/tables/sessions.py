"""The tables of short-term memory: sessions, their items, and where a resent conversation goes on."""

from sqlalchemy import BigInteger, LargeBinary, Text
from sqlmodel import Field

from toolyard_memory.tables.metadata import LEAN, METADATA, MemoryTable


class SessionRow(MemoryTable, table=True):
    """A conversation of one caller and end user; `head_run`, `head_n` name its newest item."""

    __tablename__ = "session"
    __table_args__ = LEAN

    tenant: str = Field(primary_key=True, sa_type=Text)
    id: bytes = Field(primary_key=True, sa_type=LargeBinary)
    caller: str = Field(sa_type=Text)
    end_user: str | None = Field(default=None, sa_type=Text)
    agent: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    head_run: bytes | None = Field(default=None, sa_type=LargeBinary)
    head_n: int | None = Field(default=None, sa_type=BigInteger)


class ItemRow(MemoryTable, table=True):
    """An immutable item of a session: content is payload `n` of `run`; a tree by `parent`, ordered by `position`.

    Not lean: items of many sessions are appended to one page, and only the small entries of their index spread.
    """

    __tablename__ = "item"

    session: bytes = Field(primary_key=True, sa_type=LargeBinary)
    position: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    run: bytes = Field(primary_key=True, sa_type=LargeBinary)
    n: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    parent_run: bytes | None = Field(default=None, sa_type=LargeBinary)
    parent_n: int | None = Field(default=None, sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    tokens: int = Field(sa_type=BigInteger)
    encoder: int = Field(sa_type=BigInteger)


class ContinuationRow(MemoryTable, table=True):
    """The item at which a conversation that a client resends as visible text goes on: keyed by its digest."""

    __tablename__ = "continuation"
    __table_args__ = LEAN

    key: bytes = Field(primary_key=True, sa_type=LargeBinary)
    tenant: str = Field(sa_type=Text)
    session: bytes = Field(sa_type=LargeBinary)
    run: bytes = Field(sa_type=LargeBinary)
    n: int = Field(sa_type=BigInteger)
    segment: int = Field(sa_type=BigInteger)


SESSION = METADATA.tables["session"]
ITEM = METADATA.tables["item"]
CONTINUATION = METADATA.tables["continuation"]
