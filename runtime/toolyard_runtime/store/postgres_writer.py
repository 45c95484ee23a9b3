"""The one connection that writes to a PostgreSQL database, and owns it: whoever lost the one has lost the other.

Ownership is an advisory lock of the writing session, so a server that is cut off cannot write while another begins. A
connection that breaks is made again, unless another owner has been there meanwhile: what this process remembers would
then be older than the database. What was being committed is looked up by its transaction's id.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from toolyard_sdk.errors import Conflict

from toolyard_runtime.store.errors import OwnerError, StorageError
from toolyard_runtime.store.postgres_connect import Address, connect, in_words, only_its_own_fault
from toolyard_runtime.store.statements import Statements
from toolyard_runtime.store.transaction import CollectedTransaction

PATIENCE: Final = 10.0
"""Seconds for which a commit waits for a server that is gone, before it fails."""

OWNER_PATIENCE: Final = 2.0
"""Seconds for which a start waits for the lock: the server may not have noticed yet that its holder has died."""

PAUSE: Final = 0.1
"""Seconds between two tries."""

LOCK: Final = "pg_try_advisory_lock(hashtext('toolyard'), hashtext(coalesce(current_schema(), '')))"

SESSION: Final = {"synchronous_commit": "local"}
"""Every commit waits for this server's disk: one that it forgets while we live would leave a gap in a journal."""

Connection = AsyncConnection[tuple[Any, ...]]
Guard = tuple[AsyncCursor[tuple[Any, ...]], int, str]
"""Where the number of changed rows will be, how many are expected, and by which statement."""


class Writer:
    """Commits batches of transactions as the only owner of a database; one batch at a time. Made by `open`."""

    def __init__(self, address: Address, statements: Statements) -> None:
        self._address = address
        self._statements = statements
        self._connection: Connection | None = None
        self._backend = 0
        self._term = 0
        self._full = "on"
        self._sent: tuple[str, list[Exception | None]] | None = None

    # Owning

    async def open(self, prepare: Callable[[], Awaitable[None]]) -> None:
        """Become the owner, let `prepare` see to the schema, and begin a term; raises OwnerError, StorageError."""
        connection = await connect(self._address, SESSION)
        try:
            await self._own(connection, OWNER_PATIENCE)
            ((usual,),) = await _rows(connection, "SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'")
            self._full = usual if usual in {"on", "remote_write", "remote_apply"} else "on"
            await prepare()
            ((self._term,),) = await _rows(
                connection,
                "UPDATE database_owner SET term = term + 1, name = current_setting('application_name') RETURNING term",
            )
        except BaseException:
            await connection.close()
            raise
        self._hold(connection)

    async def _own(self, connection: Connection, patience: float) -> None:
        """Take the lock, waiting a while for a holder that is about to go; raises OwnerError."""
        until = time.monotonic() + patience
        while not (await _rows(connection, f"SELECT {LOCK}"))[0][0]:
            if time.monotonic() > until:
                raise OwnerError(
                    f"{self._address.shown} is in use by another server{await self._holder(connection)}: "
                    "a database has one owner. Stop it, or talk to it over HTTP.",
                    0,
                )
            await asyncio.sleep(PAUSE)

    async def _holder(self, connection: Connection) -> str:
        """Return who said last that the database is theirs, as ` (toolyard PID@HOST)`, "" when it cannot be told."""
        try:
            ((name,),) = await _rows(connection, "SELECT name FROM database_owner")
        except (psycopg.Error, ValueError):
            return ""
        return f" ({name})"

    def _hold(self, connection: Connection) -> None:
        self._connection = connection
        self._backend = connection.info.backend_pid

    async def _reopen(self) -> Connection:
        """Own the database again after the connection broke; raises OwnerError when others have owned it meanwhile."""
        connection = await connect(self._address, SESSION)
        try:
            # The server may not know yet that our former session is dead: it is ended by its name and number.
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid = %s AND application_name = current_setting('application_name')",
                (self._backend,),
            )
            await self._own(connection, OWNER_PATIENCE)
            await self._same_term(connection)
        except BaseException:
            await connection.close()
            raise
        self._hold(connection)
        return connection

    async def _same_term(self, connection: Connection) -> None:
        ((term,),) = await _rows(connection, "SELECT term FROM database_owner")
        if term != self._term:
            raise OwnerError(
                f"{self._address.shown}: the connection broke, and another server has owned the database since: "
                "start this one again",
                0,
            )

    # Committing

    async def commit(self, batch: Sequence[CollectedTransaction], *, full: bool) -> list[Exception | None]:
        """Commit a batch in one transaction of the database; return for each what refused it, None for nothing.

        Who is at fault is left out and the others go on; what is wrong with the database refuses all. With `full`, the
        commit also waits for whatever standbys the server's `synchronous_commit` names.
        """
        until = time.monotonic() + PATIENCE
        while True:
            connection = self._connection
            try:
                if connection is None:
                    connection = await self._reopen()
                    known = await self._fate(connection)
                    if known is not None:
                        return known
                return await self._commit(connection, batch, full)
            except OwnerError as error:
                return [error] * len(batch)
            except (psycopg.Error, StorageError) as error:
                if connection is not None and not connection.closed:
                    await self._roll_back(connection)
                    return [in_words(error, self._address)] * len(batch)
                self._connection = None
                if time.monotonic() > until:
                    return [self._given_up(error)] * len(batch)
            await asyncio.sleep(PAUSE)

    def _given_up(self, error: Exception) -> StorageError:
        told = str(in_words(error, self._address))
        if self._sent is None:
            return StorageError(told)
        self._sent = None
        return StorageError(f"{told}; nobody knows whether the last commit was made")

    async def _fate(self, connection: Connection) -> list[Exception | None] | None:
        """Return the outcomes of a commit whose answer was lost; None when there is none, or it was not made."""
        if self._sent is None:
            return None
        xid, outcomes = self._sent
        while True:
            ((status,),) = await _rows(connection, "SELECT pg_xact_status(%s::text::xid8)", (xid,))
            if status != "in progress":
                break
            await asyncio.sleep(PAUSE)
        self._sent = None
        if status is None:
            raise StorageError(f"{self._address.shown}: the server has forgotten what became of the last commit")
        return outcomes if status == "committed" else None

    async def _commit(
        self, connection: Connection, batch: Sequence[CollectedTransaction], full: bool
    ) -> list[Exception | None]:
        outcomes: list[Exception | None] = [None] * len(batch)
        try:
            xid = await self._apply_together(connection, batch, full)
        except Exception as error:
            if connection.closed or not only_its_own_fault(error):
                raise
            await connection.execute("ROLLBACK")
            if len(batch) == 1:
                return [in_words(error, self._address)]
            xid, outcomes = await self._apply_apart(connection, batch, full)
        self._sent = (xid, outcomes)
        await connection.execute("COMMIT")
        self._sent = None
        return outcomes

    async def _roll_back(self, connection: Connection) -> None:
        self._sent = None
        try:
            await connection.execute("ROLLBACK")
        except psycopg.Error:  # then the connection is of no use any more
            await connection.close()
            self._connection = None

    async def _begin(self, connection: Connection, full: bool) -> AsyncCursor[tuple[Any, ...]]:
        """Begin, and return where the transaction's id will be."""
        await connection.execute("BEGIN")
        if full:
            await connection.execute("SELECT set_config('synchronous_commit', %s, true)", (self._full,))
        return await connection.execute("SELECT pg_current_xact_id()::text")

    async def _apply_together(self, connection: Connection, batch: Sequence[CollectedTransaction], full: bool) -> str:
        """Send everything at once and return the transaction's id; raises what went wrong first, whosesoever it is."""
        guards: list[Guard] = []

        async def send() -> AsyncCursor[tuple[Any, ...]]:
            begun = await self._begin(connection, full)
            for tx in batch:
                guards.extend(await self._send(connection, tx))
            return begun

        begun = await _in_pipeline(connection, send)
        _check(guards)
        return str((await begun.fetchall())[0][0])

    async def _apply_apart(
        self, connection: Connection, batch: Sequence[CollectedTransaction], full: bool
    ) -> tuple[str, list[Exception | None]]:
        """Apply one transaction after the other, each behind a savepoint; return the id and what each came to."""
        begun = await self._begin(connection, full)
        outcomes: list[Exception | None] = []
        for tx in batch:
            await connection.execute("SAVEPOINT one")
            try:
                _check(await _in_pipeline(connection, lambda tx=tx: self._send(connection, tx)))  # type: ignore[misc] # a lambda's default has no type
            except Exception as error:
                if connection.closed or not only_its_own_fault(error):
                    raise
                outcomes.append(in_words(error, self._address))
                await connection.execute("ROLLBACK TO SAVEPOINT one")
            else:
                outcomes.append(None)
            await connection.execute("RELEASE SAVEPOINT one")
        return str((await begun.fetchall())[0][0]), outcomes

    async def _send(self, connection: Connection, tx: CollectedTransaction) -> list[Guard]:
        """Send a transaction's rows, statement by statement; return what is to be looked at once they are applied."""
        guards: list[Guard] = []
        for key, rows in tx.rows.items():
            statement, expect = key if type(key) is tuple else (key, None)
            write = self._statements.write(statement)
            picked = rows if write.pick is None else list(map(write.pick, rows))
            if expect is None and len(picked) > 1:  # the same on the way, at half the work here
                await connection.cursor().executemany(write.sql, picked)
                continue
            for values in picked:
                cursor = await connection.execute(write.sql, values, prepare=True)
                if expect is not None:
                    guards.append((cursor, expect, write.sql))
        return guards

    async def close(self) -> None:
        """Let go of the connection, and with it of the database."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


async def _in_pipeline(connection: Connection, send: Callable[[], Awaitable[Any]]) -> Any:
    """Send statements without waiting for each; raises what went wrong first, and not what followed from it."""
    first: Exception | None = None
    sent: Any = None
    try:
        async with connection.pipeline():
            try:
                sent = await send()
            except Exception as error:  # noqa: BLE001 - the pipeline has to end in order whatever it is
                first = error
    except psycopg.Error as error:
        first = first or error
    if first is not None:
        raise first
    return sent


def _check(guards: Sequence[Guard]) -> None:
    for cursor, expect, sql in guards:
        if cursor.rowcount != expect:
            raise Conflict(f"{cursor.rowcount} rows where {expect} were expected: {sql}")


async def _rows(connection: Connection, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    return await (await connection.execute(sql, values)).fetchall()
