"""What somebody gets who installs Toolyard without this repository."""

import json
import zipfile
from pathlib import Path

import pytest

from tests.packaging.installing import ROOT, Environment, build, run, sizes

DISTRIBUTIONS = {
    *("toolyard", "toolyard_sdk", "toolyard_registry", "toolyard_memory", "toolyard_runtime"),
    *("toolyard_calculator", "toolyard_clock", "toolyard_fetch", "toolyard_files"),
}
EXTRAS = {"toolyard_fetch"}
"""What comes with an extra of `toolyard` only."""

LIMIT_MB = 100.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("packaging")]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def installed(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    directory = tmp_path_factory.mktemp("clean")
    pinned = directory / "third-parties.txt"
    export = ("uv", "export", "--frozen", "--no-dev", "--no-emit-workspace", "--no-hashes", "--quiet")
    pinned.write_text(run(*export, cwd=ROOT))
    environment = Environment(directory / "venv")
    environment.install("toolyard", wheels=wheels[0].parent, pinned=pinned)
    return environment


def test_every_distribution_of_the_workspace_has_a_wheel(wheels: list[Path]) -> None:
    assert {wheel.name.split("-")[0] for wheel in wheels} == DISTRIBUTIONS


def test_a_wheel_holds_its_package_its_types_and_nothing_of_the_tests(wheels: list[Path]) -> None:
    for wheel in wheels:
        name = wheel.name.split("-")[0]
        files = zipfile.ZipFile(wheel).namelist()
        assert {file.split("/")[0] for file in files} <= {name, f"{name}-{wheel.name.split('-')[1]}.dist-info"}
        left_over = [file for file in files if any(part.startswith((".", "__pycache__")) for part in file.split("/"))]
        assert left_over == []
        if name != "toolyard":
            assert f"{name}/py.typed" in files


def test_what_is_installed_came_from_the_wheels_and_not_from_this_repository(installed: Environment) -> None:
    program = (
        "import importlib.metadata as m, json\n"
        "found = {d.metadata['Name']: d.read_text('direct_url.json') for d in m.distributions()}\n"
        "print(json.dumps({name: url for name, url in found.items() if name.startswith('toolyard')}))"
    )
    found = json.loads(run(installed.python, "-c", program))
    assert {name.replace("-", "_") for name in found} == DISTRIBUTIONS - EXTRAS
    assert not any("editable" in (url or "") for url in found.values())
    where = run(installed.python, "-c", "import toolyard_runtime; print(toolyard_runtime.__file__)")
    assert Path(where.strip()).is_relative_to(installed.packages)


def test_the_program_says_its_version(installed: Environment, wheels: list[Path]) -> None:
    version = next(wheel for wheel in wheels if wheel.name.startswith("toolyard-")).name.split("-")[1]
    assert version in run(installed.program("toolyard"), "--version")


def test_the_program_says_what_it_can_do(installed: Environment) -> None:
    told = run(installed.program("toolyard"), "--help")
    for command in ("serve", "demo", "new", "chat", "why", "runs", "approve", "model", "doctor"):
        assert command in told


def test_the_whole_installation_is_under_a_hundred_megabytes(installed: Environment) -> None:
    parts = sizes(installed.packages)
    total = sum(parts.values()) / 1e6
    largest = ", ".join(f"{name} {size / 1e6:.1f}" for name, size in list(parts.items())[:8])
    print(f"site-packages: {total:.1f} MB; largest: {largest}")
    assert total < LIMIT_MB, largest
