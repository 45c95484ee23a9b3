"""Finds tools by what somebody asks for: by words, by the steps of a task, and by the sources whose tools fit.

Pure: no file, no network, no clock; the same tools and the same text always give the same scores. docs/search.md says
what the numbers of `Weights` are and how they were set.
"""

from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest

from msgspec import Struct

from toolyard_registry.search.alike import alike
from toolyard_registry.search.clauses import clauses
from toolyard_registry.search.documents import Document
from toolyard_registry.search.fusion import ranked
from toolyard_registry.search.index import Index, Saturation
from toolyard_registry.search.queries import query
from toolyard_registry.search.words import Words

BEST = 120
"""Tools that are looked at closely for a request."""

EFFORT = 3_000
"""Occurrences of terms that are looked at to find these: a bound on the time that a search among many tools takes."""


class Weights(Struct, frozen=True):
    """What counts how much: words of the fields, BM25's numbers, and what is added to a tool's own score.

    `steps` is what the best of a task's steps counts beside the whole of it, `named` how much of the tool's name was
    said in one step, `sources` the mean of the best `source_tools` of the same source. `feedback` is what the most
    telling `feedback_terms` of the best `feedback_tools` count that were not said themselves.
    """

    name: float = 2.0
    text: float = 1.0
    parameters: float = 0.5
    source: float = 1.0
    about: float = 0.5
    k1: float = 1.5
    b: float = 0.9
    steps: float = 0.5
    named: float = 0.25
    sources: float = 0.3
    source_tools: int = 3
    feedback: float = 0.2
    feedback_tools: int = 5
    feedback_terms: int = 10


class Search:
    """The tools that can be found; adding and removing one does not touch the others."""

    def __init__(self, weights: Weights | None = None) -> None:
        self._weights = weights or Weights()
        self._words = Words()
        self._alike = alike(self._words.terms)
        self._index = Index(Saturation(self._weights.k1, self._weights.b))
        self._names: dict[str, tuple[str, ...]] = {}
        self._sorted: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, key: str) -> bool:
        return key in self._names

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all tools, sorted."""
        if self._sorted is None:
            self._sorted = tuple(sorted(self._names))
        return self._sorted

    def add(self, key: str, document: Document) -> None:
        """Add a tool, or replace the one that has this key."""
        weights, terms = self._weights, self._words.terms
        name = terms(document.name)
        fields = (
            (name, weights.name),
            (terms(document.text), weights.text),
            (terms(document.parameters), weights.parameters),
            (terms(document.source), weights.source),
            (terms(document.about), weights.about),
        )
        self._index.add(key, document.source, [field for field in fields if field[1]])
        self._names[key] = tuple(dict.fromkeys(name))
        self._sorted = None

    def remove(self, key: str) -> None:
        """Remove a tool; one that is not there is not missed."""
        self._index.remove(key)
        self._names.pop(key, None)
        self._sorted = None

    def scores(self, text: str) -> dict[str, float]:
        """Return the scores of the tools that have something in common with a text, by key; higher fits better."""
        said = query(text, self._words, self._alike)
        found = self._index.gather(said, EFFORT, BEST)
        if not found:
            return {}
        found = _sum(found, self._index.gather(self._telling(said, found), EFFORT // 4, BEST))
        steps = [query(step, self._words, self._alike) for step in clauses(text)]
        found = self._with_steps(steps, found)
        found = self._with_sources(found)
        share, named = self._weights.named * max(found.values()), self._named(steps, found)
        return {self._index.key(slot): score + share * named.get(slot, 0.0) for slot, score in found.items()}

    def _telling(self, said: Mapping[str, float], found: Mapping[int, float]) -> dict[str, float]:
        """Return the telling words of what was found that were not said: what a request like this is about."""
        weights = self._weights
        telling: dict[str, float] = {}
        for slot in nlargest(weights.feedback_tools, found, lambda slot: (found[slot], self._index.key(slot))):
            for term in self._index.terms(slot):
                if term not in said:
                    telling[term] = telling.get(term, 0.0) + found[slot] * self._index.rarity(term)
        chosen = ranked(telling, weights.feedback_terms)
        return {term: weights.feedback * worth / chosen[0][1] for term, worth in chosen}

    def _with_steps(self, steps: Sequence[Mapping[str, float]], found: dict[int, float]) -> dict[int, float]:
        """Add what fits one step of the task: the best tool for a step gets a share of what the best of all has."""
        if len(steps) == 1:
            return found
        best: dict[int, float] = {}
        for said in steps:
            fits = self._index.gather(said, EFFORT // len(steps) // 2, BEST // 3)
            top = max(fits.values(), default=0.0)
            for slot, score in fits.items():
                best[slot] = max(best.get(slot, 0.0), score / top)
        share = self._weights.steps * max(found.values())
        return _sum(found, {slot: share * score for slot, score in best.items()})

    def _with_sources(self, found: dict[int, float]) -> dict[int, float]:
        """Add what the source is worth: a tool among others that fit is more likely meant than one by itself."""
        weights, group = self._weights, self._index.group
        of: dict[str, list[float]] = {}
        for slot, score in found.items():
            of.setdefault(group(slot), []).append(score)
        share = weights.sources / weights.source_tools
        worth = {source: share * sum(sorted(each)[-weights.source_tools :]) for source, each in of.items()}
        return {slot: score + worth[group(slot)] for slot, score in found.items()}

    def _named(self, steps: Sequence[Mapping[str, float]], found: Iterable[int]) -> dict[int, float]:
        """Return how much of the names of tools was said in one step, 0 to 1, rare words counting more.

        What is said here and there in a long task makes up the names of many tools that are not meant.
        """
        rarity = self._index.rarity
        said: dict[str, list[tuple[int, float]]] = {}
        for number, step in enumerate(steps):
            for term, weight in step.items():
                said.setdefault(term, []).append((number, rarity(term) * min(1.0, weight)))
        named: dict[int, float] = {}
        for slot in found:
            name = self._names[self._index.key(slot)]
            heard: dict[int, float] = {}
            for term in name:
                for number, worth in said.get(term, ()):
                    heard[number] = heard.get(number, 0.0) + worth
            if heard:
                named[slot] = max(heard.values()) / sum(map(rarity, name))
        return named


def _sum(one: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float]:
    return {slot: one.get(slot, 0.0) + other.get(slot, 0.0) for slot in one.keys() | other.keys()}
