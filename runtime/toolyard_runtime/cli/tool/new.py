"""`toolyard tool new`: a tool package on disk, made by the registry's scaffold, and what to do next."""

from pathlib import Path

import click
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.cli.asking import Failed
from toolyard_runtime.cli.surroundings import Surroundings


@click.command("new")
@click.argument("name")
@click.pass_obj
def new_tool(surroundings: Surroundings, name: str) -> None:
    """Make a tool package that works at once.

    NAME is the new folder, the package and, with '_' for '-', the tool.
    """
    from toolyard_registry.scaffolding.tools import module_name, scaffold_tool  # noqa: PLC0415 - --help must not wait for it

    target = surroundings.cwd / name
    package = Path(name).name
    if name and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Failed(f"{name} is already there. Choose another name, or remove it first.")
    try:
        tool = module_name(package)
        written = scaffold_tool(target, package)
    except (ConfigError, OSError) as error:
        raise Failed(str(error)) from error
    click.echo(f"Made the tool package {name}:")
    for path in sorted(written):
        click.echo(f"  {path.relative_to(surroundings.cwd)}")
    click.echo(
        f"""
Next:
  cd {name}
  toolyard tool call {tool} '{{"city": "Oslo"}}'
  toolyard tool test                      what a model sees of it, and what is wrong with it
  toolyard tool dev                       serve it; every save is in an open chat's next call
  toolyard tool publish                   put it into a server's registry, by version"""
    )
