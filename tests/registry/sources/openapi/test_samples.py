"""The samples that the directory of documents is judged with are themselves right."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.schemas.checking import compile_schema

from tests.registry.sources.openapi.samples import VARIANTS, matching, sample


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[0-9]{4,}-(0[1-9]|1[012])-(0[1-9]|[12][0-9]|3[01])$",
        r"^[{(]?[0-9A-F]{8}[-]?([0-9A-F]{4}[-]?){3}[0-9A-F]{12}[)}]?$",
        r"^arn:aws[a-z-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$",
        r"^x\d{2}[^a-z]\w+\s?$",
        r"^[^/]+/[^/]+$",
        r"^\S+@\S+\.\S{2,}$",
        r"^(a)\1.[^a]$",
    ],
)
def test_a_text_is_found_for_a_pattern(pattern: str) -> None:
    assert re.search(pattern, matching(pattern))


LIMITS = st.integers(-50, 50)


@given(LIMITS, st.integers(0, 9), st.sampled_from([None, 2, 5]), st.sampled_from(["integer", "number"]))
def test_numbers_are_within_their_limits(low: int, size: int, every: int | None, kind: str) -> None:
    step = {"multipleOf": every} if every else {}
    schema = {"type": kind, "minimum": low, "maximum": low + size + (every or 0), **step}
    assert compile_schema(schema).faults(sample(schema)) == ()


def test_everything_required_is_there_and_nothing_else() -> None:
    schema = {
        "type": "object",
        "required": ["a", "c"],
        "properties": {
            "a": {"$ref": "#/$defs/A"},
            "b": {"type": "string"},
            "c": {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"type": "string"}},
        },
        "$defs": {"A": {"allOf": [{"type": "object", "required": ["x"]}, {"properties": {"x": {"enum": [5]}}}]}},
    }
    for variant in range(VARIANTS):
        made = sample(schema, variant)
        assert compile_schema(schema).faults(made) == ()
        assert made.keys() == {"a", "c"}
        assert made["a"] == {"x": 5}
