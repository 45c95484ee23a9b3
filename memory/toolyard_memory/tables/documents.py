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
    Column("id", LargeBinary, primary_key=True),
    Column("document", LargeBinary, nullable=False),
    Column("ordinal", BigInteger, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("stop", BigInteger, nullable=False),
    Column("heading", Text, nullable=False),
    Column("page", BigInteger, nullable=False),
    Index("ix_chunk_document", "document", "ordinal", unique=True),
    sqlite_with_rowid=False,
)
"""Where a piece stands: characters [start, stop) of the document's text, below which heading, on which page (from 1; 0
where there are none)."""
