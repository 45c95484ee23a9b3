"""What a new statement does to those that hold: pure rules over intervals of time; knows no store and no text.

Every fact has two intervals, both [from, to) in UTC microseconds: when it holds in the world, and when it was believed
here. Nothing that was believed is ever changed but for one thing: its belief ends. What a statement leaves of the one
it contradicts (a city lived in until another took its place) is believed from then on as a version of its own. So at
any moment in the world, as believed at any moment, one subject has at most one value of an attribute. (The model is
that of SQL:2011's application-time and system-versioned periods.)
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from toolyard_memory.records import UNTRUSTED, Trust

RANK: Final[dict[Trust, int]] = {"page": 0, "tool": 1, "agent": 2, "user": 3, "operator": 4}
"""How far a word is trusted, least first."""


class Interval(Struct, frozen=True):
    """[start, stop) in microseconds; without `stop` it goes on."""

    start: int
    stop: int | None = None

    def holds(self, at: int) -> bool:
        """Tell whether a moment lies within."""
        return self.start <= at and (self.stop is None or at < self.stop)


class Version(Struct, frozen=True):
    """A fact that is believed now, as the rules need it; `words` is a digest of what it says."""

    id: bytes
    valid: Interval
    words: bytes
    trust: Trust
    agent: str = ""


class Statement(Struct, frozen=True):
    """What is said at `at`, with the bounds its speaker gave, if any."""

    words: bytes
    trust: Trust
    at: int
    valid_from: int | None = None
    valid_to: int | None = None
    agent: str = ""


class Settled(Struct, frozen=True):
    """What a statement does: it is `known` already, or it holds for `valid` and takes the place of `replaced`.

    Of each replaced version, `left` says for which intervals it goes on being believed.
    """

    valid: Interval
    known: Version | None = None
    replaced: tuple[Version, ...] = ()
    left: tuple[tuple[Version, Interval], ...] = ()


def overlap(one: Interval, other: Interval) -> bool:
    """Tell whether two intervals share a moment."""
    return (other.stop is None or one.start < other.stop) and (one.stop is None or other.start < one.stop)


def touch(one: Interval, other: Interval) -> bool:
    """Tell whether two intervals share a moment, or one begins where the other ends."""
    return overlap(one, other) or one.start == other.stop or other.start == one.stop


def covers(one: Interval, other: Interval) -> bool:
    """Tell whether every moment of `other` lies within `one`."""
    return one.start <= other.start and (one.stop is None or (other.stop is not None and other.stop <= one.stop))


def union(one: Interval, other: Interval) -> Interval:
    """Return the interval from the earlier start to the later stop."""
    stop = None if one.stop is None or other.stop is None else max(one.stop, other.stop)
    return Interval(min(one.start, other.start), stop)


def rest(old: Interval, new: Interval) -> tuple[Interval, ...]:
    """Return what of `old` lies outside `new`: nothing, one interval or two."""
    parts: list[Interval] = []
    if old.start < new.start:
        parts.append(Interval(old.start, new.start if old.stop is None else min(old.stop, new.start)))
    if new.stop is not None and (old.stop is None or new.stop < old.stop):
        parts.append(Interval(max(old.start, new.stop), old.stop))
    return tuple(parts)


def outranked(statement: Trust, held: Trust) -> bool:
    """Tell whether a statement is not to be trusted, while what it speaks against is."""
    return statement in UNTRUSTED and held not in UNTRUSTED


def settle(said: Statement, held: Sequence[Version]) -> Settled:
    """Return what a statement does to the versions believed now of the same subject and attribute.

    A bound that is not given is that of a version with the same words which holds at the time, else it holds from now
    on. With the same words, other bounds or a better trust make a version that replaces the known one whole: the
    speaker says when it holds. What one agent alone may see (`agent`) leaves in place what the others go by.
    """
    same = [one for one in held if one.words == said.words and one.agent in ("", said.agent)]
    for one in same:
        if _known(said, one):
            return Settled(one.valid, one)
    current = next((one for one in same if one.agent == said.agent and one.valid.holds(said.at)), None)
    return _replace(said, held, _bounded(said, current))


def settle_correction(said: Statement, wrong: Version, held: Sequence[Version]) -> Settled:
    """Return what a correction does: it says what holds in place of `wrong`, over the same time unless it says other.

    `held` are the versions of the subject and attribute that the correction speaks of, `wrong` among them or not. Only
    with a beginning of its own does it leave what was believed of the time before; nothing wrong comes back after it.
    """
    valid = _bounded(said, wrong)
    for one in held:
        if _says_it_already(said, valid, one):
            return Settled(one.valid, one, () if one.id == wrong.id else (wrong,))
    settled = _replace(said, [one for one in held if one.id != wrong.id], valid)
    before = rest(wrong.valid, Interval(valid.start)) if wrong.words != said.words else ()
    left = tuple((wrong, part) for part in before)
    return Settled(valid, None, (wrong, *settled.replaced), (*left, *settled.left))


def _known(said: Statement, one: Version) -> bool:
    if RANK[one.trust] < RANK[said.trust] or said.valid_to not in (None, one.valid.stop):
        return False
    return one.valid.holds(said.at if said.valid_from is None else said.valid_from)


def _says_it_already(said: Statement, valid: Interval, one: Version) -> bool:
    if one.words != said.words or one.agent not in ("", said.agent) or RANK[one.trust] < RANK[said.trust]:
        return False
    return covers(one.valid, valid) and said.valid_to in (None, one.valid.stop)


def _bounded(said: Statement, like: Version | None) -> Interval:
    if like is None:
        return Interval(said.at if said.valid_from is None else said.valid_from, said.valid_to)
    start = like.valid.start if said.valid_from is None else said.valid_from
    return Interval(start, like.valid.stop if said.valid_to is None else said.valid_to)


def _replace(said: Statement, held: Sequence[Version], valid: Interval) -> Settled:
    against = [one for one in held if overlap(one.valid, valid) and said.agent in ("", one.agent)]
    left = [(one, part) for one in against if one.words != said.words for part in rest(one.valid, valid)]
    return Settled(valid, None, tuple(against), tuple(left))
