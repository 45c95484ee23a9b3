"""Pieces cover their text, keep together what belongs together, and stay where they are when others change."""

import random
from itertools import pairwise
from typing import Final

from hypothesis import example, given, settings
from hypothesis import strategies as st
from toolyard_memory.documents.borders import splits
from toolyard_memory.documents.cutting import LEAST, LONGEST_WORD, MOST, OVERLAP, Piece, cut, words_of
from toolyard_memory.documents.reading.markdown import read_markdown
from toolyard_memory.documents.reading.outcome import Reading
from toolyard_memory.documents.reading.plain import plain

FAMILY: Final = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
GRAPHEMES: Final = [
    *(
        "a",
        "B",
        " ",
        "\n",
        "\n\n",
        ".",
        ". ",
        "! ",
        "\n- ",
        "\n| x |",
        "9",
        "e\u0301",
        "n\u0303\u0323",
        "\u65e5",
        "\u3002",
    ),
    *(
        "\U0001f600",
        "\U0001f44d\U0001f3fd",
        FAMILY,
        "\U0001f1e9\U0001f1ea",
        "\ud55c",
        "\u1112\u1161\u11ab",
        "\u0915\u093f",
    ),
    *("word ", "another word ", "Sentence. ", "x" * 400, "\u65e5" * 300, "```\ncode\n```\n", "# H\n", "\u00e4" * 90),
]
texts = st.lists(st.sampled_from(GRAPHEMES), max_size=120).map("".join)
WORDS: Final = ("the", "of", "pump", "valve", "is", "when", "blue", "red", "opened", "closed", "by", "hand", "not")


def bytes_of(text: str) -> int:
    return len(text.encode())


def prose(seed: int, sentences: int) -> list[str]:
    """Return sentences, some of which end a paragraph."""
    chance = random.Random(seed)
    made = []
    for _ in range(sentences):
        words = chance.choices(WORDS, k=chance.randint(4, 25))
        made.append(" ".join(words).capitalize() + ("." if chance.random() < 0.8 else ".\n\n"))
    return made


def text_of(sentences: list[str]) -> str:
    return plain(" ".join(sentences).replace("\n\n ", "\n\n"))


def texts_of(text: str) -> list[str]:
    return [words_of(text, piece) for piece in cut(Reading(text))]


def uncovered(text: str, pieces: list[Piece]) -> str:
    """Return what no piece holds."""
    at, left = 0, ""
    for piece in pieces:
        left += text[at : piece.start]
        at = max(at, piece.stop)
    return left + text[at:]


@given(texts)
@example("")
@example("x" * 5_000)
@example("e" + "\u0301" * 5_000)
def test_pieces_cover_the_text_in_order_but_for_line_ends_between_them(given_text: str) -> None:
    text = plain(given_text)
    pieces = cut(Reading(text))
    assert uncovered(text, pieces).strip("\n") == ""
    starts = [piece.start for piece in pieces]
    assert starts == sorted(set(starts))
    assert all(text[piece.start : piece.stop].strip("\n") for piece in pieces)


@given(texts)
def test_no_piece_is_longer_than_the_most_and_what_it_repeats(given_text: str) -> None:
    text = plain(given_text)
    for piece in cut(Reading(text)):
        assert bytes_of(text[piece.start : piece.stop]) <= MOST + 4 * OVERLAP


@given(texts)
def test_no_grapheme_is_cut(given_text: str) -> None:
    text = plain(given_text)
    for piece in cut(Reading(text)):
        assert not splits(text, piece.start)
        assert not splits(text, piece.stop)


@given(texts)
def test_the_same_text_gives_the_same_pieces(given_text: str) -> None:
    reading = read_markdown(given_text.encode())
    assert cut(reading) == cut(reading)


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(0, 399), st.sampled_from(["insert", "delete", "change"]))
def test_an_edit_changes_the_pieces_around_it_and_no_others(seed: int, where: int, edit: str) -> None:
    sentences = prose(seed, 400)
    before = texts_of(text_of(sentences))
    assert len(before) > 15
    match edit:
        case "insert":
            sentences.insert(where, "A sentence that nobody expected here.")
        case "delete":
            del sentences[where]
        case _:
            sentences[where] = "A sentence that nobody expected here."
    after = texts_of(text_of(sentences))
    same_begin = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
    back = list(zip(reversed(before), reversed(after), strict=False))
    same_end = next((n for n, (a, b) in enumerate(back) if a != b), len(back))
    changed = len(after) - same_begin - same_end
    assert changed <= 8, (changed, len(after))
    assert len(set(after) - set(before)) <= 8


def test_most_edits_change_one_or_two_pieces() -> None:
    chance = random.Random(7)
    new = []
    for seed in range(40):
        sentences = prose(seed, 300)
        before = set(texts_of(text_of(sentences)))
        sentences[chance.randrange(300)] = "Something else is said."
        new.append(len(set(texts_of(text_of(sentences))) - before))
    assert sorted(new)[len(new) // 2] <= 2
    assert sum(new) / len(new) <= 2.5


def test_pieces_are_of_some_200_tokens() -> None:
    text = text_of(prose(1, 2_000))
    tokens = sorted(bytes_of(text[piece.start : piece.stop]) / 4 for piece in cut(Reading(text)))
    assert 150 < tokens[len(tokens) // 2] < 300
    assert tokens[0] >= LEAST / 4 - 1
    assert tokens[-1] <= (MOST + OVERLAP) / 4


def test_paragraphs_go_before_sentences_and_these_before_words() -> None:
    paragraph = " ".join(["Some words are here."] * 40)
    text = f"{paragraph}\n\n{paragraph}\n\n{paragraph}"
    assert [text[piece.start : piece.stop] for piece in cut(Reading(text))] == [paragraph] * 3
    sentences = " ".join(["This sentence has exactly these words."] * 100)
    assert all(sentences[piece.start :].startswith("This sentence") for piece in cut(Reading(sentences)))
    words = "word " * 1_000
    assert all(words[piece.start : piece.stop].startswith("word") for piece in cut(Reading(plain(words))))


def test_a_cut_within_a_paragraph_repeats_a_sentence_and_one_between_paragraphs_nothing() -> None:
    sentences = " ".join(f"This is sentence number {n} of a paragraph without an end." for n in range(60))
    pieces = cut(Reading(sentences))
    assert len(pieces) > 2
    for before, after in pairwise(pieces):
        repeated = sentences[after.start : before.stop].strip()
        assert repeated.startswith("This is")
        assert len(repeated) <= OVERLAP
    paragraphs = "\n\n".join([" ".join(["Some words are here."] * 40)] * 4)
    pieces = cut(Reading(paragraphs))
    assert all(after.start > before.stop for before, after in pairwise(pieces))


def test_headings_begin_pieces_and_stand_above_what_follows() -> None:
    reading = read_markdown(b"# Guide\n\n## Install\n\nDo this.\n\n## Use\n\n### Daily\n\n" + b"Many words. " * 200)
    pieces = cut(reading)
    assert [piece.heading for piece in pieces[:2]] == ["Guide > Install", "Guide > Use > Daily"]
    assert words_of(reading.text, pieces[0]) == "# Guide\n\n## Install\n\nDo this."
    assert words_of(reading.text, pieces[1]).startswith("Guide\n\n## Use\n\n### Daily\n\nMany words.")
    assert words_of(reading.text, pieces[2]).startswith("Guide > Use > Daily\n\nMany words.")
    assert reading.text[pieces[2].start :].startswith("Many words.")


def test_pages_begin_pieces_and_empty_ones_are_counted() -> None:
    reading = Reading("One.\n\nThree.", pages=(0, 6, 6))
    assert [(reading.text[one.start : one.stop], one.page) for one in cut(reading)] == [("One.", 1), ("Three.", 3)]


def test_code_and_tables_are_cut_only_where_they_are_too_long_themselves() -> None:
    code = "```python\n" + "\n\n".join(f"def f{n}():\n    return {n}" for n in range(20)) + "\n```"
    around = " ".join(["Some words are here."] * 25)
    reading = read_markdown(f"{around}\n\n{code}\n\n{around}\n\n{code}\n\n{around}".encode())
    pieces = [reading.text[piece.start : piece.stop] for piece in cut(reading)]
    assert sum(code in piece for piece in pieces) == 2
    long = "```\n" + "\n\n".join(f"line {n} of the code" for n in range(300)) + "\n```"
    pieces = [long[piece.start : piece.stop] for piece in cut(read_markdown(long.encode()))]
    assert len(pieces) > 4
    assert all(piece.startswith(("line", "```")) for piece in pieces)


def test_a_word_without_end_is_cut_all_the_same() -> None:
    for word in ("x" * 10_000, "\u65e5" * 5_000, FAMILY * 1_000):
        pieces = cut(Reading(word))
        assert uncovered(word, pieces) == ""
        assert max(piece.stop - piece.start for piece in pieces) <= LONGEST_WORD + len(FAMILY)


def test_scripts_without_spaces_are_cut_at_their_sentences() -> None:
    text = "\u3053\u308c\u306f\u6587\u3067\u3059\u3002" * 300
    pieces = cut(Reading(text))
    assert all(text[: piece.stop].endswith("\u3002") for piece in pieces)
    assert all(bytes_of(text[piece.start : piece.stop]) <= MOST + 4 * OVERLAP for piece in pieces)
