"""Facts with their two times, what they rest on, and what is never to come back; see `tables.passages` for the form.

The words of a fact are those of the passage with its id.
"""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from toolyard_memory.tables.metadata import METADATA

FACT = Table(
    "fact",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("attribute", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_to", BigInteger, nullable=True),
    Column("recorded_at", BigInteger, nullable=False),
    Column("retired_at", BigInteger, nullable=True),
    Column("superseded_by", LargeBinary, nullable=True),
    Column("trust", Text, nullable=False),
    Column("writer", Text, nullable=False),
    Column("release", Text, nullable=False),
    Column("run", LargeBinary, nullable=True),
    Index("ix_fact_about", "tenant", "owner", "subject", "attribute", "digest", "retired_at"),
    Index("ix_fact_current", "tenant", "owner", "subject", "attribute", "retired_at", "valid_to"),
    Index("ix_fact_owner", "tenant", "owner", "id"),
    Index("ix_fact_superseded_by", "superseded_by"),
    sqlite_with_rowid=False,
)
"""`valid_*` is when it holds in the world, `recorded_at`/`retired_at` when it was believed here: [from, to) in UTC
microseconds, no end while it goes on. `attribute` "" is a statement that contradicts no other. `digest` is of the gist
of its text: by it the same words are found again. `writer` says who put it down (`tool:remember`, `extractor:NAME`,
`key:ID`), `release` by which agent release.
"""

EVIDENCE = Table(
    "evidence",
    METADATA,
    Column("fact", LargeBinary, primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("source", LargeBinary, nullable=True),
    Column("item", BigInteger, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("stop", BigInteger, nullable=False),
    Column("words", Text, nullable=False),
    Column("extractor", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Index("ix_evidence_source", "source", "item"),
    sqlite_with_rowid=False,
)
"""What a fact rests on: a `message` (run, ordinal) or a span of it, another `fact`, a piece of a `document`, or what
somebody `stated` in words of their own. `prompt` is the digest of the extractor's prompt."""

EXTRACTION = Table(
    "extraction",
    METADATA,
    Column("run", LargeBinary, primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("extractor", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("facts", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("again_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_extraction_tenant", "tenant", "at"),
    Index("ix_extraction_waiting", "tenant", "outcome", "again_at"),
    sqlite_with_rowid=False,
)
"""How far an extractor is with a message: what has been read or given up is not read again, what is `waiting` is at
`again_at`. `reason` says in a word why it waits or was given up."""

TOMBSTONE = Table(
    "tombstone",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("commitment", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Index("ix_tombstone_tenant", "tenant", "kind"),
    sqlite_with_rowid=False,
)
"""Something forgotten, by an HMAC of its name under a salt of its own: it tells nothing, and knows what comes back."""
