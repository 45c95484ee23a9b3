"""Schemas become self-contained JSON Schema 2020-12: nothing is lost that a validator can use, nothing is narrower."""

import json
from typing import Any

import pytest
from toolyard_registry.schemas.checking import compile_schema
from toolyard_registry.sources.openapi.definitions import BUDGET, HARD_BUDGET, Definitions
from toolyard_registry.sources.openapi.references import References
from toolyard_sdk.errors import ArgumentsInvalid

from tests.registry.sources.openapi.documents import body, document, imported, only


def translated(raw: Any, version: str = "3.0", **schemas: Any) -> dict[str, Any]:
    definitions = Definitions(References({"components": {"schemas": schemas}}), "3.1" if version == "3.1" else "3.0")
    made = definitions.translated(raw)
    assert isinstance(made, dict)
    enclosed = definitions.enclosed(made)
    compile_schema(enclosed)
    return enclosed


@pytest.mark.parametrize(
    ("raw", "made"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 1}),
        ({"type": "integer", "maximum": 9, "exclusiveMaximum": False}, {"type": "integer", "maximum": 9}),
        ({"type": "string", "example": "Rex"}, {"type": "string", "examples": ["Rex"]}),
        ({"type": "file"}, {}),
        ({"type": "string", "enum": [1, 3]}, {"enum": [1, 3]}),
        ({"type": "string", "enum": [1, "3"]}, {"type": "string", "enum": [1, "3"]}),
        ({"type": "string", "xml": {"name": "n"}, "externalDocs": {}, "x-a": 1}, {"type": "string"}),
        ({"required": True, "minLength": "1", "enum": [], "pattern": ""}, {}),
        ({"type": "string", "pattern": "^(a"}, {"type": "string"}),
        ({"type": "array", "items": [{"type": "string"}]}, {"type": "array", "prefixItems": [{"type": "string"}]}),
        (
            {"oneOf": [{"type": "string"}], "discriminator": {"propertyName": "kind"}},
            {"oneOf": [{"type": "string"}]},
        ),
        (
            {"properties": {"id": {"readOnly": True}, "name": {}}, "required": ["id", "name"]},
            {"properties": {"name": {}}, "required": ["name"]},
        ),
    ],
)
def test_words_of_openapi_become_words_of_json_schema(raw: Any, made: Any) -> None:
    assert translated(raw) == made


def test_openapi_31_keeps_what_json_schema_says_already() -> None:
    raw = {
        "type": ["string", "null"],
        "exclusiveMinimum": 3,
        "const": 1,
        "if": {"minLength": 2},
        "then": {"maxLength": 3},
    }
    assert translated(raw, "3.1") == raw
    assert translated({"type": "string", "nullable": True}, "3.1") == {"type": "string"}


def test_beside_a_reference_only_31_has_other_keywords() -> None:
    raw = {"$ref": "#/components/schemas/Name", "description": "whose", "minLength": 2}
    about = {"$defs": {"Name": {"type": "string"}}, "$ref": "#/$defs/Name", "description": "whose"}
    assert translated(raw, Name={"type": "string"}) == about
    assert translated(raw, "3.1", Name={"type": "string"}) == {**about, "minLength": 2}


def test_cycles_stay_cycles() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}, "required": ["name"]}
    validator = compile_schema(translated({"$ref": "#/components/schemas/Node"}, Node=node))
    assert validator.faults({"name": 1, "next": {"name": 2, "next": {"name": 3}}}) == ()
    assert validator.faults({"name": 1, "next": {"name": 2, "next": {}}})


def test_a_base_and_its_subtypes_that_name_each_other_do_not_go_in_circles() -> None:
    pet = {
        "type": "object",
        "properties": {"kind": {"type": "string"}},
        "required": ["kind"],
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
    }
    cat = {"allOf": [{"$ref": "#/components/schemas/Pet"}, {"properties": {"lives": {"type": "integer"}}}]}
    dog = {"allOf": [{"$ref": "#/components/schemas/Pet"}, {"required": ["breed"]}]}
    made = translated({"$ref": "#/components/schemas/Pet"}, Pet=pet, Cat=cat, Dog=dog)
    validator = compile_schema(made)
    assert validator.faults({"kind": "cat", "lives": 9}) == ()
    assert validator.faults({"lives": 9})
    assert validator.faults({"kind": "cat", "lives": "nine"})


@pytest.mark.parametrize("other", [{"allOf": [{"$ref": "#/components/schemas/A"}]}, {"$ref": "#/components/schemas/A"}])
def test_a_schema_made_of_itself_lets_everything_through(other: Any) -> None:
    made = translated({"type": "object", "properties": {"a": {"$ref": "#/components/schemas/A"}}}, A=other)
    assert compile_schema(made).faults({"a": [1]}) == ()


def test_two_schemas_with_one_last_name_stay_two() -> None:
    raw = {
        "paths": {"/a": {"x": {"Pet": {"type": "string"}}}},
        "components": {"schemas": {"Pet": {"type": "integer"}}},
    }
    definitions = Definitions(References(raw), "3.0")
    made = definitions.translated(
        {"allOf": [{"$ref": "#/components/schemas/Pet"}, {"not": {}}, {"$ref": "#/paths/~1a/x/Pet"}]}
    )
    assert isinstance(made, dict)
    assert definitions.enclosed(made)["$defs"] == {"Pet": {"type": "integer"}, "Pet_2": {"type": "string"}}


def test_what_is_required_is_kept_before_what_is_optional_and_the_rest_lets_everything_through() -> None:
    filler = {"type": "object", "properties": {f"p{n}": {"type": "string", "enum": ["x" * 40]} for n in range(60)}}
    schemas: Any = {f"S{n}": filler for n in range(40)} | {"Last": {"type": "integer"}}
    properties = {f"s{n}": {"$ref": f"#/components/schemas/S{n}"} for n in range(40)}
    raw = {"properties": {**properties, "last": {"$ref": "#/components/schemas/Last"}}, "required": ["last"]}
    made = translated(raw, **schemas)
    assert made["$defs"]["Last"] == {"type": "integer"}
    assert "left out for its size" in made["$defs"]["S39"]["description"]
    assert made["$defs"].keys() == schemas.keys()
    assert len(json.dumps(made["$defs"])) < BUDGET + 40 * 200 < HARD_BUDGET
    assert compile_schema(made).faults({"last": 1, "s39": 5}) == ()


def test_a_reference_that_leads_nowhere_is_told_once_and_hides_nothing_else() -> None:
    wrong = {"properties": {"a": {"$ref": "#/components/schemas/None"}, "b": {"$ref": "other.yaml#/B"}, "c": {}}}
    done = imported(document({path: {"post": body(wrong)} for path in ("/a", "/b")}))
    assert len(done.tools) == 2
    assert [problem.reason for problem in done.problems] == ["reference.broken", "reference.remote"]
    assert "other.yaml#/B; bundle everything into one file" in done.problems[1].words
    assert done.tools[0].spec.input_schema["properties"]["body"]["properties"] == {"a": {}, "b": {}, "c": {}}


def test_a_schema_that_multiplies_is_checked_as_far_as_it_can_be() -> None:
    schemas: dict[str, Any] = {
        f"S{number}": {"allOf": [{"$ref": f"#/components/schemas/S{number + 1}"}] * 10} for number in range(30)
    }
    schemas["S30"] = {"type": "object"}
    tool = only(body({"$ref": "#/components/schemas/S0"}), method="post", components={"schemas": schemas})
    tool.check(b'{"body": {}}')
    with pytest.raises(ArgumentsInvalid, match="body"):
        tool.check(b"{}")


def test_descriptions_are_shortened_at_a_sentence() -> None:
    long = "The <b>name</b> of\n the pet. " + "It may be long. " * 100
    tool = only({"parameters": [{"name": "n", "in": "query", "description": long, "schema": {}}], "description": long})
    told = tool.spec.input_schema["properties"]["n"]["description"]
    assert told.startswith("The name of the pet. It may be long.")
    assert told.endswith("long.")
    assert len(told) <= 300
    assert len(tool.spec.description) <= 1000


def test_a_schema_nested_very_deeply_ends_in_any_json() -> None:
    deep: dict[str, Any] = {"type": "integer"}
    for _ in range(300):
        deep = {"type": "object", "properties": {"a": deep}}
    value: Any = "no integer"
    for _ in range(60):
        value = {"a": value}
    assert compile_schema(translated(deep)).faults(value) == ()


@pytest.mark.parametrize(
    ("info", "about"),
    [
        (
            {"title": "Ferries", "summary": "When they go", "description": "<b>All</b>  of them", "version": "1"},
            "Ferries When they go All of them",
        ),
        ({"title": ["no text"], "version": "1"}, ""),
        (None, ""),
    ],
)
def test_what_a_document_says_of_itself_is_one_line(info: Any, about: str) -> None:
    assert imported(document({"/pets": {"get": {}}}) | {"info": info}).about == about
