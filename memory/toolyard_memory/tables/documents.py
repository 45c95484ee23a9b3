"""Documents by version, and where their pieces stand, whose words are passages; see `tables.passages` for the form."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from toolyard_memory.tables.metadata import METADATA

DOCUMENT = Table(
    "document",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("agents", Text, nullable=False),
    Column("chunking", Text, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("retired_at", BigInteger, nullable=True),
    Index("ix_document_name", "tenant", "name", "version", unique=True),
    sqlite_with_rowid=False,
)
"""`digest` is of the file's bytes, `agents` a JSON list of globs over the agents that may recall it, `chunking` how it
was read and cut, so that a better way can tell what it has not read yet."""

CHUNK = Table(
    "chunk",
    METADATA,
    Column("document", LargeBinary, primary_key=True),
    Column("ordinal", BigInteger, primary_key=True, autoincrement=False),
    Column("id", LargeBinary, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("stop", BigInteger, nullable=False),
    Column("heading", Text, nullable=False),
    Column("page", BigInteger, nullable=False),
    Index("ix_chunk_id", "id"),
    sqlite_with_rowid=False,
)
"""Where a piece stands in a version: characters [start, stop) of its text, below which heading, on which page (from 1;
0 where there are none). `id` is that of its passage: versions that hold the same piece share it, and the passage's
`source` is the current one of them."""

FORMER_PIECE = Table(
    "former_piece",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index("ix_former_piece_tenant", "tenant"),
    sqlite_with_rowid=False,
)
"""The words of pieces that only retired versions have: to be shown, and in no index. Their passages are gone."""

KNOWLEDGE = Table(
    "knowledge",
    METADATA,
    Column("tenant", Text, primary_key=True),
    Column("changes", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How often a tenant's documents have changed: what a process remembers of them holds as long as this stays."""
