"""Finds a module's tools as the server would, through its `register_tools`; without that hook, the ones lying in it."""

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from toolyard_sdk.ports import Tool
from toolyard_sdk.tools import FunctionTool, tool


def tools_of(module: ModuleType | str, settings: Mapping[str, Any] | None = None) -> tuple[Tool, ...]:
    """Return the tools of a module (or of its import name), each once, in the order they are registered."""
    if isinstance(module, str):
        module = importlib.import_module(module)
    found: dict[str, Tool] = {}

    def register(offered: Any) -> None:
        ready: Tool = offered if hasattr(offered, "spec") else tool(offered)
        if ready.spec.name in found:
            raise ValueError(f"{module.__name__} registers {ready.spec.name!r} twice")
        found[ready.spec.name] = ready

    if hasattr(module, "register_tools"):
        module.register_tools(register=register, settings=settings or {})
    else:
        for each in vars(module).values():
            if isinstance(each, FunctionTool) and each.spec.name not in found:
                register(each)
    return tuple(found.values())
