"""The doctor's checks: each looks at one part of a set-up and says what it found; none changes anything."""

import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version

from toolyard_runtime.cli.findings import Finding
from toolyard_runtime.cli.surroundings import Surroundings

_PARTS = ("toolyard-sdk", "toolyard-registry", "toolyard-memory", "toolyard-runtime")
_FLOOR = (3, 11)
_MEGABYTE = 1_000_000
_LITTLE = 1000 * _MEGABYTE
_TOO_LITTLE = 100 * _MEGABYTE
_PROBE_SECONDS = 5.0


def of_installation(surroundings: Surroundings) -> list[Finding]:
    """Look at what is installed, whatever the repository."""
    return [_python(), _packages(), _uv(surroundings)]


def _python() -> Finding:
    if sys.version_info < _FLOOR:
        return Finding("broken", "Python", platform.python_version(), "Install Python 3.11 or newer.")
    return Finding("ok", "Python", f"{platform.python_version()} on {platform.system()}")


def _packages() -> Finding:
    found = {}
    for name in _PARTS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            return Finding("broken", "Toolyard", f"{name} is missing", "Install it again: pip install toolyard")
    if len(set(found.values())) > 1:
        told = ", ".join(f"{name} {number}" for name, number in found.items())
        return Finding("broken", "Toolyard", f"parts of different versions: {told}", "pip install --upgrade toolyard")
    return Finding("ok", "Toolyard", next(iter(found.values())))


def _uv(surroundings: Surroundings) -> Finding:
    program = shutil.which("uv", path=surroundings.search_path)
    if program is None:
        return Finding(
            "warn",
            "uv",
            "not on PATH",
            "Only needed to run another release of a tool beside the installed one: https://docs.astral.sh/uv/",
        )
    return Finding("ok", "uv", program)
