"""The scanner finds exactly the keys that tomllib finds, each on the line where it stands."""

import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from toolyard_registry.toml.lines import KeyPath, key_lines

LINE = "\x00"
"""Stands for the number of the line it is on, so that a document tells for itself where its values are."""

AWKWARD = st.sampled_from(
    ["a", "b", "long-key_1", "1", "true", "with space", 'quote"d', "it's", "dot.ted", "é", "", "#", "[", "="]
)
FILLER = st.sampled_from(
    [
        '"x"',
        "'x # no comment'",
        '"esc \\" ] } \\\\"',
        '"""\none = 1\n[two]\n"""',
        '"""two quotes""at the end"""""',
        "'''\n[[three]]\nfour = \"'' 5\n'''",
        '"""back \\\n   slash \\""" still"""',
        "1979-05-27 07:32:00",
        "-1.5e3",
        "true",
        "[ ]",
        "{ }",
    ]
)
GAP = st.sampled_from(["", "\n", "\r\n", "  ", '\n# ] } "\n', "\n\n\t"])


def quoted(key: str) -> str:
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def keys(draw: st.DrawFn) -> tuple[str, str]:
    """A key and one of the ways to write it."""
    key = draw(AWKWARD)
    ways = [quoted(key)]
    if key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key):
        ways.append(key)
    if "'" not in key:
        ways.append(f"'{key}'")
    return key, draw(st.sampled_from(ways))


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.sampled_from(["line", "line", "filler", "array", "table"] if depth else ["line", "filler"]))
    if kind == "line":
        return LINE
    if kind == "filler":
        return draw(FILLER)
    if kind == "array":
        elements = draw(st.lists(values(depth - 1), max_size=3))
        text = "".join(draw(GAP) + element + draw(GAP) + "," for element in elements)
        if draw(st.booleans()):
            text = text[:-1]
        return "[" + text + draw(GAP) + "]"
    pairs = draw(st.lists(st.tuples(keys(), values(depth - 1)), max_size=3, unique_by=lambda pair: pair[0][0]))
    inner = ", ".join(f"{way} = {value}" for (_, way), value in pairs)
    return "{" + inner + "}"


@st.composite
def pairs(draw: st.DrawFn) -> str:
    """Lines of `key = value`, some with dotted keys, none of them twice."""
    found = draw(
        st.lists(
            st.tuples(st.lists(keys(), min_size=1, max_size=2), values()), max_size=4, unique_by=lambda p: p[0][0][0]
        )
    )
    blank = draw(st.sampled_from(["", " ", "\t"]))
    return "".join(
        draw(GAP).replace("\r", "")
        + "\n"
        + (blank + "." + blank).join(way for _, way in path)
        + f"{blank}={blank}{value}\n"
        for path, value in found
    )


@st.composite
def documents(draw: st.DrawFn) -> str:
    text = draw(pairs())
    headers = draw(st.lists(st.tuples(st.lists(keys(), min_size=1, max_size=3), st.booleans(), pairs()), max_size=5))
    for path, many, body in headers:
        name = ".".join(way for _, way in path)
        block = (f"[[ {name} ]]" if many else f"[{name}] # comment") + "\n" + body
        try:  # a header that contradicts what is there already is no TOML, and is left out
            tomllib.loads((text + block).replace(LINE, "0"))
        except tomllib.TOMLDecodeError:
            continue
        text += block
    return text


def numbered(text: str) -> str:
    return "\n".join(line.replace(LINE, str(number)) for number, line in enumerate(text.split("\n"), 1))


def walk(value: Any, where: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if where:
        yield where, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from walk(child, (*where, key))


@settings(max_examples=30)
@given(documents())
def test_every_key_tomllib_finds_is_found_and_no_other(text: str) -> None:
    text = numbered(text)
    document = tomllib.loads(text)
    assert set(key_lines(text)) == {where for where, _ in walk(document)}


@settings(max_examples=30)
@given(documents())
def test_a_value_is_found_on_the_line_where_it_stands(text: str) -> None:
    text = numbered(text)
    document = tomllib.loads(text)
    lines = key_lines(text)
    for where, value in walk(document):
        if type(value) is int:
            assert lines[where] == value


def test_tables_are_found_on_their_headers_and_array_elements_each_on_their_own() -> None:
    text = """# one
a.b = 1

[[rule]]
id = "x"

  [rule.arguments]
  path = '''
[not.a.table]
'''

[[rule]]
id = [
  "y", # a comment, with [brackets]
  "z",
]
[late.c]
[late]
d = { e = 1, f.g = 2 }
"""
    lines = key_lines(text)
    assert {
        key: lines[key] for key in [("a",), ("a", "b"), ("rule",), ("rule", 0), ("rule", 0, "arguments", "path")]
    } == {
        ("a",): 2,
        ("a", "b"): 2,
        ("rule",): 4,
        ("rule", 0): 4,
        ("rule", 0, "arguments", "path"): 8,
    }
    assert lines["rule", 0, "arguments"] == 7
    assert lines["rule", 1] == 12
    assert lines["rule", 1, "id", 0] == 14
    assert lines["rule", 1, "id", 1] == 15
    assert lines["late", "c"] == 17
    assert lines["late",] == 18
    assert lines["late", "d", "f", "g"] == 19
