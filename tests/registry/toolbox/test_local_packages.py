"""A tool package is imported as its files are now; a mistake in it has a line, and leaves what was there."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from toolyard_registry.agents.repository import Loader
from toolyard_registry.plugins import load_plugins
from toolyard_registry.scaffolding.tools import scaffold_tool
from toolyard_registry.toolbox.collecting import Toolbox, open_toolbox
from toolyard_registry.toolbox.local_packages import files_in, import_package, is_package, plugin_names, read_package
from toolyard_sdk import ConfigError, ToolContext

MODULES = ("weather", "tides")


@pytest.fixture(autouse=True)
def no_traces() -> Iterator[None]:
    finders = sys.meta_path[:]
    yield
    sys.meta_path[:] = finders
    for name in [name for name in sys.modules if name.partition(".")[0] in MODULES]:
        del sys.modules[name]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    scaffold_tool(tmp_path / "weather", "weather")
    return tmp_path / "weather"


def box(*packages: Path) -> Toolbox:
    return open_toolbox(plugins=load_plugins(points=()), packages=packages)


def problems(*packages: Path) -> list[str]:
    return [str(problem) for problem in box(*packages).file_problems]


def written(package: Path, text: str, place: str = "weather/__init__.py") -> None:
    path = package / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


HOOK = """
from toolyard_sdk import hookimpl, tool
@hookimpl
def register_tools(register):
    register(answer)
"""
ANSWER = HOOK + '@tool\ndef answer() -> str:\n    "Answer."\n    return {}\n'


def shown(package: Path) -> set[str]:
    return {str(path.relative_to(package)) for path in package.rglob("*")}


async def answered(found: Toolbox) -> str:
    return (await found.tools["answer"].call(b"{}", ToolContext())).text


async def test_two_saves_within_one_tick_of_the_clock_are_two_versions(package: Path) -> None:
    versions = set()
    for word in ("aaa", "bbb", "ccc"):
        written(package, ANSWER.format(repr(word)))
        found = box(package)
        assert await answered(found) == word
        versions.add(found.releases["answer"].version)
        assert found.releases["answer"].source == "weather"
        assert found.origins["answer"] == "weather"
    assert len(versions) == 3
    assert all(version.startswith("0.1.0+") for version in versions)


async def test_modules_below_are_read_again_too_and_nothing_is_written_beside_them(package: Path) -> None:
    written(package, "from weather.words import WORD\n" + ANSWER.format("WORD"))
    for word in ("aaa", "bbb"):
        written(package, f"WORD = {word!r}", "weather/words.py")
        assert await answered(box(package)) == word
    assert "weather/__pycache__" not in shown(package)


async def test_what_is_imported_in_a_call_is_found_as_well(package: Path) -> None:
    written(package, "WORD = 'late'", "weather/words.py")
    lazily = HOOK + '@tool\ndef answer() -> str:\n    "Answer."\n    from weather.words import WORD\n    return WORD\n'
    written(package, lazily)
    assert await answered(box(package)) == "late"


async def test_a_package_that_fails_leaves_the_modules_it_had(package: Path) -> None:
    written(package, "WORD = 'old'", "weather/words.py")
    written(package, "from weather import words\n" + ANSWER.format("words.WORD"))
    before = box(package)
    module = sys.modules["weather"]
    written(package, "WORD = 'new'\n\nraise RuntimeError('no')", "weather/words.py")
    assert problems(package) == ["weather/words.py:3: RuntimeError: no"]
    assert sys.modules["weather"] is module
    assert await answered(before) == "old"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def (", "weather/__init__.py:1: SyntaxError: "),
        ("import nothing_of_that_name", "weather/__init__.py:1: ModuleNotFoundError: "),
        ("\n1 / 0", "weather/__init__.py:2: ZeroDivisionError: "),
        ("raise SystemExit", "weather/__init__.py:1: SystemExit"),
        ("x = 1", "weather/__init__.py: the plugin weather offers no tool"),
        (
            "from toolyard_sdk import hookimpl\n@hookimpl\ndef register_tools():\n    1 / 0",
            "weather/__init__.py:4: Zero",
        ),
        (HOOK, "weather/__init__.py:5: NameError: "),
        (HOOK + "answer = 7", "weather/__init__.py: int is no tool"),
    ],
)
def test_a_mistake_is_told_with_its_line(package: Path, text: str, told: str) -> None:
    written(package, text)
    (problem,) = problems(package)
    assert problem.startswith(told)


def test_modules_may_lie_under_src_and_a_plugin_may_be_an_object_of_one(tmp_path: Path) -> None:
    written(
        tmp_path,
        '[project]\nname = "tides"\n[project.entry-points.toolyard]\nsea = "tides.plugin:Sea"\n',
        "pyproject.toml",
    )
    written(tmp_path, "", "src/tides/__init__.py")
    hook = "    @staticmethod\n    @hookimpl\n    def register_tools(register):\n        register(ebb)\n"
    ebb = 'def ebb() -> str:\n    "Tell the ebb."\n    return "low"\n'
    written(tmp_path, f"from toolyard_sdk import hookimpl\n{ebb}class Sea:\n{hook}", "src/tides/plugin.py")
    found = box(tmp_path)
    assert [str(problem) for problem in found.file_problems] == []
    assert found.origins == {"ebb": "sea"}
    assert plugin_names([tmp_path]) == frozenset({"sea"})
    assert read_package(tmp_path).target("sea") == "src/tides/plugin.py"


@pytest.mark.parametrize(
    ("project", "told"),
    [
        ("[project", "pyproject.toml: is no TOML"),
        ('[project]\nname = "x"', "offers no plugin: add [project.entry-points.toolyard]"),
        ('[project.entry-points.toolyard]\nx = "json"', "cannot be a module named json"),
        ('[project.entry-points.toolyard]\nx = "toolyard_sdk"', "cannot be a module named toolyard_sdk"),
        ('[project.entry-points.toolyard]\nx = "absent.plugin"', "there is no absent/ and no absent.py"),
    ],
)
def test_a_package_that_is_none_is_told_so(package: Path, project: str, told: str) -> None:
    written(package, project, "pyproject.toml")
    (problem,) = problems(package)
    assert told in problem
    assert files_in(package)[0] == package / "pyproject.toml"


def test_a_folder_without_a_package_is_none(tmp_path: Path, package: Path) -> None:
    assert is_package(package)
    assert not is_package(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_package(tmp_path)


def test_a_module_that_others_use_already_is_refused(tmp_path: Path) -> None:
    written(tmp_path, '[project.entry-points.toolyard]\nx = "pluggy"\n', "pyproject.toml")
    written(tmp_path, "", "pluggy/__init__.py")
    before = sys.modules["pluggy"]
    with pytest.raises(ConfigError, match="in use already"):
        import_package(read_package(tmp_path))
    assert sys.modules["pluggy"] is before


def test_it_stands_for_the_installed_plugin_of_its_name() -> None:
    assert "clock" not in {plugin.name for plugin in load_plugins(replaced={"clock"}).loaded}
    assert "clock" in {plugin.name for plugin in load_plugins().loaded}


async def test_a_loader_follows_its_files_and_keeps_what_was_good(package: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    written(root, 'instructions = "x"\ntools = ["*"]\n', "agents/dev.toml")
    written(package, ANSWER.format("'one'"))
    loader = Loader(root, lambda: box(package), packages=[package])
    digest = loader.current.agents["dev"].digest
    assert not loader.changed()
    written(package, "def (")
    assert loader.changed()
    assert str(loader.take(loader.read())[0]).startswith("weather/__init__.py:1: SyntaxError")
    assert loader.current.agents["dev"].digest == digest
    written(package, ANSWER.format("'two'"))
    assert loader.take(loader.read()) == ()
    assert await answered(loader.current.toolbox) == "two"
    assert loader.current.agents["dev"].digest != digest
    written(package, "{}", "weather/table.json")
    assert loader.changed()
    assert loader.take(loader.read()) == ()
    written(package, "[project", "pyproject.toml")
    assert loader.changed()
    assert str(loader.take(loader.read())[0]).startswith("pyproject.toml: is no TOML")
    assert await answered(loader.current.toolbox) == "two"
