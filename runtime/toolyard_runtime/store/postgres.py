"""The Database port on one PostgreSQL database: many transactions a commit, a few connections to read with.

Transactions that wait in the same turn of the event loop are committed together, in the order in which they came; what
comes while the server is waited for goes with the next commit. Both durabilities wait for the server's disk. Without
that, a server that crashes and returns would have forgotten what this process, which lives on, goes on from.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import psycopg
from sqlalchemy import LargeBinary, MetaData
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from toolyard_sdk.ports import Durability, Transaction

from toolyard_runtime.store import postgres_schema
from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.store.postgres_connect import Address
from toolyard_runtime.store.postgres_readers import Readers
from toolyard_runtime.store.postgres_scrubbing import scrub
from toolyard_runtime.store.postgres_writer import Writer
from toolyard_runtime.store.schema import Schema
from toolyard_runtime.store.statements import Statements
from toolyard_runtime.store.transaction import CollectedTransaction

AT_ONCE: Final = 4
"""Reads by key that are asked at the same time, each on a connection of its own."""

SCANS_AT_ONCE: Final = 2
"""The same for selects that may look at many rows."""

Waiting = tuple[CollectedTransaction, asyncio.Future[None]]


class _Bytes(LargeBinary):
    """Says of every parameter that it is bytea: of one that is NULL the server could not tell."""

    render_bind_cast = True


class _Dialect(PGDialect_psycopg):
    """PostgreSQL's SQL with a placeholder for each appearance of a parameter, as on SQLite."""

    supports_statement_cache = False
    colspecs = PGDialect_psycopg.colspecs | {LargeBinary: _Bytes}


class PostgresDatabase:
    """One PostgreSQL database and its only owner. Made by `open_postgres`; used on one loop."""

    dialect: Final = "postgresql"

    def __init__(self, address: Address, statements: Statements, writer: Writer) -> None:
        self.address = address
        self.statements = statements
        self._writer = writer
        self._readers = Readers(address, AT_ONCE)
        self._scanners = Readers(address, SCANS_AT_ONCE)
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Waiting] = []
        self._full = False
        self._working: asyncio.Task[None] | None = None
        self._closed = False

    # Writing

    def begin(self) -> CollectedTransaction:
        """Return an empty transaction."""
        return CollectedTransaction()

    async def commit(self, tx: Transaction, durability: Durability = "normal") -> None:
        """Make all writes of `tx` durable, or none; raises Conflict, StorageError.

        Whoever is cancelled while waiting does not know whether it was committed.
        """
        if not isinstance(tx, CollectedTransaction):
            raise TypeError("a transaction is committed by the database that began it")
        if self._closed:
            raise StorageError(f"{self.address.shown}: the database is closed")
        if not tx.rows:
            return
        future = self._loop.create_future()
        self._waiting.append((tx, future))
        self._full |= durability == "full"
        if self._working is None:
            self._working = self._loop.create_task(self._write())
        await future

    async def _write(self) -> None:
        """Commit everything that waits, batch by batch, until nothing does."""
        try:
            while self._waiting:
                batch, full = self._waiting, self._full
                self._waiting, self._full = [], False
                try:
                    outcomes = await self._writer.commit([tx for tx, _ in batch], full=full)
                except Exception as error:  # noqa: BLE001 - whatever went wrong, nobody may be left waiting
                    outcomes = [error] * len(batch)
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    if future.done():
                        continue
                    if outcome is None:
                        future.set_result(None)
                    else:
                        future.set_exception(outcome)
        finally:
            self._working = None

    async def add_tables(self, metadata: MetaData) -> None:
        """Create the tables of a plugin that are not there yet, all or none; raises whatever is said against them."""
        await asyncio.to_thread(postgres_schema.add_tables, self.address, metadata)

    async def scrub(self) -> None:
        """Let the tables forget the deleted and former versions of rows; raises StorageError.

        The server's own log, its archive and its standbys keep them for as long as they are set to.
        """
        await scrub(self.address)

    async def rewrite(self, most: int) -> bool:
        """Scrub; the files are PostgreSQL's, and free space in them for `VACUUM FULL`. Raises StorageError."""
        del most
        await self.scrub()
        return True

    def copies(self) -> tuple[str, ...]:
        """Return no names: backups of PostgreSQL are its operator's."""
        return ()

    # Reading

    async def read(self, statement: Any, parameters: dict[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a select over what has been committed: for reads by key; raises StorageError."""
        sql, values = self.statements.read(statement).bind(parameters)
        return await self._readers.rows(sql, values)

    async def scan(self, statement: Any, parameters: dict[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a select that may look at many, and keep no read by key waiting; raises StorageError."""
        sql, values = self.statements.read(statement).bind(parameters)
        return await self._scanners.rows(sql, values)

    async def close(self) -> None:
        """Commit what waits, and let go of all connections and of the database."""
        if self._closed:
            return
        self._closed = True
        if self._working is not None:
            await asyncio.wait([self._working])
        await self._readers.close()
        await self._scanners.close()
        await self._writer.close()


async def open_postgres(url: str, schema: Schema) -> PostgresDatabase:
    """Open the database as its only owner, creating or migrating its tables first.

    Raises OwnerError when another server has it, SchemaError when its schema cannot be used, StorageError.
    """
    address = Address(url)
    statements = Statements(_Dialect(paramstyle="format"))  # type: ignore[no-untyped-call] # its stubs are incomplete
    writer = Writer(address, statements)
    try:
        await writer.open(lambda: asyncio.to_thread(postgres_schema.make_current, address, schema))
    except psycopg.Error as error:
        raise StorageError(f"cannot open {address.shown}: {error}") from error
    return PostgresDatabase(address, statements, writer)
