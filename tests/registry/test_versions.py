"""Versions follow each other as people mean them, and ranges hold what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.versions import Bump, Version, bump_of, least_after, read_range, read_version


def version(text: str) -> Version:
    found = read_version(text)
    assert found is not None, text
    return found


def test_versions_follow_each_other() -> None:
    texts = [
        "0.0.1",
        "0.1.0.dev1",
        "0.1.0a1",
        "0.1.0-beta.2",
        "0.1.0rc1",
        "0.1.0-rc.2",
        "0.1.0",
        "0.1.1",
        "0.10.0",
        "1.0.0",
    ]
    versions = [version(text) for text in texts]
    assert sorted(versions) == versions
    assert len(set(versions)) == len(versions)


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "1.2.3.4", "v1.2.3", "1.2.x", "0+8db42f76e8c9", "1.2.3+local", "\u0661.2.3", "1.2.3\n"]
)
def test_what_is_no_semantic_version_is_none(text: str) -> None:
    assert read_version(text) is None


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("^1.2", ["1.2.0", "1.9.9"], ["1.1.9", "2.0.0", "2.0.0rc1"]),
        ("^0.1", ["0.1.0", "0.1.9"], ["0.2.0", "1.1.0", "0.0.9"]),
        ("^0.1.3", ["0.1.3", "0.1.4"], ["0.1.2", "0.2.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("^0.0", ["0.0.0", "0.0.9"], ["0.1.0"]),
        ("^0", ["0.0.1", "0.9.0"], ["1.0.0"]),
        ("^3", ["3.0.0", "3.9.1"], ["4.0.0", "2.9.9"]),
        ("~1.2", ["1.2.0", "1.2.9"], ["1.3.0", "1.1.0"]),
        ("~1.2.3", ["1.2.3", "1.2.4"], ["1.2.2", "1.3.0"]),
        ("~1", ["1.0.0", "1.9.0"], ["2.0.0"]),
        ("^1.2", [], ["1.3.0rc1", "1.3.0.dev2"]),
    ],
)
def test_a_range_holds_what_it_says_and_no_pre_release(text: str, inside: list[str], outside: list[str]) -> None:
    found = read_range(text)
    assert found is not None
    assert [each for each in inside if version(each) not in found] == []
    assert [each for each in outside if version(each) in found] == []


@pytest.mark.parametrize("text", ["", "^", "1.2", "^1.2.3.4", "^1.x", "~^1", "^ 1", "^9999999999"])
def test_what_is_no_range_is_none(text: str) -> None:
    assert read_range(text) is None


@pytest.mark.parametrize(
    ("before", "after", "bump"),
    [
        ("1.2.3", "1.2.4", "patch"),
        ("1.2.3", "1.3.0", "minor"),
        ("1.2.3", "2.0.0", "major"),
        ("0.1.0", "0.1.1", "minor"),
        ("0.1.0", "0.2.0", "major"),
        ("0.9.0", "1.0.0", "major"),
        ("1.2.3", "1.2.3", "none"),
        ("1.2.3", "1.2.2", "none"),
    ],
)
def test_a_bump_is_what_the_numbers_promise(before: str, after: str, bump: Bump) -> None:
    assert bump_of(version(before), version(after)) == bump


@given(st.tuples(*[st.integers(0, 5)] * 3), st.sampled_from(["patch", "minor", "major"]))
def test_the_version_that_is_advised_promises_enough_and_follows(numbers: tuple[int, int, int], needed: Bump) -> None:
    before = Version(*numbers)
    after = version(least_after(before, needed))
    assert after > before
    order = ["none", "patch", "minor", "major"]
    assert order.index(bump_of(before, after)) >= order.index(needed)
    if needed == "major":
        assert after not in (read_range(f"^{before.major}.{before.minor}.{before.patch}") or ())
