"""Arguments fill in what a document leaves open, and nothing else: no other path, parameter, header or secret."""

import base64
from typing import Any

import msgspec
import pytest
from toolyard_sdk.errors import ArgumentsInvalid

from tests.registry.sources.openapi.documents import SERVER, body, document, imported, only, parameter, sent, tools


def in_path(name: str = "id", **more: Any) -> dict[str, Any]:
    return parameter(name, "path", required=True, **more)


def refused(tool: Any, **arguments: Any) -> str:
    with pytest.raises(ArgumentsInvalid) as caught:
        tool.check(msgspec.json.encode(arguments))
    return str(caught.value)


def test_parameters_of_the_path_are_merged_and_those_of_the_operation_win() -> None:
    shared = [in_path(), parameter("limit", schema={"type": "integer"}), parameter("X-Trace", "header")]
    raw = document({"/pets/{id}": {"parameters": shared, "get": {"parameters": [parameter("limit", required=True)]}}})
    (tool,) = tools(raw).values()
    assert tool.spec.input_schema["required"] == ["id", "limit"]
    assert tool.spec.input_schema["properties"]["limit"] == {"type": "string"}
    request = sent(tool, **{"id": "7", "limit": "3", "X-Trace": "t"})
    assert (request.method, request.url, request.headers["X-Trace"]) == ("GET", f"{SERVER}/pets/7?limit=3", "t")


def test_parameters_bodies_and_paths_may_be_references() -> None:
    components = {
        "parameters": {"Id": {"$ref": "#/components/parameters/Real"}, "Real": in_path()},
        "requestBodies": {"Pet": {"content": {"application/json": {"schema": {"type": "object"}}}}},
    }
    operation = {
        "parameters": [{"$ref": "#/components/parameters/Id"}],
        "requestBody": {"$ref": "#/components/requestBodies/Pet"},
    }
    raw = document(
        {"/pets/{id}": {"$ref": "#/paths/~1animals~1{id}"}, "/animals/{id}": {"put": operation}}, components=components
    )
    made = list(tools(raw).values())
    assert [tool.plan.path for tool in made] == ["/pets/{id}", "/animals/{id}"]
    assert sent(made[0], id="a", body={"b": 1}).body == b'{"b":1}'


@pytest.mark.parametrize("value", ["..", ".", "", "..."])
def test_an_argument_cannot_leave_its_place_in_the_path(value: str) -> None:
    assert "part of the address" in refused(only({"parameters": [in_path()]}, "/pets/{id}"), id=value)


@pytest.mark.parametrize("value", ["../admin", "a/b", "a?b=c", "a#b", "a;b", "%2e%2e", "é\n"])
def test_whatever_a_path_argument_holds_is_one_segment(value: str) -> None:
    url = sent(only({"parameters": [in_path()]}, "/pets/{id}/x"), id=value).url
    assert url.isascii()
    assert url.count("/") == (SERVER + "/pets/{id}/x").count("/")
    assert not set("?#") & set(url)


def test_only_where_a_document_says_so_an_argument_spans_segments_and_still_goes_nowhere_else() -> None:
    tool = only({}, "/v1/{+name}")
    assert sent(tool, name="projects/p 1").url == f"{SERVER}/v1/projects/p%201"
    assert "cannot be parts" in refused(tool, name="projects/../../admin")


def test_a_place_that_no_parameter_describes_takes_a_text() -> None:
    tool = only({}, "/pets/{id}.json")
    assert tool.spec.input_schema["required"] == ["id"]
    assert sent(tool, id="a b").url == f"{SERVER}/pets/a%20b.json"


def test_a_query_in_a_path_is_kept_and_a_fragment_is_not_sent() -> None:
    assert sent(only({"parameters": [parameter("a")]}, "/x?op=list#Action=b"), a="1").url == f"{SERVER}/x?op=list&a=1"


@pytest.mark.parametrize("value", ["a\r\nX-Admin: 1", "a\nb", "\x00", "é"])
def test_an_argument_cannot_write_another_header(value: str) -> None:
    assert "goes into a header" in refused(only({"parameters": [parameter("X-A", "header")]}), **{"X-A": value})


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Authorization", "Accept", "Transfer-Encoding", "Connection"]
)
def test_headers_of_the_connection_are_no_arguments(name: str) -> None:
    tool = only({"parameters": [parameter(name, "header", required=True)]})
    assert tool.spec.input_schema["properties"] == {}


def test_an_idempotency_key_is_the_calls_own() -> None:
    tool = only({"parameters": [parameter("Idempotency-Key", "header", required=True)]}, method="post")
    assert tool.spec.input_schema["properties"] == {}
    assert sent(tool).headers["Idempotency-Key"] == "call_7"


def test_cookies_are_encoded_and_joined() -> None:
    tool = only({"parameters": [parameter("a", "cookie"), parameter("b", "cookie", {"type": "array"}, explode=False)]})
    assert sent(tool, a="x; admin=1", b=["1", "2"]).headers["Cookie"] == "a=x%3B%20admin%3D1; b=1,2"


HANDLE = "{{secret:api_key}}"


@pytest.mark.parametrize("place", ["path", "query", "header", "cookie"])
def test_an_argument_cannot_name_a_secret(place: str) -> None:
    listed = [parameter("a", place, required=True)]
    assert "cannot name secrets" in refused(
        only({"parameters": listed}, "/x/{a}" if place == "path" else "/x"), a=HANDLE
    )


@pytest.mark.parametrize(
    ("media", "value"),
    [
        ("application/json", {"a": HANDLE}),
        ("application/json", {HANDLE: 1}),
        ("application/x-www-form-urlencoded", {"a": HANDLE}),
        ("multipart/form-data", {"a": HANDLE}),
        ("text/plain", HANDLE),
        ("application/octet-stream", base64.b64encode(HANDLE.encode()).decode()),
    ],
)
def test_a_body_cannot_name_a_secret(media: str, value: Any) -> None:
    assert "cannot name secrets" in refused(only(body({}, media), method="post"), body=value)


def test_what_is_missing_or_does_not_fit_names_the_field() -> None:
    tool = only({"parameters": [parameter("n", schema={"type": "integer"}, required=True)]})
    assert '"n" is a required property' in refused(tool)
    assert refused(tool, n="x").startswith('`n`: the value is not of type "integer"')
    assert "unexpected" in refused(tool, n=1, m=2)
    tool.check(b'{"n": 1}')


def test_one_broken_operation_hides_no_other() -> None:
    raw = document(
        {
            "/a": {"get": {}, "post": 3, "put": {"requestBody": 1}, "patch": {"requestBody": {}}, "trace": {}},
            "/b": {"get": {"parameters": [{"name": "x"}]}, "post": {"parameters": [{"$ref": "#/nowhere"}]}},
            "/c": {"$ref": "other.yaml"},
            "/d": [],
            "e": {},
            "/f": {"get": {"parameters": [parameter("a b", "header")]}, "put": {"requestBody": {"$ref": "#/x"}}},
            "/g": {"get": {"servers": [{"url": "ftp://example.org"}]}, "put": {"servers": [{"url": "https://{x}/"}]}},
            "/h": {"$ref": "#/paths/~1i"},
            "/i": {"$ref": "#/paths/~1h"},
        }
    )
    done = imported(raw)
    assert [tool.spec.name for tool in done.tools] == ["pets_get_a"]
    assert {problem.where: problem.reason for problem in done.problems} == {
        "TRACE /a": "operation.method",
        "POST /a": "operation.invalid",
        "/c": "reference.remote",
        "/d": "operation.invalid",
        "#/paths: 'e'": "operation.invalid",
        "/h": "reference.cycle",
        "/i": "reference.cycle",
        "PUT /a": "body.invalid",
        "PATCH /a": "body.invalid",
        "GET /b": "parameter.invalid",
        "POST /b": "reference.broken",
        "GET /f": "parameter.invalid",
        "PUT /f": "reference.broken",
        "GET /g": "server.invalid",
        "PUT /g": "server.invalid",
    }


@pytest.mark.parametrize("paths", [[], None, "x"])
def test_paths_that_are_none_are_a_problem(paths: Any) -> None:
    assert [problem.reason for problem in imported(document(paths)).problems] == ["document.invalid"]


def test_methods_claim_what_http_says_of_them() -> None:
    raw = document({"/a": {method: {} for method in ("get", "head", "post", "put", "delete", "patch", "options")}})
    claims = {
        tool.plan.method: (tool.spec.annotations.read_only, tool.spec.annotations.idempotent)
        for tool in tools(raw).values()
    }
    safe, once, never = (True, True), (False, True), (False, False)
    assert claims == {
        "GET": safe,
        "HEAD": safe,
        "OPTIONS": safe,
        "PUT": once,
        "DELETE": once,
        "POST": never,
        "PATCH": never,
    }


def test_the_accept_header_says_what_the_answers_are_described_by() -> None:
    answers: dict[str, Any] = {
        "200": {"content": {"text/csv": {}, "application/vnd.pet+json": {}}},
        "404": {"content": {"a/b": {}}},
    }
    assert sent(only({"responses": answers})).headers["Accept"] == "application/vnd.pet+json, text/csv, */*;q=0.1"
    fixed = [parameter("Accept", "header", {"enum": ["application/vnd.github.x+json"]}, required=True)]
    assert sent(only({"parameters": fixed})).headers["Accept"] == "application/vnd.github.x+json"
    assert sent(only({})).headers["Accept"].startswith("application/json, ")
