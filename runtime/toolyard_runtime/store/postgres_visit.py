"""Looks at a PostgreSQL database without becoming its owner; changes nothing."""

from typing import Final

import psycopg
from msgspec import Struct

from toolyard_runtime.store.postgres_connect import Address, in_words, unreachable
from toolyard_runtime.store.postgres_schema import version_of

OWNER: Final = """
    SELECT coalesce(nullif(application_name, ''), 'session ' || pid)
    FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint, objid::bigint) = (
        hashtext('toolyard')::bigint & 4294967295, hashtext(coalesce(current_schema(), ''))::bigint & 4294967295
    )
"""
"""Who holds the lock of an owner, which shows its two numbers as unsigned ones."""


class Seen(Struct, frozen=True):
    """A database as it is: where, the server's version, bytes, its schema's revision (None: empty) and its owner."""

    shown: str
    version: str
    size: int
    revision: str | None
    owner: str


def visit(url: str) -> Seen:
    """Return what there is; raises StorageError, SchemaError for somebody else's."""
    address = Address(url)
    try:
        with psycopg.connect(address.conninfo, autocommit=True) as connection:
            revision = version_of(connection)
            size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            owner = connection.execute(OWNER.encode()).fetchone()
            version = str(connection.info.parameter_status("server_version")).partition(" ")[0]
            return Seen(address.shown, version, size[0] if size else 0, revision, owner[0] if owner else "")
    except psycopg.OperationalError as error:
        raise unreachable(error, address) from error
    except psycopg.Error as error:
        raise in_words(error, address) from error
