"""The doctor's checks of what is installed and of a repository's files; none changes anything."""

import platform
import shutil
import sys
from collections.abc import Sequence, Sized
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from toolyard_registry.agents.repository import load_repository
from toolyard_registry.plugins import load_plugins
from toolyard_registry.toolbox.collecting import open_toolbox
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.cli.database_checks import database
from toolyard_runtime.cli.findings import Finding
from toolyard_runtime.cli.memory_checks import memory
from toolyard_runtime.cli.secret_checks import rights, secrets
from toolyard_runtime.cli.service_checks import AsServed, disk, model_servers, server, told_by_server
from toolyard_runtime.cli.surroundings import Surroundings
from toolyard_runtime.config import Config, check_kinds, read_config
from toolyard_runtime.contributions import Contributions

_PARTS = ("toolyard-sdk", "toolyard-registry", "toolyard-memory", "toolyard-runtime")
_FLOOR = (3, 11)
_AGENTS = "agents/"
_SERVED = (_AGENTS, "agent.lock", "source ")
_PUBLISHED = "is published or installed"
_OF_SOURCES = ("is no tool", "matches no tool")
_UNKNOWN = "Only a running server knows what is published and what sources offer: start it, and ask again."


def of_installation(surroundings: Surroundings) -> list[Finding]:
    """Look at what is installed, whatever the repository."""
    return [_python(), _packages(), _uv(surroundings)]


def of_repository(surroundings: Surroundings, repository: Path, state_dir: Path) -> list[Finding]:
    """Look at a repository: its files, its plugins, and everything that its server needs."""
    try:
        config = read_config(repository)
    except ConfigError as error:
        return [Finding("broken", "toolyard.toml", str(error), "Correct the line; the other checks need the file.")]
    of_files, remembering = _files(repository, config, told_by_server(state_dir))
    return [
        *of_files,
        *model_servers(config, surroundings.environment),
        server(state_dir),
        database(config, repository, state_dir),
        *memory(config, remembering, repository, state_dir, surroundings.environment),
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


def _files(repository: Path, config: Config, served: AsServed | None) -> tuple[list[Finding], list[str]]:
    """Load the repository as the server would, and tell every mistake in it, and which agents remember.

    What is published and what sources offer is known to a running server only: what agents name is judged by it.
    """
    plugins = load_plugins(config.plugins_off)
    added = Contributions(plugins)
    added.take_models()
    try:
        check_kinds(repository, config, added.models)
    except ConfigError as error:
        return [Finding("broken", "toolyard.toml", str(error), "Correct the line, or install the plugin it means.")], []
    toolbox = open_toolbox(repository, settings=config.plugin_settings, plugins=plugins)
    found = load_repository(repository, toolbox)
    findings = [
        Finding("broken", "Plugin", f"{problem.plugin}: {problem.error}", problem.advice)
        for problem in (*toolbox.problems, *added.problems)
    ]
    of_agents = [problem for problem in found.problems if problem.path.startswith(_AGENTS)]
    findings += [_mistake(str(problem)) for problem in found.problems if problem not in of_agents]
    if served is not None:
        findings += [_mistake(problem) for problem in served.problems if problem.startswith(_SERVED)]
    else:
        unsure = (_PUBLISHED, *_OF_SOURCES) if config.sources else (_PUBLISHED,)
        for problem in map(str, of_agents):
            unknown = any(words in problem for words in unsure)
            findings.append(Finding("warn", "File", problem, _UNKNOWN) if unknown else _mistake(problem))
    agents: Sequence[object] = served.data if served is not None else tuple(found.agents)
    told = f"{repository}: {_counted(agents, 'agent')}, {_counted(toolbox.tools, 'tool')}"
    if agents or of_agents:
        findings.insert(0, Finding("ok", "Repository", told))
    else:
        advice = "agents/NAME.toml makes one; `toolyard new NAME` shows how."
        findings.insert(0, Finding("broken", "Repository", told, advice))
    return findings, sorted(name for name, release in found.agents.items() if release.memory is not None)


def _mistake(problem: str) -> Finding:
    advice = "The server keeps the last set without mistakes until this is corrected."
    return Finding("broken", "File", problem, advice)


def _counted(things: Sized, noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
