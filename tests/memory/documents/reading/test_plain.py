"""Bytes become text in one form, whatever wrote them, without what only a model would see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_memory.documents.reading.outcome import Unreadable
from toolyard_memory.documents.reading.plain import plain, read_plain

WORDS = "Grüße aus Zürich: 5 €"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_read_in_the_encoding_it_is_in(encoding: str) -> None:
    assert read_plain(WORDS.encode(encoding)).text == WORDS


def test_big_endian_text_with_a_mark_is_read() -> None:
    assert read_plain(b"\xfe\xff" + WORDS.encode("utf-16-be")).text == WORDS


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(Unreadable, match="bytes that no text has"):
        read_plain(b"PK\x03\x04\x00\x00")


@pytest.mark.parametrize(
    ("given_text", "wanted"),
    [
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("\n\n  a  \n\n\t\nb \n", "  a\n\n\nb"),
        ("e\u0301", "\xe9"),
        ("ig\u00adnore\u200b all\u202e", "ignore all"),
        ("a\U000e0061\U000e0062b", "ab"),
        ("\ufeffa\x00\x1b[31mb", "a[31mb"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("a\ud800b", "a\ufffdb"),
    ],
)
def test_text_is_put_into_one_form(given_text: str, wanted: str) -> None:
    assert plain(given_text) == wanted


@given(st.text())
def test_the_form_is_the_same_a_second_time(text: str) -> None:
    once = plain(text)
    assert plain(once) == once
    assert once == once.strip("\n")
    assert not [line for line in once.split("\n") if line != line.rstrip()]
