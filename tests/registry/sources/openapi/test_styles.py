"""What is written in a style is read back by a decoder that was written from the tables of OpenAPI and nothing else."""

from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.sources.openapi.escaping import percent, unpercent
from toolyard_registry.sources.openapi.styles import in_header, in_path, in_query

from tests.registry.sources.openapi.documents import SERVER, only, parameter, sent

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
LISTS = st.lists(TEXTS, min_size=1, max_size=4)
OBJECTS = st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=4)


def pairs(pieces: list[str]) -> dict[str, str]:
    return {unquote(key): unquote(value) for key, value in zip(pieces[::2], pieces[1::2], strict=True)}


def read_path(style: str, explode: bool, kind: str, text: str) -> Any:
    """Decode a path parameter named `p`, after the table of section 4.8.12.3."""
    lead = {"simple": "", "label": ".", "matrix": ";"}[style]
    assert text.startswith(lead)
    rest = text[len(lead) :]
    if style == "matrix" and not (kind == "object" and explode):
        if kind == "list" and explode:
            return [unquote(piece.removeprefix("p=")) for piece in rest.split(";")]
        assert rest.startswith("p=")
        rest = rest[2:]
    if kind == "text":
        return unquote(rest)
    separator = {"simple": ",", "label": ".", "matrix": ";"}[style] if explode else ","
    pieces = rest.split(separator)
    if kind == "list":
        return [unquote(piece) for piece in pieces]
    return pairs([part for piece in pieces for part in piece.split("=")]) if explode else pairs(pieces)


def read_query(style: str, explode: bool, kind: str, query: str) -> Any:
    """Decode a query parameter named `p`."""
    given = [piece.split("=") for piece in query.split("&")]
    if style == "deepObject":
        return {unquote(key).removeprefix("p[").removesuffix("]"): unquote(value) for key, value in given}
    if explode and kind == "object":
        return {unquote(key): unquote(value) for key, value in given}
    assert all(key == "p" for key, _ in given)
    if explode and kind == "list":
        return [unquote(value) for _, value in given]
    ((_, value),) = given
    if kind == "text":
        return unquote(value)
    pieces = value.split({"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}[style])
    return [unquote(piece) for piece in pieces] if kind == "list" else pairs(pieces)


@pytest.mark.parametrize("style", ["simple", "label", "matrix"])
@pytest.mark.parametrize("explode", [False, True])
@given(text=TEXTS, listed=LISTS, keyed=OBJECTS)
def test_path_parameters_come_back_as_they_were(
    style: Any, explode: bool, text: str, listed: list[str], keyed: dict[str, str]
) -> None:
    dotted = style == "label" and explode  # its delimiter is a character that is never encoded
    for kind, value in (("text", text), ("list", listed), ("object", keyed)):
        if not (dotted and "." in str(value)):
            assert read_path(style, explode, kind, in_path(style, explode, "p", value)) == value


@pytest.mark.parametrize("style", ["form", "spaceDelimited", "pipeDelimited"])
@pytest.mark.parametrize("explode", [False, True])
@given(text=TEXTS, listed=LISTS, keyed=OBJECTS)
def test_query_parameters_come_back_as_they_were(
    style: Any, explode: bool, text: str, listed: list[str], keyed: dict[str, str]
) -> None:
    delimiter = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}[style]
    for kind, value in (("text", text), ("list", listed), ("object", keyed)):
        if not (style != "form" and kind != "text" and delimiter in str(value)):
            assert read_query(style, explode, kind, "&".join(in_query(style, explode, "p", value))) == value


@given(keyed=st.dictionaries(TEXTS.filter(lambda key: "[" not in key and "]" not in key), TEXTS, min_size=1))
def test_deep_objects_come_back_as_they_were(keyed: dict[str, str]) -> None:
    assert read_query("deepObject", True, "object", "&".join(in_query("deepObject", True, "p", keyed))) == keyed


@given(text=st.text())
def test_percent_encoding_is_undone(text: str) -> None:
    encoded = percent(text)
    assert encoded.isascii()
    assert unpercent(encoded) == unquote(encoded) == text.encode(errors="replace").decode()


@given(text=st.text(st.sampled_from("%4Gaé{}")))
def test_what_is_no_escape_stays(text: str) -> None:
    assert unpercent(text) == unquote(text, errors="replace")


COLOURS = ["blue", "black", "brown"]
RGB = {"R": 100, "G": 200, "B": 150}


@pytest.mark.parametrize(
    ("style", "explode", "text", "listed", "keyed"),
    [
        ("matrix", False, ";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"),
        ("matrix", True, ";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"),
        ("label", False, ".blue", ".blue,black,brown", ".R,100,G,200,B,150"),
        ("label", True, ".blue", ".blue.black.brown", ".R=100.G=200.B=150"),
        ("simple", False, "blue", "blue,black,brown", "R,100,G,200,B,150"),
        ("simple", True, "blue", "blue,black,brown", "R=100,G=200,B=150"),
    ],
)
def test_the_specifications_examples_for_paths(style: Any, explode: bool, text: str, listed: str, keyed: str) -> None:
    assert [in_path(style, explode, "color", value) for value in ("blue", COLOURS, RGB)] == [text, listed, keyed]


@pytest.mark.parametrize(
    ("style", "explode", "listed", "keyed"),
    [
        ("form", False, "color=blue,black,brown", "color=R,100,G,200,B,150"),
        ("form", True, "color=blue&color=black&color=brown", "R=100&G=200&B=150"),
        ("spaceDelimited", False, "color=blue%20black%20brown", "color=R%20100%20G%20200%20B%20150"),
        ("pipeDelimited", False, "color=blue%7Cblack%7Cbrown", "color=R%7C100%7CG%7C200%7CB%7C150"),
        (
            "deepObject",
            True,
            "color%5B%5D=blue&color%5B%5D=black&color%5B%5D=brown",
            "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150",
        ),
    ],
)
def test_the_specifications_examples_for_queries(style: Any, explode: bool, listed: str, keyed: str) -> None:
    assert ["&".join(in_query(style, explode, "color", value)) for value in (COLOURS, RGB)] == [listed, keyed]


def test_headers_are_simple_and_nothing_is_encoded() -> None:
    assert in_header(False, RGB) == "R,100,G,200,B,150"
    assert in_header(True, RGB) == "R=100,G=200,B=150"
    assert in_header(False, COLOURS) == "blue,black,brown"


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (2.0, "2"), (2.5, "2.5"), (None, ""), ([1], "1"), ([], None)]
)
def test_scalars_are_written_as_json_writes_them(value: Any, text: str | None) -> None:
    assert in_query("form", True, "p", value) == ([f"p={text}"] if text is not None else [])


def test_values_inside_lists_and_objects_that_no_style_covers_are_json() -> None:
    assert in_query("form", False, "p", [{"a": 1}]) == ["p=%7B%22a%22%3A1%7D"]
    nested = in_query("deepObject", True, "p", {"a": {"b": 1}, "c": [1, 2], "d": [{"e": 3}]})
    assert [unquote(piece) for piece in nested] == ["p[a][b]=1", "p[c][]=1", "p[c][]=2", "p[d][0][e]=3"]


def test_a_parameter_that_may_hold_reserved_characters_keeps_those_that_do_no_harm() -> None:
    tool = only({"parameters": [parameter("q", allowReserved=True), parameter("r")]})
    request = sent(tool, q="a/b?c:d&e=f#g", r="a/b")
    assert request.url == f"{SERVER}/pets?q=a/b?c:d%26e%3Df%23g&r=a%2Fb"


def test_a_parameter_described_by_content_is_one_json_text() -> None:
    described = {"name": "filter", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}}
    request = sent(only({"parameters": [described]}), filter={"name": ["Rex"]})
    assert unquote(request.url) == SERVER + '/pets?filter={"name":["Rex"]}'
