"""Installs Node and npm packages into a cache folder outside the repository; for commands, not for tests."""

import os
import shutil
import subprocess
from pathlib import Path

NODE = "node@24"


def cache() -> Path:
    """Return the folder for what is installed once."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "toolyard" / "mcp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def installed(*packages: str) -> Path:
    """Return the folder of the programs of npm packages, installed when they are not there yet."""
    folder = cache() / "npm"
    marks = [folder / ("." + package.replace("/", "_")) for package in (NODE, *packages)]
    if not all(mark.exists() for mark in marks):
        npm = shutil.which("npm")
        if npm is None:
            raise SystemExit("npm is not on PATH: install Node.js")
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), NODE, *packages]
        subprocess.run(command, check=True, timeout=900)
        for mark in marks:
            mark.touch()
    return folder / "node_modules" / ".bin"
