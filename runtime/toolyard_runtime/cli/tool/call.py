"""`toolyard tool call`: one call of a tool as an agent's run would make it, with what the model would read."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct
from rich.text import Text
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.cli.asking import Failed, connect, failures_in_words, here, server_options
from toolyard_runtime.cli.connection import part
from toolyard_runtime.cli.screen import clean, console, print_json
from toolyard_runtime.cli.surroundings import Target


class Called(Struct, frozen=True):
    """What became of a call; `duration_us` is that of the tool alone."""

    text: str
    structured: Any
    is_error: bool
    duration_us: int
    run: str = ""


@click.command("call")
@click.argument("name")
@click.argument("arguments", default="{}")
@click.option(
    "--from",
    "place",
    type=click.Path(exists=True, path_type=Path),
    help="Folder of a tool package or a repository, or a file. [default: here or above]",
)
@click.option("--seconds", default=30.0, show_default=True, type=click.FloatRange(min=0.1), help="Time for the call.")
@click.option("--allow", multiple=True, metavar="HOST", help="A host the tool may reach, beside toolyard.toml's.")
@click.option("--server", is_flag=True, help="Let the running server call it.")
@click.option("--json", "as_json", is_flag=True, help="Print result, duration and whether it is an error, as JSON.")
@server_options
def call_tool(
    target: Target,
    *,
    name: str,
    arguments: str,
    place: Path | None,
    seconds: float,
    allow: tuple[str, ...],
    server: bool,
    as_json: bool,
) -> None:
    """Call a tool once and print what a model would read.

    ARGUMENTS is a JSON object, or - to read it from standard input. The call happens in this process, with the tools
    of the package or repository you are in, of its sources and of installed plugins. The exit code is 1 when the result
    is an error.
    """
    if arguments == "-":
        arguments = sys.stdin.read()
    if server:
        if place is not None or allow:
            raise click.UsageError("--server calls what the server serves: leave out --from and --allow.")
        called = _through_the_server(target, name, arguments)
    else:
        called = _here(name, arguments, place, seconds, allow)
    if as_json:
        print_json(called)
    else:
        console().print(Text(clean(called.text), "red" if called.is_error else ""))
        outcome = "an error" if called.is_error else "returned"
        run = f"  (toolyard why {called.run})" if called.run else ""
        console(stderr=True).print(Text(f"{outcome} after {_span(called.duration_us)}{clean(run)}", "dim"))
    if called.is_error:
        raise SystemExit(1)


def _here(name: str, arguments: str, place: Path | None, seconds: float, allow: tuple[str, ...]) -> Called:
    from toolyard_registry.toml.located import did_you_mean  # noqa: PLC0415 - the registry is heavy; --help must not wait
    from toolyard_sdk.testing import call  # noqa: PLC0415 - same

    from toolyard_runtime.cli.tool.context import author_context  # noqa: PLC0415 - same
    from toolyard_runtime.cli.tool.sourced import sourced  # noqa: PLC0415 - same
    from toolyard_runtime.cli.tool.workbench import workbench  # noqa: PLC0415 - same

    try:
        bench = workbench(here().cwd, place)
    except ConfigError as error:
        raise Failed(str(error)) from error

    async def once() -> Called:
        environment = here().environment
        async with sourced(bench, (name,), environment) as there:
            for problem in there.problems:
                console(stderr=True).print(Text(f"! {clean(problem)}", "yellow"))
            if name not in there.tools:
                raise Failed(f"there is no tool {clean(name)} here{did_you_mean(name, there.tools)}")
            async with author_context(there, name, allow, environment) as context:
                began = time.perf_counter_ns()
                result = await call(there.tools[name], arguments, context, seconds=seconds)
            took = (time.perf_counter_ns() - began) // 1000
        return Called(result.text, result.structured, result.is_error, took)

    return asyncio.run(once())


def _through_the_server(target: Target, name: str, arguments: str) -> Called:
    try:
        decoded = msgspec.json.decode(arguments)
    except msgspec.DecodeError as error:
        raise click.UsageError(f"ARGUMENTS is no JSON: {error}") from error
    with failures_in_words():
        answer = connect(here(), target).post(f"/api/v1/tools/{part(name)}/call", {"arguments": decoded})
    return msgspec.convert(answer, Called, strict=False)


def _span(microseconds: int) -> str:
    return f"{microseconds / 1e6:.2f} s" if microseconds >= 1_000_000 else f"{microseconds / 1e3:.1f} ms"  # noqa: PLR2004 - a second
