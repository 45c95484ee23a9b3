"""`toolyard tool test`: a tool as a model sees it, what that costs, and what the conformance kit has against it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.text import Text
from toolyard_sdk.canonical import digest
from toolyard_sdk.errors import ConfigError
from toolyard_sdk.ports import Tool
from toolyard_sdk.testing import Finding, Subject, findings
from toolyard_sdk.testing.presenting import CHARACTERS_PER_TOKEN

from toolyard_runtime.cli.asking import Failed, here
from toolyard_runtime.cli.screen import clean, console
from toolyard_runtime.cli.tool.tokens import Tokenizer, Uncounted

_DIGESTS = "import sys; from toolyard_runtime.cli.tool.test import digests; print(digests(sys.argv[1], sys.argv[2]))"
_SEEDS = ("1", "2")
_STYLE = {"error": "bold red", "advice": "yellow"}


@click.command("test")
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--tool", "named", multiple=True, metavar="NAME", help="Only this tool; may be repeated. [default: all]")
@click.option(
    "--example",
    "examples",
    multiple=True,
    nargs=2,
    metavar="NAME JSON",
    help="Arguments that work: a tool with side effects is called with them, and only then.",
)
@click.option("--no-call", is_flag=True, help="Look at the definitions and call nothing.")
@click.option("--allow", multiple=True, metavar="HOST", help="A host the tools may reach, beside toolyard.toml's.")
@click.option("--model-url", default="", metavar="URL", help="Model server that counts the tokens, instead of a guess.")
@click.option("--model", default="", help="Name of the model there. [default: the first one it serves]")
def test_tool(
    path: Path | None,
    *,
    named: tuple[str, ...],
    examples: tuple[tuple[str, str], ...],
    no_call: bool,
    allow: tuple[str, ...],
    model_url: str,
    model: str,
) -> None:
    """Say what a model sees of your tools, what it costs, and what is wrong with them.

    PATH is a tool package, a repository or a file; without it, the nearest one here or above. The exit code is 1 when
    something was found that agents will stumble over; advice alone leaves it at 0.
    """
    from toolyard_runtime.cli.tool.context import author_context  # noqa: PLC0415 - the registry is heavy; --help must not wait
    from toolyard_runtime.cli.tool.sourced import sourced  # noqa: PLC0415 - same
    from toolyard_runtime.cli.tool.workbench import workbench  # noqa: PLC0415 - same

    try:
        bench = workbench(here().cwd, path)
    except ConfigError as error:
        raise Failed(str(error)) from error
    names = named or bench.own
    if not names:
        raise Failed(f"There is no tool of your own in {clean(bench.place)}; name one of the others with --tool.")

    unsteady = _unsteady(path, tuple(name for name in names if name in bench.tools))

    async def tested() -> int:
        environment = here().environment
        async with sourced(bench, names, environment) as there:
            for problem in there.problems:
                console(stderr=True).print(Text(f"! {clean(problem)}", "yellow"))
            told = _examples(examples, there.tools)
            for name in names:
                if name not in there.tools:
                    raise Failed(f"There is no tool {clean(name)} in {clean(there.place)}.")
            tokenizer = _tokenizer(model_url, model)
            worst = 0
            for name in names:
                async with author_context(there, name, allow, environment) as context:
                    found = await findings(Subject(there.tools[name], told.get(name), context, not no_call))
                against = [*found, *(each for each in unsteady if each.tool == name)]
                _print(there.tools[name], against, tokenizer)
                worst += sum(each.level == "error" for each in against)
        return worst

    if asyncio.run(tested()):
        raise SystemExit(1)


def _examples(given: tuple[tuple[str, str], ...], tools: Mapping[str, Tool]) -> dict[str, dict[str, Any]]:
    told: dict[str, dict[str, Any]] = {}
    for name, text in given:
        if name not in tools:
            raise click.UsageError(f"--example {name}: there is no such tool here.")
        try:
            told[name] = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise click.UsageError(f"--example {name}: {text!r} is no JSON object: {error}") from error
    return told


def _tokenizer(model_url: str, model: str) -> Tokenizer | None:
    try:
        return Tokenizer(model_url, model) if model_url else None
    except Uncounted as error:
        raise Failed(str(error)) from error


def _print(tool: Tool, against: list[Finding], tokenizer: Tokenizer | None) -> None:
    from toolyard_runtime.models.encoder import encode_tools  # noqa: PLC0415 - see test_tool

    spec, out = tool.spec, console()
    sent = encode_tools((spec,), strict=False)[1:-1]
    out.print(Text(clean(spec.name), "bold"))
    out.print(Text(f"  {clean(spec.description)}"))
    out.print(Text("  A model is sent:", "dim"))
    shown = msgspec.json.format(sent.decode(), indent=2)
    out.print(Text("\n".join(f"    {line}" for line in clean(shown).splitlines())))
    out.print(Text(f"  {_cost(sent, tokenizer)}", "dim"))
    for each in against:
        out.print(Text(f"  {each.level}: {clean(each.message)} [{each.check}]", _STYLE[each.level]))
    errors = sum(each.level == "error" for each in against)
    if against:
        out.print(Text(f"  {errors} to repair, {len(against) - errors} to consider."))
    else:
        out.print(Text("  It conforms: the kit has nothing against it.", "green"))


def _cost(sent: bytes, tokenizer: Tokenizer | None) -> str:
    about = -(-len(sent) // CHARACTERS_PER_TOKEN)
    if tokenizer is None:
        return f"About {about} tokens in every request that offers it (a guess by length; --model-url counts them)."
    try:
        exact = tokenizer.cost(msgspec.json.decode(sent))
    except Uncounted as error:
        return f"About {about} tokens in every request that offers it (a guess by length: {error})."
    return f"{exact} tokens in a request that offers it alone, counted by {tokenizer.model}."


def digests(start: str, named: str) -> str:
    """Return the JSON of {tool: digest of its definition}, of the place that `test` was called with."""
    from toolyard_runtime.cli.tool.workbench import workbench  # noqa: PLC0415 - see test_tool

    bench = workbench(Path(start), Path(named) if named else None)
    return msgspec.json.encode({name: digest(tool.spec) for name, tool in bench.tools.items()}).decode()


def _unsteady(path: Path | None, names: tuple[str, ...]) -> list[Finding]:
    """Compare the definitions with those of two other processes, in which sets and hashes fall out differently."""
    start, named = str(here().cwd), str(path.resolve()) if path else ""
    running = [
        subprocess.Popen(  # noqa: S603 - this interpreter, a fixed program, arguments as a list
            [sys.executable, "-c", _DIGESTS, start, named],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for seed in _SEEDS
    ]
    told = [process.communicate(timeout=60)[0] for process in running]
    found = [msgspec.json.decode(text, type=dict[str, str]) if text.strip() else {} for text in told]
    advice = "its definition differs from process to process: does it hold a set, a time or an id?"
    return [
        Finding(name, "its definition has a stable digest", "error", advice)
        for name in names
        if len({each.get(name) for each in found}) > 1
    ]
