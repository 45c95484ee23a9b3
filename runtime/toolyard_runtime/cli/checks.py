"""The doctor's checks of what is installed and of a repository's files; none changes anything."""

import platform
import shutil
import sys
from collections.abc import Sized
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from toolyard_registry.agents.repository import load_repository
from toolyard_registry.plugins import load_plugins
from toolyard_registry.toolbox.collecting import open_toolbox
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.cli.findings import Finding
from toolyard_runtime.cli.secret_checks import rights, secrets
from toolyard_runtime.cli.service_checks import database, disk, model_servers, server
from toolyard_runtime.cli.surroundings import Surroundings
from toolyard_runtime.config import Config, check_kinds, read_config
from toolyard_runtime.contributions import Contributions

_PARTS = ("toolyard-sdk", "toolyard-registry", "toolyard-memory", "toolyard-runtime")
_FLOOR = (3, 11)


def of_installation(surroundings: Surroundings) -> list[Finding]:
    """Look at what is installed, whatever the repository."""
    return [_python(), _packages(), _uv(surroundings)]


def of_repository(surroundings: Surroundings, repository: Path, state_dir: Path) -> list[Finding]:
    """Look at a repository: its files, its plugins, and everything that its server needs."""
    try:
        config = read_config(repository)
    except ConfigError as error:
        return [Finding("broken", "toolyard.toml", str(error), "Correct the line; the other checks need the file.")]
    return [
        *_files(repository, config),
        *model_servers(config, surroundings.environment),
        server(state_dir),
        database(config, repository, state_dir),
        secrets(config, repository, state_dir, surroundings.environment),
        rights(repository),
        disk(state_dir),
    ]


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


def _files(repository: Path, config: Config) -> list[Finding]:
    """Load the repository as the server would, and tell every mistake in it."""
    plugins = load_plugins(config.plugins_off)
    added = Contributions(plugins)
    added.take_models()
    try:
        check_kinds(repository, config, added.models)
    except ConfigError as error:
        return [Finding("broken", "toolyard.toml", str(error), "Correct the line, or install the plugin it means.")]
    toolbox = open_toolbox(repository, settings=config.plugin_settings, plugins=plugins)
    found = load_repository(repository, toolbox)
    findings = [
        Finding("broken", "Plugin", f"{problem.plugin}: {problem.error}", problem.advice)
        for problem in (*toolbox.problems, *added.problems)
    ]
    findings += [
        Finding(
            "broken", "File", str(problem), "The server keeps the last set without mistakes until this is corrected."
        )
        for problem in found.problems
    ]
    told = f"{repository}: {_counted(found.agents, 'agent')}, {_counted(toolbox.tools, 'tool')}"
    if found.agents:
        findings.insert(0, Finding("ok", "Repository", told))
    else:
        advice = "agents/NAME.toml makes one; `toolyard new NAME` shows how."
        findings.insert(0, Finding("broken", "Repository", told, advice))
    return findings


def _counted(things: Sized, noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
