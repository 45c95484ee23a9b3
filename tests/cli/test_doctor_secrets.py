"""The doctor looks at where secrets lie and at rights, and shows no value."""

from pathlib import Path

import pytest
from toolyard_runtime.demo.repository import write_repository

from tests.cli.running import toolyard

VALUE = "sk-never-to-be-shown"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    shop = tmp_path / "shop"
    shop.mkdir()
    write_repository(shop)
    return shop


def told(repository: Path, subject: str, **env: str) -> str:
    """Return what the doctor says of a subject, with its advice."""
    lines = toolyard("doctor", cwd=repository, **env).out.splitlines()
    start = next(index for index, line in enumerate(lines) if line.split()[1:2] == [subject])
    rest = lines[start + 1 :]
    advice = rest[: next((index for index, line in enumerate(rest) if not line.startswith(" ")), len(rest))]
    found = " ".join(" ".join([lines[start], *advice]).split())
    assert VALUE not in found
    return found


def configure(repository: Path, settings: str) -> None:
    with (repository / "toolyard.toml").open("a") as file:
        file.write(f"\n[secrets]\n{settings}\n")


def test_a_set_up_without_secrets_and_rights_is_sound(repository: Path) -> None:
    assert told(repository, "Secrets") == "ok Secrets database (no key yet)"
    assert told(repository, "Rights").startswith("ok Rights no rights.toml")


def test_a_variable_that_is_not_set_is_named(repository: Path) -> None:
    configure(repository, 'environment = { weather_key = "WEATHER_KEY", map_key = "MAP_KEY" }')
    assert "warn Secrets no value for weather_key Set" in told(repository, "Secrets", MAP_KEY=VALUE)
    both = told(repository, "Secrets", MAP_KEY=VALUE, WEATHER_KEY=VALUE)
    assert both == "ok Secrets database (no key yet), environment"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ('directory = "absent"', "No such file"),
        ('directory = "open"', "chmod 700"),
        ('environment = { "a.b" = "X" }', "is no secret's name"),
    ],
)
def test_a_place_that_cannot_be_used_is_broken_with_its_line(repository: Path, settings: str, words: str) -> None:
    (repository / "open").mkdir(0o755)
    configure(repository, settings)
    line = len((repository / "toolyard.toml").read_text().splitlines())
    found = told(repository, "Secrets")
    assert found.startswith("broken Secrets")
    assert words in found
    assert f"toolyard.toml:{line}" in found


def test_a_key_file_that_others_can_read_is_broken(repository: Path) -> None:
    key = repository / ".toolyard" / "secrets.key"
    key.parent.mkdir(exist_ok=True)
    key.write_text("ab" * 32)
    key.chmod(0o600)
    assert told(repository, "Secrets") == "ok Secrets database"
    key.chmod(0o644)
    assert "chmod 600" in told(repository, "Secrets")


def test_rights_with_a_mistake_are_broken_with_its_line(repository: Path) -> None:
    (repository / "rights.toml").write_text('[[call]]\ntools = ["a"]\n')
    assert told(repository, "Rights") == "ok Rights 1 to publish, 1 to call"
    (repository / "rights.toml").write_text("[[call]]\ntools = []\n")
    assert "broken Rights rights.toml:2: this grant holds no tool" in told(repository, "Rights")
