"""`toolyard tenant`: whose data is whose, over the server's routes."""

import click

from toolyard_runtime.cli.asking import connected, json_option
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.screen import clean, day_and_clock, print_json, print_table


@click.group()
def tenant() -> None:
    """Create, list and revoke tenants."""


@tenant.command()
@click.argument("name")
@connected
def create(server: Connection, name: str) -> None:
    """Make a tenant; `toolyard key create --tenant NAME` lets somebody in."""
    server.post("/api/v1/tenants", {"id": name})
    click.echo(f"Made the tenant {clean(name)}.")
    click.echo(f"Next: toolyard key create NAME --tenant {clean(name)} --role operator")


@tenant.command("list")
@json_option
@connected
def list_tenants(server: Connection, as_json: bool) -> None:
    """List tenants."""
    answer = server.get("/api/v1/tenants")
    if as_json:
        print_json(answer)
        return
    rows = [
        (each["id"], day_and_clock(each.get("created_at")), "revoked" if each.get("revoked_at") else "")
        for each in answer["data"]
    ]
    print_table(("TENANT", "CREATED", ""), rows, empty="No tenants.")


@tenant.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def revoke(server: Connection, name: str, yes: bool) -> None:
    """Shut a tenant out: none of its keys works any more."""
    if not yes:
        click.confirm(f"Every key of the tenant {clean(name)} stops working. Revoke it?", abort=True)
    server.delete(f"/api/v1/tenants/{part(name)}")
    click.echo(f"Revoked the tenant {clean(name)}.")
