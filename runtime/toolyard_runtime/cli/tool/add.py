"""`toolyard tool add`: a server or an API becomes a `[sources.NAME]` table, once it has shown what it offers."""

import asyncio
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.ports import Supply

from toolyard_runtime.cli.asking import Failed
from toolyard_runtime.cli.screen import clean, one_line
from toolyard_runtime.cli.surroundings import REPOSITORY_FILE, Surroundings, find_repository

_SHOWN = 20
_WIDTH = 100
_SECRET = "{{secret:"  # noqa: S105 - how a handle begins
"""In a table: the source has what it needs only once somebody has set it."""


@click.command("add")
@click.argument("name", required=False, default="")
@click.option("--mcp", "mcp", default="", metavar="COMMAND|URL", help="An MCP server: a command to start, or a URL.")
@click.option("--openapi", "openapi", default="", metavar="FILE|URL", help="A REST API by its OpenAPI document.")
@click.option(
    "--server-json",
    "server_json",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A server.json of the official MCP registry.",
)
@click.option("--server", default="", metavar="URL", help="Where a REST API is, in place of what its document says.")
@click.option("--prefix", default=None, help="How its tools' names begin. [default: NAME_]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--repo", type=click.Path(exists=True, file_okay=False, path_type=Path), help="The agent repository.")
@click.pass_obj
def add_tools(
    surroundings: Surroundings,
    name: str,
    mcp: str,
    openapi: str,
    server_json: Path | None,
    server: str,
    prefix: str | None,
    yes: bool,
    repo: Path | None,
) -> None:
    """Add a source of tools to toolyard.toml: an MCP server or a REST API.

    NAME is the source's; its tools are named NAME_tool. It is opened once, and what it offers is shown first.
    """
    repository = repo.resolve() if repo else find_repository(surroundings.cwd)
    if repository is None:
        raise Failed(f"There is no {REPOSITORY_FILE} here or above: name the repository with --repo.")
    if sum(map(bool, (mcp, openapi, server_json))) != 1:
        raise click.UsageError("say one of --mcp, --openapi and --server-json")
    if server and not openapi:
        raise click.UsageError("--server says where a REST API is: it goes with --openapi")
    try:
        name, table = _table(name, mcp, openapi, server_json, surroundings.cwd, repository)
        table |= {"server": server} if server else {}
        table |= {"prefix": prefix} if prefix is not None else {}
        before = _checked(repository, name)
        if server_json is not None and "command" in table and not yes:
            click.confirm(f"It is started by: {clean(shlex.join(table['command']))}\nStart it?", abort=True)
        supply = asyncio.run(_opened(name, table, repository))
    except ConfigError as error:
        raise Failed(str(error)) from error
    _show(supply)
    if not yes:
        wanted = f"Add it to {REPOSITORY_FILE} as {clean(name)}?" if supply.tools else "Add it all the same?"
        click.confirm(wanted, abort=True)
    elif not supply.tools and _SECRET not in str(table):
        raise Failed("It offers no tool, so it is not added; without --yes you are asked.")
    _write(repository / REPOSITORY_FILE, before, name, table)
    click.echo(f"Added [sources.{clean(name)}] to {REPOSITORY_FILE}; a running server takes it up when it starts anew.")
    begin = clean(str(table.get("prefix", f"{name}_")))
    click.echo(f'Grant its tools in an agent\'s file: tools = ["{begin}*"]. What it says of their effects is a claim.')


def _table(
    name: str, mcp: str, openapi: str, server_json: Path | None, cwd: Path, repository: Path
) -> tuple[str, dict[str, Any]]:
    from toolyard_registry.sources.server_json import (  # noqa: PLC0415 - --help must not wait for it
        command_words,
        read_server,
        source_of,
    )

    if server_json is not None:
        made = source_of(read_server(server_json.read_bytes(), str(server_json)), name)
        for each in made.secrets:
            click.echo(f"It needs the secret {clean(each)}: toolyard secret set {clean(each)}", err=True)
        if made.missing:
            raise ConfigError(
                f"it also needs {', '.join(made.missing)}: fill them in by hand, as docs/registry.md says"
            )
        return _source_name(made.name), made.table
    if not name:
        raise ConfigError("give it a name: toolyard tool add NAME ...")
    _source_name(name)
    if mcp:
        remote = mcp.startswith(("http://", "https://"))
        return name, {"kind": "mcp", **({"url": mcp} if remote else {"command": command_words(mcp)})}
    if openapi.startswith(("http://", "https://")):
        return name, {"kind": "openapi", "url": openapi}
    file = (cwd / openapi).resolve()
    if not file.is_file():
        raise ConfigError("there is no such file", path=openapi)
    try:
        return name, {"kind": "openapi", "file": str(file.relative_to(repository))}
    except ValueError:
        raise ConfigError(f"copy it into the repository first, say to {repository / 'tools'}", path=openapi) from None


def _source_name(name: str) -> str:
    from toolyard_registry.names import NameInvalid, check_name  # noqa: PLC0415 - --help must not wait for it

    try:
        return check_name(name, "name of a source")
    except NameInvalid as error:
        raise ConfigError(str(error)) from error


def _checked(repository: Path, name: str) -> str:
    """Return the text of the repository's file; raises ConfigError where it cannot be added to."""
    from toolyard_registry.plugins import load_plugins  # noqa: PLC0415 - --help must not wait for it
    from toolyard_registry.toml.located import read_text  # noqa: PLC0415 - same

    text = read_text(repository / REPOSITORY_FILE, shown=REPOSITORY_FILE)
    try:
        known = tomllib.loads(text).get("sources", {})
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", path=REPOSITORY_FILE) from error
    if name in known:
        raise ConfigError(f"[sources.{name}] is there already; choose another name", path=REPOSITORY_FILE)
    taken = {plugin.name for plugin in load_plugins().loaded} | {file.stem for file in repository.glob("tools/*.py")}
    if name in taken:
        raise ConfigError(f"a plugin or a tool file is called {name} already; choose another name for the source")
    return text


async def _opened(name: str, table: Mapping[str, Any], repository: Path) -> Supply:
    """Open the source once, with no secret and no way out but to what its table names, and return what it offers."""
    from toolyard_registry.plugins import load_plugins  # noqa: PLC0415 - --help must not wait for it
    from toolyard_sdk.http import open_egress  # noqa: PLC0415 - same

    from toolyard_runtime.contributions import Contributions  # noqa: PLC0415 - same
    from toolyard_runtime.engine.sources import OPEN_SECONDS, Sources  # noqa: PLC0415 - same
    from toolyard_runtime.engine.ways_out import NOTHING, with_sources  # noqa: PLC0415 - same

    added = Contributions(load_plugins())
    added.take_sources()
    outside = open_egress()
    grant = with_sources({}, {name: table}).get(name, NOTHING)
    sources = Sources(
        {name: table},
        added.sources,
        root=repository,
        egress=lambda origin: outside.for_tool(origin, grant, _no_secret),
        secrets=_NoSecrets(),
    )
    try:
        answered = await sources.open()
        (supplied,) = sources.supplied()
        if not answered and not supplied.supply.problems:
            return Supply(problems=(f"it has not answered within {OPEN_SECONDS:.0f} s",))
        return supplied.supply
    finally:
        await sources.close()
        await outside.close()


async def _no_secret(_name: str) -> None:
    """Reveal nothing."""


class _NoSecrets:
    """Implements Secrets where none is revealed."""

    async def reveal(self, _tenant: str, _end_user: str | None, _name: str) -> None:
        """Return None."""


def _show(supply: Supply) -> None:
    from toolyard_registry.publishing.lookalikes import flags_of  # noqa: PLC0415 - --help must not wait for it

    for problem in supply.problems:
        click.echo(f"! {clean(problem)}", err=True)
    count = {0: "no tool.", 1: "1 tool:"}.get(len(supply.tools), f"{len(supply.tools)} tools:")
    click.echo(f"It offers {count}")
    for tool in supply.tools[:_SHOWN]:
        click.echo(f"  {clean(tool.spec.name)}: {one_line(tool.spec.description, _WIDTH)}")
        for flag in flags_of(tool.spec):
            click.echo(f"  ! {clean(flag.words)}", err=True)
    if len(supply.tools) > _SHOWN:
        click.echo(f"  and {len(supply.tools) - _SHOWN} more")


def _write(path: Path, before: str, name: str, table: Mapping[str, Any]) -> None:
    """Add the table at the end of the file, in which everything else stays as it is; raises Failed."""
    from toolyard_registry.sources.server_json import toml_table  # noqa: PLC0415 - --help must not wait for it

    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    text = before + gap + toml_table(name, table)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Failed(
            f"{path.name} writes its sources in a way that cannot be added to ({error}); add this by hand:\n"
            f"{toml_table(name, table)}"
        ) from error
    try:
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}.") from error
