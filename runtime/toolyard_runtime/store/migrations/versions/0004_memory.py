"""Memory: what is shown of long sessions; passages and their full-text index, facts, documents, vectors."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")

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


def upgrade() -> None:
    """Create the tables and the index over their text."""
    op.create_table(
        "passage",
        sa.Column("key", NUMBER, nullable=False, autoincrement=True),
        sa.Column("id", sa.LargeBinary, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("speaker", sa.Text, nullable=False),
        sa.Column("trust", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("session", sa.LargeBinary, nullable=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("source", sa.LargeBinary, nullable=True),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_passage_id", "passage", ["id"], unique=True)
    op.create_index("ix_passage_scope", "passage", ["scope", "kind", "at"])
    op.create_index("ix_passage_session", "passage", ["session", "position"])
    op.create_index("ix_passage_source", "passage", ["source", "n"])
    op.create_table(
        "entity",
        sa.Column("id", sa.LargeBinary, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_entity_name", "entity", ["tenant", "owner", "name"], unique=True)
    op.create_table(
        "mention",
        sa.Column("entity", sa.LargeBinary, nullable=False),
        sa.Column("passage", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("entity", "passage"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mention_passage", "mention", ["passage"])
    op.create_table(
        "edge",
        sa.Column("source", sa.LargeBinary, nullable=False),
        sa.Column("target", sa.LargeBinary, nullable=False),
        sa.Column("relation", sa.Text, nullable=False),
        sa.Column("passage", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("source", "target", "relation", "passage"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_edge_passage", "edge", ["passage"])
    op.create_index("ix_edge_target", "edge", ["target"])
    op.create_table(
        "fact",
        sa.Column("id", sa.LargeBinary, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("attribute", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("valid_from", sa.BigInteger, nullable=False),
        sa.Column("valid_to", sa.BigInteger, nullable=True),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("retired_at", sa.BigInteger, nullable=True),
        sa.Column("superseded_by", sa.LargeBinary, nullable=True),
        sa.Column("trust", sa.Text, nullable=False),
        sa.Column("writer", sa.Text, nullable=False),
        sa.Column("release", sa.Text, nullable=False),
        sa.Column("run", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_fact_about", "fact", ["tenant", "owner", "subject", "attribute", "digest", "retired_at"])
    op.create_index("ix_fact_current", "fact", ["tenant", "owner", "subject", "attribute", "retired_at", "valid_to"])
    op.create_index("ix_fact_owner", "fact", ["tenant", "owner", "id"])
    op.create_index("ix_fact_superseded_by", "fact", ["superseded_by"])
    op.create_table(
        "evidence",
        sa.Column("fact", sa.LargeBinary, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("source", sa.LargeBinary, nullable=True),
        sa.Column("item", sa.BigInteger, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("stop", sa.BigInteger, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("extractor", sa.Text, nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("fact", "n"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_evidence_source", "evidence", ["source", "item"])
    op.create_table(
        "extraction",
        sa.Column("run", sa.LargeBinary, nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("extractor", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("facts", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False),
        sa.Column("again_at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "n", "extractor"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_extraction_tenant", "extraction", ["tenant", "at"])
    op.create_index("ix_extraction_waiting", "extraction", ["tenant", "outcome", "again_at"])
    op.create_table(
        "tombstone",
        sa.Column("id", sa.LargeBinary, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("commitment", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tombstone_tenant", "tombstone", ["tenant", "kind"])
    op.create_table(
        "document",
        sa.Column("id", sa.LargeBinary, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("agents", sa.Text, nullable=False),
        sa.Column("chunking", sa.Text, nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.Column("added_by", sa.Text, nullable=False),
        sa.Column("retired_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_document_name", "document", ["tenant", "name", "version"], unique=True)
    op.create_table(
        "chunk",
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("ordinal", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("id", sa.LargeBinary, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("stop", sa.BigInteger, nullable=False),
        sa.Column("heading", sa.Text, nullable=False),
        sa.Column("page", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("document", "ordinal"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_chunk_id", "chunk", ["id"])
    op.create_table(
        "former_piece",
        sa.Column("id", sa.LargeBinary, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_former_piece_tenant", "former_piece", ["tenant"])
    op.create_table(
        "knowledge",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("changes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "embedding",
        sa.Column("passage", sa.LargeBinary, nullable=False),
        sa.Column("embedder", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("passage", "embedder"),
    )
    op.create_index("ix_embedding_embedder", "embedding", ["tenant", "embedder"])
    op.create_table(
        "outbox",
        sa.Column("seq", NUMBER, nullable=False, autoincrement=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("passage", sa.LargeBinary, nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("ix_outbox_tenant", "outbox", ["tenant", "seq"])
    op.create_table(
        "index_state",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("index", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "index"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "compaction",
        sa.Column("session", sa.LargeBinary, nullable=False),
        sa.Column("run", sa.LargeBinary, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("after_run", sa.LargeBinary, nullable=False),
        sa.Column("after_n", sa.BigInteger, nullable=False),
        sa.Column("start_run", sa.LargeBinary, nullable=True),
        sa.Column("start_n", sa.BigInteger, nullable=True),
        sa.Column("end_run", sa.LargeBinary, nullable=True),
        sa.Column("end_n", sa.BigInteger, nullable=True),
        sa.Column("end_position", sa.BigInteger, nullable=False),
        sa.Column("pinned", sa.BigInteger, nullable=False),
        sa.Column("above", sa.BigInteger, nullable=False),
        sa.Column("until_run", sa.LargeBinary, nullable=True),
        sa.Column("until_n", sa.BigInteger, nullable=True),
        sa.Column("summary", sa.BigInteger, nullable=True),
        sa.Column("source", sa.LargeBinary, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("tokens_before", sa.BigInteger, nullable=False),
        sa.Column("tokens_after", sa.BigInteger, nullable=False),
        sa.Column("counted", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("session", "run", "seq"),
        sqlite_with_rowid=False,
    )
    for statement in FULL_TEXT[op.get_bind().dialect.name]:
        op.execute(statement)
