"""Which tools have lately worked, counted in memory: a little help for choosing among many; knows no journal.

What happened before this process is read once for each tenant, when somebody first wants to know.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

LATELY = 2_000
"""Calls of a tenant that count: the latest."""

Before = Callable[[str], Awaitable[Sequence[str]]]
"""Returns the releases of a tenant's calls that have worked, the oldest first."""


async def nothing_before(_tenant: str) -> tuple[str, ...]:
    """Know of nothing."""
    return ()


class Successes:
    """Counts the calls that gave a result, by tenant and tool release; tenants learn nothing of each other."""

    def __init__(self, before: Before = nothing_before) -> None:
        self._before = before
        self._reading = asyncio.Lock()
        self._read: set[str] = set()
        self._latest: dict[str, deque[str]] = {}
        self._counts: dict[str, Counter[str]] = {}

    async def ready(self, tenant: str) -> None:
        """Read what was before, where nobody has yet."""
        if tenant in self._read:
            return
        async with self._reading:
            if tenant not in self._read:
                before = await self._before(tenant)
                since = tuple(self._latest.pop(tenant, ()))
                self._counts.pop(tenant, None)
                for release in (*before[-LATELY:], *since):
                    self.note(tenant, release)
                self._read.add(tenant)

    def note(self, tenant: str, release: str) -> None:
        """Count one call; the oldest one of too many is forgotten."""
        counts = self._counts.setdefault(tenant, Counter())
        latest = self._latest.setdefault(tenant, deque())
        latest.append(release)
        counts[release] += 1
        if len(latest) > LATELY:
            oldest = latest.popleft()
            counts[oldest] -= 1
            if not counts[oldest]:
                del counts[oldest]

    def of(self, tenant: str) -> Mapping[str, int]:
        """Return the counts of a tenant by release."""
        return self._counts.get(tenant, {})
