"""Passages, what they speak of, and the full-text index over them.

A passage is any text that can come to mind: a message that was said, a fact, a piece of a document, a summary. Tables
here are written as Core tables: a class of sqlmodel costs 3 ms at every start, also of a server without memory, and
nothing reads these rows through the ORM.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from toolyard_memory.tables.metadata import METADATA

PASSAGE = Table(
    "passage",
    METADATA,
    Column("key", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", LargeBinary, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("speaker", Text, nullable=False),
    Column("trust", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("session", LargeBinary, nullable=True),
    Column("position", BigInteger, nullable=False),
    Column("source", LargeBinary, nullable=True),
    Column("n", BigInteger, nullable=False),
    Index("ix_passage_id", "id", unique=True),
    Index("ix_passage_scope", "scope", "kind", "at"),
    Index("ix_passage_session", "session", "position"),
    Index("ix_passage_source", "source", "n"),
)
"""`owner` is the end user whose memory it is, "" for a tenant's documents; `agent` the only one that may recall it, ""
for all. `scope` stands for (tenant, owner) in the full-text index. `position` orders the passages of a session or
document; `source` and `n` name the payload of a message (run, ordinal) or the document a piece is of.
"""

ENTITY = Table(
    "entity",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Index("ix_entity_name", "tenant", "owner", "name", unique=True),
    sqlite_with_rowid=False,
)
"""Something passages speak of: `name` is its canonical form, `shown` how it was first written."""

MENTION = Table(
    "mention",
    METADATA,
    Column("entity", LargeBinary, primary_key=True),
    Column("passage", LargeBinary, primary_key=True),
    Index("ix_mention_passage", "passage"),
    sqlite_with_rowid=False,
)

EDGE = Table(
    "edge",
    METADATA,
    Column("source", LargeBinary, primary_key=True),
    Column("target", LargeBinary, primary_key=True),
    Column("relation", Text, primary_key=True),
    Column("passage", LargeBinary, primary_key=True),
    Index("ix_edge_target", "target"),
    Index("ix_edge_passage", "passage"),
    sqlite_with_rowid=False,
)
"""What a passage says of two entities; it goes when the passage goes."""

FULL_TEXT = {
    "sqlite": (
        (
            "CREATE VIRTUAL TABLE passage_text USING fts5("
            "text, scope, content='passage', content_rowid='key', tokenize='porter unicode61 remove_diacritics 2')"
        ),
        (
            "CREATE TRIGGER passage_text_add AFTER INSERT ON passage BEGIN "
            "INSERT INTO passage_text (rowid, text, scope) VALUES (new.key, new.text, new.scope); END"
        ),
        (
            "CREATE TRIGGER passage_text_drop AFTER DELETE ON passage BEGIN "
            "INSERT INTO passage_text (passage_text, rowid, text, scope) "
            "VALUES ('delete', old.key, old.text, old.scope); END"
        ),
        "CREATE VIRTUAL TABLE passage_text_terms USING fts5vocab('passage_text', 'row')",
    ),
    "postgresql": (
        (
            "ALTER TABLE passage ADD COLUMN tokens tsvector "
            "GENERATED ALWAYS AS (to_tsvector('english', text) || array_to_tsvector(ARRAY['=' || scope])) STORED"
        ),
        "CREATE INDEX ix_passage_tokens ON passage USING gin (tokens) WITH (gin_pending_list_limit = 64)",
        "CREATE INDEX ix_passage_newest ON passage (scope, (-key))",
    ),
}
"""The full-text index by dialect. The database itself keeps it: a passage is searchable when it is committed, and no
row of the index outlives its passage. The text of a passage never changes. `passage_text_terms` is a view of the terms
that SQLite's index has: what it holds beside them is of passages that are gone (`erasure.terms`).

On PostgreSQL the scope is a word that no text can have, so that a common word is not looked for among everybody's. What
waits to be sorted in, which every search reads, is kept short. And an owner's passages lie newest first in an order of
their own: for `key DESC` the planner would go through everybody's passages for the newest of one."""

METADATA.info["statements"] = FULL_TEXT
