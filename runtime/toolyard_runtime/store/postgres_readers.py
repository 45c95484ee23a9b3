"""A few connections that only read a PostgreSQL database, made when they are needed and kept; knows no transaction."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection

from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.store.postgres_connect import Address, connect, gone, in_words

SESSION: Final = {"default_transaction_read_only": "on"}

PATIENCE: Final = 5.0
"""Seconds from its beginning within which a select is asked again when its connection breaks."""

PAUSE: Final = 0.1
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
        until = time.monotonic() + PATIENCE
        async with self._places:
            while True:
                if self._closed:
                    raise StorageError(f"{self._address.shown}: the database is closed")
                try:
                    return await self._once(sql, values)
                except StorageError:
                    if time.monotonic() > until:
                        raise
                except psycopg.Error as error:
                    if not gone(error) or time.monotonic() > until:
                        raise in_words(error, self._address) from error
                    await self._let_go()  # those that are kept have broken with it
                await asyncio.sleep(PAUSE)

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
        await self._let_go()

    async def _let_go(self) -> None:
        idle, self._idle = self._idle, []
        for one in idle:
            await one.close()
