"""An inverted index over documents of several fields: BM25F, in compact arrays; knows no tool and no query syntax.

A document's fields are summed with their weights before the score saturates, which is what makes a word in the name
worth more than several in the text (Robertson, Zaragoza and Taylor 2004, "Simple BM25 extension to multiple weighted
fields"). A term is as rare as the mean of two counts says: the documents that have it, and the groups of documents
that do. A group of forty that all have a word is one group: the word tells it from the others, though it is common.
"""

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest
from operator import itemgetter

from msgspec import Struct

Fields = Sequence[tuple[Iterable[str], float]]
"""A document: the terms of each field, and what one of them counts."""


class Saturation(Struct, frozen=True):
    """BM25's two numbers: how soon repeating a word stops to count, and how much a long document is discounted."""

    k1: float
    b: float


class _Postings:
    """Where a term occurs: slots in rising order, the weighted counts there, and what they are worth at a version."""

    __slots__ = ("counts", "rarity", "slots", "version", "worth")

    def __init__(self) -> None:
        self.slots = array("I")
        self.counts = array("f")
        self.worth = array("f")
        self.rarity = 0.0
        self.version = -1


class Index:
    """Documents by key; adding and removing one costs what it holds, whatever else there is.

    Slots of removed documents are used again, so churn costs no memory. What terms are worth is computed when they are
    first asked for after a change.
    """

    def __init__(self, saturation: Saturation) -> None:
        self._saturation = saturation
        self._postings: dict[str, _Postings] = {}
        self._slot_of: dict[str, int] = {}
        self._keys: list[str] = []
        self._terms: list[tuple[str, ...]] = []
        self._groups: list[str] = []
        self._members: dict[str, int] = {}
        self._lengths = array("f")
        self._free: list[int] = []
        self._total = 0.0
        self._version = 0

    def __len__(self) -> int:
        return len(self._slot_of)

    def add(self, key: str, group: str, fields: Fields) -> None:
        """Add a document, or replace the one that has this key."""
        self.remove(key)
        counts: dict[str, float] = {}
        for terms, weight in fields:
            for term in terms:
                counts[term] = counts.get(term, 0.0) + weight
        slot = self._slot(key, group, tuple(counts), sum(counts.values()))
        for term, count in counts.items():
            postings = self._postings.get(term)
            if postings is None:
                postings = self._postings[term] = _Postings()
            at = bisect_left(postings.slots, slot)
            postings.slots.insert(at, slot)
            postings.counts.insert(at, count)
        self._members[group] = self._members.get(group, 0) + 1
        self._slot_of[key] = slot
        self._total += self._lengths[slot]
        self._version += 1

    def _slot(self, key: str, group: str, terms: tuple[str, ...], length: float) -> int:
        """Return a slot that holds this document: a free one, or a new one at the end."""
        if self._free:
            slot = self._free.pop()
            self._keys[slot], self._groups[slot], self._terms[slot], self._lengths[slot] = key, group, terms, length
            return slot
        self._keys.append(key)
        self._groups.append(group)
        self._terms.append(terms)
        self._lengths.append(length)
        return len(self._keys) - 1

    def remove(self, key: str) -> None:
        """Remove a document; one that is not there is not missed."""
        slot = self._slot_of.pop(key, None)
        if slot is None:
            return
        for term in self._terms[slot]:
            postings = self._postings[term]
            at = bisect_left(postings.slots, slot)
            del postings.slots[at], postings.counts[at]
            if not postings.slots:
                del self._postings[term]
        group = self._groups[slot]
        self._members[group] -= 1
        if not self._members[group]:
            del self._members[group]
        self._total -= self._lengths[slot]
        self._terms[slot] = ()
        self._free.append(slot)
        self._version += 1

    def group_of(self, key: str) -> str:
        """Return the group of a document."""
        return self._groups[self._slot_of[key]]

    def terms_of(self, key: str) -> tuple[str, ...]:
        """Return the different terms of a document."""
        return self._terms[self._slot_of[key]]

    def rarity(self, term: str) -> float:
        """Return how telling a term is: its inverse document frequency; 0 for one that occurs nowhere."""
        postings = self._current(term)
        return postings.rarity if postings is not None else 0.0

    def scores(self, query: Mapping[str, float], limit: int) -> dict[str, float]:
        """Return the scores of the documents that fit best; `query` gives the weights of terms."""
        found = [0.0] * len(self._keys)
        for term, weight in query.items():
            postings = self._current(term)
            if postings is None:
                continue
            for slot, worth in zip(postings.slots, postings.worth, strict=True):
                found[slot] += weight * worth
        keys = self._keys
        hits = [(slot, score) for slot, score in enumerate(found) if score]
        if len(hits) > limit:
            hits = nlargest(limit, hits, itemgetter(1))
        return {keys[slot]: score for slot, score in hits}

    def _current(self, term: str) -> _Postings | None:
        """Return a term's postings with what each is worth now: rare terms more, long documents less."""
        postings = self._postings.get(term)
        if postings is None or postings.version == self._version:
            return postings
        groups = len({self._groups[slot] for slot in postings.slots})
        rarity = (_rarity(len(postings.slots), len(self._slot_of)) + _rarity(groups, len(self._members))) / 2
        k1, b = self._saturation.k1, self._saturation.b
        lengths, most, fixed = self._lengths, rarity * (k1 + 1), k1 * (1 - b)
        growing = k1 * b * len(self._slot_of) / self._total
        postings.worth = array(
            "f",
            [
                most * count / (count + fixed + growing * lengths[slot])
                for slot, count in zip(postings.slots, postings.counts, strict=True)
            ],
        )
        postings.rarity = rarity
        postings.version = self._version
        return postings


def _rarity(having: int, of: int) -> float:
    """Return the inverse frequency of BM25, which is never below 0."""
    return math.log(1 + (of - having + 0.5) / (having + 0.5))
