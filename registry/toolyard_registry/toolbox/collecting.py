"""Collects the tools that plugins and a repository's own files offer; knows nothing of agents, policies and runs."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.ports import Tool
from toolyard_sdk.tools import tool as make_tool

from toolyard_registry.names import OFF, check_name
from toolyard_registry.plugins import Plugin, PluginProblem, Plugins, load_plugins, told
from toolyard_registry.releases import ToolRelease, tool_release
from toolyard_registry.toml.located import did_you_mean
from toolyard_registry.toolbox.local_packages import import_package, located_in, read_package
from toolyard_registry.toolbox.local_tools import load_local, local_files, located, own_tools

Settings = Mapping[str, Mapping[str, Any]]
"""The `[plugins.NAME]` tables of toolyard.toml by plugin name; of a local file, the name is its stem."""


class Toolbox(Struct, frozen=True):
    """Every tool there is, with its release and the plugin it came from.

    `problems` are of installed plugins, `file_problems` of the repository's own files, `source_problems` of what is
    outside this process; `plugins.hooks` is where other hooks than `register_tools` are called. `silent` holds how
    names begin that a source without an answer may have: a grant of such a tool is no mistake. `held` says of tools
    that are held back why nothing calls them; `about` what sources say of themselves, by their tools' `source`.
    """

    tools: dict[str, Tool]
    releases: dict[str, ToolRelease]
    origins: dict[str, str]
    plugins: Plugins
    problems: tuple[PluginProblem, ...] = ()
    file_problems: tuple[ConfigError, ...] = ()
    source_problems: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    held: dict[str, str] = {}
    about: dict[str, str] = {}


def open_toolbox(
    root: Path | None = None,
    *,
    settings: Settings | None = None,
    plugins: Plugins | None = None,
    packages: Sequence[Path] = (),
) -> Toolbox:
    """Collect tools: of `plugins` (all that are installed, where left out), then of `root`/tools/*.py, by name.

    `packages` are folders of plugins in development, imported as their files are now. Of two tools with one name the
    second is refused and reported.
    """
    box = _Collecting(load_plugins() if plugins is None else plugins, settings or {})
    box.take_plugins()
    in_development = {name for folder in packages for name in box.take_package(folder)}
    files = local_files(root) if root else ()
    for path in files:
        box.take_file(path)
    box.check_settings({path.stem for path in files} | in_development)
    return box.done()


class _Collecting:
    """A toolbox while it is being filled."""

    def __init__(self, plugins: Plugins, settings: Settings) -> None:
        self._plugins = plugins
        self._settings = settings
        self._tools: dict[str, Tool] = {}
        self._releases: dict[str, ToolRelease] = {}
        self._origins: dict[str, str] = {}
        self._problems: list[PluginProblem] = list(plugins.problems)
        self._file_problems: list[ConfigError] = []

    def done(self) -> Toolbox:
        return Toolbox(
            tools=self._tools,
            releases=self._releases,
            origins=self._origins,
            plugins=self._plugins,
            problems=tuple(self._problems),
            file_problems=tuple(self._file_problems),
        )

    def take_plugins(self) -> None:
        for plugin in self._plugins.loaded:
            offered: list[Any] = []
            try:
                self._call(plugin.name, offered.append)
            except BaseException as error:  # noqa: BLE001 - a stranger's hook never takes the server down
                advice = f"Check [plugins.{plugin.name}] in toolyard.toml, or switch it off there with [plugins] off."
                self._problems.append(PluginProblem(plugin.name, plugin.distribution, told(error), advice))
                continue
            for offer in offered:
                problem = self._take(offer, plugin.name, plugin.distribution or plugin.name, plugin.version)
                if problem:
                    self._problems.append(_of_tool(plugin, problem))

    def take_package(self, folder: Path) -> tuple[str, ...]:
        """Take the tools of a package in development and return the names of its plugins; mistakes have their line."""
        described = None
        try:
            described = read_package(folder)
            package = import_package(described)
        except ConfigError as error:
            self._file_problems.append(error)
            return tuple(described.plugins) if described is not None else ()
        hooks = self._plugins.hooks
        for name, plugin in package.plugins.items():
            offered: list[Any] = []
            try:
                if hooks.has_plugin(name):
                    hooks.unregister(name=name)
                hooks.register(plugin, name=name)
                self._call(name, offered.append)
            except BaseException as error:  # noqa: BLE001 - see take_plugins
                self._file_problems.append(located_in(error, folder))
                continue
            if not offered:
                problem = f"the plugin {name} offers no tool: call register(...) in its hook register_tools"
                self._file_problems.append(ConfigError(problem, path=described.target(name)))
            for offer in offered:
                problem = self._take(offer, name, package.distribution, package.version)
                if problem:
                    self._file_problems.append(ConfigError(problem, path=described.target(name), line=_line(offer)))
        return tuple(package.plugins)

    def take_file(self, path: Path) -> None:
        shown = f"tools/{path.name}"
        name = f"file:{path.stem}"
        try:
            local = load_local(path)
        except ConfigError as error:
            self._file_problems.append(error)
            return
        try:
            offered: list[Any] = []
            hooks = self._plugins.hooks
            if hooks.has_plugin(name):
                hooks.unregister(name=name)
            hooks.register(local.module, name=name)
            if hooks.get_hookcallers(local.module):
                self._call(name, offered.append, settings=self._settings.get(path.stem))
            else:
                offered.extend(own_tools(local.module))
        except BaseException as error:  # noqa: BLE001 - see take_plugins
            self._file_problems.append(located(error, path, shown))
            return
        if not offered:
            self._file_problems.append(ConfigError("defines no tool: decorate a function with @tool", path=shown))
        for offer in offered:
            problem = self._take(offer, path.stem, shown, local.version)
            if problem:
                self._file_problems.append(ConfigError(problem, path=shown, line=_line(offer)))

    def _call(self, name: str, register: Callable[[Any], None], settings: Mapping[str, Any] | None = None) -> None:
        """Call one plugin's `register_tools`, by itself, so that what it raises is its own."""
        hooks = self._plugins.hooks
        others = [plugin for other, plugin in hooks.list_name_plugin() if other != name and plugin is not None]
        table = self._settings.get(name, {}) if settings is None else settings
        for result in hooks.subset_hook_caller("register_tools", others)(register=register, settings=dict(table)):
            if inspect.iscoroutine(result):
                result.close()
                raise TypeError("register_tools is an async function; make it a plain one")

    def _take(self, offer: Any, origin: str, source: str, version: str) -> str:
        """Add one tool; return why not, in words, or nothing."""
        try:
            taken, spec = checked_tool(offer)
        except BaseException as error:  # noqa: BLE001 - a stranger's property may raise anything
            words = str(error) if isinstance(error, NoTool) else told(error)
            return f"{_called(offer)} is no tool: {words}"
        if spec.name in self._tools:
            return f"the tool {spec.name} is already there, from {self._releases[spec.name].source}"
        self._tools[spec.name] = taken
        self._releases[spec.name] = tool_release(spec, source, version)
        self._origins[spec.name] = origin
        return ""

    def check_settings(self, files: set[str]) -> None:
        """Report settings for a plugin that there is not: most likely a misspelt name."""
        known = {plugin.name for plugin in self._plugins.loaded} | files
        excused = set(self._plugins.off) | {problem.plugin for problem in self._plugins.problems} | {OFF}
        for name in sorted(set(self._settings) - known - excused):
            error = f"toolyard.toml has settings for it, but no plugin has that name{did_you_mean(name, known)}"
            advice = f"Install it, or remove [plugins.{name}]."
            self._problems.append(PluginProblem(name, "", error, advice))


class NoTool(Exception):
    """Something that was offered as a tool and is none, in words."""


def checked_tool(offer: Any) -> tuple[Tool, ToolSpec]:
    """Return an offer as a tool, with how it presents itself; raises NoTool, or whatever the offer does."""
    presents_itself = hasattr(type(offer), "spec") or "spec" in getattr(offer, "__dict__", ())
    if not (callable(offer) or presents_itself):
        raise NoTool("register a typed function, or an object with `spec`, `check` and `call`")
    taken: Tool = offer if hasattr(offer, "spec") else make_tool(offer)
    spec = taken.spec
    if not isinstance(spec, ToolSpec):
        raise NoTool("its `spec` is no ToolSpec")
    for method in ("check", "call"):
        if not callable(getattr(taken, method, None)):
            raise NoTool(f"it has no method `{method}`")
    check_name(spec.name, "tool name")
    return taken, spec


def _of_tool(plugin: Plugin, problem: str) -> PluginProblem:
    advice = f"Switch one of them off with [plugins] off, or ask the authors of {plugin.distribution} for another name."
    if "already there" not in problem:
        advice = f"Report it to the authors of {plugin.distribution}; its other tools work."
    return PluginProblem(plugin.name, plugin.distribution, problem, advice)


def _called(offer: Any) -> str:
    return str(getattr(offer, "__qualname__", None) or type(offer).__qualname__)


def _line(offer: Any) -> int:
    function = getattr(offer, "function", offer)
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    return code.co_firstlineno if code else 0
