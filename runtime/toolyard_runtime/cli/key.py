"""`toolyard key`: API keys of a server, running or not; a secret is shown once, when it is made."""

from datetime import UTC, datetime, timedelta

import click

from toolyard_runtime.cli.administering import administering
from toolyard_runtime.cli.asking import json_option
from toolyard_runtime.cli.group import Group
from toolyard_runtime.cli.keybook import KeyBook
from toolyard_runtime.cli.screen import clean, day_and_clock, print_json, print_table

ROLES = ("user", "frontend", "author", "operator", "auditor")


@click.group(cls=Group)
def key() -> None:
    """Create, list and revoke API keys."""


@key.command()
@click.argument("name")
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="May be repeated. [default: user]")
@click.option("--tenant", help="Whose data the key reaches. [default: that of your own key]")
@click.option("--days", type=click.IntRange(min=1), help="After how many days it expires. [default: never]")
@json_option
@administering
def create(
    book: KeyBook, name: str, roles: tuple[str, ...], tenant: str | None, days: int | None, as_json: bool
) -> None:
    """Make a key; its secret is printed once."""
    expires_at = None
    if days is not None:
        expires_at = int((datetime.now(UTC) + timedelta(days=days)).timestamp() * 1_000_000)
    answer = book.create_key(name, roles or ("user",), tenant, expires_at)
    if as_json:
        print_json(answer)
        return
    click.echo(
        f"Made {clean(answer['id'])} ({clean(name)}, {', '.join(roles) or 'user'}). The secret, shown only now:",
        err=True,
    )
    click.echo(clean(answer["secret"]))


@key.command("list")
@click.option("--tenant", help="Whose keys. [default: those of your own key's tenant]")
@json_option
@administering
def list_keys(book: KeyBook, tenant: str | None, as_json: bool) -> None:
    """List keys, without their secrets."""
    keys = book.list_keys(tenant)
    if as_json:
        print_json({"data": keys})
        return
    rows = [
        (
            each["id"],
            each.get("name", ""),
            each.get("tenant", ""),
            ", ".join(each.get("roles", ())),
            day_and_clock(each.get("created_at")),
            "revoked" if each.get("revoked_at") else day_and_clock(each.get("expires_at")) or "never",
        )
        for each in keys
    ]
    print_table(("KEY", "NAME", "TENANT", "ROLES", "CREATED", "EXPIRES"), rows, empty="No keys.")


@key.command()
@click.argument("key_id", metavar="KEY_ID")
@administering
def revoke(book: KeyBook, key_id: str) -> None:
    """End a key: its next request is refused."""
    book.revoke_key(key_id)
    click.echo(f"Revoked {clean(key_id)}.")
