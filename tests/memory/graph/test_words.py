"""Words are compared by their stems."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.graph.words import canonical, fold, stem


@pytest.mark.parametrize(
    "forms",
    [
        ("paint", "paints", "painted", "painting"),
        ("hobby", "hobbies"),
        ("adopt", "adopts", "adopted", "adoption"),
        ("educate", "educated", "education"),
        ("make", "makes", "making"),
        ("stop", "stopped", "stopping"),
        ("happy", "happiness"),
    ],
)
def test_the_forms_of_a_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


@pytest.mark.parametrize("other", [("paint", "point"), ("bus", "bu"), ("glass", "gla"), ("sing", "s"), ("bed", "b")])
def test_other_words_have_other_stems(other: tuple[str, str]) -> None:
    assert stem(other[0]) != stem(other[1])


def test_a_name_is_the_same_in_any_case_width_and_plural() -> None:
    assert canonical("Grand Canyon") == canonical("GRAND  canyons") == canonical("\uff27rand canyon's")
    assert canonical("M\u00fcnchen") == canonical("mu\u0308nchen")


@given(st.text(max_size=40))
def test_any_text_has_a_canonical_name_that_is_its_own(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert isinstance(canonical(text), str)


@given(st.text(st.characters(codec="ascii", categories=["Ll"]), max_size=12))
def test_a_stem_is_never_empty_and_begins_as_its_word(word: str) -> None:
    root = stem(word)
    assert bool(root) == bool(word)
    assert root[:1] == word[:1]
