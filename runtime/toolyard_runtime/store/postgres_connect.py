"""Connections to one PostgreSQL database as this server wants them, and its errors in words; knows no transaction.

Values pass as they are: text of any kind (PostgreSQL itself knows no U+0000), integers of 64 bits, bytes.
"""

import os
import socket
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Format
from psycopg.types.numeric import Int8BinaryDumper, NumericBinaryLoader
from toolyard_sdk.errors import Conflict

from toolyard_runtime.store.errors import StorageError

OLDEST: Final = 14
"""The oldest major version of PostgreSQL that is spoken to."""

CONNECT_SECONDS: Final = 10
"""How long one attempt to reach a server may take."""

LOCK_MS: Final = 5000
"""How long a statement waits for a lock that another session holds."""

MARK: Final = "\ufdd0"
"""Stands before `0` for U+0000 and before `1` for itself; no character, so nobody's text loses by it."""

TEXT_OID: Final = 25

SETTINGS: Final = {
    "lock_timeout": f"{LOCK_MS}ms",
    "idle_in_transaction_session_timeout": "0",
    "statement_timeout": "0",
    "jit": "off",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
"""What a session of ours is told: a machine that has died lets go of what it held within a minute, and no statement is
compiled, which takes longer than any of ours."""

OWN_FAULT: Final = frozenset({"0A", "21", "22", "23", "42", "44", "54", "P0"})
"""Classes of SQLSTATE that speak of one transaction's statements or values, and not of the database."""

WORDS: Final[Mapping[str, str]] = {
    "23502": "a column that is NOT NULL was given nothing",
    "25006": "it is read-only: a standby, or made so; name the primary",
    "28000": "the server lets no such user in: see its pg_hba.conf",
    "28P01": "the password is wrong: see PGPASSWORD or ~/.pgpass",
    "3D000": "there is no such database: `createdb` makes one",
    "42501": "the user may not do that: let it own the database, or a schema of its own",
    "53100": "the disk is full: free some space; what was acknowledged is safe",
    "53200": "the server has no memory left",
    "53300": "the server takes no more connections: raise its max_connections",
    "55P03": "another session holds a lock",
    "57P01": "the server ended the connection",
    "57P02": "the server has crashed and starts again",
    "57P03": "the server is starting or stopping",
    "58030": "the server's disk reports an error",
    "XX001": "a table is damaged: restore the database from a backup",
    "XX002": "an index is damaged: REINDEX it, or restore the database from a backup",
}


class PlainText(Dumper):
    """Sends a string, U+0000 included; raises UnicodeEncodeError for half a surrogate pair."""

    oid = TEXT_OID

    def dump(self, obj: str) -> bytes:
        """Return UTF-8."""
        if "\0" in obj or MARK in obj:
            obj = obj.replace(MARK, MARK + "1").replace("\0", MARK + "0")
        return obj.encode()


class TextAsSent(Loader):
    """Reads what `PlainText` has sent."""

    def load(self, data: Buffer) -> str:
        """Return the string as it was."""
        text = str(data, "utf-8")
        return text.replace(MARK + "0", "\0").replace(MARK + "1", MARK) if MARK in text else text


class BinaryTextAsSent(TextAsSent):
    """The same in the binary form, which is the same bytes."""

    format = Format.BINARY


class PlainNumber(NumericBinaryLoader):
    """Reads what PostgreSQL makes of the sum or the mean of integers, as SQLite would give it."""

    def load(self, data: Buffer) -> Any:
        """Return an integer where nothing is behind the point."""
        value: Decimal = super().load(data)
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)


class Address:
    """Where a database is, as libpq reads it: URL, environment, ~/.pgpass and service file."""

    def __init__(self, url: str) -> None:
        """Raises StorageError for a URL that libpq does not understand."""
        try:
            given = conninfo_to_dict(url)
        except psycopg.Error as error:
            raise StorageError(f"cannot read the [store] url: {' '.join(str(error).split())}") from None
        # A server lives on where it can write: of several hosts that is the primary.
        defaults: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "target_session_attrs": "read-write"}
        host = socket.gethostname()[:30]
        own = {"application_name": f"toolyard {os.getpid()}@{host}", "client_encoding": "utf8"}
        self.conninfo = make_conninfo("", **(defaults | given | own))
        named = (given.get("host") or given.get("hostaddr"), given.get("dbname"))
        self.shown = "/".join(str(part) for part in named if part) or "the database"


def adapt(context: AdaptContext) -> None:
    """Let values pass as they are: one form for each type, so that a statement is prepared once."""
    adapters = context.adapters
    adapters.register_dumper(str, PlainText)
    adapters.register_dumper(int, Int8BinaryDumper)
    for name in ("text", "varchar"):
        adapters.register_loader(name, TextAsSent)
        adapters.register_loader(name, BinaryTextAsSent)
    adapters.register_loader("numeric", PlainNumber)


async def connect(address: Address, settings: Mapping[str, str] = {}) -> AsyncConnection[tuple[Any, ...]]:
    """Open one connection that begins no transaction by itself; raises StorageError, psycopg.Error when cut off."""
    try:
        connection = await AsyncConnection.connect(address.conninfo, autocommit=True)
    except psycopg.Error as error:
        raise unreachable(error, address) from None
    try:
        adapt(connection)
        _check(connection, address)
        wanted = SETTINGS | dict(settings)
        sets = sql.SQL(", ").join([sql.SQL("set_config(%s, %s, false)")] * len(wanted))
        await connection.execute(sql.SQL("SELECT {}").format(sets), [text for pair in wanted.items() for text in pair])
    except BaseException:
        await connection.close()
        raise
    return connection


def _check(connection: AsyncConnection[Any], address: Address) -> None:
    version = connection.info.server_version // 10_000
    if version < OLDEST:
        raise StorageError(f"{address.shown}: PostgreSQL {version} is too old: {OLDEST} is the oldest that is used")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StorageError(
            f"{address.shown}: the database is encoded as {encoding}: "
            "make one with `createdb --encoding=UTF8 --template=template0`"
        )


def unreachable(error: psycopg.Error, address: Address) -> StorageError:
    """Return the words for a connection that was refused; libpq tells why in words only, its password never."""
    told = " ".join(str(error).split())
    words = WORDS.get(error.sqlstate or "") or next((say for sign, say in _SIGNS if sign in told), "")
    return StorageError(f"cannot open {address.shown}: {words + ': ' if words else ''}{told}")


_SIGNS: Final = (
    ("password authentication failed", WORDS["28P01"]),
    ("no password supplied", "it asks for a password: set PGPASSWORD or write ~/.pgpass"),
    ("no pg_hba.conf entry", WORDS["28000"]),
    ("Peer authentication failed", WORDS["28000"]),
    ("does not exist", "there is no such database or role"),
    ("too many clients", WORDS["53300"]),
    ("starting up", WORDS["57P03"]),
    ("shutting down", WORDS["57P03"]),
    ("session is read-only", WORDS["25006"]),
    ("Connection refused", "no PostgreSQL listens there: start it, or correct url under [store]"),
    ("No such file or directory", "no PostgreSQL listens there: start it, or correct url under [store]"),
    ("could not translate host name", "there is no such host"),
    ("failed to resolve host", "there is no such host"),
    ("timeout expired", "nothing answers there"),
)
"""What libpq says, in English as it always does here or in the server's language, and what helps against it."""


def in_words(error: Exception, address: Address) -> Exception:
    """Return what a store's caller is to see for a driver's error: Conflict for a taken key, else StorageError."""
    if not isinstance(error, psycopg.Error):
        return error
    if isinstance(error, psycopg.errors.UniqueViolation):
        return Conflict(str(error.diag.message_primary or error))
    told = " ".join(str(error.diag.message_primary or error).split())
    words = WORDS.get(error.sqlstate or "")
    return StorageError(f"{address.shown}: {words} ({told})" if words else f"{address.shown}: {told}")


def gone(error: psycopg.Error) -> bool:
    """Tell whether an error is the end of a connection: what a server says of a statement has a code of its own."""
    code = error.sqlstate
    return isinstance(error, psycopg.OperationalError) and (code is None or code[:3] in {"57P", "080"})


def only_its_own_fault(error: Exception) -> bool:
    """Tell whether a failed write says something about its own transaction only, and nothing about the database."""
    if not isinstance(error, psycopg.Error):
        return True
    if error.sqlstate is None:  # the driver itself: it cannot send a value, or the connection is gone
        return isinstance(error, psycopg.ProgrammingError | psycopg.DataError | psycopg.NotSupportedError)
    return error.sqlstate[:2] in OWN_FAULT
