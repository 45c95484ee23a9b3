"""The walk over a neighbourhood agrees with its definition, and puts first what is joined by what is rare."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from networkx.algorithms.link_analysis.pagerank_alg import (  # type: ignore[attr-defined] # the one that needs no scipy
    _pagerank_python,
)
from toolyard_memory.graph.neighbourhood import Edge, Entity, Near, Neighbourhood
from toolyard_memory.graph.ranking import CLOSE, RESTART, project, spread


def near(n: int, session: bytes | None = None, position: int = 0) -> Near:
    """Return a passage."""
    return Near(b"p%d" % n, "message", session, position, 0, "", "")


def entity(n: int, mentions: int = 2) -> Entity:
    """Return an entity."""
    return Entity(b"e%d" % n, f"e{n}", f"E{n}", "name", mentions)


def joined(*pairs: tuple[int, int], mentions: dict[int, int] | None = None) -> Neighbourhood:
    """Return entities and passages with these mentions (entity, passage)."""
    counts = mentions or {}
    return Neighbourhood(
        tuple(near(n) for n in sorted({passage for _, passage in pairs})),
        tuple(entity(n, counts.get(n, 2)) for n in sorted({one for one, _ in pairs})),
        tuple((b"e%d" % one, b"p%d" % passage) for one, passage in pairs),
    )


def test_what_shares_more_with_the_seed_is_nearer() -> None:
    scores = spread(joined((1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 3)), {b"p1": 1.0})
    assert scores[b"p1"] > scores[b"p2"] > scores[b"p3"] > 0


def test_what_is_rare_joins_more_than_what_many_speak_of() -> None:
    scores = spread(joined((1, 1), (1, 2), (2, 1), (2, 3), mentions={1: 2, 2: 50}), {b"p1": 1.0})
    assert scores[b"p2"] > scores[b"p3"] > 0


def test_what_is_two_names_away_is_reached() -> None:
    scores = spread(joined((1, 1), (1, 2), (2, 2), (2, 3), (3, 4)), {b"p1": 1.0})
    assert scores[b"p2"] > scores[b"p3"] > 0
    assert b"p4" not in scores


def test_an_entity_can_be_a_seed() -> None:
    scores = spread(joined((1, 1), (1, 2), (2, 3), (2, 4)), {b"e2": 1.0})
    assert set(scores) == {b"p3", b"p4"}


def test_passages_that_follow_one_another_in_a_session_are_joined() -> None:
    one, other = b"s" * 16, b"t" * 16
    passages = (near(1, one, 4), near(2, one, 5), near(3, one, 9), near(4, other, 5), near(5))
    scores = spread(Neighbourhood(passages), {b"p1": 1.0})
    assert set(scores) == {b"p1", b"p2"}


def test_what_a_fact_says_joins_its_entities() -> None:
    around = joined((1, 1), (1, 2), (2, 3), (2, 4))
    assert b"p3" not in spread(around, {b"p1": 1.0})
    related = Neighbourhood(around.passages, around.entities, around.mentions, (Edge(b"e1", b"e2", "friend", b"p1"),))
    assert spread(related, {b"p1": 1.0})[b"p3"] > 0


@pytest.mark.parametrize("seeds", [{}, {b"nobody": 1.0}, {b"p1": 0.0}, {b"p1": -1.0}])
def test_without_a_seed_that_is_there_nothing_is_near(seeds: dict[bytes, float]) -> None:
    assert spread(joined((1, 1), (1, 2)), seeds) == {}


def test_of_nothing_nothing_is_near() -> None:
    assert spread(Neighbourhood(), {b"p1": 1.0}) == {}


@given(st.sets(st.tuples(st.integers(1, 8), st.integers(1, 12)), min_size=1, max_size=40), st.data())
def test_the_walk_is_personalised_pagerank_as_networkx_has_it(pairs: set[tuple[int, int]], data: st.DataObject) -> None:
    around = joined(*sorted(pairs))
    chosen = data.draw(st.sets(st.sampled_from([one.id for one in around.passages]), min_size=1))
    seeds = {id_: 1.0 + n for n, id_ in enumerate(sorted(chosen))}
    scores = spread(around, seeds)
    expected = _pagerank_python(
        project(around), alpha=1 - RESTART, personalization=seeds, dangling=seeds, max_iter=500, tol=1e-9
    )
    for one in around.passages:
        assert scores.get(one.id, 0.0) == pytest.approx(expected[one.id], abs=2 * CLOSE)
    assert sum(scores.values()) <= 1 + 1e-9
