"""Secrets are named where a document wants credentials; which server is meant is found or told."""

from typing import Any

import pytest
from toolyard_registry.sources.openapi.problems import Unusable
from toolyard_registry.sources.openapi.servers import base_url, checked
from toolyard_registry.sources.openapi.settings import named_hosts, read_settings
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.ports import Tool

from tests.registry.sources.openapi.documents import document, imported, only, parameter, sent

SCHEMES = {
    "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "query": {"type": "apiKey", "in": "query", "name": "api key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "basic": {"type": "http", "scheme": "Basic"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "oauth": {"type": "oauth2", "flows": {}},
    "oidc": {"$ref": "#/components/securitySchemes/real"},
    "real": {"type": "openIdConnect", "openIdConnectUrl": "https://example.org"},
    "digest": {"type": "http", "scheme": "digest"},
    "mutual": {"type": "mutualTLS"},
}


def secured(*alternatives: dict[str, Any], secrets: tuple[str, ...] = ()) -> Any:
    raw = document({"/a": {"get": {"security": list(alternatives)}}}, components={"securitySchemes": SCHEMES})
    return imported(raw, security={name: name.upper() for name in secrets})


@pytest.mark.parametrize(
    ("scheme", "header", "value"),
    [
        ("key", "X-Key", "{{secret:KEY}}"),
        ("cookie", "Cookie", "sid={{secret:COOKIE}}"),
        ("basic", "Authorization", "Basic {{secret:BASIC}}"),
        ("bearer", "Authorization", "Bearer {{secret:BEARER}}"),
        ("oauth", "Authorization", "Bearer {{secret:OAUTH}}"),
        ("oidc", "Authorization", "Bearer {{secret:OIDC}}"),
    ],
)
def test_a_credential_is_a_handle_where_the_scheme_says(scheme: str, header: str, value: str) -> None:
    done = secured({scheme: []}, secrets=(scheme,))
    assert done.problems == ()
    assert sent(done.tools[0]).headers[header] == value


def test_a_credential_in_the_query_is_a_handle_too() -> None:
    done = secured({"query": []}, secrets=("query",))
    assert sent(done.tools[0]).url.endswith("/a?api%20key={{secret:QUERY}}")


def test_the_first_alternative_counts_whose_schemes_are_all_filled() -> None:
    done = secured({"bearer": [], "key": []}, {}, {"cookie": [], "key": []}, secrets=("key", "cookie"))
    headers = sent(done.tools[0]).headers
    assert (headers["X-Key"], headers["Cookie"], "Authorization" in headers) == (
        "{{secret:KEY}}",
        "sid={{secret:COOKIE}}",
        False,
    )


def test_without_credentials_an_operation_is_offered_and_the_operator_told() -> None:
    done = secured({"key": []})
    assert "X-Key" not in sent(done.tools[0]).headers
    assert [str(problem) for problem in done.problems] == [
        'GET /a: is sent without credentials: write security = { key = "NAME_OF_A_SECRET" } in toolyard.toml'
    ]
    assert secured({"key": []}, {}).problems == ()
    assert secured().problems == ()


def test_the_documents_security_is_for_operations_without_their_own() -> None:
    raw = document(
        {"/a": {"get": {}, "post": {"security": []}}},
        components={"securitySchemes": SCHEMES},
        security=[{"key": []}],
    )
    first, second = imported(raw, security={"key": "K"}).tools
    assert sent(first).headers["X-Key"] == "{{secret:K}}"
    assert "X-Key" not in sent(second).headers


@pytest.mark.parametrize(
    ("scheme", "reason"),
    [("digest", "security.unsupported"), ("mutual", "security.unsupported"), ("x", "security.unknown")],
)
def test_a_scheme_that_no_secret_can_fill_is_told(scheme: str, reason: str) -> None:
    done = secured({scheme: []}, secrets=(scheme,))
    assert len(done.tools) == 1
    assert {problem.reason for problem in done.problems} == {reason, *(["security.unknown"] if scheme == "x" else [])}


def test_a_parameter_can_be_filled_by_a_secret_and_is_then_no_argument() -> None:
    listed = [parameter("key", required=True), parameter("Authorization", "header", required=True), parameter("q")]
    tool = only({"parameters": listed}, settings={"security": {"key": "K", "Authorization": "A"}})
    assert list(tool.spec.input_schema["properties"]) == ["q"]
    assert "required" not in tool.spec.input_schema
    request = sent(tool, q="x")
    assert request.url.endswith("/pets?q=x&key={{secret:K}}")
    assert request.headers["Authorization"] == "{{secret:A}}"


def test_a_secret_for_what_there_is_not_is_told_with_what_there_is() -> None:
    raw = document({"/a": {"get": {}}}, components={"securitySchemes": {"key": SCHEMES["key"]}})
    assert [str(problem) for problem in imported(raw, security={"kye": "K"}).problems] == [
        "security names 'kye', but the document's schemes are: key"
    ]


@pytest.mark.parametrize(
    ("servers", "chosen", "made"),
    [
        ([{"url": "https://a.example/v1/"}, {"url": "https://b.example"}], "", "https://a.example/v1"),
        ([{"url": "https://a.example"}], "http://localhost:8080/x", "http://localhost:8080/x"),
        ([{"url": "/v2"}], "", "https://docs.example/v2"),
        ([{"url": "v2"}], "", "https://docs.example/api/v2"),
        ([{"url": "//b.example/v2"}], "", "https://b.example/v2"),
        (None, "", "https://docs.example"),
        ([{"url": "https://{r}.a.example/{v}", "variables": {"r": {"default": "eu"}}}], "", "https://eu.a.example/3"),
        ([], "https://{v}.example", "https://3.example"),
    ],
)
def test_the_server_is_found(servers: Any, chosen: str, made: str) -> None:
    found = base_url(servers, chosen=chosen, variables={"v": "3"}, document_url="https://docs.example/api/pets.json")
    assert found == made


@pytest.mark.parametrize(
    ("servers", "told"),
    [
        ([{"url": "/v2"}], 'write server = "https://..."'),
        ([{}], "has no url"),
        ([{"url": "https://{r}.example"}], 'needs variables = { r = "..." }'),
        ([{"url": "https://{v}", "variables": {"v": {"enum": ["1", "2"]}}}], "can be 1, 2, not '3'"),
        ([{"url": "ftp://a.example"}], "is no http or https address"),
        ([{"url": "https://u:p@a.example"}], "holds what no address may"),
        ([{"url": "https://a.example:99999"}], "is no address"),
    ],
)
def test_a_server_that_cannot_be_used_is_told(servers: Any, told: str) -> None:
    with pytest.raises(Unusable) as caught:
        base_url(servers, chosen="", variables={"v": "3"}, document_url="")
    assert told in caught.value.words


def test_an_operation_has_the_nearest_servers() -> None:
    raw = document(
        {
            "/a": {
                "servers": [{"url": "https://path.example"}],
                "get": {"servers": [{"url": "https://own.example"}]},
                "post": {},
            },
            "/b": {"get": {}},
        }
    )
    assert [sent(tool).url for tool in imported(raw).tools] == [
        "https://own.example/a",
        "https://path.example/a",
        "https://api.example.org/v1/b",
    ]
    assert sent(imported(raw, server="http://localhost:1").tools[0]).url == "http://localhost:1/a"


def test_an_address_is_kept_without_its_query() -> None:
    assert checked("https://A.example:8080/x/?q=1#f") == "https://A.example:8080/x"


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({}, 'write either file = "tools/api.yaml" or url'),
        ({"file": "a", "url": "https://b"}, "write either"),
        ({"url": "a.yaml"}, "must begin with https://"),
        ({"file": "a", "server": "api.example.org"}, "is no http or https address"),
        ({"file": "a", "timeout": 0}, "must be more than 0"),
        ({"file": "a", "sever": "x"}, "unknown field `sever`"),
        ({"file": "a", "security": ["x"]}, "Expected `object`"),
    ],
)
def test_settings_that_cannot_be_used_name_the_source_and_the_key(raw: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings("pets", raw)
    assert caught.value.message.startswith("[sources.pets]: ")
    assert told in caught.value.message


def test_the_hosts_an_operator_names_are_known() -> None:
    settings = read_settings(
        "pets", {"url": "https://docs.example/a", "server": "https://{r}.x:81/v", "variables": {"r": "eu"}}
    )
    assert named_hosts(settings) == ("docs.example", "eu.x:81")
    assert named_hosts(read_settings("pets", {"file": "a", "server": "https://{r}.x"})) == ()


def test_an_operation_is_a_tool() -> None:
    tool: Tool = only({})
    assert tool.spec.name == "pets_get_pets"
