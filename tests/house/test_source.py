"""Rules of the house that no linter has a word for."""

import ast

import pytest

from tests.house.sources import PACKAGES, called, imported, sources

REVIVING = ("pickle", "_pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "jsonpickle", "joblib")
"""Modules that turn bytes into objects by running what the bytes say."""

EXECUTING = ("eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec", "yaml.load", "yaml.unsafe_load")
"""Calls that turn text into behaviour."""

VAGUE = ("utils", "util", "helpers", "helper", "common", "manager", "base", "misc", "shared", "core")


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
