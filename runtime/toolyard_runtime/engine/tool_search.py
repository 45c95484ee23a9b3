"""Searches the tools that a server has, for people who look for one; what a run is offered is not decided here."""

import asyncio
from collections.abc import Callable, Mapping

from toolyard_registry.releases import ToolRelease
from toolyard_registry.search.fusion import ranked
from toolyard_registry.search.searching import Search
from toolyard_registry.search.tools import index_of

LONGEST = 8_000
"""Characters of a question that are searched with."""


class ToolSearch:
    """Keeps an index of the tools it was last asked about, and makes another when there are others."""

    def __init__(self) -> None:
        self._of: Mapping[str, ToolRelease] | None = None
        self._search: Search | None = None
        self._making = asyncio.Lock()

    async def find(
        self, releases: Mapping[str, ToolRelease], text: str, limit: int, sees: Callable[[str], bool]
    ) -> tuple[tuple[str, float], ...]:
        """Return (name, score) of at most `limit` tools that fit a text and that `sees` holds, the best first."""
        scores = (await self._of_now(releases)).scores(text[:LONGEST])
        return ranked({name: score for name, score in scores.items() if sees(name)}, limit)

    async def _of_now(self, releases: Mapping[str, ToolRelease]) -> Search:
        """Return the index of these tools, made in a thread where it is not there."""
        async with self._making:
            if self._search is None or releases is not self._of:
                self._search, self._of = await asyncio.to_thread(index_of, releases), releases
            return self._search
