"""What one schema takes, another one takes: told only where it is certain."""

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from toolyard_registry.schemas.checking import SchemaInvalid, Validator, compile_schema
from toolyard_registry.schemas.containment import problems

from tests.registry.schema_samples import PARTS, VALUES, changed, fitting, whole


def compiled(schema: Any) -> Validator:
    try:
        return compile_schema(schema)
    except SchemaInvalid:
        assume(False)
        raise


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_value_that_a_schema_takes_is_taken_by_one_that_is_said_to_take_as_much(data: st.DataObject) -> None:
    one = data.draw(whole())
    other = data.draw(changed(data.draw(changed(one))))
    if data.draw(st.booleans()):
        one, other = other, one
    first, second = compiled(one), compiled(other)
    if problems(one, other):
        event("not certain")
        return
    event("certain" if one != other else "the same")
    for _ in range(6):
        value = data.draw(fitting(one, one) | VALUES)
        if not first.faults(value):
            assert not second.faults(value), (one, other, value)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(PARTS, PARTS)
def test_whatever_is_compared_there_is_an_answer(one: Any, other: Any) -> None:
    defs = {"$defs": {"one": {"type": "object", "properties": {"a": {"$ref": "#/$defs/two"}}}, "two": True}}
    for inner, outer in ((one, other), (other, one)):
        left, right = ({**part, **defs} if isinstance(part, dict) else part for part in (inner, outer))
        assert isinstance(problems(left, right), tuple)


OBJECT = {"type": "object"}


def members(required: list[str] | None = None, **parts: Any) -> dict[str, Any]:
    return {**OBJECT, "properties": parts, "required": required or [], "additionalProperties": False}


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        (members(a={"type": "string"}), members(a={"type": "string"}, b={"type": "integer"})),
        (members(["a"], a={"type": "string"}), members(a={"type": ["string", "null"]})),
        ({"type": "integer"}, {"type": "number"}),
        ({"type": "integer", "minimum": 3}, {"minimum": 1}),
        ({"exclusiveMinimum": 3, "type": "number"}, {"minimum": 3}),
        ({"enum": ["a", "b"]}, {"enum": ["c", "b", "a"]}),
        ({"enum": ["a", "b"]}, {"type": "string", "maxLength": 1}),
        ({"type": "boolean"}, {"enum": [True, False, None]}),
        ({"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": ["null", "string"]}),
        (
            {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
            {"type": "array", "items": {"type": "number"}},
        ),
        ({"allOf": [{"type": "string"}, {"minLength": 2}]}, {"type": "string", "minLength": 1}),
        ({"multipleOf": 4, "type": "integer"}, {"multipleOf": 2}),
        ({"type": "string", "pattern": "^a", "format": "uri"}, {"type": "string", "pattern": "^a"}),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, {"type": "number"}),
        (
            {"oneOf": [members(["k"], k={"const": "a"}), members(["k"], k={"const": "b"})]},
            {
                "oneOf": [
                    members(["k"], k={"const": "a"}),
                    members(["k"], k={"const": "b"}, more={"type": "string"}),
                    members(["k"], k={"const": "c"}),
                ]
            },
        ),
        (
            {
                "$ref": "#/$defs/tree",
                "$defs": {"tree": members(["left"], left={"anyOf": [{"type": "null"}, {"$ref": "#/$defs/tree"}]})},
            },
            {"$ref": "#/$defs/t", "$defs": {"t": members(left={"anyOf": [{"$ref": "#/$defs/t"}, {"type": "null"}]})}},
        ),
    ],
)
def test_what_takes_as_much_is_known_to(inner: Any, outer: Any) -> None:
    assert problems(inner, outer) == ()


@pytest.mark.parametrize(
    ("inner", "outer", "path", "reason"),
    [
        (members(a={}), members(["a"], a={}), "in.a", "is required"),
        (members(a={}, b={}), members(a={}), "in.b", "is no longer allowed"),
        (OBJECT, members(a={}), "in", "takes no further names"),
        (members(a={"type": "string"}), members(a={"type": "integer"}), "in.a", "may no longer be string"),
        (members(a={"enum": ["x", "y"]}), members(a={"enum": ["x"]}), "in.a", 'may no longer be "y"'),
        (members(a={"type": "integer"}), members(a={"type": "integer", "maximum": 5}), "in.a", "must be at most 5"),
        (
            members(a={"type": "string"}),
            members(a={"type": "string", "format": "date"}),
            "in.a",
            "must be of the format date",
        ),
        (
            members(a={"type": "array", "items": {"type": "string"}}),
            members(a={"type": "array", "items": {"type": "string", "minLength": 1}}),
            "in.a[]",
            "needs at least 1 characters",
        ),
        (OBJECT, {**OBJECT, "if": {"required": ["a"]}, "then": {"required": ["b"]}}, "in", "demands `if`, `then`"),
    ],
)
def test_what_takes_less_is_told_with_its_place(inner: Any, outer: Any, path: str, reason: str) -> None:
    found = problems(inner, outer, "in")
    assert [problem.path for problem in found] == [path]
    assert reason in found[0].reason


def test_schemas_that_would_take_for_ever_are_too_large_to_compare() -> None:
    deep: Any = {"type": "string"}
    wide: Any = {"type": "string", "minLength": 1}
    for _ in range(9):
        deep = {"anyOf": [{"type": "object", "properties": {"a": deep, "b": deep}}, {"type": "array", "items": deep}]}
        wide = {"anyOf": [{"type": "array", "items": wide}, {"type": "object", "properties": {"b": wide, "a": wide}}]}
    began = time.monotonic()
    assert [problem.reason for problem in problems(deep, wide)] == ["is too large to compare"]
    assert time.monotonic() - began < 5


def test_a_schema_of_an_unknown_draft_is_comparable_to_itself_only() -> None:
    old = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "integer",
        "exclusiveMinimum": True,
        "minimum": 1,
    }
    assert problems(old, dict(old)) == ()
    assert "draft" in problems(old, {**old, "minimum": 0})[0].reason


def test_in_draft_7_a_reference_stands_alone() -> None:
    draft = {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"n": {"type": "string"}}}
    inner = {**draft, "properties": {"a": {"$ref": "#/definitions/n", "maxLength": 1}}}
    outer = {**draft, "properties": {"a": {"type": "string", "maxLength": 1}}}
    assert problems(inner, outer)
