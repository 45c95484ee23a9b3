"""A few connections that only read a PostgreSQL database, made when they are needed and kept; knows no transaction."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection

from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.store.postgres_connect import Address, connect, in_words

SESSION: Final = {"default_transaction_read_only": "on"}

TRIES: Final = 3
"""How often a select is asked when connections break: kept ones may all be dead, and the server may be starting."""

PAUSE: Final = 0.3
"""Seconds before a select is asked again."""


class Readers:
    """At most `most` selects at a time; the others wait their turn."""

    def __init__(self, address: Address, most: int) -> None:
        self._address = address
        self._places = asyncio.Semaphore(most)
        self._idle: list[AsyncConnection[tuple[Any, ...]]] = []
        self._closed = False

    async def rows(self, sql: str, values: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a select over what has been committed; raises StorageError."""
        async with self._places:
            for attempt in range(1, TRIES + 1):
                if self._closed:
                    raise StorageError(f"{self._address.shown}: the database is closed")
                try:
                    return await self._once(sql, values)
                except (psycopg.OperationalError, StorageError) as error:
                    if attempt == TRIES or not _broken(error):
                        raise in_words(error, self._address) from error
                    self._idle, dead = [], self._idle
                    for one in dead:
                        await one.close()
                except psycopg.Error as error:
                    raise in_words(error, self._address) from error
                await asyncio.sleep(PAUSE * (attempt - 1))
        raise AssertionError("the last try returns or raises")

    async def _once(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        connection = self._idle.pop() if self._idle else await connect(self._address, SESSION)
        try:
            cursor = await connection.execute(sql, values, binary=True)
            return await cursor.fetchall()
        finally:
            if self._closed or connection.closed:
                await connection.close()
            else:
                self._idle.append(connection)

    async def close(self) -> None:
        """Let go of the connections; those in use go when their select is done."""
        self._closed = True
        idle, self._idle = self._idle, []
        for one in idle:
            await one.close()


def _broken(error: Exception) -> bool:
    """Tell whether the connection was the trouble: nothing that a server says of a select has no SQLSTATE."""
    return isinstance(error, StorageError) or error.sqlstate is None or error.sqlstate[:3] in {"57P", "080"}  # type: ignore[attr-defined]
