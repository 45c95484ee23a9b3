"""Which tools have lately worked, counted in memory: a little help for choosing among many, lost with the process."""

from collections import Counter, deque
from collections.abc import Mapping

LATELY = 2_000
"""Calls of a tenant that count: the latest."""


class Successes:
    """Counts the calls that gave a result, by tenant and tool release; tenants learn nothing of each other."""

    def __init__(self) -> None:
        self._latest: dict[str, deque[str]] = {}
        self._counts: dict[str, Counter[str]] = {}

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
