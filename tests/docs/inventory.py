"""What the reference has to tell about, asked of the code itself; knows no page."""

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import click
import msgspec
from msgspec import Struct
from toolyard_registry.agents.reading import AgentFile
from toolyard_registry.policy import PolicyFile
from toolyard_registry.prompts import FrontMatter
from toolyard_registry.rights import Rights
from toolyard_runtime.cli.program import COMMANDS, program
from toolyard_runtime.config import Config
from toolyard_runtime.http import openai_routes, probes
from toolyard_runtime.http.access import OPEN
from toolyard_runtime.http.api import API_ROUTES
from toolyard_runtime.meters import Meters
from toolyard_runtime.wire.errors import FAULTS
from toolyard_sdk import hooks as sdk_hooks
from toolyard_sdk.events import RunEvent

from tests.house.sources import PACKAGES, sources

FILES: dict[str, type[Struct]] = {
    "toolyard.toml": Config,
    "agents/NAME.toml": AgentFile,
    "prompts/NAME.md": FrontMatter,
    "policies/NAME.toml": PolicyFile,
    "rights.toml": Rights,
}
"""The files a person writes, as the reference heads them, and the record each is read as."""

_METHODS = ("get", "post", "put", "patch", "delete")
_VARIABLE = re.compile(r"TOOLYARD_[A-Z_]+\Z")


def hooks() -> dict[str, tuple[str, ...]]:
    """Return the arguments of every hook by its name."""
    marked = f"{sdk_hooks.GROUP}_spec"
    return {
        name: tuple(inspect.signature(function).parameters)
        for name, function in inspect.getmembers(sdk_hooks, inspect.isfunction)
        if hasattr(function, marked)
    }


def events() -> dict[str, tuple[str, ...]]:
    """Return the fields of every kind of event by its name in the journal."""
    kinds = get_args(RunEvent)
    return {kind.__struct_config__.tag: kind.__struct_fields__ for kind in kinds}


def settings() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield (file, table, keys) of every table a person can write; the table is "" at the top of a file."""
    for file, record in FILES.items():
        yield from _tables(file, "", record)


def _tables(file: str, table: str, record: type[Struct]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    keys: list[str] = []
    below: list[tuple[str, type[Struct]]] = []
    for field in msgspec.structs.fields(record):
        path = f"{table}.{field.encode_name}".lstrip(".")
        inner = _record_in(field.type)
        if inner is None:
            keys.append(field.encode_name)
        elif get_origin(field.type) is dict:
            below.append((f"{path}.NAME", inner))
        else:
            below.append((path, inner))
    yield file, table, tuple(keys)
    for path, inner in below:
        yield from _tables(file, path, inner)


def defaults() -> Iterator[tuple[str, str, str, str]]:
    """Yield (file, table, key, default as TOML) of every setting; "" where there is none, or null stands for none."""
    for file, record in FILES.items():
        yield from _defaults(file, "", record)


def _defaults(file: str, table: str, record: type[Struct]) -> Iterator[tuple[str, str, str, str]]:
    for field in msgspec.structs.fields(record):
        path = f"{table}.{field.encode_name}".lstrip(".")
        inner = _record_in(field.type)
        if field.type in (dict[str, Any], dict[str, dict[str, Any]]):
            continue  # a table of tables: what is in them is the plugins' to say, or the source's
        if inner is None:
            value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
            yield file, table, field.encode_name, _toml(value)
        else:
            yield from _defaults(file, f"{path}.NAME" if get_origin(field.type) is dict else path, inner)


def _toml(value: Any) -> str:
    if value is None or value is msgspec.NODEFAULT:
        return ""
    return msgspec.json.encode(value).decode()


def access() -> dict[str, frozenset[str] | None]:
    """Return the roles of every route by `METHOD /path/{name}`; None for one that is open to anybody."""
    found: dict[str, frozenset[str] | None] = {}
    for handler in (*openai_routes.ROUTES, *API_ROUTES, *probes.ROUTES):
        allowed = handler.opt["access"]
        for path in handler.paths:
            for method in handler.http_methods - {"HEAD"}:
                named = re.sub(r":[a-z]+}", "}", path)
                found[f"{method} {named}"] = None if allowed == OPEN else allowed
    return found


def error_codes() -> set[str]:
    """Return every `code` a refusal is made with, those of failed runs among them."""
    written = {
        keyword.value.value
        for _, tree in sources(PACKAGES)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)
    }
    return written | set(FAULTS)


def _record_in(type_: Any) -> type[Struct] | None:
    for candidate in (type_, *get_args(type_)):
        if isinstance(candidate, type) and issubclass(candidate, Struct):
            return candidate
    return None


def routes() -> set[str]:
    """Return every route as `METHOD /path/{name}`, as the handlers' decorators say it."""
    return {
        f"{node.func.id.upper()} {re.sub(r':[a-z]+}', '}', node.args[0].value)}"
        for _, tree in sources(PACKAGES)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _METHODS
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and node.args[0].value.startswith("/")
    }


def variables() -> set[str]:
    """Return the environment variables of our own that any package names."""
    return {
        node.value
        for _, tree in sources(PACKAGES)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _VARIABLE.match(node.value)
    }


def commands() -> dict[str, tuple[str, ...]]:
    """Return the long options of every command by its full name, such as `runs list`."""
    found: dict[str, tuple[str, ...]] = {}
    with click.Context(program) as context:
        for entry in COMMANDS:
            command = program.get_command(context, entry.name)
            assert command is not None
            found |= dict(_commands(entry.name, command))
    return found


def _commands(name: str, command: click.Command) -> Iterator[tuple[str, tuple[str, ...]]]:
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    yield name, tuple(text for option in options for text in option.opts if text.startswith("--"))
    if isinstance(command, click.Group):
        for inner, each in command.commands.items():
            yield from _commands(f"{name} {inner}", each)


def metrics() -> set[str]:
    """Return the names of all metrics, as Prometheus shows them."""
    return {family.name + ("_total" if family.type == "counter" else "") for family in Meters().registry.collect()}
