"""Arguments and names as models write them: read when whole, refused when not, never repaired."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_runtime.models.calls import MAX_ARGUMENTS, MAX_DEPTH, match_name, normalise_arguments
from toolyard_sdk.canonical import canonical


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", b"{}"),
        ("  \n", b"{}"),
        ("null", b"{}"),
        ('""', b"{}"),
        ("{}", b"{}"),
        (' {"b": 1, "a": 2} ', b'{"a":2,"b":1}'),
        ('"{\\"a\\": 1}"', b'{"a":1}'),
        ('{"a": 1e3}', b'{"a":1000.0}'),
        ('{"a": "\\u00f8 \\ud83c\\udf0d"}', '{"a":"ø 🌍"}'.encode()),
        ('{"a": 123456789012345678901234567890}', b'{"a":123456789012345678901234567890}'),
    ],
)
def test_arguments_are_read_as_canonical_objects(text: str, expected: bytes) -> None:
    assert normalise_arguments(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"a": 1',
        '{"a": 1}}',
        '{"a": 1} {"b": 2}',
        "{'a': 1}",
        "[1]",
        "3",
        "true",
        '"text"',
        '"[1]"',
        '"\\"{}\\""',
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        '{"a": "\ud800"}',
        '"{\\"a\\": \\"\\\\ud800\\"}"',
        '{"a": ' + "9" * 5000 + "}",
        '{"a": "line\nbreak"}',
        '{"a": ' + "[" * 5000 + "]" * 5000 + "}",
        '{"a": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}",
        '{"a": "' + "x" * MAX_ARGUMENTS + '"}',
    ],
    ids=lambda text: text[:24].encode("unicode_escape").decode(),
)
def test_arguments_that_are_no_whole_object_are_refused(text: str) -> None:
    assert normalise_arguments(text) == "invalid_json"


def test_many_brackets_are_fine_where_they_do_not_nest() -> None:
    value = {"rows": [[n] for n in range(200)], "text": "{[" * 100}
    assert normalise_arguments(msgspec.json.encode(value).decode()) == canonical(value)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), _values, max_size=4))
def test_a_whole_object_survives_and_every_shorter_beginning_of_it_is_refused(value: dict[str, object]) -> None:
    text = msgspec.json.encode(value).decode()
    result = normalise_arguments(text)
    assert isinstance(result, bytes)
    assert normalise_arguments(result.decode()) == result
    for end in range(1, len(text)):
        assert normalise_arguments(text[:end]) == "invalid_json"


@given(st.text(max_size=40))
def test_no_text_raises(text: str) -> None:
    result = normalise_arguments(text)
    assert result == "invalid_json" or isinstance(msgspec.json.decode(result), dict)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("add", "add"),
        ("add<|channel|>commentary", "add"),
        (" add ", "add"),
        ("Add", None),
        ("ad", None),
        ("adder", None),
        ("functions.add", None),
        ("<|channel|>add", None),
        ("", None),
    ],
)
def test_a_name_matches_exactly_or_not_at_all(raw: str, expected: str | None) -> None:
    assert match_name(raw, frozenset({"add", "sub"})) == expected
