"""`toolyard runs`: what ran, what one run gave, and ending one; reads the server's routes only."""

from typing import Any

import click
from rich.text import Text

from toolyard_runtime.cli.asking import connected, json_option, run_named
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.group import Group
from toolyard_runtime.cli.screen import (
    ago,
    call_line,
    clean,
    console,
    day_and_clock,
    now,
    print_json,
    print_table,
    took,
)


@click.group(cls=Group)
def runs() -> None:
    """List, show and cancel runs."""


@runs.command("list")
@click.option("--agent", help="Only runs of this agent.")
@click.option("--status", type=click.Choice(("running", "parked", "finished")), help="Only runs in this state.")
@click.option("--session", help="Only runs of this session.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--after", metavar="RUN", help="Runs that come after this one in the list.")
@json_option
@connected
def list_runs(
    server: Connection,
    agent: str | None,
    status: str | None,
    session: str | None,
    limit: int,
    after: str | None,
    as_json: bool,
) -> None:
    """List runs, the newest first."""
    answer = server.get("/api/v1/runs", agent=agent, status=status, session=session, limit=limit, after=after)
    if as_json:
        print_json(answer)
        return
    reference = now()
    waiting = _waiting(server) if any(run["status"] == "parked" for run in answer["data"]) else frozenset()
    rows = [
        (
            run["id"],
            run["agent"],
            run["status"],
            " ".join(filter(None, (run.get("reason"), run.get("error")))),
            ago(run.get("started_at"), reference),
            took(run.get("started_at"), run.get("finished_at")),
            run["turns"],
            run["calls"],
            _tokens(run),
            "needs approval" if run["id"] in waiting else "in doubt" if run["doubts"] else "",
        )
        for run in answer["data"]
    ]
    columns = ("RUN", "AGENT", "STATUS", "REASON", "STARTED", "TOOK", "TURNS", "CALLS", "TOKENS", "")
    narrowed = any((agent, status, session, after))
    print_table(columns, rows, empty="No such runs." if narrowed else "No runs. `toolyard chat` starts one.")
    if answer.get("next"):
        console(stderr=True).print(Text(f"More: toolyard runs list --after {clean(answer['next'])}", style="dim"))


@runs.command()
@click.argument("run")
@json_option
@connected
def show(server: Connection, run: str, as_json: bool) -> None:
    """Print one run with what it gave; RUN is an id or `last`."""
    answer = server.get(f"/api/v1/runs/{part(run_named(server, run))}")
    if as_json:
        print_json(answer)
        return
    out = console()
    facts = (
        ("run", answer["id"]),
        ("agent", answer["agent"]),
        ("release", answer.get("release")),
        ("session", answer.get("session")),
        ("status", " ".join(filter(None, (answer["status"], answer.get("reason"), answer.get("error"))))),
        ("started", day_and_clock(answer.get("started_at"))),
        ("took", took(answer.get("started_at"), answer.get("finished_at"))),
        ("turns", answer.get("turns")),
        ("calls", answer.get("calls")),
        ("tokens", _tokens(answer)),
        ("in doubt", answer.get("doubts") or None),
    )
    for name, value in facts:
        if value not in (None, ""):
            out.print(Text.assemble((f"{name:<9}", "dim"), clean(value)))
    for output in answer.get("outputs", ()):
        out.print(output_text(output))
    if answer.get("approvals"):
        out.print(Text(f"It needs approval: toolyard approve {clean(answer['id'])}", style="yellow"))
    if answer.get("doubts"):
        out.print(Text(f"A call is in doubt: toolyard doubt list {clean(answer['id'])}", style="bold red"))


@runs.command()
@click.argument("run")
@connected
def cancel(server: Connection, run: str) -> None:
    """End a run before its next effect; RUN is an id or `last`."""
    name = run_named(server, run)
    server.post(f"/api/v1/runs/{part(name)}/cancel", {"reason": "operator"})
    click.echo(f"Asked {clean(name)} to end. `toolyard why {clean(name)}` tells what had happened until then.")


def output_text(output: dict[str, Any]) -> Text:
    """Write one output of a run: text as it is, a call with its answer, a question with its state."""
    if "text" in output:
        return Text(clean(output["text"]))
    line = Text.assemble(("→ ", "cyan"), call_line(output.get("name", "?"), output.get("arguments", "{}")))
    if output.get("error"):
        line.append(f"\n← {clean(output['error'])}", style="red")
    elif output.get("output") is not None:
        line.append(f"\n← {clean(output['output'])}", style="dim")
    elif output.get("expires_at"):
        line.append("\n? waits for approval", style="yellow")
    return line


def _tokens(run: dict[str, Any]) -> int:
    usage = run.get("usage") or {}
    return int(usage.get("input_tokens", 0)) + int(usage.get("output_tokens", 0))


def _waiting(server: Connection) -> frozenset[str]:
    """Return the runs of which a call waits for a person."""
    pending = server.get("/api/v1/approvals", status="pending", limit=100)["data"]
    return frozenset(str(approval["run"]) for approval in pending)
