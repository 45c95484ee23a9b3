"""What documents and the agents that may recall them can be called."""

import pytest
from toolyard_memory.documents.names import checked_globs, checked_name
from toolyard_memory.records import MemoryRefused


@pytest.mark.parametrize(
    "name", ["a.md", "handbook/refunds and more.md", "\xfcber/\u30dd\u30f3\u30d7.pdf", "..a", "a..b"]
)
def test_relative_paths_are_names(name: str) -> None:
    assert checked_name(name) == name


def test_a_name_is_composed_so_that_it_is_one_name_on_every_system() -> None:
    assert checked_name("u\u0308ber.md") == "\xfcber.md"


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a\\b", "a\nb", "a\u200bb", "x" * 513]
)
def test_everything_else_is_refused(name: str) -> None:
    with pytest.raises(MemoryRefused) as refused:
        checked_name(name)
    assert refused.value.field == "name"


def test_globs_are_sorted_and_each_once() -> None:
    assert checked_globs(["support*", " sales", "support*"]) == ("sales", "support*")
    assert checked_globs([]) == ()


@pytest.mark.parametrize("globs", [[""], ["a,b"], ["a\nb"], ["x" * 129], [f"agent{n}" for n in range(33)]])
def test_globs_that_nobody_could_have_meant_are_refused(globs: list[str]) -> None:
    with pytest.raises(MemoryRefused) as refused:
        checked_globs(globs)
    assert refused.value.field == "agents"
