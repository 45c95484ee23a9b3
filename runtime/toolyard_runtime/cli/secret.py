"""`toolyard secret`: secrets of a tenant and of its end users, a server running or not; no value is ever shown.

A value comes from standard input or from a prompt that shows nothing, never from the command line, where the shell's
history and every other process would see it.
"""

import sys

import click

from toolyard_runtime.cli.administering import keeping_secrets
from toolyard_runtime.cli.asking import Failed, json_option
from toolyard_runtime.cli.group import Group
from toolyard_runtime.cli.screen import clean, day_and_clock, print_json, print_table
from toolyard_runtime.cli.secretbook import SecretBook

_of_user = click.option("--user", "end_user", metavar="END_USER", help="Whose own it is. [default: the tenant's]")
_of_tenant = click.option("--tenant", help="Another tenant. [default: that of your own key]")


@click.group(cls=Group)
def secret() -> None:
    """Set, list, rotate and remove secrets that tools send unseen."""


@secret.command("set")
@click.argument("name")
@_of_user
@_of_tenant
@keeping_secrets
def set_secret(book: SecretBook, name: str, end_user: str | None, tenant: str | None) -> None:
    """Keep a secret; its value is read from standard input, or asked for."""
    kept = book.set(name, _value(name), end_user, tenant, only_rotate=False)
    click.echo(f"{'Rotated' if kept.get('rotated_at') else 'Set'} {_named(name, end_user)}.")
    if not kept.get("rotated_at"):
        click.echo("Next: say in [egress.NAME] of toolyard.toml who may send it where: secrets = {...}")


@secret.command("rotate")
@click.argument("name")
@_of_user
@_of_tenant
@keeping_secrets
def rotate(book: SecretBook, name: str, end_user: str | None, tenant: str | None) -> None:
    """Put a new value in the place of one that is there: the next request sends it."""
    book.set(name, _value(name), end_user, tenant, only_rotate=True)
    click.echo(f"Rotated {_named(name, end_user)}.")


@secret.command("list")
@_of_tenant
@json_option
@keeping_secrets
def list_secrets(book: SecretBook, tenant: str | None, as_json: bool) -> None:
    """List secrets by name, whose they are and where they are kept; never their values."""
    secrets = book.list(tenant)
    if as_json:
        print_json({"data": secrets})
        return
    rows = [
        (
            each["name"],
            each.get("end_user") or "",
            each.get("kept", ""),
            day_and_clock(each.get("set_at")),
            day_and_clock(each.get("rotated_at")),
            each.get("set_by") or "",
        )
        for each in secrets
    ]
    print_table(("SECRET", "END USER", "KEPT IN", "SET", "ROTATED", "BY"), rows, empty="No secrets.")


@secret.command("remove")
@click.argument("name")
@_of_user
@_of_tenant
@keeping_secrets
def remove(book: SecretBook, name: str, end_user: str | None, tenant: str | None) -> None:
    """Take a secret out of the database: from now on it is not there."""
    book.remove(name, end_user, tenant)
    click.echo(f"Removed {_named(name, end_user)}.")


@secret.command("rekey")
@json_option
@keeping_secrets
def rekey(book: SecretBook, as_json: bool) -> None:
    """Seal all secrets of the database with a new key, and forget the old one."""
    done = book.rekey()
    if as_json:
        print_json(done)
        return
    count = done["secrets"]
    click.echo(f"Sealed {count} secret{'' if count == 1 else 's'} anew; the key is {clean(done['key'])}.")
    if done["lost"]:
        click.echo(f"! No key opens {done['lost']} of them any more: set those again; the server's log names them.")


def _named(name: str, end_user: str | None) -> str:
    return clean(name) if end_user is None else f"{clean(name)} of {clean(end_user)}"


def _value(name: str) -> str:
    """Return a value from a pipe, one line break at its end left out, or from a person who types it twice."""
    if sys.stdin is not None and sys.stdin.isatty():
        typed: str = click.prompt(f"Value of {clean(name)}", hide_input=True, confirmation_prompt=True)
        return typed
    try:
        value = sys.stdin.buffer.read().decode() if sys.stdin is not None else ""
    except UnicodeDecodeError as error:
        raise Failed("The value is not UTF-8 text; encode it, for example with `base64`.") from error
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise Failed(f"Standard input is empty. Pipe the value in: `toolyard secret set {clean(name)} < FILE`.")
    return value
