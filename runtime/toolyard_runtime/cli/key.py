"""`toolyard key`: API keys over the server's routes; a secret is shown once, when it is made."""

from datetime import UTC, datetime, timedelta

import click

from toolyard_runtime.cli.asking import connected, json_option
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.screen import clean, day_and_clock, print_json, print_table

ROLES = ("user", "frontend", "author", "operator", "auditor")


@click.group()
def key() -> None:
    """Create, list and revoke API keys."""


@key.command()
@click.argument("name")
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="May be repeated. [default: user]")
@click.option("--tenant", help="Whose data the key reaches. [default: that of your own key]")
@click.option("--days", type=click.IntRange(min=1), help="After how many days it expires. [default: never]")
@json_option
@connected
def create(
    server: Connection, name: str, roles: tuple[str, ...], tenant: str | None, days: int | None, as_json: bool
) -> None:
    """Make a key; its secret is printed once."""
    body: dict[str, object] = {"name": name, "roles": list(roles) or ["user"]}
    if tenant is not None:
        body["tenant"] = tenant
    if days is not None:
        body["expires_at"] = int((datetime.now(UTC) + timedelta(days=days)).timestamp() * 1_000_000)
    answer = server.post("/api/v1/keys", body)
    if as_json:
        print_json(answer)
        return
    click.echo(
        f"Made {clean(answer['id'])} ({clean(name)}, {', '.join(roles) or 'user'}). The secret, shown only now:",
        err=True,
    )
    click.echo(clean(answer["secret"]))


@key.command("list")
@json_option
@connected
def list_keys(server: Connection, as_json: bool) -> None:
    """List keys, without their secrets."""
    answer = server.get("/api/v1/keys")
    if as_json:
        print_json(answer)
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
        for each in answer["data"]
    ]
    print_table(("KEY", "NAME", "TENANT", "ROLES", "CREATED", "EXPIRES"), rows, empty="No keys.")


@key.command()
@click.argument("key_id", metavar="KEY_ID")
@connected
def revoke(server: Connection, key_id: str) -> None:
    """End a key: its next request is refused."""
    server.delete(f"/api/v1/keys/{part(key_id)}")
    click.echo(f"Revoked {clean(key_id)}.")
