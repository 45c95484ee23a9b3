"""An inverted index over documents of several fields: BM25F, in compact arrays; knows no tool and no query syntax.

A document's fields are summed with their weights before the score saturates, which is what makes a word in the name
worth more than several in the text (Robertson, Zaragoza and Taylor 2004, "Simple BM25 extension to multiple weighted
fields"). Slots of removed documents are used again, so churn costs no memory.
"""

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

Fields = Sequence[tuple[Iterable[str], float]]
"""A document: the terms of each field, and what one of them counts."""


class Saturation(Struct, frozen=True):
    """BM25's two numbers: how soon repeating a word stops to count, and how much a long document is discounted."""

    k1: float = 1.2
    b: float = 0.75


class _Postings:
    """Where a term occurs: slots in rising order, the weighted counts there, and what they are worth at a version."""

    __slots__ = ("counts", "slots", "version", "worth")

    def __init__(self) -> None:
        self.slots = array("I")
        self.counts = array("f")
        self.worth = array("f")
        self.version = -1


class Index:
    """Documents by key; adding and removing one costs what it holds, whatever else there is."""

    def __init__(self, saturation: Saturation = Saturation()) -> None:  # noqa: B008 - a frozen constant
        self._saturation = saturation
        self._postings: dict[str, _Postings] = {}
        self._slot_of: dict[str, int] = {}
        self._keys: list[str | None] = []
        self._terms: list[tuple[str, ...]] = []
        self._lengths = array("f")
        self._free: list[int] = []
        self._total = 0.0
        self._version = 0

    def __len__(self) -> int:
        return len(self._slot_of)

    def __contains__(self, key: str) -> bool:
        return key in self._slot_of

    def add(self, key: str, fields: Fields) -> None:
        """Add a document, or replace the one that has this key."""
        self.remove(key)
        counts: dict[str, float] = {}
        for terms, weight in fields:
            for term in terms:
                counts[term] = counts.get(term, 0.0) + weight
        slot = self._free.pop() if self._free else len(self._keys)
        length = sum(counts.values())
        if slot == len(self._keys):
            self._keys.append(key)
            self._terms.append(tuple(counts))
            self._lengths.append(length)
        else:
            self._keys[slot], self._terms[slot], self._lengths[slot] = key, tuple(counts), length
        for term, count in counts.items():
            postings = self._postings.get(term)
            if postings is None:
                postings = self._postings[term] = _Postings()
            at = bisect_left(postings.slots, slot)
            postings.slots.insert(at, slot)
            postings.counts.insert(at, count)
        self._slot_of[key] = slot
        self._total += self._lengths[slot]
        self._version += 1

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
        self._total -= self._lengths[slot]
        self._keys[slot], self._terms[slot], self._lengths[slot] = None, (), 0.0
        self._free.append(slot)
        self._version += 1

    def rarity(self, term: str) -> float:
        """Return a term's inverse document frequency; 0 for one that occurs nowhere."""
        postings = self._postings.get(term)
        return self._rarity(len(postings.slots)) if postings is not None else 0.0

    def _rarity(self, having: int) -> float:
        return math.log(1 + (len(self._slot_of) - having + 0.5) / (having + 0.5))

    def terms_of(self, key: str) -> tuple[str, ...]:
        """Return the different terms of a document."""
        return self._terms[self._slot_of[key]]

    def scores(self, query: Mapping[str, float]) -> dict[str, float]:
        """Return the score of every document that has a term of the query, whose terms have weights."""
        found = [0.0] * len(self._keys)
        for term, weight in query.items():
            postings = self._postings.get(term)
            if postings is None:
                continue
            if postings.version != self._version:
                self._weigh(postings)
            for slot, worth in zip(postings.slots, postings.worth, strict=True):
                found[slot] += weight * worth
        keys = self._keys
        return {keys[slot]: score for slot, score in enumerate(found) if score}  # type: ignore[misc]  # a slot with a score has a key

    def _weigh(self, postings: _Postings) -> None:
        """Compute what each occurrence of a term is worth now: rare terms more, long documents less."""
        k1, b = self._saturation.k1, self._saturation.b
        rarity = self._rarity(len(postings.slots)) * (k1 + 1)
        mean = self._total / len(self._slot_of)
        lengths, fixed, growing = self._lengths, k1 * (1 - b), k1 * b / mean
        postings.worth = array(
            "f",
            [
                rarity * count / (count + fixed + growing * lengths[slot])
                for slot, count in zip(postings.slots, postings.counts, strict=True)
            ],
        )
        postings.version = self._version
