"""Makes tools of a class's methods, and JSON arguments of a call that is written as Python; knows no package.

The methods were not written as tools: three things are put right here, and nowhere else. A parameter without a type, or
with a wrong one, takes any JSON. What a method returns is written as the package's executor writes it where JSON cannot
hold it. Its docstring is taken whole as the description, since it does not keep to what the signature says.
"""

import ast
import inspect
import json
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from toolyard_registry.plugins import Plugin, Plugins, load_plugins
from toolyard_registry.toolbox.collecting import Toolbox, open_toolbox
from toolyard_sdk import hookimpl, tool

WRONGLY_TYPED = frozenset({("close_ticket", "ticket_id")})
"""Parameters whose type in the signature their own gold calls contradict: this one says int, and is given text."""


def toolbox_of(instances: Iterable[Any]) -> Toolbox:
    """Offer every public method of some objects as a tool, through a plugin's hook; raises where one is refused."""

    @hookimpl
    def register_tools(register: Callable[[Any], None]) -> None:
        for instance in instances:
            for name, method in inspect.getmembers(instance, predicate=inspect.ismethod):
                if not name.startswith("_"):
                    register(tool(description=inspect.getdoc(method) or name)(_typed(method)))

    plugin = types.ModuleType("bfcl_classes")
    plugin.register_tools = register_tools  # type: ignore[attr-defined] # a module is what a plugin is
    empty = load_plugins(points=())
    empty.hooks.register(plugin, name="bfcl")
    box = open_toolbox(plugins=Plugins(empty.hooks, (Plugin("bfcl", "bfcl-eval", "0"),), (), ()))
    if box.problems:
        raise AssertionError("\n".join(map(str, box.problems)))
    return box


def _typed(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method as a function whose every parameter has a type, and whose result JSON can hold."""
    signature = inspect.signature(method)
    typed = [
        each.replace(annotation=Any)
        if each.annotation is each.empty or (method.__name__, each.name) in WRONGLY_TYPED
        else each
        for each in signature.parameters.values()
    ]

    def call(**arguments: Any) -> Any:
        return _holdable(method(**arguments))

    call.__name__ = method.__name__
    call.__annotations__ = {each.name: each.annotation for each in typed}
    vars(call)["__signature__"] = signature.replace(parameters=typed, return_annotation=Any)
    return call


def _holdable(value: Any) -> Any:
    """Return what a method returned, as text where JSON cannot hold it: the executor does the same."""
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return str(value)
    return value


def arguments_of(call: str, box: Toolbox) -> tuple[str, str]:
    """Return the tool's name and the JSON arguments of a call such as `sort('a.pdf')`."""
    node = ast.parse(call.strip(), mode="eval").body
    assert isinstance(node, ast.Call), f"{call} is no call"
    name = ast.unparse(node.func)
    order = list(box.tools[name].spec.input_schema["properties"])
    arguments = dict(zip(order, map(ast.literal_eval, node.args), strict=False))
    arguments |= {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
    return name, json.dumps(arguments)


def as_executed(text: str, structured: Any, failure: str) -> str:
    """Write a result as the package's executor does: a dictionary as JSON, anything else by `str`."""
    if failure:
        return f"Error during execution: {failure}"
    if structured is None:
        return "None" if text == "done" else text
    return json.dumps(structured) if isinstance(structured, Mapping) else str(structured)
