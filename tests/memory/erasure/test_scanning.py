"""The scanner finds what lies in a stream, wherever the stream is cut, and nothing else."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toolyard_memory.erasure.needles import PIECE, STEP, distinct, parts_of_vectors, pieces, whole
from toolyard_memory.erasure.scanning import Scanner


def cut(stream: bytes, size: int) -> list[bytes]:
    """Return a stream in blocks of a size."""
    return [stream[at : at + size] for at in range(0, len(stream), size)]


@given(
    st.binary(max_size=200),
    st.lists(st.tuples(st.integers(0, 199), st.integers(1, 60)), min_size=1, max_size=6),
    st.lists(st.binary(min_size=1, max_size=40), max_size=4),
    st.integers(1, 64),
)
@settings(max_examples=300, deadline=None)
def test_it_finds_what_plain_search_finds(
    stream: bytes, spans: list[tuple[int, int]], others: list[bytes], size: int
) -> None:
    needles = [*(stream[at : at + long] for at, long in spans if stream[at : at + long]), *others]
    found = Scanner(needles).scan(cut(stream, size))
    assert found == {n: stream.find(needle) for n, needle in enumerate(needles) if needle in stream}


@pytest.mark.parametrize("length", [1, 4, 6, 7, 8, 14, 15, 16, 24, 100])
def test_a_needle_of_any_length_is_found_at_every_place(length: int) -> None:
    chance = random.Random(length)
    needle = chance.randbytes(length)
    for at in range(20):
        for size in (7, 16, 4096):
            stream = bytes(at) + needle + bytes(33)
            assert needle in stream
            assert Scanner([needle]).scan(cut(stream, size)) == {0: stream.find(needle)}


def test_a_needle_without_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="everywhere"):
        Scanner([b"x", b""])


def test_whatever_is_left_of_a_text_is_found() -> None:
    text = " ".join(f"word{n} of the text" for n in range(60)).encode()
    scanner = Scanner([needle.data for needle in pieces("text", [text])])
    left = PIECE + STEP - 1
    for start in range(len(text) - left):
        assert scanner.scan([b"\0" * 11 + text[start : start + left] + b"\0"]), start
    assert not scanner.scan([text[: PIECE - 1]])


def test_what_is_too_short_or_too_plain_to_be_anybodys_is_not_looked_for() -> None:
    assert list(whole("name", ["Bo", "Bob", "Anna"])) == [*whole("name", ["Anna"])]
    assert [needle.data for needle in whole("name", ["Anna"])] == [b"Anna"]
    assert list(pieces("text", [b"", b"abc", b"-" * 500])) == []
    assert list(parts_of_vectors([bytes(384 * 4)])) == []
    vector = random.Random(1).randbytes(384 * 4)
    (needle,) = parts_of_vectors([vector])
    assert needle.data in vector
    assert len(distinct([*pieces("a", [b"the same text"]), *pieces("b", [b"the same text"])])) == 1
