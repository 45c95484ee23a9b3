"""`toolyard erase`: delete what one end user said and was told; the server does it, this asks first."""

from typing import Any

import click

from toolyard_runtime.cli.asking import connected
from toolyard_runtime.cli.connection import Connection
from toolyard_runtime.cli.proof import SECONDS, tell_proof
from toolyard_runtime.cli.screen import clean


@click.command()
@click.argument("subject")
@click.option("--tenant", help="The end user's tenant, where it is not the key's own.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--verify", is_flag=True, help="Search every file for what they said, and fail if any of it is left.")
@connected
def erase(server: Connection, subject: str, tenant: str | None, yes: bool, verify: bool) -> None:
    """Erase what an end user said and was told.

    SUBJECT is the end user as the frontend names them. Their open runs are cancelled, then the content of all their
    runs, what is remembered of them and the secrets of their own are deleted for good. The records that something
    happened remain, without content.
    """
    if not yes:
        click.echo(f"This cancels the open runs of {clean(subject)} and deletes their secrets and all runs' content.")
        click.confirm("It cannot be undone. Erase?", abort=True)
    body: dict[str, Any] = {"subject": subject, **({"tenant": tenant} if tenant is not None else {})}
    if verify:
        body["verify"] = True
    answer = server.post("/api/v1/erasures", body, seconds=SECONDS if verify else 0.0)
    _tell_erased(subject, answer)
    if verify:
        tell_proof(answer["proof"])


def _tell_erased(subject: str, answer: dict[str, Any]) -> None:
    if not answer.get("runs") and not answer.get("secrets") and not answer.get("passages"):
        click.echo(f"There was nothing of {clean(subject)} to erase.")
        return
    counted = {name: value for name, value in answer.items() if isinstance(value, int) and not isinstance(value, bool)}
    told = ", ".join(_counted(value, clean(name.replace("_", " "))) for name, value in counted.items())
    click.echo(f"Erased {clean(subject)}{': ' + told if told else ''}.")
    for backup in answer.get("backups", []):
        click.echo(f"! {clean(backup)}, beside the database, still holds what it held before an upgrade: delete it.")


def _counted(number: int, nouns: str) -> str:
    return f"{number} {nouns.removesuffix('s') if number == 1 else nouns}"
