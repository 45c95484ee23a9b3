"""Finds tools by what somebody asks for: by words, by the steps of a task, and by the sources whose tools fit.

Pure: no file, no network, no clock; the same tools and the same text always give the same scores. docs/search.md says
what the numbers of `Weights` are and how they were set.
"""

from collections.abc import Mapping

from msgspec import Struct

from toolyard_registry.search.alike import alike
from toolyard_registry.search.clauses import clauses
from toolyard_registry.search.documents import Document
from toolyard_registry.search.fusion import ranked
from toolyard_registry.search.index import Index, Saturation
from toolyard_registry.search.queries import query
from toolyard_registry.search.words import Words

BEST = 300
"""Tools that are looked at more closely: those with the most words in common, for the whole and for each step."""


class Weights(Struct, frozen=True):
    """What counts how much: words of the fields, BM25's numbers, and what is added to a tool's own score.

    `steps` is what the best of a task's steps counts beside the whole of it, `named` how much of the tool's name was
    said, `sources` the mean of the best `source_tools` of the same source. `feedback` is what the most telling
    `feedback_terms` of the best `feedback_tools` count that were not said themselves.
    """

    name: float = 2.0
    text: float = 1.0
    parameters: float = 0.5
    source: float = 1.0
    about: float = 0.5
    k1: float = 1.5
    b: float = 0.75
    steps: float = 0.5
    named: float = 0.2
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

    def __len__(self) -> int:
        return len(self._index)

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
        self._index.add(key, document.source, fields)
        self._names[key] = tuple(dict.fromkeys(name))

    def remove(self, key: str) -> None:
        """Remove a tool; one that is not there is not missed."""
        self._index.remove(key)
        self._names.pop(key, None)

    def scores(self, text: str) -> dict[str, float]:
        """Return the scores of the tools that have something in common with a text, by key; higher fits better."""
        said = query(text, self._words, self._alike)
        found = self._with_feedback(said, self._index.scores(said, BEST))
        if not found:
            return {}
        found = self._with_steps(text, found)
        found = self._with_sources(found)
        most = max(found.values())
        return {key: score + self._weights.named * most * self._named(key, said) for key, score in found.items()}

    def _with_feedback(self, said: Mapping[str, float], found: dict[str, float]) -> dict[str, float]:
        """Search again with the words of what was found: the best tools say what a request like this is about."""
        weights = self._weights
        best = ranked(found, weights.feedback_tools)
        telling: dict[str, float] = {}
        for key, score in best:
            for term in self._index.terms_of(key):
                if term not in said:
                    telling[term] = telling.get(term, 0.0) + score * self._index.rarity(term)
        chosen = ranked(telling, weights.feedback_terms)
        if not chosen or not chosen[0][1]:
            return found
        more = {term: weights.feedback * worth / chosen[0][1] for term, worth in chosen}
        return self._index.scores({**said, **more}, BEST)

    def _with_steps(self, text: str, found: dict[str, float]) -> dict[str, float]:
        """Add what fits one step of the task: the best tool for each step is worth as much as that for the whole."""
        steps = clauses(text)
        if len(steps) == 1:
            return found
        most, best = max(found.values()), dict[str, float]()
        for step in steps:
            fits = self._index.scores(query(step, self._words, self._alike), BEST)
            top = max(fits.values(), default=0.0)
            for key, score in fits.items():
                best[key] = max(best.get(key, 0.0), score / top)
        share = self._weights.steps * most
        return {key: found.get(key, 0.0) + share * best.get(key, 0.0) for key in found.keys() | best.keys()}

    def _with_sources(self, found: dict[str, float]) -> dict[str, float]:
        """Add what the source is worth: a tool among others that fit is more likely meant than one by itself."""
        weights = self._weights
        of: dict[str, list[float]] = {}
        for key, score in found.items():
            of.setdefault(self._index.group_of(key), []).append(score)
        share = weights.sources / weights.source_tools
        worth = {source: share * sum(sorted(each)[-weights.source_tools :]) for source, each in of.items()}
        return {key: score + worth[self._index.group_of(key)] for key, score in found.items()}

    def _named(self, key: str, said: Mapping[str, float]) -> float:
        """Return how much of a tool's name was said, 0 to 1, its rare words counting more."""
        of = heard = 0.0
        for term in self._names[key]:
            rarity = self._index.rarity(term)
            of += rarity
            heard += rarity * min(1.0, said.get(term, 0.0))
        return heard / of if of else 0.0
