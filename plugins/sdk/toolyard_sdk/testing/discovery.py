"""Finds a module's tools as the server would, through its `register_tools`; without that hook, the ones lying in it."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from toolyard_sdk.ports import Tool
from toolyard_sdk.tools import FunctionTool, tool


def tools_of(module: ModuleType | str, settings: Mapping[str, Any] | None = None) -> tuple[Tool, ...]:
    """Return the tools of a module (its import name, or the path of its file), each once, in the order of registering.

    Raises ImportError for a name or a path that nothing lies under, and whatever the module's code raises.
    """
    if isinstance(module, str):
        module = _from_file(Path(module)) if module.endswith(".py") else importlib.import_module(module)
    found: dict[str, Tool] = {}

    def register(offered: Any) -> None:
        ready: Tool = offered if hasattr(offered, "spec") else tool(offered)
        if ready.spec.name in found:
            raise ValueError(f"{module.__name__} registers {ready.spec.name!r} twice")
        found[ready.spec.name] = ready

    if hasattr(module, "register_tools"):
        offered = {"register": register, "settings": settings or {}}
        taken = inspect.signature(module.register_tools).parameters
        module.register_tools(**{name: value for name, value in offered.items() if name in taken})
    else:
        for each in vars(module).values():
            if isinstance(each, FunctionTool) and each.spec.name not in found:
                register(each)
    return tuple(found.values())


def _from_file(path: Path) -> ModuleType:
    """Import a single file, which need not lie on the import path, under a name that shadows no other module."""
    name = f"_toolyard_testing_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # typing and msgspec look a class's module up by name
    spec.loader.exec_module(module)
    return module
