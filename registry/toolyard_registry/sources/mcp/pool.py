"""Keeps a connection for each caller with credentials of their own; the one least lately used makes room."""

import asyncio
from collections import OrderedDict

from toolyard_registry.sources.mcp.connection import Connection, Unreachable
from toolyard_registry.sources.mcp.reaching import Reach
from toolyard_registry.sources.mcp.tokens import Caller

MOST = 64
"""Connections kept open for one source."""


class Pool:
    """Connections by caller, opened when first asked for."""

    def __init__(self, reach: Reach, seconds: float) -> None:
        self._reach = reach
        self._seconds = seconds
        self._opening: OrderedDict[Caller, asyncio.Task[Connection]] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    async def connection(self, caller: Caller) -> Connection:
        """Return the caller's connection; raises Unreachable. Of many who wait for one, each may give up by itself."""
        opening = self._opening.get(caller)
        if opening is None or _spent(opening):
            self._drop(caller)
            opening = self._opening[caller] = asyncio.create_task(self._reach.open(caller, self._seconds))
            while len(self._opening) > MOST:
                self._drop(next(iter(self._opening)))
        self._opening.move_to_end(caller)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            if opening.cancelled():
                raise Unreachable("the connection was given up for others") from None
            raise

    async def close(self) -> None:
        """End all of them."""
        for caller in list(self._opening):
            self._drop(caller)
        if self._closing:
            await asyncio.wait(self._closing)

    def _drop(self, caller: Caller) -> None:
        opening = self._opening.pop(caller, None)
        if opening is not None:
            closing = asyncio.create_task(_closed(opening))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


def _spent(opening: asyncio.Task[Connection]) -> bool:
    """Whether a connection could not be opened, or has ended."""
    if not opening.done():
        return False
    return opening.cancelled() or opening.exception() is not None or opening.result().ended.is_set()


async def _closed(opening: asyncio.Task[Connection]) -> None:
    opening.cancel()
    await asyncio.wait((opening,))
    if not opening.cancelled() and opening.exception() is None:
        await opening.result().close()
