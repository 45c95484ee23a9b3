"""From a URL to an open database whose schema is current and that nobody else uses; knows no table by name."""

import asyncio
import sqlite3
from pathlib import Path

from toolyard_runtime.store.connect import PATIENCE_MS, open_file
from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.store.owner import OwnerLock
from toolyard_runtime.store.schema import Schema, make_current
from toolyard_runtime.store.sqlite import SqliteDatabase

SCHEMA = Schema()


def sqlite_path(url: str) -> Path | None:
    """Return the file that `sqlite:///relative.db` or `sqlite:////absolute.db` names, None for memory.

    Raises StorageError for any other URL.
    """
    scheme, _, rest = url.partition("://")
    if scheme != "sqlite" or (rest and not rest.startswith("/")):
        raise StorageError(f"cannot open {url}: write sqlite:///relative.db or sqlite:////absolute.db")
    name = rest[1:]
    return None if name in {"", ":memory:"} else Path(name)


async def open_database(url: str, schema: Schema = SCHEMA) -> SqliteDatabase:
    """Open the database a URL names as its only owner, creating or migrating it first.

    Raises OwnerError when another process has it, SchemaError when its schema cannot be used, StorageError.
    """
    path = sqlite_path(url)
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
