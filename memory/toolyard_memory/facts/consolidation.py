"""Which facts could be fewer without saying less: a pure plan over those believed now; needs no model and guesses none.

Two things only are done without a model. Facts of one subject and attribute whose words have one outline, and which
hold at the same time or one right after the other, become one that rests on all their evidence. (Likeness by the share
of common words would also join "is allergic to nuts" and "is not allergic to nuts": a word that bears meaning keeps
facts apart, however many they share.) And what ended long ago is no longer believed, so that it comes to nobody's mind;
asked with `as_of`, it is what was believed until then.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace
from toolyard_sdk.ids import show

from toolyard_memory.facts.intervals import RANK, Interval, touch, union
from toolyard_memory.facts.wording import outline
from toolyard_memory.records import Fact

PAST_US: Final = 365 * 86_400 * 1_000_000
"""Microseconds for which a fact that has ended is still believed: "where did I live in March?" asks for one."""


class Change(Struct, frozen=True):
    """One change with its reason in words: the facts `before` it, and the one `after` it, if any is left.

    `after` has the id of the fact that stays, or none (b"") where it becomes a version of its own.
    """

    kind: Literal["merge", "expire"]
    why: str
    before: tuple[Fact, ...]
    after: Fact | None = None


def plan(facts: Iterable[Fact], now: int, past_us: int = PAST_US) -> tuple[Change, ...]:
    """Return the changes that would leave fewer facts of one owner; `facts` are those believed now, in any order."""
    ended: list[Change] = []
    groups: dict[tuple[str, ...], list[Fact]] = {}
    for fact in facts:
        if fact.valid_to is not None and fact.valid_to + past_us <= now:
            ended.append(Change("expire", f"it ended on {_day(fact.valid_to)}", (fact,)))
            continue
        about = (fact.agent, fact.subject, fact.attribute, *outline(fact.text, fact.subject))
        groups.setdefault(about, []).append(fact)
    merged = [_merged(cluster) for group in groups.values() if len(group) > 1 for cluster in _touching(group)]
    return (*merged, *ended)


def _touching(group: Iterable[Fact]) -> Iterator[list[Fact]]:
    """Give the facts whose intervals hang together, where that is more than one."""
    cluster: list[Fact] = []
    reach = Interval(0)
    for fact in sorted(group, key=lambda fact: (fact.valid_from, fact.recorded_at, fact.id)):
        valid = Interval(fact.valid_from, fact.valid_to)
        if cluster and touch(reach, valid):
            cluster.append(fact)
            reach = union(reach, valid)
            continue
        if len(cluster) > 1:
            yield cluster
        cluster, reach = [fact], valid
    if len(cluster) > 1:
        yield cluster


def _merged(cluster: Sequence[Fact]) -> Change:
    """Keep the most trusted of the facts, of several the oldest, for as long as any of them holds."""
    kept = max(cluster, key=lambda fact: (RANK[fact.trust], -fact.recorded_at))
    whole = Interval(cluster[0].valid_from, cluster[0].valid_to)
    for fact in cluster[1:]:
        whole = union(whole, Interval(fact.valid_from, fact.valid_to))
    stays = whole == Interval(kept.valid_from, kept.valid_to)
    evidence = dict.fromkeys(one for fact in (kept, *cluster) for one in fact.evidence)
    after = replace(
        kept, id=kept.id if stays else b"", valid_from=whole.start, valid_to=whole.stop, evidence=tuple(evidence)
    )
    others = ", ".join(show("fact", fact.id) for fact in cluster if fact is not kept)
    return Change("merge", f"{show('fact', kept.id)} says the same as {others}", tuple(cluster), after)


def _day(at: int) -> str:
    try:
        return datetime.fromtimestamp(at // 1_000_000, UTC).date().isoformat()
    except (OverflowError, ValueError):  # a year that no calendar here knows
        return f"{at} microseconds from 1970"
