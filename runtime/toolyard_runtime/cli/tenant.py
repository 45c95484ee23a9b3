"""`toolyard tenant`: the tenants of a server, running or not: who shares nothing with anybody else."""

import click

from toolyard_runtime.cli.administering import administering
from toolyard_runtime.cli.asking import json_option
from toolyard_runtime.cli.group import Group
from toolyard_runtime.cli.keybook import KeyBook
from toolyard_runtime.cli.screen import clean, day_and_clock, print_json, print_table


@click.group(cls=Group)
def tenant() -> None:
    """Create, list and revoke tenants."""


@tenant.command()
@click.argument("name")
@administering
def create(book: KeyBook, name: str) -> None:
    """Make a tenant; `toolyard key create --tenant NAME` lets somebody in."""
    book.create_tenant(name)
    click.echo(f"Made the tenant {clean(name)}.")
    click.echo(f"Next: toolyard key create NAME --tenant {clean(name)} --role operator")


@tenant.command("list")
@json_option
@administering
def list_tenants(book: KeyBook, as_json: bool) -> None:
    """List tenants."""
    tenants = book.list_tenants()
    if as_json:
        print_json({"data": tenants})
        return
    rows = [
        (each["id"], day_and_clock(each.get("created_at")), "revoked" if each.get("revoked_at") else "")
        for each in tenants
    ]
    print_table(("TENANT", "CREATED", ""), rows, empty="No tenants.")


@tenant.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@administering
def revoke(book: KeyBook, name: str, yes: bool) -> None:
    """Shut a tenant out: none of its keys works any more."""
    if not yes:
        click.confirm(f"Every key of the tenant {clean(name)} stops working. Revoke it?", abort=True)
    book.revoke_tenant(name)
    click.echo(f"Revoked the tenant {clean(name)}.")
