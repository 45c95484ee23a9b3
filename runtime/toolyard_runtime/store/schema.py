"""What the schema of a database is: the packages' tables and the revisions that lead there; makes nothing itself.

How it is made is each database's own: `sqlite_schema`, `postgres_schema`.
"""

from collections.abc import Sequence
from pathlib import Path

import toolyard_memory.tables
import toolyard_registry.catalogue.tables
from msgspec import Struct
from sqlalchemy import Engine, MetaData

from toolyard_runtime.store import tables
from toolyard_runtime.store.errors import SchemaError

PACKAGES: tuple[MetaData, ...] = (
    tables.METADATA,
    toolyard_memory.tables.METADATA,
    toolyard_registry.catalogue.tables.METADATA,
)
HISTORY = ("0001", "0002", "0003", "0004")
"""Every revision, oldest first; known here so that a current database is opened without alembic."""

SCRIPTS = Path(__file__).parent / "migrations"


class Schema(Struct, frozen=True):
    """What a database is to look like: the packages' tables, and the revisions that lead there."""

    metadata: Sequence[MetaData] = PACKAGES
    history: tuple[str, ...] = HISTORY
    scripts: Path = SCRIPTS

    def must_know(self, version: str | None, where: object) -> None:
        """Refuse a database at a revision that is not in the history; raises SchemaError."""
        if version is not None and version not in self.history:
            raise SchemaError(
                f"{where}: the schema is at revision {version}, this version of Toolyard knows up to "
                f"{self.history[-1]}: install the version that wrote it, or a newer one"
            )


def upgrade(engine: Engine, schema: Schema) -> None:
    """Run the migrations that are missing, in one transaction; raises whatever a migration raises."""
    from alembic import command  # noqa: PLC0415 - 60 ms and several MB that a current database does not need
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(schema.scripts).replace("%", "%%"))
    config.attributes["metadata"] = list(schema.metadata)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, schema.history[-1])
