"""Ranking: what each part of the score sees, and that they make an order."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.records import Owner, Passage, PassageKind, Trust
from toolyard_memory.retrieval.asking import Question, Roots, understand
from toolyard_memory.retrieval.ranking import (
    HASHED,
    WEIGHTS,
    Candidate,
    Ranked,
    Signals,
    first_of,
    parts_of,
    rank,
    spread_out,
    take_apart,
    weights_for,
    without_repetition,
)

ANN = Owner("acme", "ann")
DAY = 86_400_000_000
MAY_10 = 19_487 * DAY
"""Wednesday, 10 May 2023."""
TRUSTS: tuple[Trust, ...] = ("user", "operator", "agent", "tool", "page")


def said(
    n: int,
    text: str,
    speaker: str = "",
    *,
    session: int = 1,
    at: int = MAY_10,
    position: int | None = None,
    kind: PassageKind = "message",
    trust: Trust = "user",
) -> Passage:
    """Return the n-th passage: in its session, or in its document."""
    row = bytes([session]) * 16
    place = n if position is None else position
    return Passage(
        bytes([n]),
        ANN,
        kind,
        text,
        at,
        speaker=speaker,
        trust=trust,
        session=row if kind == "message" else None,
        position=place,
        source=row if kind == "chunk" else None,
    )


def apart(question: Question, passages: Sequence[Passage]) -> list[Candidate]:
    roots = Roots(question.roots)
    return [take_apart(passage, roots) for passage in passages]


def parts(text: str, *passages: Passage, **signals: dict[bytes, float]) -> dict[str, list[float]]:
    """Return the parts of the score of some passages; all words are as rare."""
    question = understand(text, MAY_10)
    return parts_of(question, apart(question, passages), Signals(dict.fromkeys(question.roots, 1.0), **signals))


def ranked(text: str, *passages: Passage, **signals: dict[bytes, float]) -> list[Ranked]:
    question = understand(text, MAY_10)
    return rank(question, apart(question, passages), Signals(dict.fromkeys(question.roots, 1.0), **signals))


def test_more_of_the_words_in_fewer_count_more() -> None:
    one, two, three = "brown spaniel", "spaniel", "spaniel and so much else that was said of other things"
    words = parts("brown spaniel", *(said(n, text, session=n) for n, text in enumerate((one, two, three, "no"))))[
        "words"
    ]
    assert words[0] == 1.0 > words[1] > words[2] > words[3] == 0.0


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    question = understand("spaniel walk", MAY_10)
    candidates = apart(question, [said(1, "a walk"), said(2, "a spaniel", session=2)])
    common, rare = parts_of(question, candidates, Signals({"spaniel": 6.0, "walk": 0.7}))["words"]
    assert rare > common


def test_words_said_just_before_and_after_count_for_what_stands_between() -> None:
    exchange = parts(
        "brown spaniel paws",
        said(1, "What of your spaniel?"),
        said(2, "He is well"),
        said(3, "With brown paws"),
        said(9, "He is well, too"),
    )["exchange"]
    assert exchange[1] > exchange[3] == 0.0


def test_places_without_words_are_stepped_over_and_other_sessions_are_not_reached() -> None:
    beside, far, elsewhere = (
        parts("spaniel", said(1, "spaniel?", position=1), said(2, "yes", position=place, session=session))["exchange"][
            1
        ]
        for place, session in ((4, 1), (9, 1), (2, 2))
    )
    assert beside == far == elsewhere == 0.0  # of two, the least is nothing
    three = parts(
        "spaniel",
        said(1, "spaniel?", position=1),
        said(2, "yes", position=4),
        said(3, "no", position=20),
        said(4, "no", position=2, session=2),
    )["exchange"]
    assert three[1] > 0.0 == three[2] == three[3]


def test_pieces_of_a_document_stand_beside_one_another() -> None:
    exchange = parts(
        "refunds",
        said(1, "Refunds", kind="chunk"),
        said(2, "within 14 days", kind="chunk"),
        said(3, "within 14 days", kind="chunk", session=2),
    )["exchange"]
    assert exchange[1] > exchange[2] == 0.0


def test_a_reply_inherits_from_the_question_before_it_only() -> None:
    reply = parts("spaniel", said(1, "And the spaniel?"), said(2, "Fine"), said(5, "My spaniel"), said(6, "Fine"))
    assert reply["reply"] == [0.0, 1.0, 0.0, 0.0]


def test_who_is_named_is_preferred_also_by_a_short_name() -> None:
    for asked in ("What does Melanie paint?", "What does Mel paint?", "What are Melanie's paintings?"):
        assert parts(asked, said(1, "I paint", "Melanie"), said(2, "I paint", "Caroline"))["speaker"] == [1.0, 0.0]
    assert parts("Do Melanie and Caroline paint?", said(1, "I", "Melanie"), said(2, "I", "Caroline"))["speaker"] == [
        0.0,
        0.0,
    ]


def test_what_the_person_said_answers_questions_about_them() -> None:
    speaker = parts("What is my size?", said(1, "My size is 40", "user"), said(2, "Noted", "assistant", trust="agent"))
    assert speaker["speaker"] == [1.0, 0.0]


def test_the_name_of_a_speaker_is_no_word_to_look_for() -> None:
    words = parts("What does Melanie paint?", said(1, "Hello Melanie", "Caroline"), said(2, "I paint", "Melanie"))
    assert words["words"] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("asked", "said_on", "least", "most"),
    [
        ("on 10 May 2023", MAY_10, 1.0, 1.0),
        ("on 10 May 2023", MAY_10 + 2 * DAY, 0.7, 0.9),
        ("on 10 May 2023", MAY_10 + 20 * DAY, 0.2, 0.4),
        ("on 10 May 2023", MAY_10 - 2 * DAY, 0.0, 0.0),
        ("on 10 May 2023", MAY_10 + 60 * DAY, 0.0, 0.0),
        ("in May 2023", MAY_10 + 5 * DAY, 1.0, 1.0),
        ("in 2023", MAY_10, 0.2, 0.4),
        ("last week", MAY_10 - 7 * DAY, 1.0, 1.0),
        ("last week", MAY_10 - 30 * DAY, 0.0, 0.0),
    ],
)
def test_what_was_said_on_the_day_or_soon_after_is_preferred(
    asked: str, said_on: int, least: float, most: float
) -> None:
    (near,) = parts(f"What happened {asked}?", said(1, "It rained", at=said_on))["day"]
    assert least <= near <= most


def test_a_passage_that_names_the_day_is_as_near_as_can_be() -> None:
    told_later = said(1, "On 3 May 2023 we moved", at=MAY_10 + 300 * DAY)
    assert parts("What was on 3 May 2023?", told_later)["day"] == [1.0]


def test_a_question_for_a_time_prefers_what_tells_one() -> None:
    assert parts("When was it?", said(1, "It was last Tuesday"), said(2, "It was nice"))["moment"] == [1.0, 0.0]
    assert "moment" not in parts("Where was it?", said(1, "It was last Tuesday"))


def test_what_is_not_near_in_meaning_counts_as_the_farthest_that_is() -> None:
    found = parts("a pet", said(1, "a"), said(2, "b"), said(3, "c"), meaning={b"\x01": 0.8, b"\x02": 0.3})
    assert found["meaning"] == [1.0, 0.0, 0.0]
    assert found["meant"] == [0.0, 1.0, 1.0]


def test_parts_are_weighed_named_and_summed_up() -> None:
    best, *_ = ranked("brown spaniel", said(1, "a brown spaniel"), said(2, "a cat", session=2), graph={b"\x01": 0.2})
    assert best.passage.id == b"\x01"
    assert best.scores["words"] == WEIGHTS["words"]
    assert best.scores["graph"] == WEIGHTS["graph"]
    assert sum(best.scores.values()) == pytest.approx(best.total)


def test_of_equals_the_newest_is_first() -> None:
    order = ranked("spaniel", said(1, "spaniel", session=1, at=1), said(2, "spaniel", session=2, at=2))
    assert [one.passage.at for one in order] == [2, 1]


def test_the_same_words_are_said_once_and_only_so_many() -> None:
    order = ranked(
        "spaniel", said(1, "A spaniel!", at=2), said(2, "a spaniel", session=2), said(3, "spaniel", session=3)
    )
    assert len(without_repetition(order, 9)) == 2
    assert len(without_repetition(order, 1)) == 1


def test_centres_are_the_best_by_words_and_meaning() -> None:
    question = understand("spaniel", MAY_10)
    candidates = apart(question, [said(1, "cat"), said(2, "spaniel"), said(3, "dog")])
    signals = Signals({"spaniel": 1.0}, meaning={b"\x03": 0.9, b"\x01": 0.1})
    assert {one.passage.text for one in first_of(candidates, signals, 2)} == {"spaniel", "dog"}


def test_vectors_of_spelling_count_in_their_own_way() -> None:
    assert weights_for("hashing:v1:256") is HASHED
    assert weights_for("onnx:abc") is WEIGHTS
    assert set(HASHED) == set(WEIGHTS)


def test_nothing_is_ranked_to_nothing() -> None:
    assert ranked("spaniel") == []


@given(st.lists(st.floats(-1e6, 1e6)))
def test_spreading_out_keeps_the_order_and_the_bounds(values: list[float]) -> None:
    out = spread_out(values)
    assert all(0.0 <= value <= 1.0 for value in out)
    for a, x in zip(values, out, strict=True):
        for b, y in zip(values, out, strict=True):
            assert x <= y or a > b


def test_what_an_agent_answered_counts_less_unless_it_is_asked_for() -> None:
    person = said(1, "Karin is allergic to nuts", "user")
    agent = said(2, "Noted: Karin is allergic to nuts. An allergy to nuts is serious", "assistant", trust="agent")
    of_a_page = said(3, "The page says that nuts are fine", "assistant", trust="page")
    fact = said(4, "Karin cannot eat nuts", kind="fact")
    piece = said(5, "Nuts are in aisle 3", kind="chunk", trust="page", session=2)
    answered = parts("who is allergic to nuts?", person, agent, of_a_page, fact, piece)["answered"]
    assert answered == [0.0, 1.0, 1.0, 0.0, 0.0]
    for asked in ("what did you say of nuts?", "Your advice on nuts?", "the nuts that you recommended to me"):
        asked_for = parts(asked, person, agent)
        assert (asked_for["answered"], asked_for["speaker"]) == ([0.0, 0.0], [0.0, 1.0]), asked
    assert parts("can you tell me who is allergic to nuts?", person, agent)["answered"] == [0.0, 1.0]


def test_a_fact_is_compared_by_all_it_speaks_of_as_a_conversation_is() -> None:
    session = parts(
        "brown spaniel",
        said(1, "a spaniel", session=1),
        said(2, "and brown", session=1),
        said(3, "Has a brown spaniel", kind="fact"),
        said(4, "Has a spaniel", kind="fact"),
        said(5, "rain", session=2),
    )["session"]
    assert session[0] == session[1] == session[2] == 1.0 > session[3] > session[4] == 0.0


def test_who_asks_of_themselves_is_told_what_is_known_of_them_by_their_own_word_or_an_operators() -> None:
    facts = [said(n, "Lives in Oslo", kind="fact", trust=trust) for n, trust in enumerate(TRUSTS)]
    speaker = parts("where do I live?", *facts)["speaker"]
    assert dict(zip(TRUSTS, speaker, strict=True)) == {
        "user": 1.0,
        "operator": 1.0,
        "agent": 0.0,
        "tool": 0.0,
        "page": 0.0,
    }
