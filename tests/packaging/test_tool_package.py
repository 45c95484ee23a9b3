"""A new tool package on a machine that has uv and nothing else of ours: its tests pass, and it can be built."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.cli.running import toolyard
from tests.packaging.installing import DEADLINE, ROOT, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("packaging")]


def uv(*command: str, cwd: Path, wheels: Path) -> str:
    """Return what uv printed, to which `wheels` stands for where our distributions are published."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    outside = {name: value for name, value in kept.items() if not name.startswith(("UV_PROJECT", "PYTEST_"))}
    done = subprocess.run(
        ["uv", *command],
        cwd=cwd,
        env={**outside, "UV_FIND_LINKS": str(wheels), "UV_PYTHON": "3.11"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_new_tool_package_passes_its_tests_by_uv_and_builds_a_wheel_with_its_entry_point(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    run("uv", "build", "--package", "toolyard-sdk", "--wheel", "--out-dir", wheels, "--quiet", cwd=ROOT)
    assert toolyard("tool", "new", "tide-table", cwd=tmp_path).code == 0
    package = tmp_path / "tide-table"
    assert " passed" in uv("run", "pytest", cwd=package, wheels=wheels)
    uv("build", "--wheel", "--out-dir", str(tmp_path / "dist"), cwd=package, wheels=wheels)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as built:
        entry_points = built.read("tide_table-0.1.0.dist-info/entry_points.txt").decode()
        assert "[toolyard]\ntide_table = tide_table\n" in entry_points
        assert {"tide_table/__init__.py", "tide_table/py.typed"} <= set(built.namelist())
