"""`toolyard doubt`: calls of which nobody knows whether they happened, until a person looks and says."""

from typing import Any

import click

from toolyard_runtime.cli.asking import Failed, connected, json_option, run_named
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.group import Group
from toolyard_runtime.cli.screen import call_line, clean, day_and_clock, print_json, print_table

_OUTCOMES = ("happened", "did_not", "unknown")
_PAGE = 100


@click.group(cls=Group)
def doubt() -> None:
    """Settle calls of which nobody knows whether they happened.

    A call is in doubt when it had been sent and the server died, the connection broke or the time ran out.
    """


@doubt.command("list")
@click.argument("run", required=False)
@json_option
@connected
def list_doubts(server: Connection, run: str | None, as_json: bool) -> None:
    """List calls in doubt: of RUN, or of the newest hundred runs."""
    found = _doubts(server, run)
    if as_json:
        print_json({"data": found})
        return
    rows = [
        (
            each["run"],
            each["call"],
            call_line(str(each.get("tool") or each.get("name")), each.get("arguments") or {}),
            day_and_clock(each.get("at")),
            each.get("why", ""),
            each.get("outcome") or "open",
        )
        for each in found
    ]
    print_table(("RUN", "CALL", "WHAT", "SINCE", "WHY", "OUTCOME"), rows, empty="No call is in doubt.")


@doubt.command()
@click.argument("run")
@click.option("--call", type=int, help="Which call, where the run has several in doubt.")
@click.option("--outcome", type=click.Choice(_OUTCOMES), help="What you found; asked for when missing.")
@click.option("--note", help="How you know; kept in the journal.")
@connected
def resolve(server: Connection, run: str, call: int | None, outcome: str | None, note: str | None) -> None:
    """Say what became of a call in doubt; RUN is an id or `last`."""
    name = run_named(server, run)
    still_open = [each for each in _doubts(server, name) if not each.get("outcome") and call in (None, each["call"])]
    if not still_open:
        raise Failed(f"No call of {clean(name)} is in doubt{'' if call is None else f' under number {call}'}.")
    if outcome is not None and len(still_open) > 1:
        numbers = ", ".join(str(each["call"]) for each in still_open)
        raise Failed(f"Several calls of {clean(name)} are in doubt: say which with --call ({numbers}).")
    for each in still_open:
        what = call_line(str(each.get("tool") or each.get("name")), each.get("arguments") or {})
        click.echo(f"Call {each['call']}: {what}, in doubt because: {clean(each.get('why', 'unknown'))}.")
        found = outcome or click.prompt("Look where it would show. What did you find?", type=click.Choice(_OUTCOMES))
        server.post(f"/api/v1/runs/{part(name)}/doubts/{each['call']}", {"outcome": found, "note": note})
        click.echo(f"Recorded: {found}.")


def _doubts(server: Connection, run: str | None) -> list[dict[str, Any]]:
    if run is not None:
        names = [run_named(server, run)]
    else:
        newest = server.get("/api/v1/runs", limit=_PAGE)["data"]
        names = [str(each["id"]) for each in newest if each.get("doubts")]
    return [{"run": name, **each} for name in names for each in server.get(f"/api/v1/runs/{part(name)}/doubts")["data"]]
