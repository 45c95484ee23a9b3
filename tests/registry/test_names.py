"""References read as they are written, and what is none is told why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.names import NameInvalid, Reference, parse

DIGEST = "sha256:" + "0f" * 32


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("support", Reference("support")),
        ("support@1.4.2", Reference("support", "version", "1.4.2")),
        ("roll@0+8db42f76e8c9", Reference("roll", "version", "0+8db42f76e8c9")),
        ("support@production", Reference("support", "channel", "production")),
        (f"support@{DIGEST}", Reference("support", "digest", DIGEST)),
    ],
)
def test_the_four_forms_are_read_and_written_back(text: str, reference: Reference) -> None:
    assert parse(text) == reference
    assert str(reference) == text


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "is no name"),
        ("a b", "letters, digits"),
        ("x" * 65, "1 to 64"),
        ("support@", "ends in '@'"),
        ("support@Production", "is no channel"),
        ("support@1.4@2", "is no version"),
        ("support@sha256:12", "is no digest"),
        ("support@md5:" + "0" * 64, "is no digest"),
        ("../etc@1", "is no name"),
        ("name\n", "is no name"),
    ],
)
def test_what_is_no_reference_is_told_why(text: str, word: str) -> None:
    with pytest.raises(NameInvalid, match=word):
        parse(text)


@given(st.text(max_size=80))
def test_whatever_is_read_is_written_back_the_same(text: str) -> None:
    try:
        reference = parse(text)
    except NameInvalid:
        return
    assert str(reference) == text
