"""The rules of two times: whatever is said in whatever order, one subject has one value of an attribute at a time."""

from itertools import count

from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.facts.intervals import (
    RANK,
    Interval,
    Settled,
    Statement,
    Version,
    covers,
    outranked,
    overlap,
    rest,
    settle,
    settle_correction,
    touch,
    union,
)

MOMENTS = range(-2, 14)
BOUNDS = st.one_of(st.none(), st.integers(0, 10))


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    start = draw(st.integers(0, 9))
    return Interval(start, draw(st.one_of(st.none(), st.integers(start + 1, 10))))


STATEMENTS = st.builds(
    Statement,
    words=st.sampled_from([b"a", b"b", b"c"]),
    trust=st.sampled_from(sorted(RANK)),
    at=st.integers(0, 10),
    valid_from=BOUNDS,
    valid_to=BOUNDS,
    agent=st.sampled_from(["", "x"]),
)


def moments(interval: Interval) -> set[int]:
    return {at for at in MOMENTS if interval.holds(at)}


def after(held: list[Version], settled: Settled, said: Statement, ids: "count[int]") -> list[Version]:
    """Return what is believed once a statement was settled."""
    replaced = {one.id for one in settled.replaced}
    kept = [one for one in held if one.id not in replaced]
    for one, part in settled.left:
        kept.append(Version(next(ids).to_bytes(4), part, one.words, one.trust, one.agent))
    if settled.known is None:
        kept.append(Version(next(ids).to_bytes(4), settled.valid, said.words, said.trust, said.agent))
    return kept


def ends_first(valid: Interval) -> bool:
    return valid.stop is not None and valid.stop <= valid.start


@given(intervals(), intervals())
def test_the_rest_and_what_is_shared_make_the_whole(old: Interval, new: Interval) -> None:
    parts = rest(old, new)
    assert set().union(*map(moments, parts)) == moments(old) - moments(new)
    assert not any(overlap(part, new) for part in parts)
    assert all(not ends_first(part) for part in parts)


@given(intervals(), intervals())
def test_relations_of_intervals_are_those_of_their_moments(one: Interval, other: Interval) -> None:
    assert overlap(one, other) == bool(moments(one) & moments(other))
    assert covers(one, other) == (moments(other) <= moments(one))
    assert moments(one) | moments(other) <= moments(union(one, other))
    if touch(one, other):
        assert moments(union(one, other)) == moments(one) | moments(other)


@given(st.lists(STATEMENTS, max_size=12))
def test_whatever_is_said_one_subject_has_one_value_of_an_attribute_at_a_time(said: list[Statement]) -> None:
    ids = count(1)
    held: list[Version] = []
    for one in sorted(said, key=lambda one: one.at):
        settled = settle(one, held)
        if settled.known is None and ends_first(settled.valid):
            continue
        before = held
        held = after(before, settled, one, ids)
        for agent in ("", "x"):
            own = [version for version in held if version.agent == agent]
            assert not any(overlap(a.valid, b.valid) for n, a in enumerate(own) for b in own[:n])
        outside = set(MOMENTS) - moments(settled.valid)
        for version in before:
            if version.words != one.words:  # nobody spoke of the time outside: the same is believed of it
                left = [later for later in held if (later.words, later.agent) == (version.words, version.agent)]
                assert moments(version.valid) & outside <= set().union(*(moments(later.valid) for later in left))


@given(st.lists(STATEMENTS, min_size=1, max_size=8), STATEMENTS, st.data())
def test_a_correction_leaves_nothing_wrong_of_the_time_it_speaks_of(
    said: list[Statement], correction: Statement, data: st.DataObject
) -> None:
    ids = count(1)
    held: list[Version] = []
    for one in said:
        settled = settle(one, held)
        if settled.known is not None or not ends_first(settled.valid):
            held = after(held, settled, one, ids)
    if not held:
        return
    wrong = data.draw(st.sampled_from(held))
    right = Statement(
        correction.words, correction.trust, correction.at, correction.valid_from, correction.valid_to, wrong.agent
    )
    settled = settle_correction(right, wrong, held)
    if settled.known is None and ends_first(settled.valid):
        return
    now = after(held, settled, right, ids)
    for agent in ("", "x"):
        own = [version for version in now if version.agent == agent]
        assert not any(overlap(a.valid, b.valid) for n, a in enumerate(own) for b in own[:n])
    if right.words != wrong.words:
        still = [one for one in now if (one.words, one.agent) == (wrong.words, wrong.agent)]
        other = [one for one in held if one.id != wrong.id and (one.words, one.agent) == (wrong.words, wrong.agent)]
        wrongly = set().union(*(moments(one.valid) for one in still), set())
        wrongly -= set().union(*(moments(one.valid) for one in other), set())
        assert all(at < settled.valid.start for at in wrongly)


def version(words: bytes, start: int, stop: int | None = None, agent: str = "") -> Version:
    return Version(words + bytes([start]), Interval(start, stop), words, "user", agent)


def said(words: bytes, at: int, since: int | None = None, until: int | None = None, agent: str = "") -> Statement:
    return Statement(words, "user", at, since, until, agent)


def test_what_is_said_again_is_known() -> None:
    paris = version(b"p", 2)
    assert settle(said(b"p", 5), [paris]).known == paris
    assert settle(said(b"p", 5, since=3), [paris]).known == paris
    assert settle(said(b"p", 5, since=1), [paris]).known is None


def test_saying_when_it_ended_closes_what_is_known() -> None:
    settled = settle(said(b"p", 5, until=9), [version(b"p", 2)])
    assert (settled.known, settled.valid, settled.left) == (None, Interval(2, 9), ())
    assert [one.words for one in settled.replaced] == [b"p"]


def test_a_stay_in_the_middle_leaves_the_time_before_and_after() -> None:
    paris = version(b"p", 0)
    settled = settle(said(b"b", 8, since=3, until=6), [paris])
    assert settled.replaced == (paris,)
    assert settled.left == ((paris, Interval(0, 3)), (paris, Interval(6)))


def test_a_private_statement_leaves_in_place_what_others_go_by_and_a_shared_one_replaces_both() -> None:
    shared, private = version(b"p", 0), version(b"b", 1, agent="x")
    assert settle(said(b"r", 5, agent="x"), [shared, private]).replaced == (private,)
    assert settle(said(b"r", 5), [shared, private]).replaced == (shared, private)
    assert settle(said(b"p", 5, agent="x"), [shared]).known == shared
    assert settle(said(b"b", 5), [private]).known is None


def test_a_better_trusted_voice_makes_a_version_of_its_own_over_the_same_time() -> None:
    page = Version(b"1", Interval(2, 9), b"p", "page")
    settled = settle(said(b"p", 5), [page])
    assert (settled.known, settled.valid, settled.replaced, settled.left) == (None, Interval(2, 9), (page,), ())
    assert settle(Statement(b"p", "page", 5), [version(b"p", 2, 9)]).known is not None


def test_a_correction_holds_for_as_long_as_the_wrong_one_did() -> None:
    wrong = version(b"p", 2, 9)
    settled = settle_correction(said(b"b", 5), wrong, [wrong])
    assert (settled.valid, settled.replaced, settled.left) == (Interval(2, 9), (wrong,), ())


def test_a_correction_with_a_beginning_leaves_the_time_before_and_with_an_end_nothing_after() -> None:
    wrong = version(b"p", 2, 9)
    assert settle_correction(said(b"b", 5, since=4), wrong, [wrong]).left == ((wrong, Interval(2, 4)),)
    assert settle_correction(said(b"b", 5, until=4), wrong, [wrong]).left == ()


def test_a_correction_to_what_another_fact_says_ends_the_wrong_one_only() -> None:
    wrong, right = version(b"p", 2), version(b"b", 0)
    settled = settle_correction(said(b"b", 5), wrong, [right])
    assert (settled.known, settled.replaced) == (right, (wrong,))


def test_correcting_the_end_of_a_fact_is_no_repetition_of_it() -> None:
    wrong = version(b"p", 2)
    settled = settle_correction(said(b"p", 5, until=4), wrong, [wrong])
    assert (settled.known, settled.valid, settled.left) == (None, Interval(2, 4), ())


def test_only_an_untrusted_voice_against_a_trusted_one_is_outranked() -> None:
    assert outranked("page", "user")
    assert outranked("tool", "agent")
    assert not outranked("page", "tool")
    assert not outranked("tool", "page")
    assert not outranked("agent", "operator")
