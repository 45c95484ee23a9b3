"""Builds small plugin packages with uv, as their authors would, and the SDK that they depend on."""

import hashlib
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DEADLINE = 240.0

PROJECT = """
[project]
name = "toolyard-greeter"
version = "{version}"
requires-python = ">=3.11"
dependencies = ["toolyard-sdk"]

[project.entry-points.toolyard]
greeter = "toolyard_greeter"

[build-system]
requires = ["uv_build>=0.9,<1"]
build-backend = "uv_build"

[tool.uv.build-backend]
module-root = ""
"""

MODULE = '''
"""Greets people."""

import os

from toolyard_sdk import ToolContext, tool


@tool(read_only=True)
def greet(name: str, context: ToolContext) -> str:
    """Greet somebody."""
    context.progress(1, 1, "greeting")
    return f"{greeting}, {{name}}! [{{context.tenant}} {{context.end_user}} {{context.settings.get('mood')}}]"


@tool(read_only=True)
def process() -> int:
    """Return the number of this process."""
    return os.getpid()


@tool
async def reach(url: str, context: ToolContext) -> str:
    """Send a request."""
    return (await context.egress.request("GET", url)).body.decode()


@tool
async def measure(context: ToolContext) -> str:
    """Ask for a size."""
    size = await context.ask("Which size?")
    return f"{{size.action}} {{size.content}}"


@tool
def lose() -> str:
    """Lose a connection."""
    raise ConnectionResetError("reset by peer")
'''


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Return what a command printed; raises AssertionError with all of its output when it fails."""
    outside = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    words = [str(part) for part in command]
    done = subprocess.run(words, cwd=cwd, env=outside, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build_sdk(into: Path) -> Path:
    """Build the SDK's wheel and return the folder it lies in."""
    run("uv", "build", "--wheel", "--quiet", "--out-dir", into, ROOT / "plugins" / "sdk")
    return into


def build_greeter(folder: Path, version: str, greeting: str) -> tuple[Path, str]:
    """Build one version of a plugin; return its wheel and the wheel's SHA-256."""
    project = folder / f"greeter-{version}"
    (project / "toolyard_greeter").mkdir(parents=True)
    (project / "pyproject.toml").write_text(PROJECT.format(version=version))
    (project / "toolyard_greeter" / "__init__.py").write_text(MODULE.format(greeting=greeting))
    run("uv", "build", "--wheel", "--quiet", "--out-dir", folder / "wheels", project)
    wheel = next((folder / "wheels").glob(f"toolyard_greeter-{version}-*.whl"))
    return wheel, hashlib.sha256(wheel.read_bytes()).hexdigest()
