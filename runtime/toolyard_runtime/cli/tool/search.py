"""`toolyard tool search`: the tools of a server that fit a few words, as the server ranks them."""

from typing import Any

import click

from toolyard_runtime.cli.asking import connected, json_option
from toolyard_runtime.cli.connection import Connection
from toolyard_runtime.cli.screen import clean, one_line, print_json, print_table

_WIDTH = 100


@click.command("search")
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True)
@json_option
@connected
def search_tools(server: Connection, words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Find tools by what they should do, the best first; published ones too that are not installed."""
    answer = server.get("/api/v1/tools/search", q=" ".join(words), limit=limit)
    if as_json:
        print_json(answer)
        return
    rows = [
        (each["name"], each["version"], each["source"], one_line(each["description"], _WIDTH))
        for each in answer["data"]
    ]
    print_table(("TOOL", "VERSION", "FROM", "DOES"), rows, empty="No tool fits. Try other words.")
    for each in answer["data"]:
        if not each["installed"]:
            click.echo(_beside(each), err=True)


def _beside(tool: dict[str, Any]) -> str:
    """Say of a tool that is only published how an agent gets it."""
    said = f"{clean(tool['name'])}@{clean(tool['version'])} is published, not installed here"
    if not tool["grant"]:
        return f"{said}; agents of this server are granted what its own tenant publishes."
    return f'{said}: `tools = ["{clean(tool["grant"])}"]` in agents/NAME.toml grants it to an agent.'
