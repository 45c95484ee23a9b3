"""Builds the distributions of this repository and installs them as a stranger would; knows nothing of what they do."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 240.0


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Return what a command printed; raises AssertionError with all of its output when it fails."""
    outside = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=outside,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(into: Path) -> list[Path]:
    """Build the wheel of every distribution of the workspace and return them."""
    run("uv", "build", "--all-packages", "--wheel", "--out-dir", into, "--quiet", cwd=ROOT)
    return sorted(into.glob("*.whl"))


class Environment:
    """A virtual environment with nothing in it but what was asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        run("uv", "venv", "--quiet", "--python", "3.11", directory)
        self.python = directory / "bin" / "python"

    def install(self, *what: str, wheels: Path, pinned: Path) -> None:
        """Install third parties as locked, from the index; then ours, from `wheels` and from nowhere else."""
        pip = ("uv", "pip", "install", "--quiet", "--python", self.python)
        run(*pip, "-r", pinned)
        run(*pip, "--no-index", "--find-links", wheels, *what)

    def program(self, name: str) -> Path:
        """Return the path of an installed program."""
        return self._directory / "bin" / name

    @property
    def packages(self) -> Path:
        """The site-packages folder."""
        return next((self._directory / "lib").glob("python3*")) / "site-packages"


def sizes(folder: Path) -> dict[str, int]:
    """Return bytes on disk per entry of a folder, largest first, without compiled bytecode."""
    found = {entry.name: _size(entry) for entry in folder.iterdir()}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and file.suffix != ".pyc")
