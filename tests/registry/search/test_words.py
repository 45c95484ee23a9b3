"""Texts taken apart: names, stems, ordinary words, other scripts; clauses, and words that are alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.search.alike import GROUPS, alike
from toolyard_registry.search.clauses import MOST, clauses
from toolyard_registry.search.queries import LIKE, PLACE, query
from toolyard_registry.search.words import KEPT, Words

WORDS = Words()


@pytest.mark.parametrize(
    "text", ["get_user_names", "getUserName", "get-user-names", "Get the user's names", "GETUserName", "get.user.name"]
)
def test_names_and_sentences_that_say_the_same_give_the_same_terms(text: str) -> None:
    assert WORDS.terms(text) == WORDS.terms("getUserNames")


def test_words_are_stemmed_and_ordinary_ones_dropped() -> None:
    assert WORDS.terms("What are the companies that were founded in Oslo?") == ["compani", "found", "oslo"]


def test_numbers_stand_by_themselves() -> None:
    assert WORDS.terms("sha256 of mp3") == ["sha", "256", "mp", "3"]


def test_what_is_written_without_spaces_becomes_pairs() -> None:
    assert WORDS.terms("搜索网页") == ["搜索", "索网", "网页"]
    assert WORDS.terms("画") == ["画"]


def test_other_alphabets_are_words() -> None:
    assert WORDS.terms("Прогноз ПОГОДЫ") == ["прогноз", "погоды"]


@given(st.text())
def test_any_text_can_be_taken_apart(text: str) -> None:
    assert all(WORDS.terms(text))
    assert all(weight > 0 for weight in query(text, WORDS, {}).values())
    assert len(clauses(text)) <= MOST


def test_what_is_remembered_is_bounded() -> None:
    words = Words()
    for number in range(KEPT // 1000 + 2):
        words.terms(
            " ".join(
                f"w{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + number % 26)}{chr(97 + n // 676)}"
                for n in range(1000)
            )
        )
    assert len(words._stems) <= KEPT


def test_a_task_is_cut_into_its_steps() -> None:
    text = "Find the cheapest flight to Oslo, book it and then send the ticket by mail. Thanks"
    assert clauses(text) == ("Find the cheapest flight to Oslo", "book it", "send the ticket by mail Thanks")


def test_numbers_and_file_names_are_not_cut() -> None:
    assert clauses("Read report.final.pdf up to page 3.5") == ("Read report.final.pdf up to page 3.5",)


def test_a_text_without_words_has_no_steps() -> None:
    assert clauses(" \n. , ") == ()


def test_paths_and_addresses_count_little() -> None:
    said = query("summarise /home/ada/budget.xlsx from https://example.org/planning", WORDS, {})
    assert said["summaris"] == 1
    assert said["budget"] == said["plan"] == PLACE**0.5


@pytest.mark.parametrize("apostrophe", ["'", "\u2019"])
def test_what_is_written_for_short_says_nothing(apostrophe: str) -> None:
    text = "I'd say it DOESN'T rain, we've Ada's umbrella and Mr O'Dell".replace("'", apostrophe)
    assert query(text, WORDS, {}).keys() == {"say", "rain", "ada", "umbrella", "mr", "o", "dell"}


def test_a_repeated_word_counts_the_root_of_how_often() -> None:
    assert query("rain rain rain rain", WORDS, {}) == {"rain": 2.0}


def test_words_like_those_that_were_said_count_too() -> None:
    said = query("remove a picture", WORDS, alike(WORDS.terms))
    assert said["remov"] == 1
    assert said["delet"] == said["imag"] == LIKE


def test_alike_goes_both_ways_and_no_word_is_like_itself() -> None:
    table = alike(WORDS.terms)
    assert all(term in table[other] for term, others in table.items() for other in others)
    assert all(term not in others for term, others in table.items())


def test_the_groups_are_words_that_the_index_would_keep() -> None:
    lost = [word for word in GROUPS.split() if not WORDS.terms(word)]
    assert lost == []
