"""Plain BM25, which the search is compared with."""

import math

import pytest
from toolyard_sdk.messages import ToolSpec

from tests.registry.search.baseline import bm25, plain, stemmed, words
from tests.registry.search.recall import Listed


def test_words_are_letters_and_digits_in_lower_case() -> None:
    assert words("Open_gate-2, openGate!") == ["open", "gate", "2", "opengate"]


def test_a_score_is_that_of_the_formula() -> None:
    scores = bm25({"a": "gate gate", "b": "bird", "c": "bird tree fence"}, words, words)
    rarity = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    assert scores("gate") == {"a": pytest.approx(rarity * 2 * 2.5 / (2 + 1.5))}
    assert scores("gate gate")["a"] == pytest.approx(2 * scores("gate")["a"])
    assert scores("bird")["b"] > scores("bird")["c"]
    assert scores("river") == {}


TOOLS = (
    Listed(ToolSpec("open_gate", "Opens it.", {}), "park", "Everything about gardening."),
    Listed(ToolSpec("count", "Counts birds.", {}), "wood"),
)


def test_the_plain_one_knows_no_stems_and_no_server() -> None:
    scores = plain(TOOLS)
    assert scores("bird") == scores("gardening") == {}
    assert scores("open it").keys() == {"park\nopen_gate"}
    assert scores("birds birds") == {"wood\ncount": pytest.approx(2 * scores("birds")["wood\ncount"])}


def test_the_other_knows_stems_and_the_server_and_hears_a_word_once() -> None:
    scores = stemmed(TOOLS)
    assert scores("garden").keys() == {"park\nopen_gate"}
    assert scores("bird") == scores("birds, bird") != {}
