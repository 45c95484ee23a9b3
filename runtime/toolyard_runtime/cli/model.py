"""`toolyard model`: what a model server can do, what it offers, and how to start one that serves agents."""

import asyncio
import os
import shlex
import shutil
from pathlib import Path

import click
from rich.text import Text
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.cli.asking import Failed, connected
from toolyard_runtime.cli.connection import Connection
from toolyard_runtime.cli.group import Group
from toolyard_runtime.cli.model_launch import Launch, NoParser, plan
from toolyard_runtime.cli.screen import clean, console, print_table
from toolyard_runtime.cli.surroundings import Surroundings, find_repository


@click.group(cls=Group)
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


@model.command()
@click.option(
    "--url", "model_url", metavar="URL", help="Address of the model server. [default: those of toolyard.toml]"
)
@click.option("--model", "name", default="", help="Which of its models. [default: the configured one, or the first]")
@click.option("--key-env", metavar="NAME", help="Environment variable that holds the model server's API key.")
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(min=1), help="Time for each probe.")
@click.option(
    "--repo",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Agent repository. [default: here or the nearest folder above]",
)
@click.pass_obj
def check(
    surroundings: Surroundings,
    *,
    model_url: str | None,
    name: str,
    key_env: str | None,
    seconds: float,
    repo: Path | None,
) -> None:
    """Probe a live model server and say what works for an agent.

    Sends it about eight small requests. The exit code is 1 when something an agent needs does not work.
    """
    from toolyard_runtime.models.check import check as probe  # noqa: PLC0415 - brings the model client with it

    targets = _named(surroundings, model_url, key_env) if model_url else _configured(surroundings, repo)
    failed = 0
    for url, key, default in targets:
        click.echo(url)
        findings = asyncio.run(probe(url, key, name or default, seconds=seconds))
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = {"ok": "ok", "failed": "failed", "not applicable": "-"}[finding.outcome]
            style = {"ok": "green", "failed": "bold red"}.get(finding.outcome, "dim")
            head = f"  {mark:<7} {finding.name:<{width}}  "
            console().print(Text.assemble((head, style), clean(finding.detail)))
            if finding.advice:
                console().print(Text(" " * len(head) + clean(finding.advice), style="yellow"))
            failed += finding.outcome == "failed"
    if failed:
        raise SystemExit(1)


def _named(surroundings: Surroundings, url: str, key_env: str | None) -> list[tuple[str, str, str]]:
    if key_env and key_env not in surroundings.environment:
        raise Failed(f"The environment variable {key_env} is not set.")
    return [(url, surroundings.environment.get(key_env or "", ""), "")]


def _configured(surroundings: Surroundings, repo: Path | None) -> list[tuple[str, str, str]]:
    """Return (address, key, model) of every model server in toolyard.toml."""
    from toolyard_runtime.config import read_config  # noqa: PLC0415 - reads types that --help does not need

    repository = repo.resolve() if repo else find_repository(surroundings.cwd)
    try:
        providers = read_config(repository).providers.values() if repository else ()
    except ConfigError as error:
        raise Failed(str(error)) from error
    if not providers:
        raise Failed("No model server is configured. Name one: toolyard model check --url http://HOST:8000/v1")
    return [
        (provider.base_url, surroundings.environment.get(provider.api_key_env, ""), provider.default_model)
        for provider in providers
    ]


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
