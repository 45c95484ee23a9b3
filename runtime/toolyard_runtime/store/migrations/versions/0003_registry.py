"""The tables of the registry: what was published, how it stands, and which definitions were let in."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LEAN = {"sqlite_with_rowid": False}


def text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False)


def integer(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    """Create the tables of publications, their states, and definitions."""
    op.create_table(
        "definition",
        text("tenant"),
        text("source"),
        text("name"),
        integer("seq"),
        text("digest"),
        text("version"),
        text("standing"),
        integer("decided_at"),
        text("decided_by"),
        sa.PrimaryKeyConstraint("tenant", "source", "name", "seq"),
        **LEAN,
    )
    op.create_table(
        "publication",
        text("tenant"),
        text("name"),
        text("version"),
        text("digest"),
        text("body"),
        integer("published_at"),
        sa.PrimaryKeyConstraint("tenant", "name", "version"),
        **LEAN,
    )
    op.create_table(
        "release_state",
        text("tenant"),
        text("name"),
        text("version"),
        integer("seq"),
        text("state"),
        text("message"),
        integer("changed_at"),
        text("changed_by"),
        sa.PrimaryKeyConstraint("tenant", "name", "version", "seq"),
        **LEAN,
    )
