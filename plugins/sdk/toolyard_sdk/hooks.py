"""The hooks by which a distribution adds to Toolyard: entry-point group `toolyard`, arguments matched by name."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:  # hook signatures are documentation; pluggy matches names, never types
    from toolyard_sdk.ports import Tool

GROUP = "toolyard"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def register_tools(register: "Callable[[Tool | Callable[..., Any]], None]", settings: Mapping[str, Any]) -> None:
    """Offer tools: call `register(tool)` once for each; `settings` is this plugin's table of toolyard.toml."""


@hookspec
def register_routes(register: Callable[[Any], None]) -> None:
    """Contribute HTTP routes: call `register(handler)` with a litestar handler that says who may call it.

    It does so by `opt={"access": {"operator"}}`, a set of roles, or by `opt={"access": "open"}`.
    """


@hookspec
def register_commands(register: Callable[[Any], None]) -> None:
    """Contribute commands to the `toolyard` program: call `register(command)` with a click command or group."""


@hookspec
def register_tables(register: Callable[[Any], None]) -> None:
    """Contribute tables: call `register(metadata)` with the SQLAlchemy MetaData that holds them.

    Those that are not there are created when the server starts; those that are stay as they are.
    """


@hookspec
def register_models(register: Callable[[str, Callable[..., Any]], None]) -> None:
    """Contribute a kind of model provider: call `register(kind, factory)`; toolyard.toml names it by `kind`.

    `factory(base_url=..., api_key=...)` returns a client: the port `Model`.
    """


@hookspec
def register_sources(register: Callable[[str, Callable[..., Any]], None]) -> None:
    """Contribute a kind of tool source: call `register(kind, factory)`; toolyard.toml names it by `kind`.

    `factory(name=..., settings=..., root=..., egress=..., secrets=...)` returns a source: the port `ToolSource`.
    `settings` is the table `[sources.NAME]`, `root` the repository's folder, `egress` and `secrets` are the ports bound
    to this source.
    """
