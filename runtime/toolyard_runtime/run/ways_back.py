"""Which call waits for a person who was sent to an address, found again by the `state` they come back with.

It is kept in memory. What waited before this process is read once, when somebody comes back whom nobody here has sent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

MOST = 1_000
"""Calls that are remembered; of more the oldest are forgotten."""

AT_ONCE = 20
"""Calls that may wait for the same person at one address: the newest."""


class Waiting(Struct, frozen=True):
    """A call that waits for a person at an address."""

    tenant: str
    run: bytes
    call: int


Before = Callable[[], Awaitable[Iterable[tuple[str, Waiting]]]]
"""Returns (address, call) of what waits since before, the oldest first."""


async def nothing_before() -> tuple[tuple[str, Waiting], ...]:
    """Know of nothing."""
    return ()


class WaysBack:
    """The calls that wait, by the `state` in the address (RFC 6749, section 4.1.1)."""

    def __init__(self, before: Before = nothing_before) -> None:
        self._waiting: dict[str, list[Waiting]] = {}
        self._before = before
        self._reading = asyncio.Lock()
        self._read = False

    def expect(self, url: str, waiting: Waiting) -> None:
        """Remember who waits for whoever comes back from `url`; an address without `state` leads nowhere."""
        state = parse_qs(urlsplit(url).query).get("state", [""])[0]
        if state:
            calls = self._waiting.setdefault(state, [])
            calls.append(waiting)
            del calls[:-AT_ONCE]
            while len(self._waiting) > MOST:
                del self._waiting[next(iter(self._waiting))]

    async def come(self, state: str) -> list[Waiting]:
        """Return who waited for this, and forget them."""
        if state and state not in self._waiting and not self._read:
            async with self._reading:
                if not self._read:
                    sent, self._waiting = self._waiting, {}
                    for url, waiting in await self._before():
                        self.expect(url, waiting)
                    self._waiting |= sent
                    self._read = True
        return self._waiting.pop(state, [])
