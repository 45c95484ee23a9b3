"""Bodies are encoded as their media type wants them; a standard parser reads every one back."""

import base64
from email.message import Message
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.sources.openapi.forms import multipart, urlencoded
from toolyard_sdk.errors import ArgumentsInvalid

from tests.registry.sources.openapi.documents import body, only, sent

FIELDS = st.dictionaries(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), st.text(), max_size=4
)


def parts_of(media: str, content: bytes) -> list[tuple[str, str | None, str, bytes]]:
    """Return (name, file name, content type, content) of each part, read by the standard library."""
    message = BytesParser().parsebytes(f"Content-Type: {media}\r\n\r\n".encode() + content)
    assert message.is_multipart()
    made = []
    for part in message.get_payload():
        assert isinstance(part, Message)
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        name = str(part.get_param("name", header="content-disposition"))
        made.append((name, part.get_filename(), part.get_content_type(), payload))
    return made


def test_json_is_sent_under_the_type_the_document_names() -> None:
    tool = only(body({"type": "object"}, "application/merge-patch+json; charset=utf-8"), method="patch")
    request = sent(tool, body={"a": "é"})
    assert request.headers["Content-Type"] == "application/merge-patch+json; charset=utf-8"
    assert msgspec.json.decode(request.body) == {"a": "é"}


def test_of_several_types_json_is_taken_first_then_forms_then_text() -> None:
    def chosen(*medias: str) -> str:
        operation = {"requestBody": {"content": {media: {"schema": {"type": "object"}} for media in medias}}}
        tool = only(operation, method="post")
        assert tool.plan.body is not None
        return f"{tool.plan.body.kind} {tool.plan.body.media}"

    assert chosen("text/plain", "multipart/form-data", "application/hal+json") == "json application/hal+json"
    assert chosen("text/xml", "multipart/form-data") == "multipart multipart/form-data"
    assert chosen("image/png", "application/xml") == "text application/xml"
    assert chosen("*/*") == "json application/json"
    assert chosen("image/*") == "binary application/octet-stream"


def test_an_optional_body_may_be_left_out() -> None:
    operation = {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}
    request = sent(only(operation, method="post"))
    assert request.body == b""
    assert "Content-Type" not in request.headers


def test_fields_of_a_form_follow_their_encoding() -> None:
    schema = {
        "type": "object",
        "properties": {name: {} for name in ("tags", "listed", "deep", "json", "plain")},
    }
    encoding = {
        "listed": {"style": "pipeDelimited", "explode": False},
        "deep": {"style": "deepObject", "explode": True},
        "json": {"contentType": "application/json"},
    }
    tool = only(body(schema, "application/x-www-form-urlencoded", encoding=encoding), method="post")
    given = {"tags": ["a", "b"], "listed": [1, 2], "deep": {"x": {"y": 1}}, "json": [1], "plain": {"z": True}}
    assert parse_qsl(sent(tool, body=given).body.decode()) == [
        ("tags", "a"),
        ("tags", "b"),
        ("listed", "1|2"),
        ("deep[x][y]", "1"),
        ("json", "[1]"),
        ("plain", '{"z":true}'),
    ]


@given(FIELDS)
def test_a_form_is_read_back_by_the_standard_library(fields: dict[str, str]) -> None:
    assert dict(parse_qsl(urlencoded(fields, {}), keep_blank_values=True, strict_parsing=bool(fields))) == fields


def test_files_are_base64_in_the_argument_and_bytes_in_the_request() -> None:
    schema = {
        "type": "object",
        "properties": {
            "photo": {"type": "string", "format": "binary", "description": "A picture."},
            "more": {"type": "array", "items": {"type": "string", "format": "binary"}},
            "about": {"type": "object", "properties": {"age": {"type": "integer"}}},
            "names": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["photo"],
    }
    encoding = {"photo": {"contentType": "image/png"}}
    tool = only(body(schema, "multipart/form-data", encoding=encoding), method="post")
    described = tool.spec.input_schema["properties"]["body"]["properties"]
    assert described["photo"] == {
        "type": "string",
        "contentEncoding": "base64",
        "description": "A picture. (the file's content in base64)",
    }
    assert described["more"]["items"]["contentEncoding"] == "base64"
    raw = bytes(range(256))
    encoded = base64.b64encode(raw).decode()
    given = {"photo": encoded, "more": [encoded, ""], "about": {"age": 3}, "names": ["Rex", "Ida"]}
    request = sent(tool, body=given)
    assert parts_of(request.headers["Content-Type"], request.body) == [
        ("photo", "photo", "image/png", raw),
        ("more", "more", "application/octet-stream", raw),
        ("more", "more", "application/octet-stream", b""),
        ("about", None, "application/json", b'{"age":3}'),
        ("names", None, "text/plain", b"Rex"),
        ("names", None, "text/plain", b"Ida"),
    ]
    assert sent(tool, body=given) == request
    with pytest.raises(ArgumentsInvalid, match="`photo` must be base64"):
        sent(tool, body={"photo": "no base64!"})


@given(FIELDS)
def test_a_multipart_body_is_read_back_by_the_standard_library(fields: dict[str, str]) -> None:
    media, content = multipart(fields, {}, {}, "multipart/form-data")
    if fields:
        read = {name: part.decode() for name, _, _, part in parts_of(media, content)}
        lines = {name: value.replace("\r\n", "\n").replace("\r", "\n") for name, value in fields.items()}
        assert {name: value.replace("\r\n", "\n").replace("\r", "\n") for name, value in read.items()} == lines


@pytest.mark.parametrize("name", ['a"b', "a\r\nX: y", "a; filename=x"])
def test_a_fields_name_cannot_write_a_parts_header(name: str) -> None:
    _, content = multipart({name: "v"}, {}, {}, "multipart/form-data")
    head = content.split(b"\r\n\r\n")[0].split(b"\r\n")
    assert len(head) == 2
    assert head[1].count(b'"') == 2


def test_fields_of_all_of_are_fields_of_the_form() -> None:
    schema = {"allOf": [{"properties": {"a": {"type": "string", "format": "binary"}}}, {"required": ["a"]}]}
    tool = only(body(schema, "multipart/form-data"), method="post")
    form = tool.spec.input_schema["properties"]["body"]
    assert form["required"] == ["a"]
    assert form["properties"]["a"]["contentEncoding"] == "base64"


def test_a_form_made_of_itself_or_of_very_many_parts_is_read_all_the_same() -> None:
    schemas: dict[str, Any] = {
        f"S{number}": {"allOf": [{"$ref": f"#/components/schemas/S{number + 1}"}] * 10} for number in range(30)
    }
    schemas["S30"] = {"properties": {"a": {"$ref": "#/components/schemas/Lists"}, "b": {"type": "string"}}}
    schemas["Lists"] = {"type": "array", "items": {"$ref": "#/components/schemas/Lists"}}
    schemas["S15"]["allOf"].append({"$ref": "#/components/schemas/S0"})
    form = body({"$ref": "#/components/schemas/S0"}, "multipart/form-data")
    tool = only(form, method="post", components={"schemas": schemas})
    assert tool.spec.input_schema["properties"]["body"]["properties"].keys() == {"a", "b"}


def test_text_and_bytes_are_sent_as_they_are() -> None:
    assert (
        sent(only(body({"type": "object"}, "application/xml"), method="post"), body="<a>é</a>").body
        == b"<a>\xc3\xa9</a>"
    )
    binary = only(body({"type": "string", "format": "binary"}, "application/octet-stream"), method="post")
    assert sent(binary, body="AAEC/w==").body == b"\0\1\2\xff"
    with pytest.raises(ArgumentsInvalid, match="`body` must be base64"):
        sent(binary, body="é")


@pytest.mark.parametrize("media", ["", "application/json\r\nX: y", "é/x"])
def test_a_media_type_that_cannot_be_sent_reaches_no_header(media: str) -> None:
    from tests.registry.sources.openapi.documents import document, imported  # noqa: PLC0415 - used by this test only

    done = imported(document({"/a": {"post": body({"type": "object"}, media)}}))
    for tool in done.tools:
        assert sent(tool, body={}).headers["Content-Type"] == "application/json"
    assert bool(done.tools) == (media == "")


def test_a_form_must_be_an_object() -> None:
    tool: Any = only(body({"anyOf": [{"type": "object"}, {"type": "string"}]}, "multipart/form-data"), method="post")
    with pytest.raises(ArgumentsInvalid, match="`body` must be an object"):
        sent(tool, body="x")
