"""What an agent with more tools than a turn may hold is offered: a shortlist when a run begins, more when it asks.

What a run has been offered it keeps, so that the model server's cached prefix stays; the journal says what that is
(`ToolsOffered.candidates`, `ToolReturned.found`), and nothing here remembers a run.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
from toolyard_registry.names import FIND_TOOLS, OWN_SOURCE, READ_RESULT
from toolyard_registry.releases import AgentRelease
from toolyard_registry.search.fusion import ranked
from toolyard_registry.search.meaning import NOTHING_NEAR, Near
from toolyard_registry.search.searching import Search
from toolyard_registry.search.shortlist import scores_of, shortlist
from toolyard_registry.search.tools import documents_of, index_of
from toolyard_sdk.events import Candidate
from toolyard_sdk.ports import Tool

from toolyard_runtime.models.encoder import calls_of, decode_message, words_of
from toolyard_runtime.run.finding import FindTools
from toolyard_runtime.run.meanings import Meanings, Sense
from toolyard_runtime.run.rest import ReadResult

LISTED = 1_000
"""Tools an offer lists, those left out among them; of an agent with more, those with the least score are counted."""

TEXTS = 3
"""Requests of a conversation that are searched with: the present one and those just before it."""

LONGEST = 8_000
"""Characters of a request that are searched with."""

FOUND = 8
"""Tools that one call of `find_tools` may find."""


Withheld = Mapping[str, Literal["stopped", "not_granted"]]
"""The tools that nobody is offered now, or not this caller, and why."""


class Conversed(NamedTuple):
    """What of a conversation chooses tools: what was asked and which tools were called, newest first."""

    texts: Sequence[str]
    called: Sequence[str]


class Shortlists:
    """Chooses from the tools of one release: from all of them but `find_tools`, which is always offered."""

    def __init__(self, release: AgentRelease, about: Mapping[str, str], meanings: Meanings | None = None) -> None:
        self._meanings = meanings
        self._release = release
        self._about = about
        self._of = {tool.spec.name: tool for tool in release.tools if tool.spec.name != FIND_TOOLS}
        self._name_of = {tool.digest: name for name, tool in self._of.items()}
        self._search: Search | None = None
        self._sense: Sense | None = None
        self._making = asyncio.Lock()

    async def ready(self) -> None:
        """Make the index, in a thread, where nobody has yet: for thousands of tools it takes a second."""
        if self._search is None:
            async with self._making:
                if self._search is None:
                    self._search, self._sense = await asyncio.to_thread(self._made)

    def _made(self) -> tuple[Search, Sense | None]:
        documents = documents_of(self._of, self._about)
        return index_of(documents), self._meanings.sense(documents) if self._meanings is not None else None

    def _searched(self) -> Search:
        if self._search is None:
            self._search, self._sense = self._made()
        return self._search

    async def near(self, texts: Sequence[str]) -> tuple[Near, ...]:
        """Return what vectors say of each text; nothing where there are none in time."""
        await self.ready()
        return await self._sense.near(texts) if self._sense is not None else ()

    def first(
        self, conversed: Conversed, withheld: Withheld, worked: Mapping[str, int], near: Sequence[Near] = ()
    ) -> tuple[tuple[Candidate, ...], int]:
        """Return what a run is offered at its beginning, and how many tools are not even listed.

        `worked` counts by release the calls that lately gave a result, `near` is what vectors say of each text.
        """
        of = self._of
        choices = shortlist(
            self._searched(),
            conversed.texts,
            self._release.tools_per_turn - 1,
            most=LISTED,
            hidden=withheld,
            always=self._release.always,
            called=conversed.called,
            near=near,
            worked={self._name_of[digest]: count for digest, count in worked.items() if digest in self._name_of},
        )
        finder = next(tool for tool in self._release.tools if tool.spec.name == FIND_TOOLS)
        candidates = [_present(Candidate(FIND_TOOLS, finder.digest, because="always"), withheld)]
        for one in choices:
            left_out: Literal["", "budget"] = "" if one.because else "budget"
            candidates.append(Candidate(one.name, of[one.name].digest, one.score, left_out, one.because))
        away = sorted(name for name in withheld if name in of)
        candidates += [Candidate(name, of[name].digest, left_out=withheld[name]) for name in away]
        return tuple(candidates), len(of) - len(away) - len(choices)

    def widened(
        self, candidates: Sequence[Candidate], found: Collection[str], withheld: Withheld
    ) -> tuple[Candidate, ...]:
        """Return the candidates of an earlier offer with what was found since, less what is withheld now."""
        known = {one.name for one in candidates}
        others = [Candidate(name, self._of[name].digest) for name in found if name in self._of and name not in known]
        wanted = frozenset(found)
        return tuple(
            _present(_found(one) if one.name in wanted and not one.because else one, withheld)
            for one in (*candidates, *others)
        )

    async def find(self, query: str, hidden: Collection[str]) -> tuple[tuple[str, str], ...]:
        """Return (name, description) of the tools that fit a query best, without those that are hidden."""
        (near,) = await self.near([query]) or (NOTHING_NEAR,)
        scores = scores_of(self._searched(), query, near)
        best = ranked({name: score for name, score in scores.items() if name not in hidden}, FOUND)
        return tuple((name, self._of[name].spec.description) for name, _ in best)


def shortlists_of(
    release: AgentRelease, about: Mapping[str, str], meanings: Meanings | None = None
) -> Shortlists | None:
    """Return what chooses the tools of a release; None for one whose tools all fit into a turn.

    `about` is what their sources say of themselves; with `meanings`, vectors help to choose.
    """
    return Shortlists(release, about, meanings) if len(release.tools) > release.tools_per_turn else None


def with_finder(tools: Mapping[str, Tool], shortlists: Shortlists | None) -> Mapping[str, Tool]:
    """Return an agent's tools with `find_tools` among them where its turns are offered a shortlist."""
    return tools if shortlists is None else {**tools, FIND_TOOLS: FindTools(shortlists.find)}


def with_reader(release: AgentRelease, tools: Mapping[str, Tool]) -> Mapping[str, Tool]:
    """Return an agent's tools with the server's own `read_result` among them where its release has it, in any words."""
    own = any(tool.spec.name == READ_RESULT and tool.source == OWN_SOURCE for tool in release.tools)
    return {**tools, READ_RESULT: ReadResult()} if own else tools


def conversed(fragments: Sequence[bytes]) -> Conversed:
    """Read a window's encoded messages, oldest first, for what chooses tools."""
    texts: list[str] = []
    called: dict[str, None] = {}
    for fragment in reversed(fragments):
        if fragment.startswith(b'{"role":"user"') and len(texts) < TEXTS:
            texts.append(words_of(decode_message(fragment))[:LONGEST])
        elif b'"tool_calls":[' in fragment and fragment.startswith(b'{"role":"assistant"'):
            called.update(dict.fromkeys(name for name, _ in calls_of(fragment)))
    return Conversed(texts, tuple(called))


def _found(one: Candidate) -> Candidate:
    return msgspec.structs.replace(one, left_out="", because="found")


def _present(one: Candidate, withheld: Withheld) -> Candidate:
    """Return a candidate as it stands now: what was on the list, or had a score, is so again once it is let go on."""
    if not one.because and one.score is None:
        return one
    left_out = withheld.get(one.name, "" if one.because else "budget")
    return one if one.left_out == left_out else msgspec.structs.replace(one, left_out=left_out)
