"""`toolyard doctor`: runs every check of a set-up and prints what it found, with what to do about it."""

from pathlib import Path

import click
from rich.text import Text

from toolyard_runtime.cli.findings import Finding
from toolyard_runtime.cli.screen import clean, console
from toolyard_runtime.cli.surroundings import STATE_FOLDER, Surroundings, find_repository

_STYLE = {"ok": "green", "warn": "yellow", "broken": "bold red"}


@click.command()
@click.option(
    "--repo",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Agent repository. [default: here or the nearest folder above]",
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help=f"Where the database lies. [default: {STATE_FOLDER} in the repository]",
)
@click.pass_obj
def doctor(surroundings: Surroundings, repo: Path | None, state_dir: Path | None) -> None:
    """Say what is wrong with a set-up, and what to do about it.

    Changes nothing. The exit code is 1 when something is broken.
    """
    from toolyard_runtime.cli import checks  # noqa: PLC0415 - reads every part of the system; --help must not wait

    repository = repo.resolve() if repo else find_repository(surroundings.cwd)
    findings = checks.of_installation(surroundings)
    if repository is None:
        findings.append(
            Finding(
                "warn",
                "Repository",
                f"no toolyard.toml in {surroundings.cwd} or above",
                "`toolyard new NAME` makes an agent repository; or name one with --repo.",
            )
        )
    else:
        findings += checks.of_repository(surroundings, repository, (state_dir or repository / STATE_FOLDER).resolve())
    _print(findings)
    if any(finding.state == "broken" for finding in findings):
        raise SystemExit(1)


def _print(findings: list[Finding]) -> None:
    out = console()
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        out.print(
            Text.assemble(
                (f"{finding.state:<8}", _STYLE[finding.state]), f"{finding.subject:<{width}}  ", clean(finding.text)
            )
        )
        for line in finding.advice.splitlines():
            out.print(Text(f"{'':<{8 + width}}  {clean(line)}", "dim" if finding.state == "ok" else ""))
    broken = sum(finding.state == "broken" for finding in findings)
    better = sum(finding.state == "warn" for finding in findings)
    out.print()
    if broken:
        out.print(
            Text(f"{broken} {'thing is' if broken == 1 else 'things are'} broken, {better} could be better.", "red")
        )
    elif better:
        out.print(Text(f"Nothing is broken; {better} {'thing' if better == 1 else 'things'} could be better."))
    else:
        out.print(Text("Everything is in order.", "green"))
