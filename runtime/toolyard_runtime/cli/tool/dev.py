"""`toolyard tool dev`: serves a tool package as its files are, beside an agent repository or one made for the trial."""

from pathlib import Path

import click
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.cli.asking import Failed
from toolyard_runtime.cli.serve import must_be_a_folder, start
from toolyard_runtime.cli.surroundings import STATE_FOLDER, Surroundings, find_repository
from toolyard_runtime.serving import ServeOptions


@click.command("dev")
@click.argument("path", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--repo",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Agent repository to serve it in. [default: one above the package, else one with a single agent, dev]",
)
@click.option("--model-url", default="", metavar="URL", help="Address of an OpenAI-compatible model server (.../v1).")
@click.option("--model", default="", help="Name of the model there. [default: the only one it serves]")
@click.option("--rehearsal", is_flag=True, help="No model: rehearse. [default, unless there is a repository or a URL]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 is any free one. [default: toolyard.toml's]")
@click.pass_obj
def dev_tool(
    surroundings: Surroundings,
    *,
    path: Path | None,
    repo: Path | None,
    model_url: str,
    model: str,
    rehearsal: bool,
    port: int | None,
) -> None:
    """Serve a tool package and follow its files: a saved change is in the next call of an open chat.

    PATH is the package's folder; without it, the nearest one here or above. A save with a mistake in it is told with
    its file and line, and the tool stays as it was. Talk to it with `toolyard chat` in another terminal.
    """
    from toolyard_registry.scaffolding.tools import scaffold_trial  # noqa: PLC0415 - same
    from toolyard_registry.toolbox.local_packages import is_package, read_package  # noqa: PLC0415 - --help must not wait for it

    from toolyard_runtime.cli.tool.workbench import trial_of  # noqa: PLC0415 - same

    if rehearsal and (model_url or model):
        raise click.UsageError("--rehearsal serves without a model: leave out --model-url and --model.")
    first = (path or surroundings.cwd).resolve()
    above = (first,) if path else (first, *first.parents)
    package = next((folder for folder in above if is_package(folder)), None)
    if package is None:
        raise Failed(f"There is no tool package in {first}. `toolyard tool new NAME` makes one.")
    repository = repo.resolve() if repo else find_repository(package)
    state = (repository or package) / STATE_FOLDER
    must_be_a_folder(state)
    if repository is None:
        try:
            plugin = next(iter(read_package(package).plugins))
            repository = trial_of(package)
            scaffold_trial(repository, plugin)
        except (ConfigError, OSError) as error:
            raise Failed(str(error)) from error
        rehearsal = rehearsal or not model_url
    start(
        ServeOptions(
            repository=repository,
            state_dir=state,
            port=port,
            model_url=model_url,
            model=model,
            rehearsal=rehearsal,
            packages=(package,),
        )
    )
