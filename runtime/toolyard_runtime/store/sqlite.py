"""The Database port on one SQLite file: many transactions a commit, no waiting for the disk on the event loop.

Transactions that wait in the same turn of the event loop are committed together, in the order in which they came. A
plain commit is done right there (some ten microseconds). One that must survive the loss of power is done by a thread
with `synchronous=FULL`; what comes meanwhile waits for the next commit, so that the connection has one user at a time
and one wait for the disk serves everybody. Within a transaction rows are applied statement by statement, in the order
of each statement's first use.
"""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from sqlalchemy import MetaData
from sqlalchemy.dialects import sqlite as dialects
from toolyard_sdk.errors import Conflict
from toolyard_sdk.ports import Durability, Transaction

from toolyard_runtime.store.connect import PATIENCE_MS, connect, in_words, only_its_own_fault, primary_code
from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.store.owner import OwnerLock
from toolyard_runtime.store.sqlite_schema import add_tables, copies_beside
from toolyard_runtime.store.statements import Statements
from toolyard_runtime.store.transaction import CollectedTransaction

LOG_LIMIT = 16 << 20
"""Bytes of write-ahead log after which it is copied into the database: the more at once, the fewer pages twice."""

LOG_PATIENCE_MS = 50
"""How long commits are held back for readers when the log is to begin anew; then it goes on growing."""

LOOK_EVERY = 64
"""Transactions between two looks at the size of the log."""


Waiting = tuple[CollectedTransaction, asyncio.Future[None]]
Outcome = tuple[asyncio.Future[None], Exception | None]


class SqliteDatabase:
    """One SQLite file (None: a database in memory) and its only owner. Made by `open_database`; used on one loop."""

    dialect: Final = "sqlite"

    def __init__(self, path: Path | None, lock: OwnerLock | None = None) -> None:
        self.path = path
        self.statements = Statements(dialects.dialect())
        self._lock = lock
        self._loop = asyncio.get_running_loop()
        self.connection = connect(path, writes=True, patience_ms=0)
        self._cursor = self.connection.cursor()
        self._reader = self.connection if path is None else connect(path, writes=False, patience_ms=1000)
        self._writer_thread = ThreadPoolExecutor(1, "sqlite-write")
        self._other_threads = ThreadPoolExecutor(2, "sqlite-read")
        self._waiting: list[Waiting] = []
        self._full = False
        self._scheduled = False
        self._worker_has_it = False
        self._checkpoint: asyncio.Future[bool] | None = None
        self._log_restarts = path is not None
        self._log_limit = LOG_LIMIT
        self._rest_to_copy = False
        self._unlooked = 0
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

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
            raise StorageError(f"{self.path}: the database is closed")
        if not tx.rows:
            return
        future = self._loop.create_future()
        self._waiting.append((tx, future))
        if durability == "full" and self.path is not None:
            self._full = True
        if not self._scheduled and not self._worker_has_it:
            self._scheduled = True
            self._idle.clear()
            self._loop.call_soon(self._flush)
        await future

    def _flush(self) -> None:
        """Commit everything that waits, here if that cannot block, else in the thread."""
        self._scheduled = False
        if self._worker_has_it or not self._waiting:
            return  # whoever has the connection goes on with what waits
        batch, full = self._waiting, self._full
        self._waiting, self._full = [], False
        if full or self._log_restarts:
            self._hand_over(batch, full)
            return
        try:
            outcomes = self._write(batch)
        except BlockingIOError:
            self._hand_over(batch, full)
            return
        _tell(outcomes)
        self._idle.set()
        self._unlooked += len(outcomes)
        if self._unlooked >= LOOK_EVERY:
            self._look_at_log()

    def _hand_over(self, batch: list[Waiting], full: bool) -> None:
        """Let the thread commit; until it is done nobody else uses the connection."""
        if self.path is None:
            _tell(self._write(batch))
            self._idle.set()
            return
        self._worker_has_it = True
        self._log_restarts = False
        work = self._loop.run_in_executor(self._writer_thread, self._write_patiently, batch, full)
        work.add_done_callback(self._taken_back)

    def _taken_back(self, work: asyncio.Future[list[Outcome]]) -> None:
        self._worker_has_it = False
        _tell(work.result())
        self._look_at_log()
        self._go_on()

    def _write_patiently(self, batch: list[Waiting], full: bool) -> list[Outcome]:
        """Commit in the thread, where waiting for the disk or for another program's lock harms nobody."""
        try:
            self._cursor.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
            if full:
                self._cursor.execute("PRAGMA synchronous=FULL")
            try:
                return self._write(batch, patient=True)
            finally:
                self._cursor.execute("PRAGMA synchronous=NORMAL")
                self._cursor.execute("PRAGMA busy_timeout=0")
        except Exception as error:  # noqa: BLE001 - whatever went wrong, nobody may be left waiting
            return [(future, in_words(error, self.path)) for _, future in batch]

    def _write(self, batch: list[Waiting], *, patient: bool = False) -> list[Outcome]:
        """Commit a batch; who is at fault is left out and the others tried again.

        Raises BlockingIOError, with nothing done, when a lock is held elsewhere and the caller is not patient.
        """
        outcomes: list[Outcome] = []
        execute = self._cursor.execute
        while batch:
            guilty: Waiting | None = None
            try:
                execute("BEGIN IMMEDIATE")
                for waiting in batch:
                    guilty = waiting
                    self._apply(waiting[0])
                guilty = None
                execute("COMMIT")
            except Exception as error:  # a value no driver takes may raise anything
                if self.connection.in_transaction:
                    with contextlib.suppress(sqlite3.Error):  # an error of the disk may have rolled back already
                        execute("ROLLBACK")
                if not patient and primary_code(error) == sqlite3.SQLITE_BUSY:
                    raise BlockingIOError from error
                reason = in_words(error, self.path)
                if guilty is None or not only_its_own_fault(error):
                    outcomes += [(future, reason) for _, future in batch]
                    return outcomes
                outcomes.append((guilty[1], reason))
                batch = [waiting for waiting in batch if waiting is not guilty]
            else:
                outcomes += [(future, None) for _, future in batch]
                return outcomes
        return outcomes

    def _apply(self, tx: CollectedTransaction) -> None:
        for key, rows in tx.rows.items():
            if type(key) is tuple:
                self._apply_guarded(key[0], key[1], rows)
                continue
            write = self.statements.write(key)
            if len(rows) == 1:
                self._cursor.execute(write.sql, rows[0] if write.pick is None else write.pick(rows[0]))
            else:
                self._cursor.executemany(write.sql, rows if write.pick is None else map(write.pick, rows))

    def _apply_guarded(self, statement: Any, expect: int, rows: list[tuple[Any, ...]]) -> None:
        write = self.statements.write(statement)
        for row in rows:
            changed = self._cursor.execute(write.sql, row if write.pick is None else write.pick(row)).rowcount
            if changed != expect:
                raise Conflict(f"{changed} rows where {expect} were expected: {write.sql}")

    # The write-ahead log

    def _look_at_log(self) -> None:
        """Begin to copy the log into the database when it has grown: first beside the commits, then the rest alone."""
        self._unlooked = 0
        if self._checkpoint is not None or self.path is None:
            return
        try:
            size = os.stat(f"{self.path}-wal").st_size  # noqa: PTH116 - on the hot path, where a Path costs more
        except OSError:
            return
        if size < self._log_limit:
            return
        self._log_limit = size + LOG_LIMIT
        self._checkpoint = self._loop.run_in_executor(self._other_threads, self._copy_log_aside)
        self._checkpoint.add_done_callback(self._mostly_copied)

    def _copy_log_aside(self) -> bool:
        """Copy what is in the log now, while commits add to it; wait for the disk as often as that takes."""
        try:
            connection = connect(self.path, writes=True, patience_ms=0)
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            finally:
                connection.close()
        except (sqlite3.Error, StorageError):
            return False  # nothing is lost: the log still holds it, and the next commit will name the trouble
        return True

    def _mostly_copied(self, work: asyncio.Future[bool]) -> None:
        self._checkpoint = None
        self._rest_to_copy = work.result()
        if not self._worker_has_it:
            self._go_on()

    def _pause(self, patience_ms: int, *, whole: bool = False) -> asyncio.Future[bool]:
        """Hold commits back while the thread copies the rest of the log and lets it begin anew.

        With `whole` it writes the file anew before.
        """
        self._worker_has_it = True
        self._idle.clear()
        work = self._rewrite if whole else self._empty_log
        pause = self._loop.run_in_executor(self._writer_thread, work, patience_ms)
        pause.add_done_callback(self._log_emptied)
        return pause

    def _empty_log(self, patience_ms: int) -> bool:
        try:
            self._cursor.execute(f"PRAGMA busy_timeout={patience_ms}")
            try:
                busy, _, _ = self._cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                self._cursor.execute("PRAGMA busy_timeout=0")
        except sqlite3.Error:
            return False
        return bool(busy == 0)

    def _rewrite(self, patience_ms: int) -> bool:
        try:
            self._cursor.execute("PRAGMA temp_store=FILE")  # a whole database is too much for memory
            try:
                self._cursor.execute("VACUUM")
            finally:
                self._cursor.execute("PRAGMA temp_store=MEMORY")
        except sqlite3.Error:
            return False
        return self._empty_log(patience_ms)

    def _log_emptied(self, work: asyncio.Future[bool]) -> None:
        self._worker_has_it = False
        if work.result():
            self._log_restarts = True
            self._log_limit = LOG_LIMIT
        self._go_on()

    def _go_on(self) -> None:
        """Give the connection to whoever waits for it: the log's rest, then the commits."""
        if self._rest_to_copy:
            self._rest_to_copy = False
            self._pause(LOG_PATIENCE_MS)
        elif self._waiting:
            self._flush()
        else:
            self._idle.set()

    async def scrub(self) -> None:
        """Copy the write-ahead log into the database, so that no deleted content stays in it; raises StorageError."""
        await self._scrub(whole=False)

    async def rewrite(self, most: int) -> bool:
        """Scrub, and write a file of at most so many bytes anew; return whether that was done; raises StorageError.

        Zeros go over what is deleted, and not over copies of it that SQLite leaves in the gaps of pages when it moves
        rows between them. Commits wait meanwhile: a second for every 100 MB, or some.
        """
        whole = self.path is not None and self.path.stat().st_size <= most
        await self._scrub(whole=whole)
        return whole or self.path is None

    async def _scrub(self, *, whole: bool) -> None:
        if self.path is None:
            return
        while self._worker_has_it or self._scheduled or self._checkpoint is not None:
            if self._checkpoint is not None:  # two that copy the log are in each other's way
                await asyncio.wait([self._checkpoint])
            else:
                await self._idle.wait()
        if not await asyncio.shield(self._pause(PATIENCE_MS, whole=whole)):
            raise StorageError(f"{self.path}: a reader keeps the write-ahead log from being emptied")

    async def add_tables(self, metadata: MetaData) -> None:
        """Create the tables of a plugin that are not there yet, all or none; raises whatever is said against them."""
        add_tables(self.connection, metadata)

    def copies(self) -> tuple[str, ...]:
        """Return the names of the copies that upgrades have left beside the file."""
        return copies_beside(self.path) if self.path is not None else ()

    # Reading

    async def read(self, statement: Any, parameters: dict[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a select over what has been committed, at once: for reads by key; raises StorageError."""
        sql, values = self.statements.read(statement).bind(parameters)
        try:
            return self._reader.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise in_words(error, self.path) from error

    async def scan(self, statement: Any, parameters: dict[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a select that may look at many: read by a thread; raises StorageError."""
        if self.path is None:
            return await self.read(statement, parameters)
        sql, values = self.statements.read(statement).bind(parameters)
        return await self._loop.run_in_executor(self._other_threads, self._scan, sql, values)

    def _scan(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        connection = connect(self.path, writes=False, patience_ms=PATIENCE_MS)
        try:
            return connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise in_words(error, self.path) from error
        finally:
            connection.close()

    async def close(self) -> None:
        """Commit what waits, empty the log, and let go of the file and its lock."""
        if self._closed:
            return
        self._closed = True
        await self._idle.wait()
        if self._checkpoint is not None:
            await asyncio.wait([self._checkpoint])
        await self._loop.run_in_executor(self._writer_thread, self._shut)
        self._writer_thread.shutdown(wait=True)
        self._other_threads.shutdown(wait=True)
        if self._lock is not None:
            self._lock.release()

    def _shut(self) -> None:
        if self._reader is not self.connection:
            self._reader.close()
        with contextlib.suppress(sqlite3.Error):  # a full disk must not keep a server from stopping
            self._cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._cursor.close()  # it holds a statement, and a statement would hold the file
        self.connection.close()


def _tell(outcomes: list[Outcome]) -> None:
    for future, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
