"""Chooses which of an agent's tools a turn is offered; pure: the same request gives the same tools in the same order.

A place on the list is had, in this order, by what the agent always has, by what was called before, and by rank: the
words of the request, vectors where there are any, and what has lately worked for the tenant. What shares nothing with
the request takes no place; `find_tools` is there to ask for it.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, islice

from msgspec import Struct
from toolyard_sdk.events import Because

from toolyard_registry.search.fusion import fused, ranked
from toolyard_registry.search.meaning import NOTHING_NEAR, Near
from toolyard_registry.search.searching import Search

EARLIER = 0.3
"""What a request before the present one counts, and each one before that of the one after it."""

WORKED = 0.1
"""What having worked often counts, beside words at 1: enough to decide between equals."""


class Choice(Struct, frozen=True):
    """A tool and its score; `because` is "" for one that is left out."""

    name: str
    score: float
    because: Because


def shortlist(
    search: Search,
    texts: Sequence[str],
    budget: int,
    *,
    most: int,
    always: Collection[str] = (),
    called: Iterable[str] = (),
    worked: Mapping[str, int] | None = None,
    near: Sequence[Near] = (),
    hidden: Collection[str] = (),
) -> tuple[Choice, ...]:
    """Return the `budget` tools of `search` that are offered, then others by score, together at most `most`.

    `texts` are what was asked, newest first; `called` are tools called before, newest first, which get at most half of
    the places that `always` leaves; `worked` counts calls that lately gave a result; `near` is what vectors say of each
    of the texts. What is `hidden` is not there.
    """
    scores = rank(search, texts, worked=worked, near=near)
    by_rank = [(name, score) for name, score in ranked(scores) if name in search and name not in hidden]
    chosen: dict[str, Because] = {name: "always" for name in sorted(always) if name in search and name not in hidden}
    places = len(chosen) + (budget - len(chosen) + 1) // 2
    for name in called:
        if name in search and name not in hidden and len(chosen) < places:
            chosen.setdefault(name, "called")
    for name, _ in by_rank[:budget]:
        if len(chosen) < budget:
            chosen.setdefault(name, "ranked")
    others = [name for name, _ in by_rank if name not in chosen]
    unscored = (name for name in search.keys if name not in scores and name not in chosen and name not in hidden)
    order = islice(chain(chosen, others, unscored), max(most, len(chosen)))
    return tuple(Choice(name, round(scores.get(name, 0.0), 4), chosen.get(name, "")) for name in order)


def rank(
    search: Search,
    texts: Sequence[str],
    *,
    worked: Mapping[str, int] | None = None,
    near: Sequence[Near] = (),
) -> dict[str, float]:
    """Return the scores of the tools that have any: words 0..1, vectors beside them, and a little for success."""
    said = _faded([search.scores(text) for text in texts])
    most = max(said.values(), default=1.0)
    scores = {name: score / most for name, score in said.items()}
    if any(each.scores for each in near):
        scores = _both(said, Near(_faded([each.scores for each in near]), near[0].share))
    if worked:
        largest = math.log1p(max(worked.values()))
        for name, count in worked.items():
            scores[name] = scores.get(name, 0.0) + WORKED * math.log1p(count) / largest
    return scores


def scores_of(search: Search, text: str, near: Near = NOTHING_NEAR) -> dict[str, float]:
    """Return the scores of the tools that fit a text; where vectors say nothing, they are those of its words."""
    said = search.scores(text)
    return _both(said, near) if near.scores else said


def _both(said: Mapping[str, float], near: Near) -> dict[str, float]:
    return fused(((said, 1.0), (near.scores, near.share)))


def _faded(newest_first: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the sum of scores, those of earlier texts counting less."""
    total: dict[str, float] = {}
    for age, scores in enumerate(newest_first):
        for name, score in scores.items():
            total[name] = total.get(name, 0.0) + EARLIER**age * score
    return total
