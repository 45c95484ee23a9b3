"""Finds tools by what somebody asks for: words, steps of a task, and the sources whose tools fit; no I/O."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from toolyard_registry.search.clauses import clauses
from toolyard_registry.search.documents import Document
from toolyard_registry.search.fusion import ranked
from toolyard_registry.search.index import Index, Saturation
from toolyard_registry.search.words import Words


class Weights(Struct, frozen=True):
    """What counts how much; docs/search.md says how the defaults were set."""

    name: float = 3.0
    text: float = 1.0
    parameters: float = 0.5
    source: float = 1.0
    about: float = 0.5
    k1: float = 1.2
    b: float = 0.75
    repeats: float = 0.5
    whole: float = 1.0
    steps: float = 0.0
    sources: float = 0.0
    source_top: int = 3
    feedback: float = 0.0
    feedback_tools: int = 5
    feedback_terms: int = 10
    joined: float = 0.0


class Search:
    """The tools that can be found; adding and removing one does not touch the others."""

    def __init__(self, weights: Weights = Weights()) -> None:
        self._weights = weights
        self._words = Words()
        self._index = Index(Saturation(weights.k1, weights.b))
        self._source_of: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._index)

    def add(self, key: str, document: Document) -> None:
        weights, terms = self._weights, self._words.terms
        name = terms(document.name)
        text = terms(document.text)
        fields = [
            (name, weights.name),
            (text, weights.text),
            (terms(document.parameters), weights.parameters),
            (terms(document.source), weights.source),
            (terms(document.about), weights.about),
        ]
        if weights.joined:
            fields += [(_joined(name), weights.joined * weights.name), (_joined(text), weights.joined * weights.text)]
        self._index.add(key, fields)
        self._source_of[key] = document.source

    def remove(self, key: str) -> None:
        self._index.remove(key)
        self._source_of.pop(key, None)

    def scores(self, text: str) -> dict[str, float]:
        weights = self._weights
        query = self._query(text)
        total = self._index.scores(query)
        if weights.feedback:
            total = self._fed_back(query, total)
        if weights.whole != 1.0:
            total = {key: score * weights.whole for key, score in total.items()}
        if weights.steps:
            parts = clauses(text)
            if len(parts) > 1:
                top = max(total.values(), default=1.0)
                best: dict[str, float] = {}
                for part in parts:
                    found = self._index.scores(self._query(part))
                    if not found:
                        continue
                    scale = 1 if weights.steps > 0 else top / max(found.values())
                    for key, score in found.items():
                        s = score * scale
                        if s > best.get(key, 0.0):
                            best[key] = s
                for key, score in best.items():
                    total[key] = total.get(key, 0.0) + abs(weights.steps) * score
        if weights.sources:
            total = self._with_sources(total)
        return total

    def _query(self, text: str) -> dict[str, float]:
        query: dict[str, float] = {}
        found = self._words.terms(text)
        for term in found:
            query[term] = query.get(term, 0.0) + 1.0
        if self._weights.joined:
            for term in _joined(found):
                query[term] = 1.0
        if self._weights.repeats != 1.0:
            query = {term: count**self._weights.repeats for term, count in query.items()}
        return query

    def _fed_back(self, query: dict[str, float], scores: dict[str, float]) -> dict[str, float]:
        w = self._weights
        top = ranked(scores, w.feedback_tools)
        if not top:
            return scores
        best = top[0][1]
        extra: dict[str, float] = {}
        for key, score in top:
            for term in self._index.terms_of(key):
                extra[term] = extra.get(term, 0.0) + score / best * self._index.rarity(term)
        terms = ranked({t: v for t, v in extra.items() if t not in query}, w.feedback_terms)
        if not terms:
            return scores
        high = terms[0][1]
        q = dict(query)
        for t, v in terms:
            q[t] = w.feedback * v / high
        return self._index.scores(q)

    def _with_sources(self, scores: dict[str, float]) -> dict[str, float]:
        w = self._weights
        groups: dict[str, list[float]] = {}
        for key, score in scores.items():
            groups.setdefault(self._source_of[key], []).append(score)
        worth = {s: sum(sorted(v, reverse=True)[: w.source_top]) / w.source_top for s, v in groups.items()}
        return {key: score + w.sources * worth[self._source_of[key]] for key, score in scores.items()}


def _joined(terms: list[str]) -> list[str]:
    return [f"{a} {b}" for a, b in zip(terms, terms[1:], strict=False)]
