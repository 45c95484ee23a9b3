"""Finds and loads the plugins of entry-point group `toolyard`; knows how to load them, not what they offer.

A plugin that cannot be loaded is reported, with what to do, and left out: a stranger's mistake never stops a server.
"""

import difflib
from collections.abc import Collection, Iterable
from importlib.metadata import EntryPoint, entry_points

import pluggy
from msgspec import Struct
from toolyard_sdk import hooks

_OURS = "toolyard-"


class PluginProblem(Struct, frozen=True):
    """A plugin, or a tool of one, that was left out: what happened and what to do about it."""

    plugin: str
    distribution: str
    error: str
    advice: str

    def __str__(self) -> str:
        of = f" (of {self.distribution})" if self.distribution else ""
        stop = "" if self.error.endswith(("?", ".", "!")) else "."
        return f"plugin {self.plugin}{of}: {self.error}{stop} {self.advice}"


class Plugin(Struct, frozen=True):
    """A loaded plugin: its entry point's name, and the distribution and version that it comes from."""

    name: str
    distribution: str
    version: str


class Plugins(Struct, frozen=True):
    """The loaded plugins in the order in which they register, with pluggy's record of their hooks."""

    hooks: pluggy.PluginManager
    loaded: tuple[Plugin, ...]
    off: tuple[str, ...]
    problems: tuple[PluginProblem, ...]


def installed() -> tuple[EntryPoint, ...]:
    """Return the entry points that the installed distributions declare for Toolyard."""
    return tuple(entry_points(group=hooks.GROUP))


def load_plugins(
    off: Collection[str] = (), points: Iterable[EntryPoint] | None = None, *, replaced: Collection[str] = ()
) -> Plugins:
    """Import and register every plugin that is not switched off; `points` are the installed ones where left out.

    Those of `replaced` are left out too: a folder in development stands for them.

    First-party distributions come first, then by name, so that a newcomer cannot take a name that is in use.
    """
    found = sorted(installed() if points is None else points, key=_order)
    manager = pluggy.PluginManager(hooks.GROUP)
    manager.add_hookspecs(hooks)
    loaded: list[Plugin] = []
    problems: list[PluginProblem] = []
    for point in found:
        if point.name in off or point.name in replaced:
            continue
        plugin = Plugin(point.name, *_origin(point))
        try:
            manager.register(point.load(), name=point.name)
        except BaseException as error:  # noqa: BLE001 - whatever a stranger's import raises, the server starts
            problems.append(PluginProblem(plugin.name, plugin.distribution, told(error), _load_advice(plugin, error)))
            continue
        problems.extend(_unknown_hooks(manager, plugin))
        loaded.append(plugin)
    names = {point.name for point in found}
    problems.extend(
        PluginProblem(name, "", "it is switched off, but no plugin has that name", f"Installed: {_listed(names)}.")
        for name in sorted(set(off) - names)
    )
    return Plugins(manager, tuple(loaded), tuple(sorted(off)), tuple(problems))


def told(error: BaseException) -> str:
    """Return an exception as one line: its type and its message."""
    words = message_of(error)
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def message_of(error: BaseException) -> str:
    """Return an exception's message as one line, also of one whose `__str__` raises."""
    try:
        return " ".join(str(error).split())
    except BaseException as failure:  # noqa: BLE001 - a stranger's exception may raise anything when it is shown
        return f"(its message cannot be shown: its __str__ raised {type(failure).__name__})"


def _order(point: EntryPoint) -> tuple[bool, str, str]:
    distribution, _ = _origin(point)
    return not distribution.startswith(_OURS), point.name, distribution


def _origin(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("", "0")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _load_advice(plugin: Plugin, error: BaseException) -> str:
    switch = f'switch it off with [plugins] off = ["{plugin.name}"] in toolyard.toml'
    if isinstance(error, ImportError):
        return f"Reinstall {plugin.distribution or 'it'} with its dependencies, or {switch}."
    if isinstance(error, ValueError) and "already registered" in message_of(error):
        return f"Two installed distributions name a plugin {plugin.name}; uninstall one, or {switch}."
    return f"Report it to the authors of {plugin.distribution or 'the plugin'}, or {switch}."


def _unknown_hooks(manager: pluggy.PluginManager, plugin: Plugin) -> list[PluginProblem]:
    """Report hook implementations under names that nothing calls: misspelt ones, most likely."""
    known = [name for name in vars(hooks) if name.startswith("register_")]
    problems = []
    for caller in manager.get_hookcallers(manager.get_plugin(plugin.name)) or []:
        if caller.has_spec():
            continue
        near = difflib.get_close_matches(caller.name, known, n=1)
        advice = f"Did you mean {near[0]}?" if near else f"Hooks are: {_listed(known)}."
        error = f"nothing calls a hook named {caller.name}"
        problems.append(PluginProblem(plugin.name, plugin.distribution, error, advice))
    return problems
