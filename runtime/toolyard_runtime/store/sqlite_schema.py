"""How the schema comes to be on SQLite, fresh or migrated; imports alembic only when there is something to do.

A fresh database is created from the tables of all packages and stamped with the newest revision: a test holds that
this gives the same schema as all migrations in turn. An older one is copied aside first, then migrated in one
transaction. A newer one is refused.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import MetaData
from sqlalchemy.dialects import sqlite as dialects
from sqlalchemy.schema import CreateIndex, CreateTable

from toolyard_runtime.store.connect import in_words, open_file
from toolyard_runtime.store.errors import SchemaError, StorageError
from toolyard_runtime.store.schema import Schema, upgrade


def version_of(connection: sqlite3.Connection) -> str | None:
    """Return the revision a database is at, None for an empty one; raises SchemaError for somebody else's."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not names:
        return None
    ours = "alembic_version" in names
    rows = connection.execute("SELECT version_num FROM alembic_version").fetchall() if ours else ()
    if not rows:
        raise SchemaError("the file is a SQLite database, but not one of Toolyard's: name another file")
    return str(rows[0][0])


def statements_of(metadata: Sequence[MetaData]) -> Iterator[str]:
    """Return the SQL that creates all tables and indexes on SQLite."""
    dialect = dialects.dialect()
    for package in metadata:
        for table in package.sorted_tables:
            yield str(CreateTable(table).compile(dialect=dialect))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                yield str(CreateIndex(index).compile(dialect=dialect))
        yield from package.info.get("statements", {}).get(dialect.name, ())


def create(connection: sqlite3.Connection, schema: Schema) -> None:
    """Give an empty database the newest schema, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements_of(schema.metadata):
            connection.execute(statement)
        connection.execute(
            "CREATE TABLE alembic_version "
            "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
        connection.execute("INSERT INTO alembic_version VALUES (?)", (schema.history[-1],))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def add_tables(connection: sqlite3.Connection, metadata: MetaData) -> None:
    """Create the tables of a plugin, with their indexes, that are not there yet: all or none.

    Toolyard has no migrations for them: what is there stays as it is. Raises whatever SQLAlchemy and SQLite say.
    """
    dialect = dialects.dialect()
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.execute("BEGIN IMMEDIATE")
    try:
        for table in metadata.sorted_tables:
            if table.name in there:
                continue
            connection.execute(str(CreateTable(table).compile(dialect=dialect)))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                connection.execute(str(CreateIndex(index).compile(dialect=dialect)))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def make_current(connection: sqlite3.Connection, path: Path | None, schema: Schema) -> Path | None:
    """Bring a database to the newest revision; return the copy that was made of it before, None when none was needed.

    Raises SchemaError for a newer or foreign database, and when a migration fails (then nothing was changed).
    """
    try:
        version = version_of(connection)
        if version == schema.history[-1]:
            return None
        if version is None:
            create(connection, schema)
            return None
        schema.must_know(version, path)
        if path is None:
            raise SchemaError("a database in memory is always new")
        copy = copy_aside(connection, path, schema.history[schema.history.index(version) + 1])
    except sqlite3.Error as error:
        raise in_words(error, path) from error
    migrate(path, schema, copy)
    return copy


def copy_aside(connection: sqlite3.Connection, path: Path, revision: str) -> Path:
    """Write a whole copy of the database beside it, `<name>.before-<revision>.bak`; an older copy is left alone."""
    copy = path.with_name(f"{path.name}.before-{revision}.bak")
    count = 1
    while copy.exists():
        count += 1
        copy = path.with_name(f"{path.name}.before-{revision}-{count}.bak")
    open_file(copy)
    try:
        connection.execute("VACUUM INTO ?", (str(copy),))
    except sqlite3.Error as error:
        copy.unlink(missing_ok=True)
        raise StorageError(f"cannot copy {path} to {copy} before migrating it: {error}") from error
    return copy


def copies_beside(path: Path) -> tuple[str, ...]:
    """Return the names of the copies that upgrades have left beside a database: they hold whatever it held then."""
    begin = f"{path.name}.before-"
    names = (one.name for one in path.parent.iterdir() if one.suffix == ".bak")
    return tuple(sorted(name for name in names if name.startswith(begin)))


def migrate(path: Path, schema: Schema, copy: Path) -> None:
    """Run the migrations that are missing, all or none; raises SchemaError."""
    from sqlalchemy import create_engine, event  # noqa: PLC0415 - alembic and an engine are needed by an older one only
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    # The driver is told to leave transactions alone: by itself it would not put schema changes into one.
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(path, isolation_level=None), poolclass=NullPool)
    event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        upgrade(engine, schema)
    except Exception as error:
        first, *_ = str(error).splitlines() or [type(error).__name__]
        raise SchemaError(
            f"{path}: migrating failed and nothing was changed ({first}); a copy made before is {copy}"
        ) from error
    finally:
        engine.dispose()
