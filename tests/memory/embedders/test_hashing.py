"""The embedder without a model: what it brings near, what it holds apart, and that it stays the same."""

import hashlib
from array import array
from itertools import pairwise
from operator import mul

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.embedders.hashing import KNOWN_WORDS, HashingEmbedder


async def likeness(one: str, other: str) -> float:
    a, b = (array("f", vector) for vector in await HashingEmbedder().embed([one, other]))
    return float(sum(map(mul, a, b)))


async def test_a_text_is_like_itself_and_hardly_like_another() -> None:
    assert await likeness("the ferry leaves at eight", "the ferry leaves at eight") == pytest.approx(1)
    assert abs(await likeness("the ferry leaves at eight", "my sister paints in oil")) < 0.25


@pytest.mark.parametrize(
    ("question", "near", "far"),
    [
        ("when did I adopt my dog?", "the adoption of the dog was in May", "the invoice was paid in May"),
        ("Caroline's painting", "caroline painted a sunset", "a sunset over the lake"),
        ("wo liegt die Größe", "die grösse steht im Etikett", "das Etikett ist rot"),
        ("東京の天気", "東京は今日雨です", "犬を飼いました"),
    ],
)
async def test_words_meet_in_other_forms(question: str, near: str, far: str) -> None:
    assert await likeness(question, near) > await likeness(question, far) + 0.1


async def test_words_that_say_little_weigh_little() -> None:
    assert await likeness("what is it that you are", "what is it that you are and the dog") < 0.9
    assert await likeness("what was the dog called", "the dog") > await likeness(
        "what was the dog called", "what was the"
    )


async def test_the_vectors_of_a_version_never_change() -> None:
    texts = ["the ferry leaves at eight", "Größe 42, naïve", "東京の天気", "", "?!", "x" * 500, "\U0001f511 key"]
    held = hashlib.sha256(b"".join(await HashingEmbedder().embed(texts))).hexdigest()
    assert held == "0a9509c096acb6e464a7cf0a849c43c034786388bea2f6ce5d3336cd1172f46e"


@given(st.lists(st.text(max_size=60), max_size=20))
async def test_any_texts_give_directions_of_unit_length(texts: list[str]) -> None:
    vectors = [array("f", vector) for vector in await HashingEmbedder().embed(texts)]
    assert all(len(vector) == 256 for vector in vectors)
    assert all(sum(map(mul, vector, vector)) == pytest.approx(1, abs=1e-5) for vector in vectors)


async def test_what_it_remembers_of_words_is_bounded_and_changes_nothing() -> None:
    embedder = HashingEmbedder()
    texts = [f"word{n} word{n + 1}" for n in range(2 * KNOWN_WORDS)]
    first = await embedder.embed(texts)
    assert len(embedder._known) == KNOWN_WORDS
    assert await embedder.embed(texts) == first
    assert all(a != b for a, b in pairwise(first))
