"""Arguments are checked against strangers' schemas; a fault names its field, and a hostile schema harms nobody."""

import socket
import time
from typing import Any

import pytest
from toolyard_registry.schemas.checking import SchemaInvalid, compile_schema
from toolyard_sdk.errors import ArgumentsInvalid

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer", "minimum": 1},
        "places": {"type": "array", "items": {"type": "object", "required": ["x"]}},
    },
    "required": ["city"],
    "additionalProperties": False,
}


def fault(schema: dict[str, Any], arguments: bytes) -> str:
    with pytest.raises(ArgumentsInvalid) as caught:
        compile_schema(schema).check(arguments)
    return str(caught.value)


def refusal(schema: dict[str, Any]) -> str:
    with pytest.raises(SchemaInvalid) as caught:
        compile_schema(schema)
    return str(caught.value)


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


def doubling(levels: int) -> dict[str, Any]:
    steps = {f"a{level}": {"allOf": [{"$ref": f"#/$defs/a{level + 1}"}] * 2} for level in range(levels)}
    return {"$ref": "#/$defs/a0", "$defs": {**steps, f"a{levels}": {"type": "object"}}}


@pytest.mark.parametrize("arguments", [b'{"city": "Oslo"}', b'{"city": "", "days": 1e2, "places": [{"x": null}]}'])
def test_arguments_that_fit_pass(arguments: bytes) -> None:
    compile_schema(WEATHER).check(arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (b'{"city": 1}', '`city`: the value is not of type "string"'),
        (b"{}", '"city" is a required property'),
        (b'{"city": "a", "days": 0}', "`days`: the value is less than the minimum of 1"),
        (b'{"city": "a", "places": [{"x": 1}, {}]}', '`places[1]`: "x" is a required property'),
        (b'{"city": "a", "town": 1}', "'town' was unexpected"),
        (b"[]", 'the value is not of type "object"'),
        (b'{"city": "\\ud800"}', "The arguments are no JSON"),
        (b'{"city": "\xff"}', "The arguments are no JSON"),
        (b'{"city"', "The arguments are no JSON"),
        (b"[" * 100_000, "The arguments are no JSON"),
    ],
)
def test_a_fault_names_the_field_and_what_the_arguments_are(arguments: bytes, words: str) -> None:
    told = fault(WEATHER, arguments)
    assert words in told
    assert told.endswith("The arguments are: city (string), days (integer, optional), places (array, optional).")


def test_what_a_caller_sent_is_not_repeated_at_length() -> None:
    told = fault({"properties": {"n": {"type": "integer"}}}, b'{"n": "' + b"long " * 10_000 + b'"}')
    assert len(told) < 200


def test_only_the_first_faults_are_told() -> None:
    properties = {f"p{number}": {"type": "integer"} for number in range(100)}
    told = fault({"properties": properties}, b"{%s}" % b",".join(b'"p%d":""' % number for number in range(100)))
    assert told.count("is not of type") == 3
    assert "and others" in told


def test_numbers_of_any_size_are_checked() -> None:
    compile_schema({"properties": {"n": {"minimum": 1}}}).check(b'{"n": %s}' % (b"9" * 400))


def test_the_draft_that_a_schema_names_is_used() -> None:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}
    assert '`[0]`: the value is not of type "string"' in fault(schema, b"[1]")


def test_arguments_deeper_than_anybody_writes_are_a_fault_told_in_few_words() -> None:
    schema = {"properties": {"a": {"$ref": "#"}, "b": {"type": "string"}}}
    compile_schema(schema).check(b'{"a": ' * 50 + b"{}" + b"}" * 50)
    told = fault(schema, b'{"a": ' * 900 + b'{"b": 1}' + b"}" * 900)
    assert 'a.a.a.b`: the value is not of type "string"' in told
    assert len(told) < 500


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"properties": {"city": {"type": "strng"}}}, "/properties/city/type: "),
        ({"properties": []}, "/properties: "),
        ({"required": "city"}, "/required: "),
        ({"pattern": "("}, "/pattern: "),
        ({"$ref": "#/$defs/nowhere"}, "/$defs/nowhere"),
        ({"$schema": "https://example.org/dialect"}, "https://example.org/dialect"),
        ({"properties": {"a": {"$ref": "other.json"}}}, "'other.json' leads out of the schema"),
        ({"$ref": "file:///etc/passwd"}, "leads out of the schema"),
        ({"$id": "https://example.org/a", "$ref": "b"}, "Retrieval is disabled"),
        ({"properties": {"a": {"const": "\ud800", "type": "\ud800"}}}, ""),
        (nested(150), "nested more than 100 levels"),
        (nested(50_000), "nested more than 100 levels"),
        (doubling(40), "multiply into more than 100000 checks"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_with_its_place(schema: dict[str, Any], words: str) -> None:
    assert words in refusal(schema)


def test_a_reference_to_another_server_connects_to_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        port = server.getsockname()[1]
        refusal({"$id": f"http://127.0.0.1:{port}/a", "properties": {"a": {"$ref": "b.json"}}})
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_pattern_that_explodes_is_given_up() -> None:
    validator = compile_schema({"pattern": "^(a+)+(?!b)$"})
    began = time.process_time()
    validator.faults("a" * 5_000 + "!")
    assert time.process_time() - began < 1


def test_a_schema_that_contains_itself_is_followed_as_far_as_the_arguments_go() -> None:
    tree = {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "leaf": {"type": "integer"}}}
    assert "`left.right.leaf`: " in fault(tree, b'{"left": {"right": {"leaf": ""}}}')


@pytest.mark.parametrize(("schema", "fits"), [(True, True), (False, False), ({}, True), ({"madeUp": 1}, True)])
def test_trivial_schemas_work_and_unknown_keywords_mean_nothing(schema: dict[str, Any] | bool, fits: bool) -> None:
    assert (compile_schema(schema).faults({}) == ()) is fits
