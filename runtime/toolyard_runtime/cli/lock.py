"""`toolyard lock`: writes what the agents of a repository resolve to, or says where the file is older."""

from pathlib import Path

import click

from toolyard_runtime.cli.asking import Failed, connect, failures_in_words, here, server_options
from toolyard_runtime.cli.screen import clean
from toolyard_runtime.cli.surroundings import REPOSITORY_FILE, Target, find_repository


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when agent.lock is not what the files resolve to.")
@server_options
def lock(target: Target, check: bool) -> None:
    """Pin every agent, tool, prompt and policy by digest in agent.lock.

    A locked agent uses exactly what the file says until it is written anew.
    """
    surroundings = here()
    repository = target.repository.resolve() if target.repository else find_repository(surroundings.cwd)
    if repository is None:
        raise Failed(f"There is no {REPOSITORY_FILE} here or above: name the repository with --repo.")
    with failures_in_words():
        answer = connect(surroundings, target).get("/api/v1/lock")
    path = repository / str(answer["file"])
    before = _read(path)
    if before == answer["text"]:
        click.echo(f"{clean(path.name)} is up to date.")
        return
    if check:
        raise Failed(f"{path.name} {_older(before, answer['text'])}`toolyard lock` writes it anew.")
    try:
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(answer["text"], encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}.") from error
    click.echo(f"Wrote {clean(path.name)}.")


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"{path} cannot be read: {error}.") from error


def _older(before: str | None, text: str) -> str:
    """Say how the file differs from what it should be."""
    if before is None:
        return "is not there. "
    from toolyard_registry.agents.locks import read_lock, stale  # noqa: PLC0415 - same
    from toolyard_sdk.errors import ConfigError  # noqa: PLC0415 - --help must not wait for it

    try:
        words = stale(read_lock(before), read_lock(text))
    except ConfigError as error:
        return f"cannot be read ({error}). "
    return f"is stale: {'; '.join(words)}. " if words else "is written otherwise than it should be. "
