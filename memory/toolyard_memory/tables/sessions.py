"""The tables of short-term memory: sessions, their items, what is shown of them, and how one is found again."""

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


class CompactionRow(MemoryTable, table=True):
    """A point at which what a model is shown of a session became less: event `seq` of `run` says the same.

    The items from `start` to `end` (at `end_position` of the session; -1: none) are shown as payload `summary` of the
    run, as `Compaction` says. The link is what erasing an item finds its summaries by.
    """

    __tablename__ = "compaction"
    __table_args__ = LEAN

    session: bytes = Field(primary_key=True, sa_type=LargeBinary)
    run: bytes = Field(primary_key=True, sa_type=LargeBinary)
    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at: int = Field(sa_type=BigInteger)
    after_run: bytes = Field(sa_type=LargeBinary)
    after_n: int = Field(sa_type=BigInteger)
    start_run: bytes | None = Field(default=None, sa_type=LargeBinary)
    start_n: int | None = Field(default=None, sa_type=BigInteger)
    end_run: bytes | None = Field(default=None, sa_type=LargeBinary)
    end_n: int | None = Field(default=None, sa_type=BigInteger)
    end_position: int = Field(sa_type=BigInteger)
    pinned: int = Field(sa_type=BigInteger)
    above: int = Field(sa_type=BigInteger)
    until_run: bytes | None = Field(default=None, sa_type=LargeBinary)
    until_n: int | None = Field(default=None, sa_type=BigInteger)
    summary: int | None = Field(default=None, sa_type=BigInteger)
    source: bytes = Field(sa_type=LargeBinary)
    model: str = Field(sa_type=Text)
    prompt: str = Field(sa_type=Text)
    tokens_before: int = Field(sa_type=BigInteger)
    tokens_after: int = Field(sa_type=BigInteger)
    counted: int = Field(sa_type=BigInteger)


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
COMPACTION = METADATA.tables["compaction"]
CONTINUATION = METADATA.tables["continuation"]
