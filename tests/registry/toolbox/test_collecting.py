"""Tools come from plugins and from files; whatever a stranger's code does, the others stay and the fault is told."""

import sys
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolyard_registry.plugins import PluginProblem, load_plugins
from toolyard_registry.releases import tool_release
from toolyard_registry.toolbox.collecting import Toolbox, open_toolbox
from toolyard_sdk import Annotations, FunctionTool, ToolContext, ToolSpec

from tests.registry.conftest import Install
from tests.registry.test_plugins import GOOD

HEAD = "from toolyard_sdk import hookimpl, tool\n"


def write_tool(root: Path, name: str, source: str) -> Path:
    (root / "tools").mkdir(exist_ok=True)
    path = root / "tools" / f"{name}.py"
    path.write_text(dedent(source))
    return path


def local(root: Path, **settings: dict[str, object]) -> Toolbox:
    return open_toolbox(root, plugins=load_plugins(points=()), settings=settings)


def plain(box: Toolbox, name: str, *arguments: object) -> object:
    """Call a tool as the plain function that it was made of."""
    tool = box.tools[name]
    assert isinstance(tool, FunctionTool)
    return tool(*arguments)


def only_problem(box: Toolbox) -> PluginProblem:
    (problem,) = box.problems
    return problem


async def test_a_plugins_tool_is_called_and_pinned_to_its_distribution(install: Install) -> None:
    box = open_toolbox(plugins=load_plugins(points=install("sums", GOOD)))
    result = await box.tools["add"].call(b'{"a": 1, "b": 2}', ToolContext())
    assert result.text == "3"
    release = box.releases["add"]
    assert (release.source, release.version, release.effect) == ("acme-sums", "1.2.3", "read_only")
    assert release == tool_release(box.tools["add"].spec, "acme-sums", "1.2.3")
    assert box.origins == {"add": "sums"}


def test_a_plugin_gets_its_own_settings(install: Install) -> None:
    source = (
        HEAD
        + """
@hookimpl
def register_tools(register, settings):
    def told() -> str:
        '''Tell.'''
        return settings['root']
    register(told)
"""
    )
    install("one", source)
    points = install("two", source.replace("told", "said"))
    box = open_toolbox(plugins=load_plugins(points=points), settings={"one": {"root": "1"}, "two": {"root": "2"}})
    assert (plain(box, "told"), plain(box, "said")) == ("1", "2")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("raise KeyError('root')", "KeyError: 'root'"),
        ("import sys; sys.exit()", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("register(add); raise ValueError('half way')", "ValueError: half way"),
        ("register(1)", "int is no tool: register a typed function"),
        ("register(lambda x: x)", "is no tool"),
        ("register(type('Odd', (), {'spec': 5})())", "Odd is no tool: its `spec` is no ToolSpec"),
        ("register(type('Bad', (), {'spec': property(lambda self: 1 / 0)})())", "Bad is no tool: ZeroDivisionError"),
        ("register(type('Half', (), {'spec': add.spec})())", "Half is no tool: it has no method `check`"),
    ],
)
def test_a_plugin_that_fails_to_register_is_reported_and_the_others_stay(
    install: Install, body: str, error: str
) -> None:
    install("bad", GOOD.replace("register(add)", body).replace("def add", "def odd").replace("add", "odd"))
    box = open_toolbox(plugins=load_plugins(points=install("sums", GOOD)))
    assert list(box.tools) == ["add"]
    problem = only_problem(box)
    assert problem.plugin == "bad"
    assert error in problem.error
    assert problem.advice


def test_an_async_hook_is_told_to_be_a_plain_one(install: Install) -> None:
    points = install("late", GOOD.replace("def register_tools", "async def register_tools"))
    assert "make it a plain one" in only_problem(open_toolbox(plugins=load_plugins(points=points))).error


def test_of_two_tools_with_one_name_the_second_is_refused_and_names_the_first(install: Install, tmp_path: Path) -> None:
    install("early", GOOD)
    points = install("late", GOOD, distribution="toolyard-late")
    path = write_tool(tmp_path, "mine", GOOD)
    box = open_toolbox(tmp_path, plugins=load_plugins(points=points))
    assert box.releases["add"].source == "toolyard-late"
    assert only_problem(box).error == "the tool add is already there, from toolyard-late"
    (problem,) = box.file_problems
    assert (problem.path, problem.message) == ("tools/mine.py", "the tool add is already there, from toolyard-late")
    assert "def add" in path.read_text().splitlines()[problem.line]


def test_settings_for_no_plugin_are_reported_with_the_nearest_name(install: Install) -> None:
    box = open_toolbox(plugins=load_plugins(points=install("sums", GOOD)), settings={"smus": {}, "sums": {}})
    assert "did you mean `sums`?" in only_problem(box).error


def test_settings_of_a_plugin_that_is_off_or_broken_are_not_reported_again(install: Install) -> None:
    install("broken", "1 / 0")
    plugins = load_plugins(["sums"], install("sums", GOOD))
    box = open_toolbox(plugins=plugins, settings={"sums": {}, "broken": {}})
    assert [problem.plugin for problem in box.problems] == ["broken"]


async def test_every_tool_a_file_defines_is_one_and_what_it_imports_is_not(install: Install, tmp_path: Path) -> None:
    install("sums", GOOD)
    source = (
        HEAD
        + """
from acme_sums_plugin import add
from msgspec import Struct

class Point(Struct):
    x: int

@tool
async def show(point: Point) -> str:
    '''Show a point.'''
    return str(point.x)

again = show
"""
    )
    write_tool(tmp_path, "points", source)
    write_tool(tmp_path, "_private", "1 / 0")
    box = local(tmp_path)
    assert box.file_problems == ()
    assert list(box.tools) == ["show"]
    assert (await box.tools["show"].call(b'{"point": {"x": 4}}', ToolContext())).text == "4"
    assert box.releases["show"].source == "tools/points.py"


def test_a_file_may_register_by_its_own_hook_with_settings(tmp_path: Path) -> None:
    source = (
        HEAD
        + """
@tool
def not_offered() -> str:
    '''Stay.'''
    return ''

@hookimpl
def register_tools(register, settings):
    def greet() -> str:
        '''Greet.'''
        return settings['word']
    register(greet)
"""
    )
    write_tool(tmp_path, "greeting", source)
    box = local(tmp_path, greeting={"word": "hello"})
    assert box.problems == ()
    assert list(box.tools) == ["greet"]
    assert plain(box, "greet") == "hello"


def test_a_files_version_follows_its_content(tmp_path: Path) -> None:
    path = write_tool(tmp_path, "sums", GOOD)
    first = local(tmp_path).releases["add"]
    assert local(tmp_path).releases["add"] == first
    path.write_text(GOOD.replace("a + b", "a - b"))  # same size, and most likely the same tick of the clock
    box = local(tmp_path)
    assert plain(box, "add", 5, 3) == 2
    assert first.version.startswith("0+")
    assert box.releases["add"].version != first.version
    assert [path.name for path in (tmp_path / "tools").iterdir()] == ["sums.py"], "nothing is written beside it"


@pytest.mark.parametrize(
    ("source", "line", "word"),
    [
        ("x = 1\n1 / 0\n", 2, "ZeroDivisionError"),
        ("x = 1\ndef f(:\n", 2, "SyntaxError"),
        ("import sys\n\nsys.exit('bye')\n", 3, "SystemExit: bye"),
        ("\nraise KeyboardInterrupt\n", 2, "KeyboardInterrupt"),
        ("\nraise GeneratorExit\n", 2, "GeneratorExit"),
        ("import asyncio\nraise asyncio.CancelledError\n", 2, "CancelledError"),
        ("class Mute(Exception):\n    __str__ = lambda self: 1 / 0\nraise Mute\n", 3, "Mute: (its message cannot"),
        (HEAD + "\n@hookimpl\ndef register_tools(register):\n    raise KeyboardInterrupt\n", 5, "KeyboardInterrupt"),
        (HEAD + "@tool\ndef f(x):\n    '''F.'''\n", 2, "needs a type"),
        ("x = 1\n", 0, "defines no tool"),
        (HEAD + "\n@hookimpl\ndef register_tools(register):\n    register(5)\n    raise OSError('x')\n", 6, "OSError"),
        ("\x00", 0, "null bytes"),
    ],
)
def test_a_broken_file_is_told_with_its_line_and_the_others_stay(
    tmp_path: Path, source: str, line: int, word: str
) -> None:
    write_tool(tmp_path, "bad", source)
    write_tool(tmp_path, "sums", GOOD)
    box = local(tmp_path)
    assert list(box.tools) == ["add"]
    (problem,) = box.file_problems
    assert (problem.path, problem.line) == ("tools/bad.py", line)
    assert word in problem.message


def test_a_file_that_cannot_be_imported_leaves_no_module_behind(tmp_path: Path) -> None:
    write_tool(tmp_path, "bad", "1 / 0")
    before = set(sys.modules)
    assert local(tmp_path).file_problems
    assert set(sys.modules) == before


def test_without_plugins_and_files_there_are_no_tools(tmp_path: Path) -> None:
    box = local(tmp_path)
    assert (box.tools, box.problems, box.file_problems) == ({}, (), ())


words = st.text(max_size=8)
specs = st.builds(
    ToolSpec,
    name=words,
    description=words,
    input_schema=st.dictionaries(words, words | st.integers(), max_size=3),
    annotations=st.builds(Annotations, st.booleans(), st.booleans(), st.booleans(), st.booleans()),
)


@given(specs, specs, words, words)
def test_two_releases_have_one_digest_only_when_they_are_equal(one: ToolSpec, two: ToolSpec, a: str, b: str) -> None:
    first, second = tool_release(one, a, "1"), tool_release(two, b, "1")
    assert (first.digest == second.digest) == (one == two and a == b)
    assert tool_release(one, a, "2").digest != first.digest


@given(specs)
def test_the_order_in_which_a_schema_is_written_does_not_change_a_digest(spec: ToolSpec) -> None:
    turned = ToolSpec(
        name=spec.name,
        description=spec.description,
        input_schema=dict(reversed(spec.input_schema.items())),
        annotations=spec.annotations,
    )
    assert tool_release(spec, "s", "1").digest == tool_release(turned, "s", "1").digest
