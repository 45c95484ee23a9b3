"""What could be fewer facts without saying less: joined when they say the same, apart when one word says otherwise."""

from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.facts.consolidation import PAST_US, Change, plan
from toolyard_memory.facts.intervals import Interval, overlap
from toolyard_memory.records import Evidence, Fact, Trust

from tests.memory.facts.told import ANN


def fact(
    n: int,
    text: str,
    *,
    since: int = 0,
    until: int | None = None,
    attribute: str = "",
    trust: Trust = "user",
    agent: str = "",
) -> Fact:
    evidence = (Evidence("stated", words=f"{n}"),)
    id_ = n.to_bytes(16)
    about = ("user", attribute, since, until, n, None, None)
    return Fact(id_, ANN, text, *about, trust, "tool:remember", "", None, agent, evidence)


def merges(*facts: Fact) -> list[Change]:
    return [change for change in plan(facts, 1_000) if change.kind == "merge"]


def test_the_oldest_of_the_most_trusted_is_kept_with_all_evidence() -> None:
    facts = [fact(1, "like tea", trust="agent"), fact(2, "Likes tea"), fact(3, "I like tea"), fact(4, "Likes beer")]
    (change,) = merges(*facts)
    assert change.before == tuple(facts[:3])
    assert change.after is not None
    assert (change.after.id, change.after.text) == (facts[1].id, "Likes tea")
    assert {one.words for one in change.after.evidence} == {"1", "2", "3"}
    assert facts[1].id.hex() in change.why.partition("says the same as")[0]
    assert facts[0].id.hex() in change.why.partition("says the same as")[2]


def test_what_differs_in_meaning_attribute_agent_or_time_is_left_alone() -> None:
    assert merges(fact(1, "is allergic to nuts"), fact(2, "is not allergic to nuts")) == []
    assert merges(fact(1, "red", attribute="car"), fact(2, "red", attribute="bike")) == []
    assert merges(fact(1, "likes tea", agent="a"), fact(2, "likes tea", agent="b")) == []
    assert merges(fact(1, "is ill", until=5), fact(2, "is ill", since=7)) == []


def test_two_times_that_touch_become_one_version_over_both() -> None:
    (change,) = merges(fact(1, "is ill", until=5), fact(2, "ill", since=5, until=9))
    assert change.after is not None
    assert (change.after.id, change.after.valid_from, change.after.valid_to) == (b"", 0, 9)


def test_what_ended_long_ago_expires_and_is_not_joined() -> None:
    now = PAST_US + 10
    facts = [fact(1, "ill", until=10), fact(2, "is ill", until=11)]
    (change,) = plan(facts, now)
    assert (change.kind, change.before, change.after) == ("expire", (facts[0],), None)
    assert change.why == "it ended on 1970-01-01"
    assert plan(facts, now - 1, PAST_US)[0].kind == "merge"


def test_an_end_before_all_calendars_is_named_too() -> None:
    (change,) = plan([fact(1, "was there", since=-(1 << 61), until=-(1 << 60))], 0)
    assert change.why == f"it ended on {-(1 << 60)} microseconds from 1970"


TIMES = st.tuples(st.integers(0, 20), st.integers(1, 6))


@given(st.lists(st.tuples(TIMES, st.sampled_from(["is ill", "ill", "well"])), max_size=10))
def test_a_second_plan_finds_nothing_more_and_no_moment_is_lost(said: list[tuple[tuple[int, int], str]]) -> None:
    facts = [fact(n, text, since=since, until=since + long) for n, ((since, long), text) in enumerate(said)]
    left = {one.id: one for one in facts}
    for number, change in enumerate(merges(*facts), 100):
        for one in change.before:
            del left[one.id]
        assert change.after is not None
        made = change.after.id or number.to_bytes(16)
        left[made] = fact(number, change.after.text, since=change.after.valid_from, until=change.after.valid_to)
    assert merges(*left.values()) == []
    for ill in (True, False):
        before, after = (
            {at for one in some if ("ill" in one.text) is ill for at in range(one.valid_from, one.valid_to or 0)}
            for some in (facts, left.values())
        )
        assert before == after
        times = [Interval(one.valid_from, one.valid_to) for one in left.values() if ("ill" in one.text) is ill]
        assert not any(overlap(a, b) for n, a in enumerate(times) for b in times[:n])
