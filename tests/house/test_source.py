"""Rules of the house that no linter has a word for."""

import ast
import io
import re
import tokenize

import pytest

from tests.house.sources import PACKAGES, ROOT, called, imported, sources

REVIVING = ("pickle", "_pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "jsonpickle", "joblib")
"""Modules that turn bytes into objects by running what the bytes say."""

EXECUTING = ("eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec", "yaml.load", "yaml.unsafe_load")
"""Calls that turn text into behaviour."""

VAGUE = ("utils", "util", "helpers", "helper", "common", "manager", "base", "misc", "shared", "core")

SUPPRESSION = re.compile(
    r"#\s*(noqa|type: ignore)\b(?P<codes>:\s*[A-Z0-9, ]+?|\[[a-z, -]+\])?(?P<reason>\s+(?:- |# )\S.*)?$"
)


def test_no_file_imports_a_module_that_revives_objects_from_bytes() -> None:
    found = [
        f"{path}:{line} imports {name}"
        for path, tree in sources()
        for line, name in imported(tree)
        if name.split(".")[0] in REVIVING
    ]
    assert found == []


def test_no_file_turns_text_into_behaviour() -> None:
    found = [
        f"{path}:{line} calls {name}" for path, tree in sources() for line, name in called(tree) if name in EXECUTING
    ]
    assert found == []


def test_no_file_postpones_its_annotations_which_msgspec_and_litestar_must_see() -> None:
    found = [
        f"{path}:{line}"
        for path, tree in sources()
        for line, name in imported(tree)
        if name == "__future__.annotations"
    ]
    assert found == []


def test_no_name_of_a_module_says_nothing() -> None:
    assert [str(path) for path, _ in sources() if path.stem in VAGUE] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path) for path, tree in sources(PACKAGES) if tree.body and not ast.get_docstring(tree)]
    assert silent == []


@pytest.mark.parametrize(
    ("text", "name"),
    [("import pickle", "pickle"), ("from marshal import loads", "marshal.loads"), ("if 1:\n import shelve", "shelve")],
)
def test_imports_are_found_wherever_they_hide(text: str, name: str) -> None:
    assert [found for _, found in imported(ast.parse(text))] == [name]


@pytest.mark.parametrize("text", ["eval('1')", "x = [exec(y) for y in z]", "yaml.load(f)", "builtins.eval(s)"])
def test_calls_are_found_wherever_they_hide(text: str) -> None:
    assert any(name in EXECUTING for _, name in called(ast.parse(text)))


def unspoken(text: str) -> list[int]:
    """Return the lines that silence a rule without a word why; of neighbours that silence the same, one speaks."""
    found, spoken = [], ""
    comments = {
        token.start[0]: token.string
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    }
    for line in range(1, text.count("\n") + 2):
        silenced = SUPPRESSION.search(comments.get(line, ""))
        codes = (silenced["codes"] or "all") if silenced else ""
        if silenced and not silenced["reason"] and codes != spoken:
            found.append(line)
        spoken = codes
    return found


def test_whoever_silences_a_rule_says_why() -> None:
    found = [f"{path}:{line}" for path, _ in sources() for line in unspoken((ROOT / path).read_text())]
    assert found == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("x = 1  # noqa: S101\n", [1]),
        ("x = 1  # noqa\n", [1]),
        ("x = 1  # noqa: S101 - shown\n", []),
        ("x = 1  # noqa: S101 - shown\ny = 2  # noqa: S101\n", []),
        ("x = 1  # noqa: S101 - shown\ny = 2  # noqa: S102\n", [2]),
        ("x = 1  # noqa: S101 - shown\n\ny = 2  # noqa: S101\n", [3]),
        ("x = 1  # type: ignore[misc]\n", [1]),
        ("x = 1  # type: ignore[misc]  # because\n", []),
        ("x = '# noqa: S101'\n", []),
    ],
)
def test_a_silence_without_a_reason_is_found(text: str, lines: list[int]) -> None:
    assert unspoken(text) == lines
