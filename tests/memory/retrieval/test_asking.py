"""Taking a question apart: which words are looked for, which days and whose words are meant."""

from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.retrieval.asking import LONGEST, MOST_WORDS, Roots, plain, understand, words_of

MAY_10 = 19_487 * 86_400_000_000
"""Wednesday, 10 May 2023."""


def test_words_that_say_nothing_are_not_looked_for() -> None:
    assert understand("What did the vet say about Rex's paw?", 0).words == ("vet", "say", "rex", "paw")


def test_a_question_of_nothing_else_is_looked_for_as_it_is() -> None:
    assert understand("Who am I?", 0).words == ("who", "am", "i")


def test_forms_of_one_word_are_looked_for_once() -> None:
    question = understand("painting, painted, paintings", 0)
    assert question.words == ("painting",)
    assert question.roots == ("paint",)


def test_of_a_long_text_the_longest_words_are_looked_for() -> None:
    question = understand(" ".join(["cat", *(f"extraordinary{n}" for n in range(MOST_WORDS))]), 0)
    assert len(question.words) == MOST_WORDS
    assert "cat" not in question.words


def test_keys_and_digests_are_not_looked_for() -> None:
    assert understand(f"lost {'a' * (LONGEST + 1)}", 0).words == ("lost",)


def test_days_are_those_that_are_meant_when_it_is_asked() -> None:
    assert understand("What happened on 3 May 2022?", MAY_10).days == ("2022-05-03",)
    assert understand("Where was I yesterday?", MAY_10).days == ("2023-05-09",)
    assert understand("Who came in August 2021?", MAY_10).days == ("2021-08",)


def test_a_question_for_a_time_is_told_from_others() -> None:
    assert understand("When was it?", 0).when
    assert understand("In which month was it?", 0).when
    assert not understand("What happened whenever it rained?", 0).when


def test_who_asks_for_own_words_is_told_from_who_asks_for_both() -> None:
    assert understand("What is my shoe size?", 0).of_me
    assert not understand("What did you tell me?", 0).of_me
    assert not understand("What is Ann's shoe size?", 0).of_me
    assert understand("Can you tell me what my shoe size is?", 0).of_me


def test_who_asks_for_an_answer_is_told_from_who_asks_for_anything() -> None:
    for text in ("What did you tell me?", "Which one had you recommended?", "Your earlier advice on shoes, please"):
        assert understand(text, 0).of_answers, text
    for text in ("Can you tell me my size?", "Do you know my size?", "What is my size?", "Did Ann say so?"):
        assert not understand(text, 0).of_answers, text


def test_accents_capitals_and_widths_make_no_other_word() -> None:
    assert words_of(plain("Caf\u00e9 \uff2fslo nai\u0308ve")) == ["cafe", "oslo", "naive"]


def test_stems_are_counted_in_whatever_form_they_come() -> None:
    roots = Roots(understand("painted puppies", 0).roots)
    assert roots.count(words_of("she paints, he painted a puppy in pain")) == {"paint": 2, "puppi": 1}


@given(st.text(max_size=300), st.integers(-(1 << 62), 1 << 62))
def test_any_text_at_any_moment_is_a_question(text: str, now: int) -> None:
    question = understand(text, now)
    assert len(question.words) == len(question.roots) <= MOST_WORDS
    assert all(word.isalnum() for word in question.words)
