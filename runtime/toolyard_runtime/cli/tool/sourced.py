"""The tools of a repository's sources, beside those that lie around: only the sources that are named are opened."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

import msgspec
from toolyard_registry.names import NameInvalid
from toolyard_registry.plugins import load_plugins
from toolyard_registry.toolbox.supplies import with_supplies
from toolyard_sdk.egress import Egress, EgressGrant
from toolyard_sdk.http import open_egress

from toolyard_runtime.cli.asking import Failed
from toolyard_runtime.cli.tool.workbench import Workbench
from toolyard_runtime.config import Config
from toolyard_runtime.contributions import Contributions
from toolyard_runtime.engine.sources import Sources
from toolyard_runtime.engine.ways_out import with_sources
from toolyard_runtime.secrets.environment import EnvironmentShelf

HOUSE = "default"


@asynccontextmanager
async def sourced(bench: Workbench, names: Collection[str], environment: Mapping[str, str]) -> AsyncIterator[Workbench]:
    """Give the workbench with the tools of the sources that these names begin like; the sources end with the block.

    Their secrets are those of `[secrets] environment`, of the house.
    """
    wanted = _wanted(bench, names)
    if not wanted or bench.box is None or bench.root is None:
        yield bench
        return
    config = msgspec.structs.replace(bench.config, egress=with_sources(bench.config.egress, bench.config.sources))
    secrets = _OfHouse(config, environment)
    added = Contributions(load_plugins(config.plugins_off))
    added.take_sources()
    client = open_egress()

    def way_out(name: str) -> Egress:
        return client.for_tool(name, config.egress.get(name, EgressGrant()), secrets.own)

    tables = {name: config.sources[name] for name in wanted}
    sources = Sources(tables, added.sources, root=bench.root, egress=way_out, secrets=secrets)
    try:
        await sources.open()
        box = with_supplies(bench.box, sources.supplied())
        problems = (*bench.problems, *(str(problem) for problem in box.source_problems))
        yield msgspec.structs.replace(bench, tools=box.tools, origins=box.origins, problems=problems, config=config)
    finally:
        await sources.close()
        await client.close()


def _wanted(bench: Workbench, names: Collection[str]) -> tuple[str, ...]:
    """Return the sources whose prefix a name begins with that is not there: the longest one of each."""
    prefixes = {name: str(table.get("prefix", f"{name}_")) for name, table in bench.config.sources.items()}
    found: set[str] = set()
    for name in names:
        fitting = [source for source, prefix in prefixes.items() if name.startswith(prefix)]
        longest = max((len(prefixes[source]) for source in fitting), default=0)
        if name not in bench.tools:
            found |= {source for source in fitting if len(prefixes[source]) == longest}
    return tuple(sorted(found))


class _OfHouse:
    """Implements Secrets by the variables of `[secrets] environment`; raises Failed for a name that is none."""

    def __init__(self, config: Config, environment: Mapping[str, str]) -> None:
        try:
            self._shelf = EnvironmentShelf(config.secrets.environment, environment)
        except NameInvalid as error:
            raise Failed(f"`secrets.environment`: {error}") from error

    async def own(self, name: str) -> str | None:
        """Return a secret of the house."""
        return await self._shelf.own(HOUSE, None, name)

    async def reveal(self, tenant: str, end_user: str | None, name: str) -> str | None:
        """Return a secret of the house, whoever asks."""
        del tenant, end_user
        return await self.own(name)
