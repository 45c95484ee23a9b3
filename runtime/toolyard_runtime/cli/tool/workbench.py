"""The tools that lie around where a command is called: a package, a file, a repository; knows no server."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from toolyard_registry.plugins import load_plugins
from toolyard_registry.toolbox.collecting import Toolbox, open_toolbox
from toolyard_registry.toolbox.local_packages import is_package, plugin_names
from toolyard_registry.toolbox.local_tools import load_local, own_tools
from toolyard_sdk.egress import EgressGrant
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.ports import Tool
from toolyard_sdk.testing import tools_of

from toolyard_runtime.cli.surroundings import REPOSITORY_FILE, STATE_FOLDER
from toolyard_runtime.config import Config, read_config

TRIAL = "dev"
"""Folder in a package's state folder."""


class Workbench(Struct, frozen=True):
    """What can be called here. `own` names the tools of the place itself; the others are of installed plugins.

    `origins` tell the plugin or file of each tool, under which `config` has its settings and its way out.
    `root` is the agent repository, where there is one: its sources' tools can join `box`.
    """

    place: str
    tools: Mapping[str, Tool]
    own: tuple[str, ...]
    origins: Mapping[str, str]
    problems: tuple[str, ...]
    config: Config
    root: Path | None = None
    box: Toolbox | None = None

    def settings(self, name: str) -> dict[str, Any]:
        """Return the settings of a tool's plugin."""
        return self.config.plugin_settings.get(self.origins.get(name, ""), {})

    def grant(self, name: str) -> EgressGrant:
        """Return what toolyard.toml lets a tool reach."""
        return self.config.egress.get(self.origins.get(name, ""), EgressGrant())


def workbench(start: Path, named: Path | None) -> Workbench:
    """Return the tools of `named`, or of the nearest package or repository at or above `start`, with all plugins.

    Raises ConfigError for a place that cannot be read at all, and for a file that cannot be imported.
    """
    if named is not None and named.is_file():
        return _of_file(named.resolve())
    if named is not None and not (is_package(named) or (named / REPOSITORY_FILE).is_file()):
        raise ConfigError(f"there is neither a tool package nor a {REPOSITORY_FILE} in it", path=str(named))
    first = (named or start).resolve()
    package = next((folder for folder in (first, *first.parents) if is_package(folder)), None)
    root = next((folder for folder in (first, *first.parents) if (folder / REPOSITORY_FILE).is_file()), None)
    if package is not None and root is not None and len(root.parts) > len(package.parts):
        package = None  # a repository inside a package is what is nearest
    return _of_folder(package, root)


def trial_of(package: Path) -> Path:
    """Return where the agent repository lies in which `toolyard tool dev` serves a package that lies in none."""
    return package / STATE_FOLDER / TRIAL


def _of_folder(package: Path | None, root: Path | None) -> Workbench:
    settings = root or (trial_of(package) if package else None)
    config = read_config(settings) if settings else Config()
    packages = (package,) if package else ()
    replaced = plugin_names(packages)
    plugins = load_plugins(config.plugins_off, replaced=replaced)
    box = open_toolbox(root, settings=config.plugin_settings, plugins=plugins, packages=packages)
    place = package or root
    installed = {plugin.name for plugin in plugins.loaded}
    wanted = replaced if package else set(box.origins.values()) - installed
    own = tuple(name for name, origin in box.origins.items() if origin in wanted)
    problems = [str(problem) for problem in (*box.file_problems, *box.problems)]
    return Workbench(str(place or "installed plugins"), box.tools, own, box.origins, tuple(problems), config, root, box)


def _of_file(path: Path) -> Workbench:
    local = load_local(path, shown=path.name)
    root = next((folder for folder in path.parents if (folder / REPOSITORY_FILE).is_file()), None)
    config = read_config(root) if root else Config()
    hooked = hasattr(local.module, "register_tools")
    found = tools_of(local.module, config.plugin_settings.get(path.stem)) if hooked else own_tools(local.module)
    tools = {tool.spec.name: tool for tool in found}
    origins = dict.fromkeys(tools, path.stem)
    problems = () if tools else (f"{path.name}: defines no tool: decorate a function with @tool",)
    return Workbench(path.name, tools, tuple(tools), origins, problems, config)
