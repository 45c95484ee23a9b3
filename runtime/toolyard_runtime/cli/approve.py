"""`toolyard approve`: a person looks at a call that waits and decides; the model never gets here."""

from typing import Any

import click
from rich.text import Text

from toolyard_runtime.cli.asking import Failed, connected, run_named
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.screen import ahead, arguments_of, call_line, clean, clock, console, now, print_table, written


@click.command()
@click.argument("run", required=False)
@click.option("--deny", is_flag=True, help="Say no instead of yes.")
@click.option("--reason", help="Why; the model is told.")
@click.option("--yes", is_flag=True, help="Do not ask: decide at once.")
@connected
def approve(server: Connection, run: str | None, deny: bool, reason: str | None, yes: bool) -> None:
    """Decide about a call that waits for a person.

    RUN is a run's id, an approval's id, or `last`. Without it, what waits is listed.
    """
    waiting = server.get("/api/v1/approvals", status="pending")["data"]
    if run is None:
        _list(waiting)
        return
    name = run if run.startswith("appr_") else run_named(server, run)
    asked = [approval for approval in waiting if name in (approval["id"], approval["run"])]
    if not asked:
        raise Failed(f"Nothing in {clean(name)} waits for approval. `toolyard approve` lists what does.")
    for approval in asked:
        _decide(server, approval, deny=deny, reason=reason, yes=yes)


def show_approval(approval: dict[str, Any], reference: int) -> list[Text]:
    """Lay out one waiting call with everything a person needs in order to decide."""
    lines = [
        Text.assemble(
            (clean(approval.get("agent", "The agent")), "bold"),
            " wants to call ",
            (clean(approval["tool"]), "bold yellow"),
            f" in {clean(approval['run'])}",
        )
    ]
    arguments = arguments_of(approval.get("arguments") or {})
    width = max((len(name) for name in arguments), default=0)
    lines.extend(Text(f"  {clean(name):<{width}}  {written(value)}") for name, value in arguments.items())
    if approval.get("doubt"):
        lines.append(
            Text("The same call was sent before and nobody knows whether it happened: it may happen twice.", "bold red")
        )
    expiry = ahead(approval.get("expires_at"), reference)
    lines.append(Text(f"Asked {clock(approval.get('requested_at'))}, expires {expiry}.", "dim"))
    return lines


def _list(waiting: list[dict[str, Any]]) -> None:
    reference = now()
    rows = [
        (
            approval["run"],
            approval.get("agent", ""),
            call_line(approval["tool"], approval.get("arguments") or {}),
            ahead(approval.get("expires_at"), reference),
            "may have happened once" if approval.get("doubt") else "",
        )
        for approval in waiting
    ]
    print_table(("RUN", "AGENT", "CALL", "EXPIRES", ""), rows, empty="Nothing waits for approval.")


def _decide(server: Connection, approval: dict[str, Any], *, deny: bool, reason: str | None, yes: bool) -> None:
    for line in show_approval(approval, now()):
        console().print(line)
    question = "Deny this call?" if deny else "Approve this call?"
    if not yes and not click.confirm(question):
        click.echo("Nothing was decided; the call still waits.")
        return
    decision = {"decision": "deny" if deny else "approve", "reason": reason}
    if approval.get("binding"):  # what was shown above is what is decided about, or the server refuses
        decision["saw"] = approval["binding"]
    server.post(f"/api/v1/approvals/{part(approval['id'])}", decision)
    click.echo("Denied. The model is told." if deny else "Approved. The run goes on.")
