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

from msgspec import Struct

Fields = Sequence[tuple[Iterable[str], float]]
"""A document: the terms of each field, and what one of them counts."""


FAINT = 0.05
"""What a term must count, beside the most telling one of a query, to be looked at."""


ORDINARY = 6
"""Terms with too many occurrences that are looked up in what the others have found: the most telling of them."""


class Saturation(Struct, frozen=True):
    """BM25's two numbers: how soon repeating a word stops to count, and how much a long document is discounted."""

    k1: float
    b: float


class _Postings:
    """Where a term occurs: slots in rising order, the weighted counts there, and what they are worth at a version."""

    __slots__ = ("counts", "rarity", "slots", "version", "weighed", "worth")

    def __init__(self) -> None:
        self.slots = array("I")
        self.counts = array("f")
        self.worth = array("f")
        self.rarity = 0.0
        self.version = -1
        self.weighed = -1


class Index:
    """Documents by key; adding and removing one costs what it holds, whatever else there is.

    A slot holds a document until that is removed, and then another one, so churn costs no memory. What terms are worth
    is computed when they are first asked for after a change.
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
        slot = self._slot(key, group, counts)
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

    def _slot(self, key: str, group: str, counts: Mapping[str, float]) -> int:
        """Return a slot that holds this document: a free one, or a new one at the end."""
        terms, length = tuple(counts), sum(counts.values())
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

    def key(self, slot: int) -> str:
        """Return the key of a document."""
        return self._keys[slot]

    def group(self, slot: int) -> str:
        """Return the group of a document."""
        return self._groups[slot]

    def terms(self, slot: int) -> tuple[str, ...]:
        """Return the different terms of a document."""
        return self._terms[slot]

    def rarity(self, term: str) -> float:
        """Return how telling a term is: its inverse document frequency; 0 for one that occurs nowhere."""
        postings = self._postings.get(term)
        if postings is None:
            return 0.0
        if postings.version != self._version:
            groups = len({self._groups[slot] for slot in postings.slots})
            of_all = _rarity(len(postings.slots), len(self._slot_of))
            postings.rarity = (of_all + _rarity(groups, len(self._members))) / 2
            postings.version = self._version
        return postings.rarity

    def gather(self, query: Mapping[str, float], effort: int, limit: int) -> dict[int, float]:
        """Return the scores of at most `limit` documents that fit a query best; it gives the weights of terms.

        They are found by the most telling terms, as many as have `effort` occurrences together (but at least one):
        ordinary ones tell documents apart that these have found, and hardly find another one.
        """
        telling = sorted(((self.rarity(term) * weight, term) for term, weight in query.items()), reverse=True)
        found: dict[int, float] = {}
        score_of = found.get
        left: list[tuple[_Postings, float]] = []
        for power, term in telling:
            if power < FAINT * telling[0][0] or not power:
                break
            postings, weight = self._postings[term], query[term]
            if found and len(postings.slots) > effort:
                if len(left) < ORDINARY:
                    left.append((postings, weight))
                continue
            effort -= len(postings.slots)
            for slot, worth in zip(postings.slots, self._worth(postings), strict=True):
                found[slot] = score_of(slot, 0.0) + weight * worth
        if len(found) > limit:
            found = {slot: found[slot] for slot in nlargest(limit, found, found.__getitem__)}
        for postings, weight in left:
            self._look_up(postings, weight, found)
        return found

    def _worth(self, postings: _Postings) -> "array[float]":
        """Return what each occurrence of a term is worth now: rare terms more, long documents less."""
        if postings.weighed != self._version:
            fixed, growing, most = self._formula(postings)
            lengths = self._lengths
            each = zip(postings.slots, postings.counts, strict=True)
            postings.worth = array(
                "f", [most * count / (count + fixed + growing * lengths[slot]) for slot, count in each]
            )
            postings.weighed = self._version
        return postings.worth

    def _look_up(self, postings: _Postings, weight: float, found: dict[int, float]) -> None:
        """Add what an ordinary term is worth to documents that others have found."""
        fixed, growing, most = self._formula(postings)
        slots, counts, lengths = postings.slots, postings.counts, self._lengths
        for slot in found:
            at = bisect_left(slots, slot)
            if at < len(slots) and slots[at] == slot:
                count = counts[at]
                found[slot] += weight * most * count / (count + fixed + growing * lengths[slot])

    def _formula(self, postings: _Postings) -> tuple[float, float, float]:
        """Return BM25's parts for a term: worth = most * count / (count + fixed + growing * length)."""
        k1, b = self._saturation.k1, self._saturation.b
        mean = self._total / len(self._slot_of)
        return k1 * (1 - b), k1 * b / mean, postings.rarity * (k1 + 1)


def _rarity(having: int, of: int) -> float:
    """Return the inverse frequency of BM25, which is never below 0."""
    return math.log(1 + (of - having + 0.5) / (having + 0.5))
