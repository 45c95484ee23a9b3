"""`toolyard new`: an agent repository on disk, made by the registry's scaffold, and what to do next."""

from pathlib import Path

import click
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.cli.asking import Failed
from toolyard_runtime.cli.surroundings import Surroundings


@click.command()
@click.argument("name")
@click.pass_obj
def new(surroundings: Surroundings, name: str) -> None:
    """Make an agent repository that runs at once.

    NAME is the new folder, and the name the agent knows the house by.
    """
    from toolyard_registry.scaffolding.agents import scaffold  # noqa: PLC0415 - the registry is heavy; --help must not wait

    if not name:
        raise Failed("the name is empty: use letters, digits, '_' or '-', as in `toolyard new shop`.")
    target = surroundings.cwd / name
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Failed(f"{name} is already there. Choose another name, or remove it first.")
    try:
        scaffold(target, Path(name).name)
    except (ConfigError, OSError, ValueError) as error:
        raise Failed(str(error)) from error
    click.echo(f"Made the agent repository {name}:")
    for path in sorted(path for path in target.rglob("*") if path.is_file()):
        click.echo(f"  {path.relative_to(surroundings.cwd)}")
    click.echo(
        f"""
Next:
  cd {name}
  toolyard serve --rehearsal              no model yet: rehearse, picking tools by words
  toolyard serve --model-url URL          or with a model server
  toolyard chat                           in another terminal"""
    )
