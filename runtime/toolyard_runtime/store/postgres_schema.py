"""How the schema comes to be on PostgreSQL: always by the migrations, in one transaction of the database.

Texts are compared byte by byte, as SQLite does, whatever language the database was made for: lists go on after a name.
Waits for the disk and the network: called in a thread.
"""

from typing import Any, Final

import psycopg
from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql.base import PGTypeCompiler
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.schema import CreateIndex, CreateTable

from toolyard_runtime.store.errors import SchemaError
from toolyard_runtime.store.postgres_connect import Address, in_words, unreachable
from toolyard_runtime.store.schema import Schema, upgrade

OWNER: Final = (
    "CREATE TABLE IF NOT EXISTS database_owner (term bigint NOT NULL, name text NOT NULL)",
    "INSERT INTO database_owner SELECT 0, '' WHERE NOT EXISTS (SELECT 1 FROM database_owner)",
)
"""The table that counts owners; it belongs to the way this database is owned, not to what is kept in it."""

TABLES: Final = (
    "SELECT c.relname FROM pg_class c "
    "WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') "
    "AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
)
"""The tables of the schema that statements meet first, but for those that belong to an extension."""


class ByteOrder(PGTypeCompiler):
    """Writes the type of a text column with the collation of plain bytes."""

    def visit_TEXT(self, type_: Any, **kw: Any) -> str:  # noqa: N802 - SQLAlchemy's name for it
        """Return the type as it stands in CREATE TABLE."""
        return str(super().visit_TEXT(type_, **kw)) + ("" if type_.collation else ' COLLATE "C"')


def version_of(connection: psycopg.Connection[Any]) -> str | None:
    """Return the revision a database is at, None for an empty one; raises SchemaError for somebody else's."""
    names = {name for (name,) in connection.execute(TABLES)}
    if not names:
        return None
    ours = "alembic_version" in names
    rows = connection.execute("SELECT version_num FROM alembic_version").fetchall() if ours else ()
    if not rows:
        raise SchemaError(
            "the database holds tables, and they are not Toolyard's: name another database, or a schema of its own "
            "(?options=-csearch_path%3DNAME)"
        )
    return str(rows[0][0])


def make_current(address: Address, schema: Schema) -> None:
    """Bring a database to the newest revision, all or nothing; raises SchemaError, StorageError."""
    try:
        with psycopg.connect(address.conninfo, autocommit=True) as connection:
            if connection.execute("SELECT current_schema()").fetchone() == (None,):
                raise SchemaError(f"{address.shown}: there is no schema that search_path names: CREATE SCHEMA makes it")
            version = version_of(connection)
            if version != schema.history[-1]:
                schema.must_know(version, address.shown)
                _migrate(address, schema)
            for statement in OWNER:
                connection.execute(statement)
    except psycopg.OperationalError as error:
        raise unreachable(error, address) from error
    except psycopg.Error as error:
        raise in_words(error, address) from error


def _migrate(address: Address, schema: Schema) -> None:
    from sqlalchemy import create_engine  # noqa: PLC0415 - alembic and an engine are needed by a new schema only
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(address.conninfo), poolclass=NullPool
    )
    engine.dialect.type_compiler_instance = ByteOrder(engine.dialect)
    try:
        upgrade(engine, schema)
    except Exception as error:
        first, *_ = str(error).splitlines() or [type(error).__name__]
        raise SchemaError(f"{address.shown}: migrating failed and nothing was changed ({first})") from error
    finally:
        engine.dispose()


def add_tables(address: Address, metadata: MetaData) -> None:
    """Create the tables of a plugin, with their indexes, that are not there yet: all or none.

    Toolyard has no migrations for them: what is there stays as it is. Raises whatever SQLAlchemy and PostgreSQL say.
    """
    dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call] # its stubs are incomplete
    dialect.type_compiler_instance = ByteOrder(dialect)
    with psycopg.connect(address.conninfo) as connection:
        there = {name for (name,) in connection.execute(TABLES)}
        for table in metadata.sorted_tables:
            if table.name in there:
                continue
            connection.execute(str(CreateTable(table).compile(dialect=dialect)).encode())
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                connection.execute(str(CreateIndex(index).compile(dialect=dialect)).encode())
