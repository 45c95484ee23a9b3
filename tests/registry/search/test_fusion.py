"""Scores of several kinds put together."""

from toolyard_registry.search.fusion import fused, ranked, scaled


def test_scores_are_brought_to_the_range_0_to_1() -> None:
    assert scaled({"a": 10, "b": 15, "c": 20}) == {"a": 0.0, "b": 0.5, "c": 1.0}


def test_equal_scores_are_all_as_good_as_the_best() -> None:
    assert scaled({"a": 3, "b": 3}) == {"a": 1.0, "b": 1.0}
    assert scaled({}) == {}


def test_parts_are_added_by_weight_and_who_is_missing_in_one_has_nothing_there() -> None:
    words, vectors = {"a": 2.0, "b": 1.0}, {"b": 0.9, "c": 0.1}
    assert fused([(words, 1.0), (vectors, 0.5)]) == {"a": 1.0, "b": 0.5, "c": 0.0}


def test_equal_scores_are_ranked_by_key() -> None:
    assert ranked({"b": 1, "a": 1, "c": 2}, 2) == (("c", 2), ("a", 1))
