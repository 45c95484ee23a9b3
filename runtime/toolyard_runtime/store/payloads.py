"""Content by reference: rows that heads and session items point at; knows neither their meaning nor their hashes.

A payload's key is (run, n). Ordinal 0 is the run's salt, under which its commitments are computed. Tenant and end user
of a payload are those of its run. Erasing deletes rows; whoever reads one afterwards gets `ERASED`.
"""

from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct
from sqlalchemy import bindparam, insert, select
from toolyard_sdk.ports import Database, Transaction

from toolyard_runtime.store.tables import PAYLOAD

PayloadKind = Literal[
    "salt",
    "user",
    "assistant",
    "tool",
    "instructions",
    "tools",
    "sampling",
    "raw",
    "detail",
    "reason",
    "leaked",
    "echo",
    "whole",
    "question",
    "answer",
    "recalled",
    "summary",
]
"""A session item's kind is the role of its message; `raw` are arguments that could not be read."""

ADD_PAYLOAD = insert(PAYLOAD)
SOME_OF_RUN = select(PAYLOAD.c.n, PAYLOAD.c.kind, PAYLOAD.c.data).where(
    PAYLOAD.c.run == bindparam("run"), PAYLOAD.c.n.in_(bindparam("ns", expanding=True))
)
ALL_OF_RUN = select(PAYLOAD.c.n, PAYLOAD.c.kind, PAYLOAD.c.data).where(PAYLOAD.c.run == bindparam("run"))

SALT_N: Final = 0
SALT_SIZE: Final = 32
AT_ONCE = 500
"""Ordinals in one statement: SQLite and Postgres both take more."""


class Erased(Struct, frozen=True):
    """What is read in place of content that was erased."""


ERASED: Final = Erased()


class Payload(Struct, frozen=True):
    """Content as it was stored: `kind` says what it is, `data` are its bytes."""

    kind: PayloadKind
    data: bytes


def add(tx: Transaction, run: bytes, n: int, kind: PayloadKind, data: bytes) -> None:
    """Add the content of ordinal `n` of a run."""
    tx.write(ADD_PAYLOAD, (run, n, kind, data))


async def load(database: Database, run: bytes, ns: Iterable[int]) -> dict[int, Payload | Erased]:
    """Return the contents of these ordinals of one run; those that are not there come back as `ERASED`."""
    wanted = sorted(set(ns))
    found: dict[int, Payload | Erased] = dict.fromkeys(wanted, ERASED)
    for start in range(0, len(wanted), AT_ONCE):
        part = wanted[start : start + AT_ONCE]
        for n, kind, data in await database.read(SOME_OF_RUN, {"run": run, "ns": part}):
            found[n] = Payload(kind, data)
    return found


async def load_all(database: Database, run: bytes) -> dict[int, Payload]:
    """Return all contents of a run by ordinal, its salt included."""
    rows = await database.read(ALL_OF_RUN, {"run": run})
    return {n: Payload(kind, data) for n, kind, data in rows}


async def load_many(database: Database, keys: Iterable[tuple[bytes, int]]) -> dict[tuple[bytes, int], Payload | Erased]:
    """Return contents of several runs by (run, n), as `load` does."""
    by_run: dict[bytes, list[int]] = {}
    for run, n in keys:
        by_run.setdefault(run, []).append(n)
    found: dict[tuple[bytes, int], Payload | Erased] = {}
    for run, ns in by_run.items():
        for n, payload in (await load(database, run, ns)).items():
            found[run, n] = payload
    return found
