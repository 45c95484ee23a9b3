"""Has a file read: where that is safe in a thread, else in a process with bounds; says it when those ended it."""

import asyncio
import signal

import msgspec

from toolyard_memory.apart import ask_apart
from toolyard_memory.documents.reading.kinds import PARSED, Read, read
from toolyard_memory.documents.reading.outcome import Bounds, Refused, Unreadable

CHILD = "toolyard_memory.documents.reading.child"
AT_ONCE = 2
"""Processes that read at the same time; more wait."""

LONG = 256 * 1024
"""Bytes of a text above which a process reads it, so that it takes no time of this one."""

TOO_SLOW = "it takes too long to read: it may be made to do harm, or should be split"
BROKEN = "what reads it broke on it: it may be damaged"

_decode = msgspec.json.Decoder(Read | Refused).decode


class Readers:
    """Reads files, some of them in processes, each within `bounds`."""

    def __init__(self, bounds: Bounds = Bounds()) -> None:  # noqa: B008 - a record that nobody can change
        self._places = asyncio.Semaphore(AT_ONCE)
        self._bounds = bounds

    async def read(self, data: bytes, kind: str) -> Read:
        """Return a file's text and pieces; raises Unreadable."""
        if kind not in PARSED and len(data) <= LONG:
            return await asyncio.to_thread(read, data, kind)
        async with self._places:
            said = await self._read_apart(data, kind)
        if isinstance(said, Refused):
            raise Unreadable(said.why)
        return said

    async def _read_apart(self, data: bytes, kind: str) -> Read | Refused:
        bounds = self._bounds
        try:
            code, said = await ask_apart(
                CHILD, kind, str(bounds.memory), str(bounds.cpu_seconds), said=data, seconds=bounds.wall_seconds
            )
        except TimeoutError:
            return Refused(TOO_SLOW)
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return Refused(TOO_SLOW)
        try:
            outcome: Read | Refused = _decode(said)
        except msgspec.MsgspecError:
            return Refused(BROKEN)
        return outcome
