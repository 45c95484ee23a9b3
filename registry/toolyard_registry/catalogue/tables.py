"""The catalogue's tables, the same on SQLite and Postgres; knows no statement and no connection.

Every value is an integer or a text, so that no driver has to convert one: times are UTC microseconds, JSON is text.
Releases are named by their digest and never updated; a channel is moved by adding a row, so its history is its rows.
"""

from sqlalchemy import BigInteger, MetaData, Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

METADATA = MetaData()
LEAN = {"sqlite_with_rowid": False}


class CatalogueTable(SQLModel, registry=registry(metadata=METADATA)):
    """Ties a table to this package's metadata: packages share a database, not a namespace of classes."""


class ToolTable(CatalogueTable, table=True):
    """A tool by name, since when it has been known."""

    __tablename__ = "tool"
    __table_args__ = (LEAN,)

    tenant: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(primary_key=True, sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)


class ToolReleaseTable(CatalogueTable, table=True):
    """A tool at one version; `body` is the ToolRelease as JSON."""

    __tablename__ = "tool_release"
    __table_args__ = (LEAN,)

    tenant: str = Field(primary_key=True, sa_type=Text)
    digest: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text, index=True)
    source: str = Field(sa_type=Text)
    version: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)


class PromptTable(CatalogueTable, table=True):
    """A prompt at one version; `body` is the Prompt as JSON."""

    __tablename__ = "prompt"
    __table_args__ = (LEAN,)

    tenant: str = Field(primary_key=True, sa_type=Text)
    digest: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text, index=True)
    body: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)


class AgentReleaseTable(CatalogueTable, table=True):
    """An agent with all it needs pinned; `body` is the AgentRelease as JSON."""

    __tablename__ = "agent_release"
    __table_args__ = (LEAN,)

    tenant: str = Field(primary_key=True, sa_type=Text)
    digest: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text, index=True)
    model: str = Field(sa_type=Text)
    policy: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)


class ChannelTable(CatalogueTable, table=True):
    """One move of a channel; the row with the highest `seq` says where it is. An empty digest: it was withdrawn."""

    __tablename__ = "channel"
    __table_args__ = (LEAN,)

    tenant: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(primary_key=True, sa_type=Text)
    channel: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    digest: str = Field(sa_type=Text)
    moved_at: int = Field(sa_type=BigInteger)
    moved_by: str = Field(sa_type=Text)


class PublicationTable(CatalogueTable, table=True):
    """A tool's release as somebody has published it; `body` is the Publication as JSON. Never updated."""

    __tablename__ = "publication"
    __table_args__ = (LEAN,)

    tenant: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(primary_key=True, sa_type=Text)
    version: str = Field(primary_key=True, sa_type=Text)
    digest: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    published_at: int = Field(sa_type=BigInteger)


class ReleaseStateTable(CatalogueTable, table=True):
    """One change of a release's state; the row with the highest `seq` is how it stands."""

    __tablename__ = "release_state"
    __table_args__ = (LEAN,)

    tenant: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(primary_key=True, sa_type=Text)
    version: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    state: str = Field(sa_type=Text)
    message: str = Field(sa_type=Text)
    changed_at: int = Field(sa_type=BigInteger)
    changed_by: str = Field(sa_type=Text)


class DefinitionTable(CatalogueTable, table=True):
    """What was decided about a definition that a source or plugin presents: the highest `seq` of a digest holds."""

    __tablename__ = "definition"
    __table_args__ = (LEAN,)

    tenant: str = Field(primary_key=True, sa_type=Text)
    source: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    digest: str = Field(sa_type=Text)
    version: str = Field(sa_type=Text)
    standing: str = Field(sa_type=Text)
    decided_at: int = Field(sa_type=BigInteger)
    decided_by: str = Field(sa_type=Text)
