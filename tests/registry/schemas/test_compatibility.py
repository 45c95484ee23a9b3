"""A change of a definition is as large as what it takes from those who call the tool."""

from typing import Any

import msgspec
import pytest
from toolyard_registry.schemas.compatibility import compare, still_callable
from toolyard_registry.schemas.differences import differences, spec_differences
from toolyard_registry.versions import Bump

from tests.registry.wheels import spec

OUT: dict[str, Any] = {"type": "object", "properties": {"degrees": {"type": "number"}}, "required": ["degrees"]}


@pytest.mark.parametrize(
    ("after", "bump", "path"),
    [
        ({}, "none", ""),
        ({"description": "Tell how warm it is."}, "patch", "description"),
        ({"city": {"type": "string", "description": "In English."}}, "patch", "input"),
        ({"days": {"type": "integer"}}, "minor", "input.days"),
        ({"required": []}, "minor", "input.city"),
        ({"city": {"type": "string", "default": "Oslo"}}, "minor", "input"),
        ({"days": {"type": "integer"}, "required": ["city", "days"]}, "major", "input.days"),
        ({"city": {"type": "string", "enum": ["Oslo"]}}, "major", "input.city"),
        ({"city": {"type": "integer"}}, "major", "input.city"),
        ({"read_only": True}, "minor", "annotations.read_only"),
        ({"output": OUT}, "minor", "output"),
    ],
)
def test_a_change_asks_for_its_bump_and_names_the_place(after: dict[str, Any], bump: Bump, path: str) -> None:
    verdict = compare(spec(), spec(**after))
    assert verdict.bump == bump
    assert [change.path for change in verdict.changes if change.bump == bump][:1] == ([path] if path else [])


@pytest.mark.parametrize(
    ("output", "bump"),
    [
        (None, "major"),
        ({**OUT, "required": []}, "major"),
        ({**OUT, "properties": {"degrees": {"type": ["number", "null"]}}}, "major"),
        ({**OUT, "properties": {"degrees": {"type": "integer"}}}, "minor"),
        ({**OUT, "properties": {**OUT["properties"], "wind": {"type": "number"}}}, "minor"),
        ({**OUT, "description": "How warm it is."}, "patch"),
    ],
)
def test_what_callers_get_back_must_keep_its_promise(output: dict[str, Any] | None, bump: Bump) -> None:
    assert compare(spec(output=OUT), spec(output=output)).bump == bump


def test_a_tool_that_may_do_more_than_it_said_is_a_major_change() -> None:
    verdict = compare(spec(read_only=True), spec())
    assert verdict.bump == "major"
    assert {change.path for change in verdict.changes} == {
        "annotations.read_only",
        "annotations.idempotent",
        "annotations.destructive",
    }


def test_the_largest_changes_are_told_first() -> None:
    after = spec(description="Another.", days={"type": "integer"}, required=["city", "days"])
    assert [change.bump for change in compare(spec(), after).changes] == ["major", "patch"]


def test_a_schema_that_takes_more_can_still_be_called_as_before() -> None:
    wider = spec(days={"type": "integer"}).input_schema
    assert still_callable(spec().input_schema, wider)
    assert not still_callable(wider, spec().input_schema)


def test_differences_name_the_innermost_places() -> None:
    found = spec_differences(spec(), spec(description="Another.", days={"type": "integer"}))
    assert [str(each) for each in found] == [
        'description: "Tell the weather of a city." became "Another."',
        'input_schema.properties.days is new: {"type":"integer"}',
    ]
    assert str(differences({"a": [1, 2]}, {})[0]) == "a is gone: it was [1,2]"
    assert [each.path for each in differences({"a": [1, {"b": 1}]}, {"a": [1, {"b": True}]})] == ["a[1].b"]


def test_many_and_long_differences_are_cut() -> None:
    found = differences({}, {f"key{number:03}": "x" * 1000 for number in range(100)})
    assert len(found) == 50
    assert len(found[0].after or "") == 200


def test_a_verdict_can_be_sent() -> None:
    verdict = compare(spec(), spec(description="Another."))
    assert msgspec.to_builtins(verdict)["changes"][0]["path"] == "description"
