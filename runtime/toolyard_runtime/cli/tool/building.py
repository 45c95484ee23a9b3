"""A package on its author's machine becomes a wheel and its definitions; knows no server and no signature."""

import subprocess
import tempfile
from pathlib import Path
from shutil import which

from msgspec import Struct
from toolyard_registry.published.wheels import WheelRefused, inspect_wheel
from toolyard_registry.publishing.submissions import Manifest
from toolyard_registry.toolbox.local_packages import is_package, read_package
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.cli.tool.workbench import workbench

_SECONDS = 300
_TAIL = 15


class Built(Struct, frozen=True):
    """A wheel with what it holds; `sha256` in hex."""

    manifest: Manifest
    wheel: bytes
    sha256: str


def package_folder(start: Path, named: Path | None) -> Path:
    """Return the package that is meant, `named` or the nearest at or above `start`; raises ConfigError."""
    first = (named or start).resolve()
    found = next((folder for folder in (first, *first.parents) if is_package(folder)), None)
    if found is None or (named is not None and found != first):
        raise ConfigError(
            "there is no tool package: a pyproject.toml with [project.entry-points.toolyard] "
            "(`toolyard tool new NAME` makes one)",
            path=str(first),
        )
    return found


def build(folder: Path, search_path: str) -> Built:
    """Build a package's wheel with uv and load its tools here; raises ConfigError."""
    described = read_package(folder)
    uv = which("uv", path=search_path)
    if uv is None:
        raise ConfigError("uv builds the wheel, and is not on PATH: see docs.astral.sh/uv for how to install it")
    with tempfile.TemporaryDirectory(prefix="toolyard-") as scratch:
        _run([uv, "build", "--wheel", "--quiet", "--out-dir", scratch, str(folder)])
        wheels = sorted(Path(scratch).glob("*.whl"))
        if len(wheels) != 1:
            raise ConfigError(f"building gave {len(wheels)} wheels, and one is published", path=str(folder))
        content, file = wheels[0].read_bytes(), wheels[0].name
    try:
        wheel = inspect_wheel(content, file)
    except WheelRefused as error:
        raise ConfigError(str(error), path=file) from error
    if set(wheel.plugins) != set(described.plugins):
        raise ConfigError("the wheel has other entry points than pyproject.toml", path=file)
    bench = workbench(folder, folder)
    if bench.problems:
        raise ConfigError(f"not published: {bench.problems[0]}")
    tools = tuple(bench.tools[name].spec for name in sorted(bench.own))
    return Built(Manifest(wheel.name, wheel.version, file, tools), content, wheel.sha256)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603 - uv, found on PATH
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"uv could not build the wheel: {error}") from error
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_TAIL:])
        raise ConfigError(f"uv could not build the wheel:\n{said}")
