"""The tables of the first version."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LEAN = {"sqlite_with_rowid": False}


def text(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=null)


def integer(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=null)


def blob(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary, nullable=null)


def upgrade() -> None:
    """Create everything."""
    create_runtime()
    create_memory()
    create_registry()


def create_runtime() -> None:
    """Create the tables of the runtime."""
    op.create_table(
        "api_key",
        text("id"),
        text("tenant"),
        text("name"),
        blob("secret_hash"),
        text("roles"),
        integer("created_at"),
        integer("expires_at", null=True),
        integer("revoked_at", null=True),
        sa.PrimaryKeyConstraint("id"),
        **LEAN,
    )
    op.create_index("ix_api_key_secret_hash", "api_key", ["secret_hash"], unique=True)
    op.create_table(
        "approval",
        blob("id"),
        text("tenant"),
        blob("run"),
        integer("call"),
        text("status"),
        integer("requested_at"),
        integer("expires_at"),
        integer("decided_at"),
        text("decided_by"),
        sa.PrimaryKeyConstraint("id"),
        **LEAN,
    )
    op.create_index("ix_approval_tenant_status", "approval", ["tenant", "status"])
    op.create_table(
        "audit_record",
        text("stream"),
        integer("seq"),
        integer("at"),
        text("tenant"),
        text("actor"),
        text("action"),
        text("object"),
        text("head"),
        blob("hash"),
        sa.PrimaryKeyConstraint("stream", "seq"),
        **LEAN,
    )
    op.create_table(
        "event",
        blob("run"),
        integer("seq"),
        integer("at"),
        text("head"),
        blob("hash"),
        sa.PrimaryKeyConstraint("run", "seq"),
    )
    op.create_table(
        "payload",
        blob("run"),
        integer("n"),
        text("kind"),
        blob("data"),
        sa.PrimaryKeyConstraint("run", "n"),
    )
    op.create_table(
        "run",
        text("tenant"),
        blob("id"),
        blob("session"),
        text("caller"),
        text("end_user", null=True),
        text("agent"),
        text("release"),
        text("mode"),
        text("status"),
        text("reason"),
        text("error"),
        integer("started_at"),
        integer("finished_at"),
        integer("segment"),
        integer("epoch"),
        integer("wake_at"),
        integer("input_tokens"),
        integer("output_tokens"),
        integer("turns"),
        integer("calls"),
        integer("doubts"),
        blob("request", null=True),
        blob("base_run", null=True),
        integer("base_n", null=True),
        integer("head_n"),
        text("metadata", null=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        **LEAN,
    )
    op.create_index(
        "ix_run_doubt",
        "run",
        ["tenant", "session"],
        sqlite_where=sa.text("doubts > 0"),
        postgresql_where=sa.text("doubts > 0"),
    )
    op.create_index(
        "ix_run_doubts", "run", ["session"], sqlite_where=sa.text("doubts > 0"), postgresql_where=sa.text("doubts > 0")
    )
    op.create_index(
        "ix_run_open",
        "run",
        ["status"],
        sqlite_where=sa.text("status <> 'finished'"),
        postgresql_where=sa.text("status <> 'finished'"),
    )
    op.create_table(
        "stop",
        text("tenant"),
        text("kind"),
        text("name"),
        integer("created_at"),
        text("by"),
        sa.PrimaryKeyConstraint("tenant", "kind", "name"),
        **LEAN,
    )
    op.create_table(
        "tenant",
        text("id"),
        integer("created_at"),
        integer("revoked_at", null=True),
        sa.PrimaryKeyConstraint("id"),
        **LEAN,
    )


def create_memory() -> None:
    """Create the tables of the memory."""
    op.create_table(
        "continuation",
        blob("key"),
        text("tenant"),
        blob("session"),
        blob("run"),
        integer("n"),
        integer("segment"),
        sa.PrimaryKeyConstraint("key"),
        **LEAN,
    )
    op.create_table(
        "item",
        blob("session"),
        integer("position"),
        blob("run"),
        integer("n"),
        blob("parent_run", null=True),
        integer("parent_n", null=True),
        text("kind"),
        integer("tokens"),
        integer("encoder"),
        sa.PrimaryKeyConstraint("session", "position", "run", "n"),
    )
    op.create_table(
        "session",
        text("tenant"),
        blob("id"),
        text("caller"),
        text("end_user", null=True),
        text("agent"),
        integer("created_at"),
        integer("updated_at"),
        blob("head_run", null=True),
        integer("head_n", null=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        **LEAN,
    )


def create_registry() -> None:
    """Create the tables of the registry."""
    op.create_table(
        "agent_release",
        text("tenant"),
        text("digest"),
        text("name"),
        text("model"),
        text("policy"),
        text("body"),
        integer("created_at"),
        sa.PrimaryKeyConstraint("tenant", "digest"),
        **LEAN,
    )
    op.create_index("ix_agent_release_name", "agent_release", ["name"])
    op.create_table(
        "channel",
        text("tenant"),
        text("kind"),
        text("name"),
        text("channel"),
        integer("seq"),
        text("digest"),
        integer("moved_at"),
        text("moved_by"),
        sa.PrimaryKeyConstraint("tenant", "kind", "name", "channel", "seq"),
        **LEAN,
    )
    op.create_table(
        "prompt",
        text("tenant"),
        text("digest"),
        text("name"),
        text("body"),
        integer("created_at"),
        sa.PrimaryKeyConstraint("tenant", "digest"),
        **LEAN,
    )
    op.create_index("ix_prompt_name", "prompt", ["name"])
    op.create_table(
        "tool",
        text("tenant"),
        text("name"),
        integer("created_at"),
        sa.PrimaryKeyConstraint("tenant", "name"),
        **LEAN,
    )
    op.create_table(
        "tool_release",
        text("tenant"),
        text("digest"),
        text("name"),
        text("source"),
        text("version"),
        text("body"),
        integer("created_at"),
        sa.PrimaryKeyConstraint("tenant", "digest"),
        **LEAN,
    )
    op.create_index("ix_tool_release_name", "tool_release", ["name"])
