"""The inverted index: what ranks above what, and that changing it by and by gives what making it anew gives."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.search.index import Index, Saturation

TERMS = "abcdefgh"


def made(documents: Mapping[str, str], index: Index | None = None) -> Index:
    index = Index(Saturation(1.2, 0.75)) if index is None else index
    for key, text in documents.items():
        index.add(key, text[:1], ((text, 1.0),))
    return index


def scores(index: Index, query: str, effort: int = 1000, limit: int = 1000) -> dict[str, float]:
    found = index.gather(dict.fromkeys(query, 1.0), effort, limit)
    return {index.key(slot): score for slot, score in found.items()}


def test_a_rare_term_counts_more_than_a_common_one() -> None:
    found = scores(made({"1": "ab", "2": "ac", "3": "ad"}), "ab")
    assert found["1"] > found["2"] == pytest.approx(found["3"])


def test_a_long_document_counts_less() -> None:
    found = scores(made({"1": "ab", "2": "acdefgh"}), "a")
    assert found["1"] > found["2"]


def test_a_field_with_more_weight_counts_more() -> None:
    index = Index(Saturation(1.2, 0.0))
    index.add("name", "g", (("a", 3.0), ("b", 1.0)))
    index.add("text", "g", (("b", 3.0), ("a", 1.0)))
    found = scores(index, "a")
    assert found["name"] > found["text"]


def test_a_term_that_one_group_shares_tells_more_than_one_that_all_groups_have() -> None:
    documents = {f"x{n}": "xm" for n in range(5)} | {f"{group}": f"{group}n" for group in "abcde"}
    index = made(documents)
    assert index.rarity("m") > index.rarity("n")


def test_nothing_is_found_in_an_empty_index_or_for_unknown_terms() -> None:
    assert scores(made({}), "a") == {}
    assert scores(made({"1": "a"}), "z") == {}
    assert made({"1": "a"}).rarity("z") == 0


def test_at_most_so_many_are_found_and_these_are_the_best() -> None:
    index = made({"1": "ab", "2": "a", "3": "acd", "4": "acdefg"})
    assert list(scores(index, "ab", limit=2)) == ["1", "2"]


def test_with_little_effort_the_telling_terms_find_and_the_ordinary_ones_still_count() -> None:
    documents = {str(n): "a" for n in range(30)} | {"rare": "ab", "rarer": "b"}
    found = scores(made(documents), "ab", effort=3)
    assert found.keys() == {"rare", "rarer"}
    whole = scores(made(documents), "ab")
    assert found["rare"] == pytest.approx(whole["rare"])


Changes = st.lists(st.tuples(st.sampled_from("123456"), st.text(TERMS, max_size=6)), max_size=40)


@given(Changes, st.text(TERMS, min_size=1, max_size=4))
def test_changing_an_index_by_and_by_gives_what_making_it_anew_gives(
    changes: list[tuple[str, str]], query: str
) -> None:
    index, held = made({}), dict[str, str]()
    for key, text in changes:
        if text:
            made({key: text}, index)
            held[key] = text
        else:
            index.remove(key)
            held.pop(key, None)
        scores(index, query)
    anew = scores(made(held), query)
    assert scores(index, query) == pytest.approx(anew)
    assert len(index) == len(held)


def test_churn_costs_no_memory() -> None:
    index = made({})
    for number in range(1000):
        made({str(number): f"{TERMS[number % 8]}z"}, index)
        index.remove(str(number - 3))
    assert len(index) == 3
    assert len(index._keys) <= 4
