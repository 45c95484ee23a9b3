"""Searches the tools of a server and those published on it, for people; what a run is offered is not decided here."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct
from toolyard_registry.published.shelf import Entry, Shelf
from toolyard_registry.releases import ToolRelease
from toolyard_registry.search.fusion import ranked
from toolyard_registry.search.meaning import NOTHING_NEAR
from toolyard_registry.search.searching import Search
from toolyard_registry.search.shortlist import scores_of
from toolyard_registry.search.tools import documents_of, index_of
from toolyard_registry.toolbox.collecting import Toolbox

from toolyard_runtime.run.meanings import Meanings, Sense

LONGEST = 8_000
"""Characters of a question that are searched with."""

KEPT = 4
"""Indexes that are kept: one for the tools of the server, others for tenants that lately looked among their own too."""


class Found(Struct, frozen=True):
    """A tool that fits; `entry` is where it stands on the shelf when it is published and not installed."""

    release: ToolRelease
    score: float
    entry: Entry | None = None


class _Index(Struct, frozen=True):
    """An index of the installed tools and of what a shelf holds beside them, as it was at `serial`."""

    of: Mapping[str, ToolRelease]
    serial: int
    published: Mapping[str, Entry]
    search: Search
    sense: Sense | None = None


class ToolSearch:
    """Keeps indexes of the tools it was last asked about, and makes another when there are others."""

    def __init__(self, meanings: Meanings | None = None) -> None:
        self._meanings = meanings
        self._kept: dict[str, _Index] = {}
        self._making = asyncio.Lock()

    async def find(
        self,
        box: Toolbox,
        shelf: tuple[str, Shelf],
        text: str,
        limit: int,
        sees: Callable[[str], bool],
    ) -> tuple[Found, ...]:
        """Return at most `limit` tools that fit a text and that `sees` holds, the best first.

        `box` holds those that are installed; `shelf` comes with its tenant's name, and what is active on it and not
        installed is found by its newest release.
        """
        index = await self._of_now(box, *shelf)
        text = text[:LONGEST]
        (near,) = (await index.sense.near([text]) if index.sense is not None else ()) or (NOTHING_NEAR,)
        scores = scores_of(index.search, text, near)
        found = []
        for name, score in ranked({name: score for name, score in scores.items() if sees(name)}, limit):
            entry = index.published.get(name)
            release = index.of[name] if entry is None else shelf[1].release(entry)
            found.append(Found(release, score, entry))
        return tuple(found)

    async def _of_now(self, box: Toolbox, tenant: str, shelf: Shelf) -> _Index:
        """Return the index of these tools, made in a thread where it is not there."""
        releases = box.releases
        async with self._making:
            known = self._kept.get(tenant)
            if known is not None and known.of is releases and known.serial == shelf.serial:
                self._kept[tenant] = self._kept.pop(tenant)
                return known
            serial = shelf.serial
            published = {name: entry for name, entry in shelf.newest().items() if name not in releases}
            if not published:
                tenant = ""  # one index for all who have published nothing of their own
                known = self._kept.get(tenant)
                if known is not None and known.of is releases:
                    return known
            self._kept.pop(tenant, None)
            self._kept = {name: one for name, one in self._kept.items() if one.of is releases}
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            search, sense = await asyncio.to_thread(self._indexed, box, published)
            made = self._kept[tenant] = _Index(releases, serial, published, search, sense)
            return made

    def _indexed(self, box: Toolbox, published: Mapping[str, Entry]) -> tuple[Search, Sense | None]:
        """Return an index and what is in it means; what is published is decoded for it and forgotten again."""
        decoded = {name: msgspec.json.decode(entry.body, type=ToolRelease) for name, entry in published.items()}
        documents = documents_of({**box.releases, **decoded}, box.about)
        return index_of(documents), self._meanings.sense(documents) if self._meanings is not None else None
