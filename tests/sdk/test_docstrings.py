import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_sdk.docstrings import Docstring, read_docstring

GOOGLE = """Book a table.

Tables are kept for 15 minutes. Note: smokers sit outside.

Args:
    day: Day of the visit: ISO 8601
        or a weekday
        note: deeper lines belong to the argument above
    guests (int, optional): How many (children too)
    *names: Who comes

Returns:
    day: not an argument

Raises:
    guests: not an argument either
"""
NUMPY = """Book a table.

Parameters
----------
day : str
    Day of the visit: ISO 8601

    or a weekday
guests : int, optional
    How many

Returns
-------
str
    What was booked
"""
REST = """Book a table.

:param day: Day of the visit: ISO 8601
    or a weekday
:param int guests: How many
:type day: str
:returns: What was booked
:raises ValueError: never
"""


def test_google_sections_are_read_and_others_ignored() -> None:
    assert read_docstring(GOOGLE) == Docstring(
        "Book a table.\n\nTables are kept for 15 minutes. Note: smokers sit outside.",
        {
            "day": "Day of the visit: ISO 8601 or a weekday note: deeper lines belong to the argument above",
            "guests": "How many (children too)",
            "names": "Who comes",
        },
    )


@pytest.mark.parametrize("text", [NUMPY, REST], ids=["numpy", "rest"])
def test_numpy_and_rest_say_the_same_as_google(text: str) -> None:
    told = {"day": "Day of the visit: ISO 8601 or a weekday", "guests": "How many"}
    assert read_docstring(text) == Docstring("Book a table.", told)


@pytest.mark.parametrize(
    "text", ["Notes: this is prose", "Example: x\ngoes on", "See https://example.org: it is good", "a\n---\nb"]
)
def test_prose_that_looks_like_a_section_stays_prose(text: str) -> None:
    assert read_docstring(text) == Docstring(text, {})


@given(st.text(alphabet=" \n\tArgs:Prmtx-()*_:param", max_size=200))
def test_any_docstring_is_read(text: str) -> None:
    found = read_docstring(text)
    assert all(name.isidentifier() or name.isalnum() for name in found.arguments)
