"""`toolyard tool prune`: removes environments that nothing refers to any more."""

import datetime as dt

import click

from toolyard_runtime.cli.asking import connected, json_option
from toolyard_runtime.cli.connection import Connection
from toolyard_runtime.cli.screen import print_json, print_table


@click.command("prune")
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@json_option
@connected
def prune_tools(server: Connection, dry_run: bool, as_json: bool) -> None:
    """Remove the environments that no published release and no agent.lock refers to.

    Those of withdrawn releases go too; those that processes run in stay. What is needed again is made again.
    """
    answer = server.post("/api/v1/environments/prune", {"dry_run": dry_run})
    if as_json:
        print_json(answer)
        return
    rows = [(each["wheel"], each["sha256"][:12], _day(each["made_at"])) for each in answer["removed"]]
    print_table(("WHEEL", "SHA-256", "MADE"), rows, empty="Nothing to remove: every environment is referred to.")
    if rows:
        click.echo(f"{'Would remove' if dry_run else 'Removed'} {len(rows)} of them.")


def _day(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).date().isoformat()
