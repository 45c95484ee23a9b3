"""From a URL to an open database whose schema is current and that nobody else uses; knows no table by name."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Protocol

from sqlalchemy import MetaData
from toolyard_sdk.ports import Database

from toolyard_runtime.store.connect import PATIENCE_MS, open_file
from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.store.owner import OwnerLock
from toolyard_runtime.store.schema import Schema
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_runtime.store.sqlite_schema import make_current

SCHEMA = Schema()

DATABASE_FILE = "toolyard.db"
"""The file in the state folder that is the database where no other is named."""

POSTGRES = ("postgresql", "postgres")
"""How a URL begins that names a PostgreSQL database."""


class OwnedDatabase(Database, Protocol):
    """A database that this process alone uses, and what its owner may do beside reading and writing."""

    async def add_tables(self, metadata: MetaData) -> None:
        """Create the tables of a plugin that are not there yet, all or none; raises whatever is said against them."""
        ...

    async def scrub(self) -> None:
        """Leave nothing of deleted rows where this server can see to it; raises StorageError."""
        ...

    async def rewrite(self, most: int) -> bool:
        """Scrub, and write a file of at most so many bytes anew; return whether that was done; raises StorageError."""
        ...

    def copies(self) -> tuple[str, ...]:
        """Return the names of copies that upgrades have left: no erasure reaches them."""
        ...

    async def close(self) -> None:
        """Commit what waits and let go of the database."""
        ...


def located(url: str, repository: Path, state_dir: Path) -> str:
    """Return the URL of the database that a setting names: "" is a file in the state folder.

    A relative path is one in the repository. Raises StorageError for a URL that names no database.
    """
    if is_postgres(url):
        return url
    path = sqlite_path(url) if url else state_dir / DATABASE_FILE
    return "sqlite://" if path is None else f"sqlite:///{repository / path}"


def sqlite_path(url: str) -> Path | None:
    """Return the file that `sqlite:///relative.db` or `sqlite:////absolute.db` names, None for memory.

    Raises StorageError for any other URL.
    """
    scheme, _, rest = url.partition("://")
    if scheme != "sqlite" or (rest and not rest.startswith("/")):
        raise StorageError(
            f"cannot open {url}: write sqlite:///relative.db, sqlite:////absolute.db or postgresql://USER@HOST/NAME"
        )
    name = rest[1:]
    return None if name in {"", ":memory:"} else Path(name)


async def open_database(url: str, schema: Schema = SCHEMA) -> OwnedDatabase:
    """Open the database a URL names as its only owner, creating or migrating it first.

    Raises OwnerError when another process has it, SchemaError when its schema cannot be used, StorageError.
    """
    if is_postgres(url):
        try:
            from toolyard_runtime.store.postgres import open_postgres  # noqa: PLC0415 - whoever uses SQLite needs no driver
        except ImportError as error:
            raise without_driver(error) from error
        return await open_postgres(url, schema)
    return await open_sqlite(sqlite_path(url), schema)


def without_driver(error: ImportError) -> StorageError:
    """Return how to get what PostgreSQL needs and is not installed."""
    return StorageError(f"PostgreSQL needs the package {error.name}: pip install 'toolyard[postgres]'")


def is_postgres(url: str) -> bool:
    """Tell whether a URL names a PostgreSQL database."""
    return url.partition("://")[0] in POSTGRES


async def open_sqlite(path: Path | None, schema: Schema = SCHEMA) -> SqliteDatabase:
    """Open one SQLite file (None: a database in memory) as `open_database` does; raises the same."""
    if path is None:
        database = SqliteDatabase(None)
        make_current(database.connection, None, schema)
        return database
    lock = OwnerLock(path.with_name(path.name + ".lock"))
    try:
        await asyncio.to_thread(_prepare, path, schema)
        return SqliteDatabase(path, lock)
    except BaseException:
        lock.release()
        raise


def _prepare(path: Path, schema: Schema) -> None:
    open_file(path)
    # A plain connection: somebody else's file is refused without so much as a change of its journal mode.
    connection = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE_MS / 1000)
    try:
        make_current(connection, path, schema)
    finally:
        connection.close()
