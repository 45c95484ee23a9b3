"""From a URL to an open database whose schema is current; knows no table by name."""

from pathlib import Path

from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.store.owner import OwnerLock
from toolyard_runtime.store.sqlite import SqliteDatabase
from toolyard_runtime.store.tables import METADATA


def sqlite_path(url: str) -> Path | None:
    """Return the file a `sqlite:///file` URL names (None: memory); raises StorageError for any other."""
    scheme, _, rest = url.partition("://")
    if scheme != "sqlite":
        raise StorageError(f"cannot open {url}: this version stores in sqlite:///path/to/file.db")
    if rest in {"", "/", "/:memory:"}:
        return None
    if not rest.startswith("/"):
        raise StorageError(f"cannot open {url}: write sqlite:///relative.db or sqlite:////absolute.db")
    return Path(rest[1:])


async def open_database(url: str) -> SqliteDatabase:
    """Open the database a URL names, as its only owner, with the current schema; raises StorageError."""
    path = sqlite_path(url)
    lock = OwnerLock(path.with_name(path.name + ".lock")) if path is not None else None
    database = SqliteDatabase(path, lock)
    from toolyard_memory.tables import METADATA as MEMORY
    from sqlalchemy.schema import CreateTable,CreateIndex
    from sqlalchemy.dialects import sqlite
    for md in (METADATA,MEMORY):
        for t in md.sorted_tables:
            database._connection.execute(str(CreateTable(t,if_not_exists=True).compile(dialect=sqlite.dialect())))
            for i in t.indexes: database._connection.execute(str(CreateIndex(i,if_not_exists=True).compile(dialect=sqlite.dialect())))
    return database
