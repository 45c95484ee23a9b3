"""A live run's stream: what has been said in its present segment, and whoever follows it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from toolyard_runtime.run.segments import StreamEvent
from toolyard_runtime.run.transcript import cut


class Feed:
    """Keeps the stream events of one segment while its run is live; any number of readers follow at their own pace."""

    __slots__ = ("_readers", "_waiting", "absent", "closed", "error", "events")

    def __init__(self, events: Sequence[StreamEvent] = ()) -> None:
        self.events: list[StreamEvent] = list(events)
        self.closed = False
        self.error: Exception | None = None
        self.absent = 0
        self._readers = 0
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def followed(self) -> bool:
        """Whether anybody follows; `absent` counts readers whose clients have left, though they still wait here."""
        return self._readers > self.absent

    def publish(self, events: Sequence[StreamEvent]) -> None:
        """Add events and wake the readers."""
        if events:
            self.events.extend(events)
            if self._waiting:
                self._wake()

    def close(self, error: Exception | None = None) -> None:
        """Say that nothing follows; with `error`, that the server itself failed."""
        self.closed = True
        self.error = error
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def settled(self) -> None:
        """Return when the segment is over; raises the server's own failure."""
        self._readers += 1
        try:
            while not self.closed:
                await self._next()
        finally:
            self._readers -= 1
        if self.error is not None:
            raise self.error

    async def follow(self, after: int = -1) -> AsyncGenerator[list[StreamEvent], None]:
        """Yield everything past position `after`, all that is ready at a time; ends with the segment.

        Whoever may leave early closes it (`contextlib.aclosing`): a reader counts until its generator is closed.
        """
        seen = 0
        self._readers += 1
        try:
            while True:
                ready = self.events[seen:]
                seen += len(ready)
                if ready and after >= 0:
                    ready = cut(ready, after)
                if ready:
                    yield ready
                elif self.closed:
                    break
                elif seen == len(self.events):
                    await self._next()
        finally:
            self._readers -= 1
        if self.error is not None:
            raise self.error

    async def _next(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future
