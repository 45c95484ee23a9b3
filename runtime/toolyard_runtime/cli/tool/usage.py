"""`toolyard tool usage`: how agents use a tool, as the server counts it; counts nothing itself."""

from typing import Any

import click
from rich.text import Text

from toolyard_runtime.cli.asking import connected, json_option
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.screen import clean, console, print_json

_HIDDEN = "under 5 tenants"


@click.command("usage")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How far to look back.")
@json_option
@connected
def tool_usage(server: Connection, name: str, days: int, as_json: bool) -> None:
    """Tell how agents use a tool: offered, chosen, lost to which other, errors, time and tokens, by release.

    Counts the runs of your own tenant; of everybody's, what at least five tenants stand behind.
    """
    answer = server.get(f"/api/v1/tools/{part(name)}/usage", days=days)
    if as_json:
        print_json(answer)
        return
    out = console()
    runs = answer["runs"] if answer["complete"] else f"the newest {answer['runs']}"
    said = "1 run" if answer["runs"] == 1 else f"{runs} runs"
    out.print(Text.assemble((clean(answer["tool"]), "bold"), f"  {said} of the last {days} days"))
    for release in answer["own"]:
        _print(release)
    if not answer["own"]:
        out.print(Text("No agent was offered it."))
    everybody = answer.get("everybody")
    if everybody is not None:
        out.print(Text("Everybody's runs, as far as five tenants stand behind a number:", "bold"))
        for release in everybody["releases"]:
            _print(release)


def _print(release: dict[str, Any]) -> None:
    out = console()
    version = release["version"] or release["release"]
    out.print(Text.assemble((f"{clean(version)}", "cyan"), (f"  {clean(release['source'] or '')}", "dim")))
    latency = release["latency_us"]
    rows = [
        ("offered in", _number(release["offered"], "turns")),
        ("chosen in", _number(release["chosen"], "turns") + _share(release["chosen"], release["offered"])),
        ("lost to", ", ".join(f"{clean(each['tool'])} ({each['turns']})" for each in release["lost_to"])),
        ("calls", _number(release["calls"])),
        ("argument errors", ", ".join(_field(each) for each in release["argument_errors"])),
        ("unreadable", _number(release["unreadable_arguments"]) if release["unreadable_arguments"] else ""),
        ("kept from running", ", ".join(f"{clean(by)} {calls}" for by, calls in release["not_run"].items())),
        ("errors", _number(release["errors"]) + _share(release["errors"], release["ran"])),
        ("in doubt", _number(release["in_doubt"]) + _share(release["in_doubt"], release["calls"])),
        ("time", ", ".join(f"{name} {value / 1e3:.1f} ms" for name, value in latency.items() if value is not None)),
        ("tokens", _tokens(release)),
    ]
    for label, text in rows:
        if text:
            out.print(Text.assemble((f"  {label:<18}", "dim"), text))


def _number(value: int | None, noun: str = "") -> str:
    if value is None:
        return _HIDDEN
    return f"{value} {noun.removesuffix('s') if value == 1 else noun}".rstrip()


def _share(value: int | None, whole: int | None) -> str:
    return f" ({value / whole:.1%})" if value is not None and whole else ""


def _field(error: dict[str, Any]) -> str:
    field = {None: "somewhere", "?": "an argument that there is not"}.get(error["field"], error["field"])
    return f"{clean(field)} ({error['calls']})"


def _tokens(release: dict[str, Any]) -> str:
    if release["definition_tokens"] is None:
        return ""
    told = f"about {release['definition_tokens']} for its definition in each request"
    return f"{told}, {release['tokens']} in all" if release["tokens"] is not None else told
