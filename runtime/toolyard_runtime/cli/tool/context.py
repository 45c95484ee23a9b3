"""The surroundings of a call that its author makes by hand: settings and a way out, but no run and no server."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import msgspec
from toolyard_registry.names import NameInvalid
from toolyard_sdk.context import ToolContext
from toolyard_sdk.http import grant_problems, open_egress

from toolyard_runtime.cli.asking import Failed
from toolyard_runtime.cli.tool.workbench import Workbench
from toolyard_runtime.config import Config
from toolyard_runtime.secrets.environment import EnvironmentShelf


@asynccontextmanager
async def author_context(
    bench: Workbench, name: str, allow: tuple[str, ...], environment: Mapping[str, str]
) -> AsyncIterator[ToolContext]:
    """Give the context of a tool's calls; its way out ends with the block. Raises Failed for what cannot be allowed.

    `allow` names hosts beside those of toolyard.toml; one with a port may also be in the author's own network. Secrets
    are those of `[secrets] environment`, of the house: this process has no database to read others from.
    """
    granted = bench.grant(name)
    grant = msgspec.structs.replace(
        granted,
        hosts=(*granted.hosts, *(host for host in allow if ":" not in host)),
        private=(*granted.private, *(host for host in allow if ":" in host)),
    )
    problems = grant_problems(grant)
    if problems:
        raise Failed("; ".join(problems))
    client = open_egress()
    try:
        shelf = _variables(bench.config, environment)
        context = ToolContext(settings=bench.settings(name))
        reveal = partial(shelf.own, context.tenant, None)
        yield msgspec.structs.replace(context, egress=client.for_tool(bench.origins.get(name, name), grant, reveal))
    finally:
        await client.close()


def _variables(config: Config, environment: Mapping[str, str]) -> EnvironmentShelf:
    try:
        return EnvironmentShelf(config.secrets.environment, environment)
    except NameInvalid as error:
        raise Failed(f"`secrets.environment`: {error}") from error
