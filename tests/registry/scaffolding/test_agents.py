"""A new repository is whole at once, and never written over something."""

import tomllib
from pathlib import Path

import pytest
from toolyard_registry.agents.repository import load_repository
from toolyard_registry.plugins import installed, load_plugins
from toolyard_registry.scaffolding.agents import scaffold
from toolyard_registry.toolbox.collecting import open_toolbox
from toolyard_sdk import ConfigError, ToolContext


async def test_a_new_repository_loads_without_a_problem_and_its_tool_works(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "shop"
    written = scaffold(root, "shop")
    assert sorted(written) == sorted(path for path in root.rglob("*") if path.is_file())
    plugins = load_plugins(points=[point for point in installed() if point.name in {"calculator", "clock"}])
    repository = load_repository(root, open_toolbox(root, plugins=plugins))
    assert repository.problems == ()
    agent = repository.agents["assistant"]
    assert "assistant of shop" in agent.instructions
    assert [rule.decision for rule in agent.policy.rules] == ["reject"]
    assert {tool.effect for tool in agent.tools} == {"read_only"}
    result = await repository.toolbox.tools["reading_time"].call(
        b'{"text": "a b", "words_per_minute": 4}', ToolContext()
    )
    assert result.text == "0.5"
    assert ".toolyard/" in (root / ".gitignore").read_text()


def uncommented(text: str, begin: str) -> str:
    """Return an example of the settings with its comment signs taken off: from `begin` to the next empty line."""
    lines = text[text.index(begin) :].partition("\n\n")[0].splitlines()
    return "\n".join(line.removeprefix("# ") for line in lines)


def test_the_settings_and_every_example_in_them_are_toml(tmp_path: Path) -> None:
    scaffold(tmp_path, "shop")
    text = (tmp_path / "toolyard.toml").read_text()
    assert tomllib.loads(text) == {"server": {}, "store": {}}
    for name in ("vLLM", "Ollama", "llama.cpp", "OpenAI"):
        example = uncommented(text[text.index(f"# {name} (") :], "# [providers.")
        (provider,) = tomllib.loads(example)["providers"].values()
        assert provider["base_url"].endswith("/v1")
        assert {"profile", "default_model"} <= provider.keys()
    assert tomllib.loads(uncommented(text, "# [plugins.files]"))["plugins"]["files"] == {"root": "."}


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(ConfigError, match="not empty"):
        scaffold(tmp_path, "shop")
    with pytest.raises(ConfigError, match="this is a file"):
        scaffold(tmp_path / "mine", "shop")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_an_empty_folder_is_a_free_place(tmp_path: Path) -> None:
    assert scaffold(tmp_path, "shop")


def test_a_name_that_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no name"):
        scaffold(tmp_path / "new", 'a" b')
    assert not (tmp_path / "new").exists()
