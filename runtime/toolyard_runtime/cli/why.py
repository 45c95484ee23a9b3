"""`toolyard why`: a run's decisions, read from its journal, for a person; decides nothing about them."""

from typing import Any

import click
from rich.text import Text

from toolyard_runtime.cli.asking import connected, json_option, run_named
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.screen import clean, console, folded, print_json

_SECOND = 1_000_000


@click.command()
@click.argument("run")
@click.option("--detail", is_flag=True, help="Also what stands behind each line: digests, sizes, times.")
@json_option
@connected
def why(server: Connection, run: str, detail: bool, as_json: bool) -> None:
    """Say why a run did what it did.

    RUN is an id or `last`. Every line is one record of the run's journal. The end says whether the journal's hash
    chain holds; where it does not, the exit code is 1.
    """
    answer = server.get(f"/api/v1/runs/{part(run_named(server, run))}/why")
    if as_json:
        print_json(answer)
    else:
        out = console()
        for line in why_lines(answer, detail=detail, width=out.width if out.is_terminal else 0):
            out.print(line)
    if not answer.get("verified"):
        raise SystemExit(1)


def why_lines(answer: dict[str, Any], *, detail: bool = False, width: int = 0) -> list[Text]:
    """Lay out the answer of `GET /api/v1/runs/{run}/why`; folded to `width` columns where that is not 0."""
    lines = [Text.assemble((clean(answer["run"]), "bold"), f"  {clean(answer.get('agent', ''))}")]
    if answer.get("release"):
        lines.append(Text(f"release {clean(answer['release'])}", style="dim"))
    verified = bool(answer.get("verified"))
    if not verified:
        lines.append(Text("This journal is NOT what was written: its hash chain is broken.", style="bold red"))
    begin = answer["lines"][0]["at"] if answer["lines"] else 0
    kinds = max((len(str(line["kind"])) for line in answer["lines"]), default=0)
    for line in answer["lines"]:
        offset = (line["at"] - begin) / _SECOND
        head = f"{line['seq']:>4}  {offset:+9.3f} s  {clean(line['kind']):<{kinds}}  "
        first, *rest = folded(head, line["text"], width)
        lines.append(Text.assemble((head, "dim"), first))
        lines.extend(Text(" " * len(head) + piece) for piece in rest)
        if detail:
            lines.extend(Text(" " * len(head) + clean(piece), "dim") for piece in _pieces(line.get("detail") or {}))
    if verified:
        lines.append(Text("The hash chain of this journal holds: these are the records as they were written.", "green"))
    return lines


def _pieces(detail: dict[str, Any]) -> list[str]:
    pieces = []
    for name, value in detail.items():
        if isinstance(value, list):
            pieces.append(f"{name}:")
            pieces += [f"  {entry}" for entry in value]
        else:
            pieces.append(f"{name}: {value}")
    return pieces
