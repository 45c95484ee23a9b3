"""Plugins load by entry point; one that does not is reported with what to do, and the others load."""

import sys

import pytest
from sqlalchemy import MetaData
from toolyard_registry.plugins import installed, load_plugins

from tests.registry.conftest import Install

GOOD = """
from toolyard_sdk import hookimpl, tool

@tool(read_only=True)
def add(a: int, b: int) -> int:
    '''Add two numbers.'''
    return a + b

@hookimpl
def register_tools(register):
    register(add)
"""


def test_a_plugin_is_loaded_with_its_distribution_and_version(install: Install) -> None:
    plugins = load_plugins(points=install("sums", GOOD))
    assert [(p.name, p.distribution, p.version) for p in plugins.loaded] == [("sums", "acme-sums", "1.2.3")]
    assert plugins.problems == ()
    assert plugins.hooks.has_plugin("sums")


def test_first_party_plugins_come_first_then_names_decide(install: Install) -> None:
    install("a", GOOD)
    install("z", GOOD, distribution="toolyard-z")
    plugins = load_plugins(points=install("b", GOOD))
    assert [plugin.name for plugin in plugins.loaded] == ["z", "a", "b"]


def test_a_plugin_that_is_switched_off_is_not_imported(install: Install) -> None:
    points = install("loud", "raise RuntimeError('imported')")
    plugins = load_plugins(["loud"], points)
    assert (plugins.loaded, plugins.problems) == ((), ())
    assert "acme_loud_plugin" not in sys.modules


@pytest.mark.parametrize(
    ("source", "error", "advice"),
    [
        ("raise RuntimeError('no\\nluck')", "RuntimeError: no luck", "Report it to the authors of acme-bad"),
        ("import not_there_at_all", "ModuleNotFoundError", "Reinstall acme-bad with its dependencies"),
        ("def f(:", "SyntaxError", "Report it"),
        ("import sys; sys.exit(3)", "SystemExit: 3", "Report it"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "Report it"),
        ("raise GeneratorExit", "GeneratorExit", "Report it"),
        ("import asyncio\nraise asyncio.CancelledError", "CancelledError", "Report it"),
        ("raise BaseException('odd')", "BaseException: odd", "Report it"),
        (
            "class Mute(ValueError):\n    __str__ = lambda self: 1 / 0\nraise Mute",
            "Mute: (its message cannot",
            "Report it",
        ),
        (
            "from toolyard_sdk import hookimpl\n@hookimpl\ndef register_tools(registrar): ...",
            "PluginValidationError",
            "Report it",
        ),
    ],
)
def test_a_plugin_that_fails_to_load_is_reported_and_the_others_load(
    install: Install, source: str, error: str, advice: str
) -> None:
    install("bad", source)
    plugins = load_plugins(points=install("sums", GOOD))
    assert [plugin.name for plugin in plugins.loaded] == ["sums"]
    (problem,) = plugins.problems
    assert (problem.plugin, problem.distribution) == ("bad", "acme-bad")
    assert error in problem.error
    assert "\n" not in problem.error
    assert advice in problem.advice
    assert '[plugins] off = ["bad"]' in problem.advice


def test_of_two_distributions_with_one_plugin_name_the_second_is_refused(install: Install) -> None:
    install("sums", GOOD, distribution="acme-one")
    plugins = load_plugins(points=install("sums", GOOD, distribution="acme-two"))
    assert [plugin.distribution for plugin in plugins.loaded] == ["acme-one"]
    (problem,) = plugins.problems
    assert problem.distribution == "acme-two"
    assert "Two installed distributions" in problem.advice


def test_a_misspelt_hook_is_reported_with_the_nearest_one(install: Install) -> None:
    points = install("typo", GOOD.replace("register_tools", "register_tool"))
    (problem,) = load_plugins(points=points).problems
    assert str(problem) == (
        "plugin typo (of acme-typo): nothing calls a hook named register_tool. Did you mean register_tools?"
    )


def test_switching_off_what_is_not_there_is_reported(install: Install) -> None:
    (problem,) = load_plugins(["smus"], install("sums", GOOD)).problems
    assert (problem.plugin, problem.advice) == ("smus", "Installed: sums.")


def test_two_sets_of_plugins_know_nothing_of_each_other(install: Install) -> None:
    points = install("sums", GOOD)
    one, other = load_plugins(points=points), load_plugins(["sums"], points)
    assert one.hooks.has_plugin("sums")
    assert not other.hooks.has_plugin("sums")


def test_this_package_is_a_plugin_that_contributes_its_tables() -> None:
    plugins = load_plugins(points=[point for point in installed() if point.name == "registry"])
    assert plugins.problems == ()
    found: list[MetaData] = []
    plugins.hooks.hook.register_tables(register=found.append)
    (metadata,) = found
    releases = {"tool", "tool_release", "prompt", "agent_release", "channel"}
    assert set(metadata.tables) == releases | {"publication", "release_state", "definition"}
