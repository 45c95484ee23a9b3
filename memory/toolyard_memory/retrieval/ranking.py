"""Which passages come to mind first, as a sum of parts that each have a name; pure, and knows no SQL and no clock.

Every part is brought to [0, 1] over the candidates of one question (min-max fusion: Fox and Shaw, "Combination of
multiple searches", 1994) and weighed. What a passage is answers for what stands around it: on LoCoMo the turn that
answers often has no word of the question, which was said just before.
"""

import math
import re
from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

from msgspec import Struct

from toolyard_memory.graph.dates import dates_in
from toolyard_memory.records import Passage, Trust
from toolyard_memory.retrieval.asking import LOOKED_AT, Question, Roots, plain, words_of

WEIGHTS: Final[Mapping[str, float]] = {
    "words": 0.06,
    "exchange": 0.22,
    "session": 0.11,
    "reply": 0.10,
    "speaker": 0.15,
    "day": 0.23,
    "moment": 0.12,
    "asking": -0.04,
    "answered": -0.10,
    "settled": 0.03,
    "graph": 0.02,
    "meaning": 0.15,
    "meant": 0.05,
}
"""What each part counts. Those without a vector are what `python -m tests.memory.locomo PATH --leave-one-out` finds
best on all of its conversations, divided by their sum; how much a vector says depends on the model that made it. Nobody
there is an agent: `answered` is what lets facts and the person's own words come before an answer that repeats them, and
`settled` lets a fact come before the words it was put down from, where little else tells them apart."""

HASHED: Final[Mapping[str, float]] = {
    "words": 0.05,
    "exchange": 0.19,
    "session": 0.10,
    "reply": 0.08,
    "speaker": 0.14,
    "day": 0.21,
    "moment": 0.11,
    "asking": -0.04,
    "answered": -0.10,
    "settled": 0.03,
    "graph": 0.01,
    "meaning": 0.05,
    "meant": 0.06,
}
"""What each part counts when vectors are made of spelling, as the hashing embedder's are."""

LEAST_SPREAD: Final = 0.2
"""Cosines that all lie within this are taken for less than a whole difference: of a few passages none need be near."""

SATURATION: Final = 1.2
LENGTH_SHARE: Final = 0.5
"""k1 and b of BM25 (Robertson and Zaragoza, "The probabilistic relevance framework", 2009, section 3.5)."""

FADING: Final = 0.7
"""What a word counts one place away from where it was said; two places away its square."""

REACH: Final = 2
"""Passages before and after that count as the same exchange, if no more than `SPAN` places away."""

SPAN: Final = 4

NICKNAME: Final = 3
"""Letters from which on the beginning of a name stands for it."""

DAY: Final = 3
"""Parts of a date that names a day: year, month, day."""

WEEK: Final = 6
SEASON: Final = 100
"""Days between the first and last of a week, and above which a span of time tells little."""

AFTERWARDS: Final = ((3, 0.8), (10, 0.6), (31, 0.3))
"""Days after a date within which it is still spoken of, and how near that counts."""

OWN: Final[frozenset[Trust]] = frozenset({"user", "operator"})
"""Whose word is told of the person who asks of themselves: their own, and what an operator put down of them."""

_TELLS_WHEN: Final = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last|next|weeks?|weekends?|months?|years?|days?|recently|since|already"
    r"|just|(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september"
    r"|october|november|december|morning|evening|night|\d{4}|\d{1,2}(?:st|nd|rd|th))\b"
)


class Candidate(Struct, frozen=True):
    """A passage that may come to mind, as it is compared: how often it has the question's stems, and its length."""

    passage: Passage
    lower: str
    counts: dict[str, int]
    length: int


class Ranked(Struct, frozen=True):
    """A passage with what each part gave it; they sum up to `total`."""

    passage: Passage
    total: float
    scores: dict[str, float]


class Signals(Struct, frozen=True):
    """What is known of the passages from outside their texts, by id, with the rarity of each of the question's stems.

    `meaning` is the similarity of their vectors to the question's, `graph` how near they are to the best in the graph.
    """

    rarity: Mapping[str, float]
    meaning: Mapping[bytes, float] = {}
    graph: Mapping[bytes, float] = {}


def weights_for(embedder: str) -> Mapping[str, float]:
    """Return the weights that fit what an embedder's vectors say; "" where there are none."""
    return HASHED if embedder.startswith("hashing:") else WEIGHTS


def take_apart(passage: Passage, roots: Roots) -> Candidate:
    """Return a passage taken apart as far as a question needs it."""
    lower = plain(passage.text[:LOOKED_AT])
    words = words_of(lower)
    return Candidate(passage, lower, roots.count(words), len(words))


def first_of(candidates: Sequence[Candidate], signals: Signals, most: int) -> list[Candidate]:
    """Return the best candidates by what they say themselves: where to look around."""
    said = spread_out(_words(candidates, signals.rarity))
    meant = spread_out([signals.meaning.get(candidate.passage.id, 0.0) for candidate in candidates])
    order = sorted(range(len(candidates)), key=lambda at: (-said[at] - meant[at], -candidates[at].passage.at))
    return [candidates[at] for at in order[:most]]


def rank(
    question: Question, candidates: Sequence[Candidate], signals: Signals, weights: Mapping[str, float] = WEIGHTS
) -> list[Ranked]:
    """Return the candidates with the best first; of equals the newest."""
    parts = parts_of(question, candidates, signals)
    ranked = []
    for index, candidate in enumerate(candidates):
        scores = {
            name: weights[name] * values[index] for name, values in parts.items() if values[index] and weights[name]
        }
        ranked.append(Ranked(candidate.passage, sum(scores.values()), scores))
    ranked.sort(key=lambda one: (-one.total, -one.passage.at, one.passage.id))
    return ranked


def parts_of(question: Question, candidates: Sequence[Candidate], signals: Signals) -> dict[str, list[float]]:
    """Return each part of the score for each candidate, in [0, 1]."""
    speakers = {candidate.passage.speaker for candidate in candidates}
    named = {speaker for speaker in speakers if _is_named(speaker, question)}
    called = {word for speaker in named for word in words_of(plain(speaker))}
    roots = [root for root, word in zip(question.roots, question.words, strict=True) if word not in called]
    rarity = {root: signals.rarity[root] for root in roots or question.roots}
    beside = _beside(candidates)
    words = _words(candidates, rarity)
    farthest = min(signals.meaning.values(), default=0.0)
    meaning = [signals.meaning.get(candidate.passage.id, farthest) for candidate in candidates]
    graph = [signals.graph.get(candidate.passage.id, 0.0) for candidate in candidates]
    parts = {
        "words": spread_out(words),
        "exchange": spread_out(_exchange(candidates, beside, rarity)),
        "session": spread_out(_session(candidates, rarity)),
        "reply": spread_out(_reply(candidates, beside, words)),
        "speaker": [float(_is_meant(candidate.passage, named, question)) for candidate in candidates],
        "asking": [float(candidate.lower.rstrip().endswith("?")) for candidate in candidates],
        "answered": [float(_is_an_answer(candidate.passage) and not question.of_answers) for candidate in candidates],
        "settled": [float(candidate.passage.kind == "fact") for candidate in candidates],
    }
    if question.days:
        spans = [span for day in question.days if (span := _span(day)) is not None]
        parts["day"] = [_on_the_day(candidate.passage, question.days, spans) for candidate in candidates]
    if question.when:
        parts["moment"] = [float(_TELLS_WHEN.search(candidate.lower) is not None) for candidate in candidates]
    if signals.meaning:
        parts["meaning"] = spread_out(meaning, LEAST_SPREAD)
        meant = [max((meaning[at] for at, _ in near), default=0.0) for near in beside]
        parts["meant"] = spread_out(meant, LEAST_SPREAD)
    if signals.graph:
        parts["graph"] = spread_out(graph)
    return parts


def spread_out(values: Sequence[float], least_spread: float = 0.0) -> list[float]:
    """Bring values to [0, 1], the least to 0 and the greatest to 1; all to 0 when they are equal.

    Values that lie closer together than `least_spread` stay that close: what differs so little says little.
    """
    least, greatest = min(values, default=0.0), max(values, default=0.0)
    if greatest <= least:
        return [0.0] * len(values)
    spread = max(greatest - least, least_spread)
    return [(value - least) / spread for value in values]


def _is_named(speaker: str, question: Question) -> bool:
    """Tell whether a question names a speaker: by a word of the name, or its first letters (Mel, for Melanie)."""
    words = words_of(plain(speaker))
    return any(
        word in question.named or any(len(short) >= NICKNAME and word.startswith(short) for short in question.named)
        for word in words
    )


def _is_meant(passage: Passage, named: set[str], question: Question) -> bool:
    if len(named) == 1:
        return passage.speaker in named
    if not named and question.of_answers:
        return _is_an_answer(passage)
    return not named and question.of_me and passage.trust in OWN and passage.kind in {"message", "fact"}


def _is_an_answer(passage: Passage) -> bool:
    """Tell whether a passage is what an agent said: what a person says is always their own word."""
    return passage.kind == "message" and passage.trust != "user"


def _row(passage: Passage) -> bytes | None:
    """Return what a passage stands in a row with others in: its session, or its document."""
    if passage.kind == "chunk":
        return passage.source
    return passage.session if passage.kind == "message" else None


def _beside(candidates: Sequence[Candidate]) -> list[list[tuple[int, int]]]:
    """Return for each candidate those that stand next to it: their index, and how many after it they stand.

    Places that nobody may see or that have no words, as a tool's, are stepped over.
    """
    rows: dict[bytes, list[tuple[int, int]]] = {}
    for index, candidate in enumerate(candidates):
        row = _row(candidate.passage)
        if row is not None:
            rows.setdefault(row, []).append((candidate.passage.position, index))
    beside: list[list[tuple[int, int]]] = [[] for _ in candidates]
    for places in rows.values():
        places.sort()
        for at, (position, index) in enumerate(places):
            for away, (after, other) in enumerate(places[at + 1 : at + 1 + REACH], 1):
                if after - position <= SPAN:
                    beside[index].append((other, away))
                    beside[other].append((index, -away))
    return beside


def _words(candidates: Sequence[Candidate], rarity: Mapping[str, float]) -> list[float]:
    """Return the BM25 of each candidate."""
    mean = sum(candidate.length for candidate in candidates) / max(len(candidates), 1) or 1.0
    found = []
    for candidate in candidates:
        norm = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * candidate.length / mean)
        found.append(
            sum(
                rarity[root] * count * (SATURATION + 1) / (count + norm)
                for root, count in candidate.counts.items()
                if root in rarity
            )
        )
    return found


def _exchange(
    candidates: Sequence[Candidate], beside: Sequence[Sequence[tuple[int, int]]], rarity: Mapping[str, float]
) -> list[float]:
    """Return how many of the words, weighed, each candidate has together with what stands around it."""
    found = []
    for candidate, near in zip(candidates, beside, strict=True):
        counted = {root: 1.0 for root in candidate.counts if root in rarity}
        for index, away in near:
            faded = FADING ** abs(away)
            for root in candidates[index].counts:
                if root in rarity and counted.get(root, 0.0) < faded:
                    counted[root] = faded
        found.append(sum(rarity[root] * share for root, share in counted.items()))
    return found


def _session(candidates: Sequence[Candidate], rarity: Mapping[str, float]) -> list[float]:
    """Return how much of the question the whole session or document of each candidate speaks of.

    What is of none, as a fact, stands for itself.
    """
    places = [one.passage.session or one.passage.source or one.passage.id for one in candidates]
    rows: dict[bytes, set[str]] = {}
    for candidate, place in zip(candidates, places, strict=True):
        rows.setdefault(place, set()).update(root for root in candidate.counts if root in rarity)
    having = Counter(root for roots in rows.values() for root in roots)
    weight = {root: math.log1p(len(rows) / count) for root, count in having.items()}
    sums = {row: sum(weight[root] for root in roots) for row, roots in rows.items()}
    return [sums[place] for place in places]


def _reply(
    candidates: Sequence[Candidate], beside: Sequence[Sequence[tuple[int, int]]], words: Sequence[float]
) -> list[float]:
    """Return what the question just before each candidate, if there is one, has of the words."""
    return [
        max((words[index] for index, away in near if away == -1 and "?" in candidates[index].lower), default=0.0)
        for near in beside
    ]


def _span(day: str) -> tuple[int, int] | None:
    """Return the first and last day, counted from the year 1, of a date with a year; None of one without."""
    if day.startswith("--"):
        return None
    if "w" in day:
        year, week = (int(part) for part in day.split("-w"))
        first = date.fromisocalendar(year, week, 1)
        return first.toordinal(), first.toordinal() + 6
    parts = [int(part) for part in day.split("-")]
    first = date(*[*parts, 1, 1][:3])
    if len(parts) == DAY:
        return first.toordinal(), first.toordinal()
    days = monthrange(first.year, first.month)[1] if len(parts) > 1 else 366
    return first.toordinal(), first.toordinal() + days - 1


def _on_the_day(passage: Passage, days: Sequence[str], spans: Sequence[tuple[int, int]]) -> float:
    """Return how near a passage was said to a day that the question names; what happened is told soon after.

    A day that the passage names itself is as near as can be.
    """
    said = datetime.fromtimestamp(passage.at / 1e6, UTC).date()
    number = said.toordinal()
    best = 1.0 if any(f"--{said:%m}" == day for day in days) else 0.0
    for first, last in spans:
        wide = last - first
        after = number - last
        if first <= number <= last:
            best = max(best, 1.0 if wide < SEASON else 0.3)
        elif 0 < after <= AFTERWARDS[-1][0] and wide < SEASON:
            best = max(best, next(near for within, near in AFTERWARDS if after <= within) / (1 if wide <= WEEK else 2))
    if best < 1.0 and any(set(days) & set(dated.names) for dated in dates_in(passage.text[:LOOKED_AT], passage.at)):
        return 1.0
    return best


def without_repetition(ranked: Iterable[Ranked], most: int) -> list[Ranked]:
    """Return the first `most` of the ranked passages, without those that say in the same words what a better one says.

    Of facts and messages the same words may be both; it is the better one that stays.
    """
    said: set[tuple[str, ...]] = set()
    kept: list[Ranked] = []
    for one in ranked:
        words = tuple(words_of(plain(one.passage.text)))
        if words not in said:
            said.add(words)
            kept.append(one)
            if len(kept) == most:
                break
    return kept
