"""An answer becomes a result: status and content, what failed and what to do, and how to get the next page."""

from typing import Any

import msgspec
import pytest
from toolyard_registry.sources.openapi.replies import EXCERPT, read_reply
from toolyard_sdk.egress import EgressReply
from toolyard_sdk.messages import ToolResult


def read(
    body: Any, status: int = 200, *, safe: bool = True, arguments: tuple[str, ...] = (), **headers: str
) -> ToolResult:
    """Return the result of an answer: JSON unless its body is bytes."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    given = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    reply = EgressReply(status, tuple(given.items()), raw, "https://api.example.org/pets")
    return read_reply(reply, "GET /pets", safe=safe, arguments=arguments)


def test_json_is_text_and_structure() -> None:
    result = read({"a": [1, "é"]})
    assert result == ToolResult('HTTP 200 OK\n{"a":[1,"é"]}', {"a": [1, "é"]})


def test_an_empty_answer_is_its_status() -> None:
    assert read(b"", 204) == ToolResult("HTTP 204 No Content")
    assert read(b"", 299).text == "HTTP 299"


@pytest.mark.parametrize(
    ("media", "body", "text"),
    [
        ("text/plain; charset=iso-8859-1", b"caf\xe9", "café"),
        ("text/plain; charset=nonsense", b"caf\xc3\xa9", "café"),
        ("application/xml", b"<a/>", "<a/>"),
        ("text/csv", b"a\xff", "a\ufffd"),
        ("application/json", b"{not json", "{not json"),
        ("", b"words", "words"),
        ("application/octet-stream", b"\xff\x00", "(2 bytes of application/octet-stream, in base64)\n/wA="),
        ("image/png", b"\xff" * 70_000, "(70000 bytes of image/png, which are too many to show)"),
    ],
)
def test_every_kind_of_content_is_told(media: str, body: bytes, text: str) -> None:
    assert read(body, content_type=media).text == f"HTTP 200 OK\n{text}"


def test_json_without_a_type_is_json() -> None:
    assert read(b'{"a": 1}', content_type="").structured == {"a": 1}


def test_a_failed_request_is_an_error_with_what_the_service_said() -> None:
    result = read({"error": "no such pet"}, 404)
    assert result.is_error
    assert result.text == 'HTTP 404 Not Found, answered to GET /pets.\n{"error":"no such pet"}'
    assert result.structured == {"error": "no such pet"}


def test_a_failed_request_says_what_can_be_done() -> None:
    assert "It may be asked again after 30 seconds." in read(b"", 429, retry_after="30").text
    assert "The credentials are the operator's to set" in read(b"", 401).text
    assert "Whether it took effect is unknown" in read(b"", 504, safe=False).text
    assert "unknown" not in read(b"", 504).text


def test_a_long_failure_is_cut() -> None:
    text = read(b"x" * 10_000, 500, content_type="text/html").text
    assert text.endswith(f"[cut: {EXCERPT} of 10000 characters]")


@pytest.mark.parametrize(
    ("link", "hint"),
    [
        ('<https://api.example.org/pets?page=3&x=1>; rel="next"', 'There is more: call again with page="3".'),
        ('</pets?page=1>; rel=prev, </pets?page=3>; rel="last next"', 'There is more: call again with page="3".'),
        ("<https://api.example.org/pets/next>; rel=next", "There is more, at https://api.example.org/pets/next."),
        ('<https://api.example.org/pets?page=1>; rel="first"', ""),
        ("nonsense", ""),
    ],
)
def test_a_link_header_tells_of_the_next_page(link: str, hint: str) -> None:
    lines = read([], arguments=("page", "limit"), link=link).text.split("\n")
    assert lines == ["HTTP 200 OK", *([hint] if hint else []), "[]"]


@pytest.mark.parametrize(
    ("body", "arguments", "hint"),
    [
        ({"nextPageToken": "t"}, ("pageToken",), 'call again with pageToken="t".'),
        ({"meta": {"next_cursor": "c"}}, ("cursor",), 'call again with cursor="c".'),
        ({"paging": {"next": {"after": 1}, "cursors": {"next": "c"}}}, (), '`paging.cursors.next` is "c".'),
        ({"next": "https://api.example.org/pets?offset=20"}, ("offset",), 'call again with offset="20".'),
        ({"next": 3}, ("page",), "call again with page=3."),
        ({"has_more": True, "data": []}, (), "`has_more` says so."),
        ({"@odata.nextLink": "https://g.example/p?$skiptoken=x"}, (), "at https://g.example/p?$skiptoken=x."),
        ({"next": None, "has_more": False, "next_cursor": ""}, ("cursor",), ""),
        ({"nested": {"deeper": {"next_cursor": "c"}}}, (), ""),
        ([{"next": "x"}], (), ""),
    ],
)
def test_a_field_of_the_body_tells_of_the_next_page(body: Any, arguments: tuple[str, ...], hint: str) -> None:
    lines = read(body, arguments=arguments).text.split("\n")
    assert len(lines) == (3 if hint else 2)
    if hint:
        assert lines[1].startswith("There is more")
        assert lines[1].endswith(hint)


def test_numbers_and_texts_that_would_stop_a_parser_do_not_stop_a_result() -> None:
    assert read(b"[" * 100_000).text.startswith("HTTP 200 OK\n[[[")
    assert read(b'"\\ud800"').text.startswith("HTTP 200 OK")
    assert read(b"[]", link="<" * 100_000).text == "HTTP 200 OK\n[]"
