"""What texts speak of, in several languages, without a model."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.graph.entities import MOST, entities_in, entity_id
from toolyard_memory.graph.words import canonical
from toolyard_memory.records import Owner

from tests.memory.graph.world import MAY_10


def kinds(text: str, speaker: str = "") -> dict[str, str]:
    """Return what kind of thing each entity is, by how it is shown."""
    return {one.shown: one.kind for one in entities_in(text, speaker, MAY_10)}


def test_names_are_capitalised_words_within_a_sentence() -> None:
    found = kinds("Yesterday Carol took the train to New York with Mr Smith")
    assert {"Carol": "name", "New York": "name", "York": "name", "Mr Smith": "name", "train": "word"}.items() <= (
        found.items()
    )


def test_a_word_that_opens_a_sentence_is_a_name_only_if_it_is_one_elsewhere() -> None:
    assert kinds("Painting is fun")["Painting"] == "word"
    assert kinds("Oslo is far. We go to Oslo")["Oslo"] == "name"
    assert kinds("Oslo is far", speaker="Oslo")["Oslo"] == "speaker"
    assert kinds("Melanie's dog barks")["Melanie"] == "name"


def test_the_same_thing_has_the_same_name_wherever_it_stands() -> None:
    opening, within = entities_in("Oslo is far"), entities_in("We like Oslo")
    assert {one.name for one in opening} & {one.name for one in within} == {canonical("oslo")}


def test_a_name_of_several_words_is_also_found_by_each() -> None:
    assert {one.name for one in entities_in("She is at the University of Oxford")} >= {
        canonical("University of Oxford"),
        canonical("Oxford"),
    }


def test_titles_addresses_and_handles_are_entities() -> None:
    found = kinds('I read "Pride and Prejudice" and wrote to ann@acme.example and @bob.smith')
    assert found["Pride and Prejudice"] == "title"
    assert found["ann@acme.example"] == found["acme.example"] == found["@bob.smith"] == "address"


def test_a_long_quotation_is_no_title() -> None:
    assert "title" not in kinds('She said "I would never ever go to that place again"').values()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("it costs $1,300.50", "1300.50 $"),
        ("it costs 1300.50 dollars", "1300.50 $"),
        ("20% off", "20 %"),
        ("a run of 5 kilometres", "5 km"),
        ("a run of 5km", "5 km"),
        ("order 48213", "48213"),
    ],
)
def test_numbers_have_units_or_are_long(text: str, name: str) -> None:
    assert name in {one.name for one in entities_in(text)}


def test_a_small_number_says_nothing() -> None:
    assert [one.name for one in entities_in("we have 3 dogs")] == ["dog"]


def test_dates_are_resolved_from_when_it_was_said() -> None:
    assert {one.name for one in entities_in("see you last Tuesday", at=MAY_10)} == {"2023-05-09", "2023-05"}


def test_the_speaker_leads() -> None:
    first = entities_in("I met Melanie", "Caroline Jones")[0]
    assert (first.name, first.shown, first.kind) == (canonical("Caroline Jones"), "Caroline Jones", "speaker")


def test_empty_words_say_nothing_in_six_languages() -> None:
    assert entities_in("I was there and it really was very good, thank you so much") == ()
    assert entities_in("und das ist nicht f\u00fcr uns, mais pour les autres, pero no para nosotros") != ()
    assert kinds("und das ist auch noch nicht") == {}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ich war gestern mit Frau M\u00fcller in M\u00fcnchen", "m\u00fcnchen"),
        (
            "\u0412\u0447\u0435\u0440\u0430 \u044f \u0431\u044b\u043b \u0432 \u041c\u043e\u0441\u043a\u0432\u0435",
            "\u043c\u043e\u0441\u043a\u0432\u0435",
        ),
        ("\u6211\u6628\u5929\u53bb\u4e86\u5317\u4eac\u5927\u5b66", "\u5317\u4eac"),
        ("\u7530\u4e2d\u3055\u3093\u306f\u30b3\u30fc\u30d2\u30fc\u3092\u98f2\u3093\u3060", "\u30b3\u30fc\u30d2\u30fc"),
        ("\u7530\u4e2d\u3055\u3093\u306f\u6771\u4eac\u306b\u3044\u308b", "\u6771\u4eac"),
        ("\uc5b4\uc81c \ubbfc\uc218\ub97c \ub9cc\ub0ac\ub2e4", "\ubbfc\uc218"),
        ("\u0630\u0647\u0628\u062a \u0645\u0639 \u0623\u062d\u0645\u062f", "\u0623\u062d\u0645\u062f"),
        ("\u300c\u4e09\u4f53\u300d\u3092\u8aad\u3093\u3060", "\u4e09\u4f53"),
    ],
)
def test_other_languages_have_names(text: str, name: str) -> None:
    assert canonical(name) in {one.name for one in entities_in(text)}


def test_what_is_shouted_has_no_names_but_words() -> None:
    assert set(kinds("MEET US IN PARIS").values()) == {"word"}


def test_no_more_is_found_than_is_asked_for_and_names_go_before_words() -> None:
    words = " ".join(f"thing{number}x" for number in range(100))
    found = entities_in(f"{words} with Melanie", "Ann")
    assert len(found) == MOST
    assert [one.kind for one in found[:2]] == ["speaker", "name"]
    assert len(entities_in(words, most=3)) == 3


def test_an_entity_is_one_owners() -> None:
    owners = (Owner("acme", "ann"), Owner("acme", "bob"), Owner("evil", "ann"), Owner("acme", ""))
    assert len({entity_id(owner.scope, "melanie") for owner in owners}) == len(owners)


@given(st.text(), st.text(max_size=20), st.integers())
def test_any_text_can_be_read_and_always_the_same_way(text: str, speaker: str, at: int) -> None:
    found = entities_in(text, speaker, at)
    assert found == entities_in(text, speaker, at)
    assert len({one.name for one in found}) == len(found) <= MOST
    assert all(one.name for one in found)


@pytest.mark.parametrize(
    "piece", ["a+", "a.", "@", '"', "A ", "1,", "a-", "last ", "A of ", "\u201c", "a@b.", "in May "]
)
def test_no_text_takes_long_to_read(piece: str) -> None:
    began = time.process_time()
    entities_in(piece * (1_000_000 // len(piece)))
    assert time.process_time() - began < 1
