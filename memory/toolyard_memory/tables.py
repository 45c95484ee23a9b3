"""The tables of short-term memory: sessions, their items, and where a resent conversation goes on."""

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData
from sqlmodel import Field, SQLModel

metadata = MetaData()


class Table(SQLModel):
    """Binds this package's tables to its own metadata."""

    metadata = metadata


class SessionRow(Table, table=True):
    """A conversation of one caller and end user; `head_run`, `head_n` name its newest item."""

    __tablename__ = "session"
    __table_args__ = ({"sqlite_with_rowid": False},)

    tenant: str = Field(primary_key=True)
    id: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    caller: str
    end_user: str | None = None
    agent: str
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    head_run: bytes | None = Field(default=None, sa_column=Column(LargeBinary(16)))
    head_n: int | None = None


class ItemRow(Table, table=True):
    """An immutable item of a session: content is payload `n` of `run`; a tree by `parent`, ordered by `position`."""

    __tablename__ = "item"
    __table_args__ = ({"sqlite_with_rowid": False},)

    session: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    position: int = Field(primary_key=True)
    run: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    n: int = Field(primary_key=True)
    parent_run: bytes | None = Field(default=None, sa_column=Column(LargeBinary(16)))
    parent_n: int | None = None
    kind: str
    tokens: int
    encoder: int


class ContinuationRow(Table, table=True):
    """The item at which a conversation that a client resends as visible text goes on: keyed by its digest."""

    __tablename__ = "continuation"
    __table_args__ = ({"sqlite_with_rowid": False},)

    key: bytes = Field(sa_column=Column(LargeBinary(32), primary_key=True))
    tenant: str
    session: bytes = Field(sa_column=Column(LargeBinary(16)))
    run: bytes = Field(sa_column=Column(LargeBinary(16)))
    n: int
