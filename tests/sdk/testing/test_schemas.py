from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_sdk.testing import schema_problems, value_problems
from toolyard_sdk.testing.samples import sample

POINT = {"$ref": "#/$defs/Point", "$defs": {"Point": {"type": "object", "required": ["x"], "properties": {"x": True}}}}


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]},
        {"type": "array", "prefixItems": [{"type": "integer"}], "items": False},
        {"anyOf": [{"const": 1}, {"enum": ["a"]}], "x-order": 1},
        {"type": "string", "pattern": "^a", "minLength": 1.0, "format": "date"},
        POINT,
    ],
)
def test_a_well_formed_schema_has_no_problems(schema: Any) -> None:
    assert list(schema_problems(schema)) == []


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ([], "$"),
        ({"type": "text"}, "$.type"),
        ({"type": []}, "$.type"),
        ({"properties": []}, "$.properties"),
        ({"properties": {"a": {"type": "int"}}}, "$.properties.a.type"),
        ({"anyOf": []}, "$.anyOf"),
        ({"items": [{}]}, "$.items"),
        ({"enum": []}, "$.enum"),
        ({"required": "a"}, "$.required"),
        ({"required": ["b"], "properties": {"a": {}}}, "$.required"),
        ({"minimum": "1"}, "$.minimum"),
        ({"exclusiveMinimum": True, "minimum": 1}, "$.exclusiveMinimum"),
        ({"maxLength": -1}, "$.maxLength"),
        ({"pattern": "("}, "$.pattern"),
        ({"description": 5}, "$.description"),
        ({"$ref": "#/$defs/Gone"}, "$.$ref"),
        ({"$ref": "https://example.org/schema"}, "$.$ref"),
        ({"nullable": True}, "$"),
        ({"definitions": {}}, "$"),
        ({"tpye": "string"}, "$"),
    ],
)
def test_a_malformed_schema_is_told_by_its_place(schema: Any, place: str) -> None:
    problems = list(schema_problems(schema))
    assert [problem for problem in problems if problem.startswith(f"{place}:")], problems


@pytest.mark.parametrize(
    ("schema", "fits", "misfits"),
    [
        ({"type": "integer"}, [1, 1.0, -5], [True, 1.5, "1", None]),
        ({"type": "number"}, [1, 1.5], [True, "1", float("nan")]),
        ({"type": ["string", "null"]}, ["", None], [1, []]),
        ({"enum": [1, "a", None]}, [1, "a", None], [True, "b"]),
        ({"const": False}, [False], [0, None]),
        ({"minimum": 1, "exclusiveMaximum": 3}, [1, 2.9, "any text"], [0, 3]),
        ({"multipleOf": 5}, [10, "x"], [11]),
        ({"minLength": 2, "maxLength": 3}, ["ab", 5], ["a", "abcd"]),
        ({"pattern": "b"}, ["abc", 1], ["xyz"]),
        ({"items": {"type": "string"}, "minItems": 1}, [["a"], "not a list"], [[], [1]]),
        ({"prefixItems": [{"type": "integer"}], "items": False}, [[1], []], [["a"], [1, 2]]),
        (
            {"required": ["a"], "additionalProperties": False, "properties": {"a": True}},
            [{"a": 1}],
            [{}, {"a": 1, "b": 2}],
        ),
        ({"patternProperties": {"^x": {"type": "integer"}}}, [{"x1": 1, "y": "a"}], [{"x1": "a"}]),
        ({"propertyNames": {"maxLength": 1}}, [{"a": 1}], [{"ab": 1}]),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, ["a", 1], [None]),
        ({"oneOf": [{"minimum": 1}, {"maximum": 5}]}, [0, 6], [3]),
        ({"allOf": [{"minimum": 1}, {"maximum": 5}]}, [3], [0, 6]),
        ({"not": {"type": "null"}}, [1], [None]),
        ({"contains": {"const": 1}}, [[0, 1]], [[0], []]),
        (False, [], [1, None]),
        (POINT, [{"x": 1}], [{}, 5]),
    ],
)
def test_a_value_fits_as_the_specification_has_it(schema: Any, fits: list[Any], misfits: list[Any]) -> None:
    assert [value for value in fits if list(value_problems(schema, value))] == []
    assert [value for value in misfits if not list(value_problems(schema, value))] == []


HINTS = st.recursive(
    st.sampled_from([int, float, str, bool, None, int | None, str | int]),
    lambda inner: inner.map(lambda hint: list[hint]) | inner.map(lambda hint: dict[str, hint]),  # type: ignore[valid-type]  # a type made while the test runs
    max_leaves=4,
)


@given(HINTS)
def test_the_schema_of_any_type_is_well_formed_and_its_sample_fits_the_type(hint: Any) -> None:
    schema = msgspec.json.schema(hint)
    assert list(schema_problems(schema)) == []
    value = sample(schema)
    assert list(value_problems(schema, value)) == []
    msgspec.json.decode(msgspec.json.encode(value), type=hint)
