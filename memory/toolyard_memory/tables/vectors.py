"""Vectors as they were computed, and how far each index has followed the passages; see `tables.passages`."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text, text

from toolyard_memory.tables.metadata import METADATA

EMBEDDING = Table(
    "embedding",
    METADATA,
    Column("passage", LargeBinary, primary_key=True),
    Column("embedder", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Index("ix_embedding_embedder", "tenant", "embedder"),
)
"""A vector of unit length as little-endian float32, with the embedder's id: kept, so that an index can be built again
without computing anything. Not lean: rows are long."""

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("tenant", Text, nullable=False),
    Column("passage", LargeBinary, nullable=False),
    Column("change", Text, nullable=False),
    Index("ix_outbox_tenant", "tenant", "seq"),
)
"""What an index has to follow, in order: a passage `added` or `dropped`, written in the passage's transaction."""

INDEX_STATE = Table(
    "index_state",
    METADATA,
    Column("tenant", Text, primary_key=True),
    Column("index", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How far an embedder (`vectors:EMBEDDER`) has followed a tenant's outbox, `building` or `serving`; and the shelves
that large owners have in an index (`shelf:SCOPE:EMBEDDER`), in which generation: `position` of a shelf is how many
vectors were deleted in it since it was built. While `unfollowed`, of no tenant, is there, no index follows anything and
nothing is put into the outbox."""

SOILED = text(
    'INSERT INTO index_state (tenant, "index", position, generation, state, updated_at) '
    "VALUES (:of_tenant, 'text', 0, 0, 'soiled', :at) "
    'ON CONFLICT (tenant, "index") DO UPDATE SET updated_at = excluded.updated_at'
).execution_options(row=("of_tenant", "at"))
"""Notes that something of a tenant's was dropped, and when: `erasure.words` goes by it.

Both dialects write it so; SQLAlchemy has a construct for each of them and none for both."""
