"""What vectors say of tools: how near each is to a request, above what all are to everything."""

from array import array
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.search.documents import Document
from toolyard_registry.search.meaning import (
    LONGEST,
    MEANING,
    MOST_BY_HAND,
    SPELLING,
    STEPS,
    Meaning,
    parts_of,
    share_of,
    text_of,
)


def vector(*numbers: float) -> bytes:
    length = sqrt(sum(number * number for number in numbers))
    return array("f", [number / length for number in numbers]).tobytes()


TOOLS = {"north": vector(0, 1), "east": vector(1, 0), "north_east": vector(1, 1), "south": vector(0, -1)}


def test_what_points_where_the_request_does_is_nearest_and_what_is_below_the_mean_is_left_out() -> None:
    found = Meaning(TOOLS).near([vector(0, 1)])
    assert sorted(found, key=lambda name: -found[name]) == ["north", "north_east"]
    assert found["north"] == pytest.approx(1 - sqrt(0.5) / 4, abs=1e-4)


def test_a_level_that_all_have_in_common_says_nothing() -> None:
    alike = {name: vector(9, *each) for name, each in {"a": (1, 0), "b": (0, 1)}.items()}
    assert list(Meaning(alike).near([vector(9, 1, 0)])) == ["a"]
    assert Meaning(dict.fromkeys(("a", "b"), vector(1, 0))).near([vector(1, 0)]) == {}


def test_a_tool_counts_by_the_part_of_the_request_it_is_nearest_to() -> None:
    found = Meaning(TOOLS).near([vector(1, 1), vector(0, -1)])
    assert found["south"] == Meaning(TOOLS).near([vector(0, -1)])["south"]


def test_of_no_tools_or_no_request_nothing_is_near() -> None:
    assert Meaning({}).near([vector(0, 1)]) == {}
    assert Meaning(TOOLS).near([]) == {}


units = st.tuples(*[st.floats(-1, 1, width=32)] * 4).filter(lambda numbers: max(map(abs, numbers)) > 0.01)


@given(st.dictionaries(st.text(max_size=3), units, max_size=9), st.lists(units, max_size=3))
def test_numpy_finds_what_is_found_without_it(
    tools: dict[str, tuple[float, ...]], request: list[tuple[float, ...]]
) -> None:
    vectors, parts = {name: vector(*each) for name, each in tools.items()}, [vector(*each) for each in request]
    with_numpy, by_hand = Meaning(vectors, by_hand=False).near(parts), Meaning(vectors, by_hand=True).near(parts)
    for name in vectors:
        assert with_numpy.get(name, 0.0) == pytest.approx(by_hand.get(name, 0.0), abs=2e-4)


def test_a_text_holds_the_name_as_words_and_is_no_longer_than_models_read() -> None:
    assert text_of(Document("read-my_file", "Read it.", "path", "disk", "All of it.")).startswith(
        "read my file: Read it."
    )
    assert len(text_of(Document("n", "x" * 9_000, "", "s"))) == LONGEST


def test_a_task_of_several_steps_is_looked_at_as_a_whole_and_step_by_step() -> None:
    assert parts_of("open the door") == ("open the door",)
    task = "open the door, and then paint the wall"
    assert parts_of(task) == (task, "open the door", "paint the wall")
    assert len(parts_of(". ".join(f"paint the wall {n}" for n in range(50)))) == STEPS + 1


def test_vectors_of_spelling_count_less_than_those_of_a_model() -> None:
    assert share_of("hashing:v1:256") == SPELLING < MEANING == share_of("onnx:0123")


def test_without_numpy_only_the_whole_of_a_request_is_compared_with_very_many_tools() -> None:
    many = {f"{n:05}": vector(1, 0.1) for n in range(MOST_BY_HAND)} | {"zz": vector(0, 1)}
    parts = [vector(1, 0), vector(0, 1)]
    assert "zz" in Meaning(many, by_hand=False).near(parts)
    assert "zz" not in Meaning(many, by_hand=True).near(parts)
