"""The word for what did not fit is one of the tool's own schema, whatever the model wrote."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.schemas.checking import compile_schema
from toolyard_runtime.run.calling import misfit
from toolyard_runtime.run.faulting import STRANGER, field_at_fault
from toolyard_sdk import ArgumentsInvalid, tool
from toolyard_sdk.canonical import canonical


@tool(read_only=True)
def book(city: str, days: int = 1, guests: list[str] | None = None) -> str:
    """Book a stay."""
    return f"booked {city} for {days} and {guests}"


SCHEMA = book.spec.input_schema
CASES: list[tuple[dict[str, Any], str]] = [
    ({}, "city"),
    ({"city": 7}, "city"),
    ({"city": "Oslo", "days": "two"}, "days"),
    ({"city": "Oslo", "guests": ["Ada", 7]}, "guests"),
    ({"city": "Oslo", "town": "days"}, STRANGER),
]


@pytest.mark.parametrize(("arguments", "field"), CASES)
def test_a_python_tools_words_name_the_field(arguments: dict[str, Any], field: str) -> None:
    assert field_at_fault(misfit(book, canonical(arguments)), SCHEMA) == field


@pytest.mark.parametrize(("arguments", "field"), CASES)
def test_so_do_those_of_a_schemas_validator(arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(ArgumentsInvalid) as caught:
        compile_schema(SCHEMA).check(canonical(arguments))
    assert field_at_fault(str(caught.value), SCHEMA) == field


@given(st.text(), st.sampled_from([SCHEMA, {}, {"properties": True}]))
def test_no_words_become_anything_but_a_name_of_the_schema(words: str, schema: dict[str, Any]) -> None:
    assert field_at_fault(words, schema) in {"", STRANGER, *SCHEMA["properties"]}
