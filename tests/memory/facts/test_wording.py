"""When two texts say the same: nothing that bears meaning is looked past."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.facts.wording import canonical, digest, gist, normalised, outline, unstorable


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lives in Paris", "lives in  paris."),
        ("Straße 5", "STRASSE 5"),
        ("\ufb01ne", "fine"),
        ("Tea!", " tea "),
        ("Owns a\u00a0car", "owns a car"),
    ],
)
def test_case_spacing_and_the_end_of_a_sentence_make_no_other_fact(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)
    assert digest(one, "user") == digest(other, "user")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("is allergic to nuts", "is not allergic to nuts"),
        ("Ann loves Bob", "Bob loves Ann"),
        ("moved to Paris", "moved from Paris"),
        ("is married", "was married"),
        ("has 2 children", "has 3 children"),
        ("doesn't smoke", "does smoke"),
        ("can't swim", "can swim"),
        ("works for Ann", "works with Ann"),
        ("likes her dog", "likes his dog"),
        ("has to leave", "has leave"),
    ],
)
def test_what_bears_meaning_makes_another_fact(one: str, other: str) -> None:
    assert outline(one, "user") != outline(other, "user")
    assert digest(one, "user") != digest(other, "user")


@pytest.mark.parametrize(
    ("one", "other", "subject"),
    [
        ("The user really likes tea.", "likes tea", "user"),
        ("Ann's car is red", "car is red", "ann"),
        ("Ann Lee owns a boat", "owns the boat", "ann lee"),
    ],
)
def test_articles_emphasis_and_naming_the_subject_again_bear_none(one: str, other: str, subject: str) -> None:
    assert digest(one, subject) == digest(other, subject)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Is allergic to nuts", "allergic to nuts"),
        ("I like cats", "likes cat"),
        ("lives at Rome", "The user lives in Rome."),
    ],
)
def test_an_outline_looks_past_a_little_more(one: str, other: str) -> None:
    assert digest(one, "user") != digest(other, "user")
    assert outline(one, "user") == outline(other, "user")


def test_a_text_of_light_words_only_is_its_own_gist() -> None:
    assert gist("The Who", "user") == ("who",)
    assert gist("The the", "user") == ("the the",)
    assert gist("user", "user") == ("user",)
    assert gist("?", "user") != gist("??", "user")
    assert outline("I", "user") == ("i",)
    assert outline("is in", "user") == ("is", "in")


@given(st.text())
def test_a_canonical_form_is_its_own(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)
    assert normalised(normalised(text)) == normalised(text)


@given(st.text(), st.sampled_from(["user", "ann lee"]))
def test_every_text_has_a_gist_and_an_outline_of_some_words(text: str, subject: str) -> None:
    assert gist(text, subject)
    assert outline(text, subject)


def test_what_no_database_keeps_is_named() -> None:
    assert "NUL" in unstorable("a\x00b")
    assert "surrogate" in unstorable("a\ud800")
    assert unstorable("na\u00efve \U0001f600") == ""
