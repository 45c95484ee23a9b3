"""Makes the tables of a PostgreSQL database forget what was deleted from them; knows no table by name.

A row that is deleted or changed leaves its former version behind until VACUUM has taken it away, from the indexes too.
VACUUM passes over what an older transaction could still see: so those are waited for, and named when they do not end.
"""

import asyncio
import time
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, sql

from toolyard_runtime.store.errors import StorageError
from toolyard_runtime.store.postgres_connect import Address, connect, in_words
from toolyard_runtime.store.postgres_schema import TABLES

PATIENCE: Final = 5.0
"""Seconds for which transactions are waited for that began before."""

PAUSE: Final = 0.1

SESSION: Final = {"lock_timeout": "60s"}

HOLDERS: Final = """
    SELECT 'session ' || pid || ' (' || coalesce(nullif(application_name, ''), usename, '') || ')'
    FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND age(backend_xmin) > age(%(now)s::xid)
    AND backend_type <> 'autovacuum worker' AND coalesce(datname, current_database()) = current_database()
    UNION ALL
    SELECT 'replication slot ' || slot_name FROM pg_replication_slots
    WHERE greatest(age(xmin), 0) > age(%(now)s::xid)
    UNION ALL
    SELECT 'prepared transaction ' || gid FROM pg_prepared_xacts
    WHERE age(transaction) > age(%(now)s::xid) AND database = current_database()
"""
"""Whoever may still see what was there before a transaction id; of other users' sessions only some roles are told."""


async def scrub(address: Address) -> None:
    """Vacuum every table and index of the schema; raises StorageError, naming who still sees deleted rows."""
    try:
        connection = await connect(address, SESSION)
        try:
            await _wait_for_holders(connection, address)
            names = [name for (name,) in await (await connection.execute(TABLES.encode())).fetchall()]
            await connection.execute(
                sql.SQL("VACUUM (INDEX_CLEANUP ON) {}").format(sql.SQL(", ").join(map(sql.Identifier, names)))
            )
        finally:
            await connection.close()
    except psycopg.Error as error:
        raise in_words(error, address) from error


async def _wait_for_holders(connection: AsyncConnection[Any], address: Address) -> None:
    now = (await (await connection.execute("SELECT pg_current_xact_id()::xid::text")).fetchall())[0][0]
    until = time.monotonic() + PATIENCE
    while holders := await (await connection.execute(HOLDERS.encode(), {"now": now})).fetchall():
        if time.monotonic() > until:
            told = ", ".join(str(name) for (name,) in holders)
            raise StorageError(f"{address.shown}: deleted rows are still seen by {told}: end it, then erase again")
        await asyncio.sleep(PAUSE)
