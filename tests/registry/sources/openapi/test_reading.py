"""Documents are read from JSON and YAML; what cannot be read says where, and nothing is ever revived or multiplied."""

import json

import pytest
from toolyard_registry.sources.openapi.problems import Unusable
from toolyard_registry.sources.openapi.reading import MAX_BYTES, read_document

HEAD = "openapi: 3.0.3\n"


def words_of(content: bytes) -> str:
    with pytest.raises(Unusable) as caught:
        read_document(content)
    return caught.value.words


def test_json_and_yaml_give_the_same_values() -> None:
    raw = {"openapi": "3.1.0", "paths": {"/a": {"get": {"deprecated": True, "x-n": [1, -2.5, None, "no"]}}}}
    yaml = b'openapi: "3.1.0"\npaths:\n  /a: {get: {deprecated: true, x-n: [1, -2.5, null, no]}}  # `no` is text\n'
    assert read_document(json.dumps(raw).encode()).document == raw
    assert read_document(yaml).document == raw
    assert read_document(b"\xef\xbb\xbf" + json.dumps(raw).encode()).version == "3.1"


def test_a_version_without_quotes_and_keys_that_are_numbers_are_read() -> None:
    read = read_document(b"openapi: 3.0\npaths: {/a: {get: {responses: {200: {description: 2024-05-06}}}}}")
    assert read.version == "3.0"
    assert read.document["paths"]["/a"]["get"]["responses"] == {"200": {"description": "2024-05-06"}}


def test_what_only_looks_like_a_number_stays_text() -> None:
    read = read_document(
        (HEAD + "a: [0612345678, 1_000, 0x1F, 0o17, 12:30, 1.2.3, +5, 0, -0.5e3, .5, nan, .inf]").encode()
    )
    assert read.document["a"] == [
        *("0612345678", "1_000", "0x1F", "0o17", "12:30", "1.2.3"),
        *(5, 0, -500.0, 0.5, "nan", ".inf"),
    ]


def test_merge_keys_and_aliases_are_written_out() -> None:
    read = read_document((HEAD + "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {z: 4}]}\nd: *a").encode())
    assert read.document["b"] == {"x": 1, "y": 3}
    assert read.document["c"] == {"x": 1, "y": 2, "z": 4}
    assert read.document["d"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"[1]", "top level must be an object"),
        (b"just words", "top level must be an object"),
        (b'{"openapi": "3.0.0",\n "paths": {,}}', "line 2, column 12: not valid JSON"),
        (b'{"openapi": "3.0.0", "x": NaN}', "NaN is no JSON value"),
        (b'{"openapi": "3.0.0", "x": ' + b"9" * 5000 + b"}", "a number is too long"),
        (b'{"openapi": "3.0.0", "x": "\xff"}', "line 1: this is not UTF-8"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
        (HEAD.encode() + b"a: " + b"[" * 5000, "line 2"),
        (HEAD.encode() + b"a: [1\nb: 2", "line 3, column 2: not valid YAML"),
        (HEAD.encode() + b"a: !!python/object/apply:os.system [true]", "line 2: the tag tag:yaml.org,2002:python/"),
        (HEAD.encode() + b"a: !Ref b", "line 2: the tag !Ref is not JSON"),
        (HEAD.encode() + b"a: *nobody", "line 2"),
        (HEAD.encode() + b"a: &a [*a]", "line 2: the alias *a names nothing that is complete here"),
        (HEAD.encode() + b"? [1, 2]\n: 3", "line 2: a key must be text"),
        (HEAD.encode() + b"---\nopenapi: 3.0.0", "line 2: a second document begins"),
        (HEAD.encode() + b"a: {<<: 3}", "line 2: `<<` merges mappings only"),
        (b'{"swagger": "2.0"}', "is a Swagger 2.0 document; convert it"),
        (b'{"openapi": "4.0.0"}', "has the version '4.0.0'; 3.0 and 3.1 can be read"),
        (b'{"asyncapi": "2.0.0"}', "it does not begin with `openapi: 3.x.y`"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(content: bytes, told: str) -> None:
    assert told in words_of(content)


def test_aliases_that_multiply_are_refused_before_they_are_written_out() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "its aliases stand for more than" in words_of((HEAD + "\n".join(lines)).encode())


def test_a_file_beyond_the_limit_is_not_even_decoded() -> None:
    assert f"at most {MAX_BYTES}" in words_of(b" " * (MAX_BYTES + 1))


def test_a_key_that_is_there_twice_is_told_with_its_place_and_the_last_one_counts() -> None:
    read = read_document(b'{"openapi": "3.0.0", "paths": {"/a": {"get": {"x": 1}, "get": {"x": 2}}}}')
    assert read.document["paths"]["/a"]["get"] == {"x": 2}
    assert [str(problem) for problem in read.problems] == [
        "#/paths//a: the key 'get' is there twice; the last one counts"
    ]
    read = read_document((HEAD + "a: 1\nb: 2\na: 3").encode())
    assert read.document["a"] == 3
    assert [str(problem) for problem in read.problems] == ["line 4: the key 'a' is there twice; the last one counts"]


def test_half_a_character_does_not_reach_what_could_not_encode_it() -> None:
    read = read_document(b'{"openapi": "3.0.0", "x": ["\\ud800", "\\ud83d\\ude00"]}')
    assert read.document["x"] == ["?", "😀"]
