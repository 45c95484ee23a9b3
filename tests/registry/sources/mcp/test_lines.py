"""A server's output becomes lines of bounded size, however it is cut; an unreadable answer is told by its id."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.sources.mcp.lines import Lines, TooLong, answered


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_lines_are_the_same_wherever_the_stream_is_cut(data: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(data)]
    lines = Lines(50)
    found = [line for begin, end in pairwise(places) for line in lines.feed(data[begin:end])]
    expected = [line for line in data.split(b"\n")[:-1] if line.strip() or len(line) > 50]
    assert [line.size if isinstance(line, TooLong) else line for line in found] == [
        len(line) if len(line) > 50 else line for line in expected
    ]


def test_what_is_too_long_leaves_its_two_ends() -> None:
    (line,) = Lines(1_000).feed(b"a" * 600 + b"b" * 100_000 + b"c" * 600 + b"\n")
    assert line == TooLong(b"a" * 512, b"c" * 512, 101_200)


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        (b'{"jsonrpc":"2.0","id":7,"result":{', 7),
        (b' { "id" : "a-1" , "result": {', "a-1"),
        (b'{"result":{"id":3},"jsonrpc":"2.0","id":8}', 8),
        (b'{"result":{},"id":8,"jsonrpc":"2.0"}\r', 8),
        (b'{"jsonrpc":"2.0","result":{"x":{"y":1,"id":3}}}', None),
        (b'{"jsonrpc":"2.0","id":7,"method":"roots/list",', None),
        (b'{"method":"x","params":{},"id":8}', None),
        (b"Starting on port 3000", None),
        (b'{"jsonrpc":"2.0","id":' + b"9" * 30 + b',"result"', None),
    ],
)
def test_the_id_of_an_answer_is_found_at_either_end(line: bytes, asked: int | str | None) -> None:
    assert answered(line) == asked
