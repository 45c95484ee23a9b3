"""`toolyard stop`: keep an agent, a tool or a tenant from doing anything more, and let it go again."""

import click

from toolyard_runtime.cli.asking import connected, json_option
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.group import Group
from toolyard_runtime.cli.screen import clean, day_and_clock, print_json, print_table

_EFFECT = {
    "agent": "it starts no run, and its runs take no further step",
    "tool": "no run starts a call of it",
    "tenant": "none of its runs takes a further step",
}


@click.group(cls=Group)
def stop() -> None:
    """Stop an agent, a tool or a tenant before its next effect."""


def _stopper(kind: str) -> click.Command:
    """Return the command that stops things of one kind."""

    @click.argument("name")
    @click.option("--undo", is_flag=True, help="Let it go again.")
    @connected
    def command(server: Connection, name: str, undo: bool) -> None:
        if undo:
            server.delete(f"/api/v1/stops/{kind}/{part(name)}")
            click.echo(f"The {kind} {clean(name)} is no longer stopped.")
            return
        server.post("/api/v1/stops", {"kind": kind, "name": name})
        click.echo(f"Stopped the {kind} {clean(name)}: from now on {_EFFECT[kind]}.")
        click.echo(f"To undo: toolyard stop {kind} {clean(name)} --undo")

    article = "an" if kind == "agent" else "a"
    return click.command(kind, help=f"Stop {article} {kind} by name: from then on {_EFFECT[kind]}.")(command)


for _kind in _EFFECT:
    stop.add_command(_stopper(_kind))


@stop.command("list")
@json_option
@connected
def list_stops(server: Connection, as_json: bool) -> None:
    """List what is stopped."""
    answer = server.get("/api/v1/stops")
    if as_json:
        print_json(answer)
        return
    rows = [(each["kind"], each["name"], day_and_clock(each.get("at")), each.get("by", "")) for each in answer["data"]]
    print_table(("KIND", "NAME", "SINCE", "BY"), rows, empty="Nothing is stopped.")
