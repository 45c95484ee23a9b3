"""`toolyard tool deprecate`, `yank`, `restore`, `move`, `admit` and `reject`: how releases stand from now on."""

from typing import Any

import click

from toolyard_runtime.cli.asking import Failed, connected, json_option
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.screen import clean, one_line, print_json, print_table

_SHOWN = 10


def _release(text: str) -> tuple[str, str]:
    name, _, version = text.partition("@")
    if not name or not version:
        raise Failed(f"{text!r} names no release: write NAME@VERSION, as in weather@1.4.2.")
    return name, version


def _stand(server: Connection, release: str, state: str, message: str) -> dict[str, Any]:
    name, version = _release(release)
    body = {"version": version, "state": state, "message": message}
    answer: dict[str, Any] = server.post(f"/api/v1/tools/{part(name)}/state", body)
    _warn(answer)
    return answer


def _warn(answer: dict[str, Any]) -> None:
    """Say what does not go on: channels that now mean nothing, agents that do not get what was admitted."""
    for words in answer["warnings"]:
        click.echo(f"! {clean(words)}", err=True)


@click.command("deprecate")
@click.argument("release", metavar="NAME@VERSION")
@click.option("--reason", default="", help="What to use instead; shown to whoever meets the release.")
@connected
def deprecate_tool(server: Connection, release: str, reason: str) -> None:
    """Advise against a release: it still works, and a range prefers others."""
    _stand(server, release, "deprecated", reason)
    click.echo(
        f"{clean(release)} is deprecated. Agents that name it go on; ranges take another release where there is."
    )


@click.command("restore")
@click.argument("release", metavar="NAME@VERSION")
@connected
def restore_tool(server: Connection, release: str) -> None:
    """Make a release active again that was deprecated, withdrawn, or held back when it was published."""
    _stand(server, release, "active", "")
    click.echo(f"{clean(release)} is active.")


@click.command("yank")
@click.argument("release", metavar="NAME@VERSION")
@click.option("--reason", default="", help="Why; shown to whoever meets the release. Needed to withdraw it.")
@click.option("--dry-run", is_flag=True, help="Only show what it would hit.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@connected
def yank_tool(server: Connection, release: str, reason: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Withdraw a release: from the next call on nobody calls it, parked runs included.

    What it hits is shown first.
    """
    name, _ = _release(release)
    reach = server.get(f"/api/v1/tools/{part(release)}/reach")
    if as_json and dry_run:
        print_json(reach)
        return
    if not as_json:
        _show(release, reach)
    if dry_run:
        return
    if not reason:
        raise Failed(f"Say why: toolyard tool yank {release} --reason '...'")
    if not yes and not as_json:
        click.confirm(f"Withdraw {clean(release)}?", abort=True)
    answer = _stand(server, release, "yanked", reason)
    if as_json:
        print_json({**answer, "reach": reach})
        return
    click.echo(f"Withdrew {clean(release)}: no run starts a call of it any more.")
    click.echo(f"To undo: toolyard tool restore {clean(release)}. What there is else: toolyard tool show {clean(name)}")


def _show(release: str, reach: dict[str, Any]) -> None:
    if not reach["reached"]:
        click.echo(f"Nothing hangs on {clean(release)}: no agent holds it, and no run has called it.")
        return
    click.echo(f"On {clean(release)} hang:")
    for each in reach["reached"]:
        names = ", ".join(clean(name) for name in each["names"][:_SHOWN])
        more = f" and {each['count'] - _SHOWN} more" if each["count"] > _SHOWN else ""
        noun = each["kind"] if each["count"] == 1 else f"{each['kind']}s"
        click.echo(f"  {each['count']} {clean(noun)}: {names}{more}")
    if reach["open_runs"]:
        click.echo(f"  not over: {len(reach['open_runs'])} of these runs; their next call of it is refused")
    if not reach["complete"]:
        click.echo("  and more runs than were looked at")


@click.command("move")
@click.argument("release", metavar="NAME@VERSION")
@click.argument("channel")
@connected
def move_tool(server: Connection, release: str, channel: str) -> None:
    """Point a channel, such as stable, at a release."""
    name, version = _release(release)
    answer = server.post(f"/api/v1/tools/{part(name)}/channels/{part(channel)}", {"version": version})
    before = f" (it was {clean(answer['before'])})" if answer["before"] else ""
    click.echo(f"{clean(name)}@{clean(channel)} is {clean(version)}{before}.")
    _warn(answer)


@click.command("waiting")
@json_option
@connected
def waiting_tools(server: Connection, as_json: bool) -> None:
    """List tools whose definition has changed since it was admitted, and wait for an operator to decide."""
    answer = server.get("/api/v1/quarantine")
    if as_json:
        print_json(answer)
        return
    rows = [
        (
            each["name"],
            each["source"],
            _DECIDED[each["standing"]],
            _MEANWHILE[each["kept"]],
            one_line("; ".join(_differences(each)), 80),
            each["presented"]["release"],
        )
        for each in answer["data"]
    ]
    columns = ("TOOL", "FROM", "NEW DEFINITION", "AGENTS MEANWHILE", "WHAT CHANGED", "DIGEST")
    print_table(columns, rows, empty="No definition has changed: nothing waits.")
    if rows:
        click.echo("toolyard tool admit TOOL@DIGEST: agents get the new definition at once.", err=True)
        click.echo("toolyard tool reject TOOL@DIGEST: they go on as they do meanwhile.", err=True)


_DECIDED = {"quarantined": "waits for you", "rejected": "rejected"}
_MEANWHILE = {True: "have the one before", False: "cannot call it"}
"""What agents have while a definition is not admitted: the tool may no longer take what the one before it says."""


def _differences(each: dict[str, Any]) -> list[str]:
    """Say what has changed: what that means for callers, or else where the definitions differ."""
    said = [f"{one['path']}: {one['reason']}" for one in each["changes"]]
    return said or [one["path"] for one in each["differences"]]


def _decider(decision: str, words: str, done: str) -> click.Command:
    """Return the command that decides about a definition."""

    @click.argument("definition", metavar="NAME@DIGEST")
    @connected
    def command(server: Connection, definition: str) -> None:
        name, _, digest = definition.partition("@")
        if not name or not digest:
            raise Failed(
                f"{definition!r} names no definition: write NAME@sha256:..., as `toolyard tool waiting` shows it."
            )
        answer = server.post(f"/api/v1/quarantine/{part(name)}", {"release": digest, "decision": decision})
        click.echo(f"{done} {clean(definition)}.")
        _warn(answer)

    return click.command(decision, help=words)(command)


admit_tool = _decider(
    "admit", "Admit a changed definition: agents get it at once. `toolyard tool waiting` lists them.", "Admitted"
)
reject_tool = _decider("reject", "Reject a changed definition: agents keep the admitted one.", "Rejected")
