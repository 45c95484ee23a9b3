"""Finds the tools of one plugin by entry point, module or file; knows no server, and no plugin but the one named."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
from msgspec import Struct

from toolyard_sdk import hooks
from toolyard_sdk.messages import ToolSpec
from toolyard_sdk.ports import Tool
from toolyard_sdk.tools import FunctionTool, tool


class Served(Struct, frozen=True):
    """A plugin to be served: what it is called, its distribution's version ("" where it has none), its tools."""

    name: str
    version: str
    tools: tuple[Tool, ...]


class NotServable(Exception):
    """There is nothing to serve under a name: what is wrong, and what to write instead."""


def find(wanted: str, settings: Mapping[str, Any]) -> Served:
    """Return the tools of an entry point of group `toolyard`, of a module, or of a file `tools/NAME.py`.

    An entry point's name comes before a module of the same name. Raises NotServable, and whatever the code found
    raises when it is imported.
    """
    if wanted.endswith(".py"):
        path = Path(wanted)
        return Served(path.stem, "", _tools(_file(path), wanted, settings))
    points = [point for point in entry_points(group=hooks.GROUP) if point.name == wanted]
    if points:
        version = points[0].dist.version if points[0].dist else ""
        return Served(wanted, version, _tools(points[0].load(), wanted, settings))
    return Served(wanted, "", _tools(_module(wanted), wanted, settings))


def _file(path: Path) -> ModuleType:
    name = f"_toolyard_served_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise NotServable(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # typing and msgspec look a class's module up by name
    spec.loader.exec_module(module)
    return module


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise  # the module is there, and something that it imports is not
        known = ", ".join(sorted({point.name for point in entry_points(group=hooks.GROUP)})) or "none"
        raise NotServable(
            f"nothing here is called {name!r}: no entry point of group {hooks.GROUP} (there are: {known}), "
            "and no module. A file is named with its .py"
        ) from None


def _tools(plugin: Any, wanted: str, settings: Mapping[str, Any]) -> tuple[Tool, ...]:
    """Return what a plugin registers; of a module without the hook, the tools that lie in it."""
    manager = pluggy.PluginManager(hooks.GROUP)
    manager.add_hookspecs(hooks)
    manager.register(plugin)
    found: dict[str, Tool] = {}

    def register(offered: Any) -> None:
        ready: Tool = offered if hasattr(offered, "spec") else tool(offered)
        if not isinstance(ready.spec, ToolSpec):
            raise NotServable(f"{wanted} registers {offered!r}, whose `spec` is no ToolSpec")
        if ready.spec.name in found:
            raise NotServable(f"{wanted} registers {ready.spec.name!r} twice")
        found[ready.spec.name] = ready

    if manager.get_hookcallers(plugin):
        for returned in manager.hook.register_tools(register=register, settings=dict(settings)):
            if inspect.iscoroutine(returned):
                returned.close()
                raise NotServable(f"register_tools of {wanted} is an async function; make it a plain one")
    else:
        for value in vars(plugin).values():
            if isinstance(value, FunctionTool) and value.function.__module__ == plugin.__name__:
                found.setdefault(value.spec.name, value)
    if not found:
        raise NotServable(f"{wanted} offers no tool: decorate a function with @tool, or register one")
    return tuple(found[name] for name in sorted(found))
