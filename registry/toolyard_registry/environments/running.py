"""Which wheels' processes run: each once, so many at a time, and none that nobody calls; knows no environment."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from msgspec import Struct
from toolyard_sdk.ports import ToolSource

Sources = tuple[ToolSource, ...]
Start = Callable[[Path, str], Awaitable[Sources]]
"""Starts what serves a wheel, named by its path and its SHA-256 in hex."""


class Limits(Struct, frozen=True):
    """How long (seconds) what serves a wheel runs without a call (0: for ever), and how many wheels are served."""

    idle_seconds: float = 600.0
    most_running: int = 16


DEFAULT = Limits()


class Crowded(Exception):
    """As many wheels are served as may be, and each is being called."""


class _Place:
    """What serves one wheel: its start, and who uses it."""

    def __init__(self, starting: asyncio.Task[Sources]) -> None:
        self.starting = starting
        self.users = 0
        self.used = 0.0
        self.timer: asyncio.TimerHandle | None = None


class Running:
    """Starts what serves wheels, and ends it again."""

    def __init__(self, start: Start, limits: Limits) -> None:
        self._start = start
        self._limits = limits
        self._places: dict[str, _Place] = {}
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def wheels(self) -> frozenset[str]:
        """The wheels that are served now, by their SHA-256."""
        return frozenset(self._places)

    def foresee(self, wheel: Path, sha256: str) -> None:
        """Start what will be wanted, where there is room."""
        if sha256 in self._places or len(self._places) < self._limits.most_running:
            self._place(wheel, sha256)

    @contextlib.asynccontextmanager
    async def using(self, wheel: Path, sha256: str) -> AsyncIterator[Sources]:
        """Give what serves a wheel, which stays as long as it is used; raises Crowded and what its start raises.

        Of many who wait for one start, each may give up by itself.
        """
        place = self._place(wheel, sha256)
        place.users += 1
        if place.timer is not None:
            place.timer.cancel()
        try:
            yield await asyncio.shield(place.starting)
        finally:
            place.users -= 1
            self._rest(sha256, place)

    async def close(self) -> None:
        """End everything."""
        for sha256, place in list(self._places.items()):
            place.starting.cancel()
            self._end(sha256, place)
        while self._ending:
            await asyncio.wait(self._ending)

    def _place(self, wheel: Path, sha256: str) -> _Place:
        """Return what serves a wheel, begun to be started where it is not; the longest unused one makes room."""
        known = self._places.get(sha256)
        if known is not None:
            return known
        if len(self._places) >= self._limits.most_running:
            idle = [(place.used, name) for name, place in self._places.items() if _idle(place)]
            if not idle:
                raise Crowded
            _, oldest = min(idle)
            self._end(oldest, self._places[oldest])
        made = self._places[sha256] = _Place(asyncio.create_task(self._started(wheel, sha256)))
        made.starting.add_done_callback(lambda _: self._rest(sha256, made))
        return made

    async def _started(self, wheel: Path, sha256: str) -> Sources:
        if self._ending:
            await asyncio.wait(self._ending)  # what makes room has gone before
        return await self._start(wheel, sha256)

    def _rest(self, sha256: str, place: _Place) -> None:
        """Begin to count a place's idle time; a start that has failed gives its place up, and is tried again."""
        if self._places.get(sha256) is not place or not place.starting.done():
            return
        if place.starting.cancelled() or place.starting.exception() is not None:
            del self._places[sha256]
            return
        if place.users:
            return
        loop = asyncio.get_running_loop()
        place.used = loop.time()
        if place.timer is not None:
            place.timer.cancel()
        if self._limits.idle_seconds:
            place.timer = loop.call_later(self._limits.idle_seconds, self._end, sha256, place)

    def _end(self, sha256: str, place: _Place) -> None:
        if self._places.get(sha256) is not place:
            return
        del self._places[sha256]
        if place.timer is not None:
            place.timer.cancel()
        ending = asyncio.create_task(_ended(place))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


def _idle(place: _Place) -> bool:
    return not place.users and place.starting.done()


async def _ended(place: _Place) -> None:
    """Close what a start gave; one that was cancelled, or has failed, has cleaned up after itself."""
    await asyncio.wait((place.starting,))
    if place.starting.cancelled() or place.starting.exception() is not None:
        return
    await asyncio.gather(*(source.close() for source in place.starting.result()), return_exceptions=True)
