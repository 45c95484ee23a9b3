"""`toolyard model`: what a model server can do, what it offers, and how to start one that serves agents."""

import os
import shlex
import shutil

import click
from rich.text import Text

from toolyard_runtime.cli.asking import Failed, connected
from toolyard_runtime.cli.connection import Connection
from toolyard_runtime.cli.model_launch import Launch, NoParser, plan
from toolyard_runtime.cli.screen import console, print_table
from toolyard_runtime.cli.surroundings import Surroundings


@click.group()
def model() -> None:
    """Check, serve and list models."""


@model.command(context_settings={"ignore_unknown_options": True})
@click.argument("path")
@click.argument("vllm_arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--name", default="", help="What agents call the model. [default: the last part of PATH]")
@click.option("--parser", default="", help="Tool call parser. [default: guessed by the model's family]")
@click.option("--start", is_flag=True, help="Start it instead of printing it; needs vLLM.")
@click.pass_obj
def serve(
    surroundings: Surroundings, path: str, vllm_arguments: tuple[str, ...], *, name: str, parser: str, start: bool
) -> None:
    """Print (or start) `vllm serve PATH` with the flags an agent needs.

    PATH is a folder or a hub's name. Further arguments are handed to vLLM as they are.
    """
    try:
        launch = plan(path, name=name, parser=parser, extra=vllm_arguments)
    except NoParser as error:
        raise Failed(str(error)) from error
    notes = console(stderr=True)
    notes.print(Text(f"# the tool call parser was chosen because {launch.because}", style="dim"))
    for hint in launch.hints:
        notes.print(Text(f"# {hint}", style="yellow"))
    click.echo(_command_line(launch))
    if not start:
        return
    program = shutil.which("vllm", path=surroundings.search_path)
    if program is None:
        raise Failed("vLLM is not installed here. Install it with: pip install 'toolyard[vllm]'")
    os.execv(program, [program, *launch.arguments[1:]])  # noqa: S606 - the person asked for exactly this command


@model.command("list")
@connected
def list_models(server: Connection) -> None:
    """List the agents a client can name as its model, and the model behind each.

    With --url, of any OpenAI-compatible server: the models it offers.
    """
    rows = [(each["id"], each.get("owned_by", "")) for each in server.get("/v1/models")["data"]]
    print_table(("MODEL", "OF"), rows, empty="This server offers no model.")


def _command_line(launch: Launch) -> str:
    """Write the command over several lines, each option with its value, ready to paste."""
    lines: list[str] = []
    for argument in launch.arguments[3:]:
        if argument.startswith("--") or not lines:
            lines.append(shlex.quote(argument))
        else:
            lines[-1] += " " + shlex.quote(argument)
    return " \\\n  ".join([shlex.join(launch.arguments[:3]), *lines])
