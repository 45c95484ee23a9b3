"""What plugins add to a server beside tools: routes, tables, kinds of models and of sources; knows no plugin by name.

Whatever a plugin offers is tried before it is taken. What cannot be used is reported and left out: a stranger's mistake
never takes the server down, and never takes a built-in route or table away.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

from litestar import Litestar
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from sqlalchemy import MetaData
from toolyard_registry.plugins import Plugin, PluginProblem, Plugins, told
from toolyard_registry.rights import Role
from toolyard_sdk.ports import Model

from toolyard_runtime.engine.sources import SourceFactory
from toolyard_runtime.http.access import OPEN
from toolyard_runtime.store.opening import OwnedDatabase
from toolyard_runtime.store.schema import PACKAGES

ModelFactory = Callable[..., Model]
"""`factory(base_url=..., api_key=...)` returns a client of one provider."""

Problem = tuple[str, str]
"""What is wrong, and what to do about it."""


class Contributions:
    """Takes what plugins offer: `models` and `sources` by kind, `tables` and `routes` in order.

    `problems` tell what was left out.
    """

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self.models: dict[str, ModelFactory] = {}
        self.sources: dict[str, SourceFactory] = {}
        self.routes: list[HTTPRouteHandler] = []
        self.tables: list[MetaData] = []
        self.problems: list[PluginProblem] = []

    def take_models(self) -> None:
        """Take kinds of models; of two with one name the first stays."""
        self._take_kinds("register_models", "model", self.models)

    def take_sources(self) -> None:
        """Take kinds of tool sources; of two with one name the first stays."""
        self._take_kinds("register_sources", "source", self.sources)

    def _take_kinds(self, hook: str, what: str, kinds: dict[str, Callable[..., Any]]) -> None:
        for plugin, (kind, factory) in self._offered(hook, 2):
            if not (isinstance(kind, str) and kind) or not callable(factory):
                self._refuse(plugin, (f"{kind!r} is no kind of {what} with a factory", _report(plugin)))
            elif kind in kinds:
                self._refuse(plugin, (f"there is already a kind of {what} {kind!r}", _report(plugin)))
            else:
                kinds[kind] = factory

    async def take_tables(self, database: OwnedDatabase) -> None:
        """Create the tables that are not there yet; those of Toolyard's own packages came with its migrations."""
        taken = {name: "Toolyard itself" for package in PACKAGES for name in package.tables}
        for plugin, (metadata,) in self._offered("register_tables", 1):
            if any(metadata is package for package in PACKAGES):
                continue
            problem = await _create(database, metadata, taken)
            if problem:
                self._refuse(plugin, (problem, _report(plugin)))
            else:
                self.tables.append(metadata)
                taken |= dict.fromkeys(metadata.tables, f"the plugin {plugin.name}")

    def take_routes(self, own: Sequence[BaseRouteHandler]) -> None:
        """Take handlers that say who may call them, and that stand beside the server's own and those before them."""
        for plugin, (handler,) in self._offered("register_routes", 1):
            problem = _undeclared(handler) or _clash([*own, *self.routes], handler)
            if problem:
                self._refuse(plugin, (problem[0], problem[1] or _report(plugin)))
            else:
                self.routes.append(handler)

    def _offered(self, hook: str, arity: int) -> Iterator[tuple[Plugin, tuple[Any, ...]]]:
        """Yield what each plugin has registered through a hook; a hook that fails is reported."""
        for plugin in self._plugins.loaded:
            found: list[tuple[Any, ...]] = []
            others = [other for name, other in self._plugins.hooks.list_name_plugin() if name != plugin.name]

            def register(*given: Any, found: list[tuple[Any, ...]] = found) -> None:
                if len(given) != arity:
                    raise TypeError(f"register takes {arity} argument{'' if arity == 1 else 's'}, not {len(given)}")
                found.append(given)

            try:
                self._plugins.hooks.subset_hook_caller(hook, others)(register=register)
            except BaseException as error:  # noqa: BLE001 - a stranger's hook never takes the server down
                self._refuse(plugin, (f"{hook}: {told(error)}", _report(plugin)))
                continue
            yield from ((plugin, offer) for offer in found)

    def _refuse(self, plugin: Plugin, problem: Problem) -> None:
        self.problems.append(PluginProblem(plugin.name, plugin.distribution, *problem))


def _report(plugin: Plugin) -> str:
    switch = f'switch it off with [plugins] off = ["{plugin.name}"] in toolyard.toml'
    return f"Report it to the authors of {plugin.distribution or 'the plugin'}, or {switch}."


async def _create(database: OwnedDatabase, metadata: Any, taken: dict[str, str]) -> str:
    """Create a plugin's tables, all or none; return what is wrong, "" for nothing."""
    if not isinstance(metadata, MetaData):
        return f"register_tables: {metadata!r} is no MetaData of SQLAlchemy"
    for name in sorted(metadata.tables):
        if name in taken:
            return f"the table {name} is one of {taken[name]} already"
    try:
        await database.add_tables(metadata)
    except Exception as error:  # noqa: BLE001 - whatever a stranger's schema holds, the server starts
        return f"its tables cannot be created: {told(error)}"
    return ""


def _undeclared(handler: Any) -> Problem | None:
    """Tell what a handler fails to say; nothing is reachable that does not name who may reach it."""
    if not isinstance(handler, HTTPRouteHandler):
        return f"register_routes: {handler!r} is no route handler of litestar", ""
    shown = ", ".join(sorted(handler.paths)) or "/"
    if any(path == "/v1" or path.startswith("/v1/") for path in handler.paths):
        return f"the route {shown} lies under /v1, which holds OpenAI's routes only", "Choose another path."
    access = handler.opt.get("access")
    roles = get_args(Role)
    if access == OPEN or (isinstance(access, set | frozenset) and access and access <= set(roles)):
        return None
    advice = f'Give its decorator opt={{"access": {{"operator"}}}}: roles of {", ".join(roles)}, or "{OPEN}".'
    return f"the route {shown} does not say who may call it", advice


def _clash(before: Sequence[BaseRouteHandler], handler: HTTPRouteHandler) -> Problem | None:
    """Try the handler in an application beside those before it."""
    try:
        trial = Litestar([*before, handler], logging_config=None)
        trial.openapi_schema.to_schema()
    except Exception as error:  # noqa: BLE001 - whatever litestar makes of a stranger's handler, the server starts
        return f"the route {', '.join(sorted(handler.paths))} cannot be served: {told(error)}", ""
    return None
