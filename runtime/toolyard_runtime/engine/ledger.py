"""Keeps tombstones in a file beside the database too, which is not replaced when the database is; applies none.

A backup knows nothing of what was forgotten after it was made. The file does: each tombstone is a line of it, soon
after its commit. It holds no content and no name: salts, and commitments under them.
"""

import asyncio
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import bindparam, select
from toolyard_memory.tables.facts import TOMBSTONE
from toolyard_sdk.ports import Database

FILE: Final = "tombstones.jsonl"
AT_ONCE: Final = 500
OVERLAP_MS: Final = 3_600_000
"""Milliseconds before the newest id in the file from which ids are looked at again: not all commit in their order."""

SINCE = select(TOMBSTONE).where(TOMBSTONE.c.id > bindparam("since")).order_by(TOMBSTONE.c.id).limit(AT_ONCE)
HELD = select(TOMBSTONE.c.id).where(TOMBSTONE.c.id.in_(bindparam("ids", expanding=True)))


class Tombstone(Struct, frozen=True):
    """A row of `tombstone`; bytes are base64 in the file."""

    id: bytes
    tenant: str
    kind: str
    salt: bytes
    commitment: bytes
    at: int
    actor: str

    @property
    def row(self) -> tuple[Any, ...]:
        """The row, in the order of the table's columns."""
        return self.id, self.tenant, self.kind, self.salt, self.commitment, self.at, self.actor


_decode = msgspec.json.Decoder(Tombstone).decode
_encode = msgspec.json.Encoder().encode


class Ledger:
    """The file in the state folder; one process at a time writes it, as it has the folder."""

    def __init__(self, folder: Path, database: Database) -> None:
        self._path = folder / FILE
        self._database = database
        self._known: set[bytes] | None = None
        self._one = asyncio.Lock()
        self._log = logging.getLogger("toolyard.erasure")

    async def follow(self) -> int:
        """Write down the tombstones that the file lacks; return how many. What fails is logged, and done next time."""
        async with self._one:
            try:
                return await self._follow()
            except OSError as error:
                self._log.error("%s: tombstones cannot be written: %s", self._path, error.strerror)
                return 0

    async def lacking(self) -> list[Tombstone]:
        """Return the tombstones in the file that the database lacks: an older one was put in its place."""
        if not self._path.exists():
            return []
        written = await asyncio.to_thread(self._read)
        self._known = {stone.id for stone in written}
        found: list[Tombstone] = []
        for start in range(0, len(written), AT_ONCE):
            part = written[start : start + AT_ONCE]
            rows = await self._database.scan(HELD, {"ids": [stone.id for stone in part]})
            held = {row[0] for row in rows}
            found += [stone for stone in part if stone.id not in held]
        return found

    async def _follow(self) -> int:
        if self._known is None:
            self._known = {stone.id for stone in await asyncio.to_thread(self._read)}
        known, written = self._known, 0
        since = _before(max(known)) if known else b""
        while rows := await self._database.scan(SINCE, {"since": since}):
            since = rows[-1][0]
            fresh = [Tombstone(*row) for row in rows if row[0] not in known]
            if fresh:
                await asyncio.to_thread(self._append, fresh)
                known.update(stone.id for stone in fresh)
                written += len(fresh)
        return written

    def _read(self) -> Sequence[Tombstone]:
        """Return what can be read, and say what cannot: a machine that lost its power may have cut the last line."""
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return ()
        stones: list[Tombstone] = []
        damaged = 0
        for line in lines:
            if line:
                try:
                    stones.append(_decode(line))
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    damaged += 1
        if damaged:
            self._log.error("%s: %d of its lines are damaged; the others are used", self._path, damaged)
        return stones

    def _append(self, stones: Iterable[Tombstone]) -> None:
        fresh = not self._path.exists()
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(file).st_size
            cut = size and os.pread(file, 1, size - 1) != b"\n"
            _write(file, (b"\n" if cut else b"") + b"".join(_encode(stone) + b"\n" for stone in stones))
            os.fsync(file)
        finally:
            os.close(file)
        if fresh:
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
            os.fsync(folder)
            os.close(folder)


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _before(id_: bytes) -> bytes:
    """Return the id from which to look again: UUIDv7 begins with milliseconds."""
    return max(0, int.from_bytes(id_[:6]) - OVERLAP_MS).to_bytes(6) + bytes(10)
